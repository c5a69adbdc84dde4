"""Pages of targets: what whoever follows them may rely on."""

import asyncio
import contextlib
import time
from collections.abc import Callable, Iterable, Sequence
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from monitor.core.model import Status, Target, TargetKey, TargetState
from monitor.polling.watched import Watched
from monitor.web.api import query
from monitor.web.api.pagination import Order, Place, Selection, page, place

words = st.text(st.sampled_from("ab-0ü"), min_size=1, max_size=3)
keys = st.builds(TargetKey, words, words, words)


def watched(key: TargetKey) -> Watched:
    status = Status.RUNNABLE if len(key.workflow) > 1 else Status.COMPLETE
    return Watched(Target(key=key, interval=1.0), TargetState(key=key, status=status), None)


class Shown:
    """Targets by their keys."""

    def __init__(self, target: Callable[[TargetKey], Watched | None], keys: Iterable[TargetKey]) -> None:
        self.target = target
        self._keys: dict[tuple[str, str], list[TargetKey]] = {}
        for key in keys:
            self._keys.setdefault((key.account, key.definition), []).append(key)

    def watched_definitions(self) -> Sequence[tuple[str, str]]:
        return list(self._keys)

    def keys_of(self, account: str, definition: str) -> Sequence[TargetKey]:
        return self._keys[account, definition]


def started(key: TargetKey) -> Watched:
    """Some at the same time, some at an unknown one."""
    minutes = sum(map(ord, key.workflow)) % 5
    at = None if minutes == 0 else datetime(2026, 1, 5, 10, minutes, tzinfo=UTC)
    return Watched(Target(key=key, interval=1.0), TargetState(key=key, since=at, started_at=at), None)


async def follow(shown: dict[TargetKey, Watched], limit: int, status: Status | None) -> list[TargetKey]:
    met: list[TargetKey] = []
    after: str | None = None
    while True:
        key = query.key_of(after)
        selection = Selection(limit=limit, after=None if key is None else ("", key), status=status)
        found, last = await page(Shown(shown.get, shown), selection)
        assert len(found) <= limit
        met += [entry.target.key for entry in found]
        if last is None:
            return met
        after = query.cursor_of(last[1])


@given(st.sets(keys, max_size=30), st.integers(1, 10), st.sampled_from([None, Status.RUNNABLE]))
def test_the_pages_hold_every_target_once_in_order(keys: set[TargetKey], limit: int, status: Status | None) -> None:
    shown = {key: watched(key) for key in keys}
    expected = sorted(key for key, entry in shown.items() if status is None or entry.state.status is status)
    assert asyncio.run(follow(shown, limit, status)) == expected


@given(st.sets(keys, min_size=1, max_size=30), st.integers(1, 10), st.data())
def test_what_comes_and_goes_meanwhile_hides_nothing_that_stays(
    keys: set[TargetKey], limit: int, data: st.DataObject
) -> None:
    async def follow_changing() -> list[TargetKey]:
        met: list[TargetKey] = []
        after: Place | None = None
        while True:
            there = stays | comes_and_goes
            found, after = await page(Shown(watched, there), Selection(limit=limit, after=after))
            met += [entry.target.key for entry in found]
            if after is None:
                return met
            comes_and_goes.symmetric_difference_update(
                data.draw(st.sets(st.sampled_from(sorted(goes or stays)))) - stays
            )

    goes = data.draw(st.sets(st.sampled_from(sorted(keys))))
    stays, comes_and_goes = keys - goes, set(goes)
    met = asyncio.run(follow_changing())
    assert len(met) == len(set(met))
    assert stays <= set(met)


@given(st.sets(keys, max_size=30), st.integers(1, 10), st.sampled_from(Order))
def test_the_pages_hold_every_target_once_in_any_order(keys: set[TargetKey], limit: int, order: Order) -> None:
    async def follow_all() -> list[Watched]:
        met: list[Watched] = []
        after: Place | None = None
        while True:
            found, after = await page(Shown(started, keys), Selection(limit=limit, order=order, after=after))
            met += found
            if after is None:
                return met

    met = asyncio.run(follow_all())
    assert {one.target.key for one in met} == keys
    assert [place(one, order) for one in met] == sorted(place(one, order) for one in met)
    moments = [one.state.started_at for one in met]
    assert [at for at in moments if at is None] == moments[len(moments) - moments.count(None) :] or not order.by_time


@given(keys)
def test_a_cursor_is_the_key_it_was_made_of(key: TargetKey) -> None:
    cursor = query.cursor_of(key)
    assert query.key_of(cursor) == key
    assert cursor.isascii()
    assert "=" not in cursor


@given(st.text())
def test_no_text_is_a_cursor_that_breaks_anything(text: str) -> None:
    with contextlib.suppress(query.QueryError):
        query.key_of(text)


@pytest.mark.parametrize("order", [Order.KEY, Order.NAME])
async def test_the_loop_turns_while_a_hundred_thousand_targets_are_looked_through(order: Order) -> None:
    keys = [TargetKey("acme", f"d{number % 7}", f"w{number:06}") for number in range(100_000)]
    shown = {key: watched(key) for key in keys}
    pauses: list[float] = []

    async def turn() -> None:
        last = time.perf_counter()
        while True:
            await asyncio.sleep(0)
            pauses.append(time.perf_counter() - last)
            last = time.perf_counter()

    turning = asyncio.create_task(turn())
    found, last = await page(Shown(shown.get, shown), Selection(limit=1000, order=order))
    turning.cancel()
    assert len(found) == 1000
    assert last == place(found[-1], order)
    assert len(pauses) > 10
    assert sorted(pauses)[len(pauses) // 2] < 0.1
