"""Pages of targets: what whoever follows them may rely on."""

import asyncio
import contextlib
import time

from hypothesis import given
from hypothesis import strategies as st

from monitor.core.model import Status, Target, TargetKey, TargetState
from monitor.polling.watched import Watched
from monitor.web.api import query
from monitor.web.api.pagination import Selection, page

words = st.text(st.sampled_from("ab-0ü"), min_size=1, max_size=3)
keys = st.builds(TargetKey, words, words, words)


def watched(key: TargetKey) -> Watched:
    status = Status.RUNNABLE if len(key.workflow) > 1 else Status.COMPLETE
    return Watched(Target(key=key, interval=1.0), TargetState(key=key, status=status), None)


async def follow(shown: dict[TargetKey, Watched], limit: int, status: Status | None) -> list[TargetKey]:
    met: list[TargetKey] = []
    after: str | None = None
    while True:
        selection = Selection(limit=limit, after=query.key_of(after), status=status)
        found, last = await page(shown.values(), selection)
        assert len(found) <= limit
        met += [entry.target.key for entry in found]
        if last is None:
            return met
        after = query.cursor_of(last)


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
        after: TargetKey | None = None
        while True:
            found, after = await page(
                [watched(key) for key in stays | comes_and_goes], Selection(limit=limit, after=after)
            )
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


async def test_the_loop_turns_while_a_hundred_thousand_targets_are_looked_through() -> None:
    shown = [watched(TargetKey("acme", f"d{number % 7}", f"w{number:06}")) for number in range(100_000)]
    pauses: list[float] = []

    async def turn() -> None:
        last = time.perf_counter()
        while True:
            await asyncio.sleep(0)
            pauses.append(time.perf_counter() - last)
            last = time.perf_counter()

    turning = asyncio.create_task(turn())
    found, last = await page(shown, Selection(limit=1000))
    turning.cancel()
    assert len(found) == 1000
    assert last == found[-1].target.key
    assert len(pauses) > 10
    assert sorted(pauses)[len(pauses) // 2] < 0.1
