import math
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from monitor.core.backlog import Backlog
from monitor.core.model import Delivery, EventType, Severity
from monitor.core.turns import Turns

NOON = datetime(2026, 1, 5, 12, tzinfo=UTC)


def delivery(seq: int, subject: str = "w", not_before: datetime | None = None) -> Delivery:
    return Delivery(
        seq=seq,
        receiver="oncall",
        event_id=f"e{seq}",
        type=EventType.TERMINATED,
        severity=Severity.CRITICAL,
        subject=subject,
        body=b"{}",
        observed_at=NOON + timedelta(seconds=seq),
        not_before=not_before,
    )


def empty(window: int = 100) -> Backlog:
    """A backlog that knows that the store holds nothing."""
    backlog = Backlog(window)
    backlog.ask()
    backlog.loaded([], 0.0, NOON)
    return backlog


def ready(turns: Turns, now: float = 0.0) -> Iterator[int]:
    while turns.wait(now) <= 0:
        yield turns.take().seq


# --- turns ------------------------------------------------------------------------------------------------


def test_a_subject_has_one_under_way_and_others_go_on() -> None:
    turns = Turns()
    for seq, subject in enumerate("aabb"):
        turns.add(delivery(seq, subject), 0.0)

    assert list(ready(turns)) == [0, 2]
    turns.ended(delivery(0, "a"))
    assert list(ready(turns)) == [1]


def test_one_that_must_wait_holds_up_its_own_subject_only() -> None:
    turns = Turns()
    for seq, subject in enumerate("aab"):
        turns.add(delivery(seq, subject), 0.0)
    turns.again(turns.take(), 60.0)

    assert list(ready(turns)) == [2]
    assert turns.wait(10.0) == 50.0
    assert list(ready(turns, 60.0)) == [0]


def test_who_is_ready_the_longest_comes_first() -> None:
    turns = Turns()
    turns.add(delivery(1, "a"), 0.0)
    turns.again(turns.take(), 5.0)
    turns.add(delivery(2, "b"), 3.0)

    assert list(ready(turns, 10.0)) == [2, 1]


def test_nothing_waits_in_no_turns() -> None:
    assert Turns().wait(0.0) == math.inf


# --- the window over the store ----------------------------------------------------------------------------


def test_an_offer_can_be_sent_at_once() -> None:
    backlog = empty()
    backlog.offer(delivery(1), now=7.0)

    assert backlog.turns.wait(7.0) == 0.0


def test_an_offer_before_the_store_was_read_waits_for_what_is_older() -> None:
    backlog = Backlog(100)
    backlog.offer(delivery(2), 0.0)
    assert backlog.pending == 1
    assert backlog.turns.wait(0.0) == math.inf

    assert backlog.ask() == (0, 100)
    backlog.loaded([delivery(1), delivery(2)], 0.0, NOON)
    assert [backlog.turns.take().seq, backlog.pending] == [1, 2]


def test_an_offer_while_a_page_is_read_is_not_missed() -> None:
    backlog = Backlog(100)
    backlog.ask()
    backlog.offer(delivery(1), 0.0)
    backlog.loaded([], 0.0, NOON)

    assert backlog.behind
    assert backlog.ask() == (0, 100)


def test_an_offer_of_what_was_read_already_changes_nothing() -> None:
    backlog = Backlog(100)
    backlog.ask()
    backlog.loaded([delivery(1), delivery(2)], 0.0, NOON)
    first = backlog.turns.take()
    backlog.offer(delivery(2), 0.0)
    backlog.ended(first)
    backlog.offer(delivery(1), 0.0)

    assert backlog.pending == 1


def test_a_full_window_leaves_the_rest_in_the_store_and_reads_it_later() -> None:
    backlog = empty(window=4)
    for seq in range(1, 7):
        backlog.offer(delivery(seq, f"s{seq}"), 0.0)
    assert (len(backlog.turns), backlog.pending, backlog.behind) == (4, 6, False)

    for _ in range(2):
        backlog.ended(backlog.turns.take())
    assert backlog.behind
    assert backlog.ask() == (4, 4)


def test_an_offer_that_comes_after_a_newer_one_is_not_lost() -> None:
    backlog = empty(window=2)
    for seq in (5, 6, 4):
        backlog.offer(delivery(seq, f"s{seq}"), 0.0)

    assert sorted(ready(backlog.turns)) == [4, 5, 6]


@pytest.mark.parametrize(
    ("not_before", "wait"),
    [
        pytest.param(None, 0.0, id="never tried"),
        pytest.param(NOON - timedelta(hours=1), 0.0, id="long due"),
        pytest.param(NOON + timedelta(seconds=90), 90.0, id="due later"),
        pytest.param(NOON + timedelta(days=400), 3900.0, id="a clock that was set back"),
    ],
)
def test_the_next_try_survives_a_restart(not_before: datetime | None, wait: float) -> None:
    backlog = Backlog(100)
    backlog.ask()
    backlog.loaded([delivery(1, not_before=not_before)], 500.0, NOON)

    assert backlog.turns.wait(500.0) == wait


def test_the_oldest_is_known() -> None:
    backlog = empty()
    for seq in (1, 2):
        backlog.offer(delivery(seq, f"s{seq}"), 0.0)
    backlog.ended(backlog.turns.take())

    assert backlog.turns.oldest == delivery(2, "s2")


class Interleaving:
    """Offers arrive in the order of commits, at any time after; a page is read at one time and arrives later."""

    def __init__(self, window: int, subjects: int) -> None:
        self.backlog = Backlog(window, page=3)
        self.subjects = subjects
        self.rows: list[Delivery] = []
        self.unheard: list[Delivery] = []
        self.page: list[Delivery] | None = None
        self.under_way: list[Delivery] = []
        self.done: list[Delivery] = []

    def commit(self) -> None:
        seq = len(self.rows) + 1
        self.rows.append(delivery(seq, f"s{seq % self.subjects}"))
        self.unheard.append(self.rows[-1])

    def offer(self) -> None:
        if self.unheard:
            self.backlog.offer(self.unheard.pop(0), 0.0)

    def ask(self) -> None:
        if self.page is None and self.backlog.behind:
            after, limit = self.backlog.ask()
            self.page = [row for row in self.rows if row.seq > after and row not in self.done][:limit]

    def answer(self) -> None:
        if self.page is not None:
            self.backlog.loaded(self.page, 0.0, NOON)
            self.page = None

    def take(self) -> None:
        if self.backlog.turns.wait(0.0) <= 0:
            self.under_way.append(self.backlog.turns.take())

    def end(self) -> None:
        if self.under_way:
            self.done.append(self.under_way.pop(0))
            self.backlog.ended(self.done[-1])

    def again(self) -> None:
        if self.under_way:
            self.backlog.turns.again(self.under_way.pop(0), 0.0)


STEP = st.sampled_from(["commit", "offer", "ask", "answer", "take", "end", "again"])


@settings(max_examples=300)
@given(
    window=st.integers(2, 8),
    stored=st.integers(0, 20),
    steps=st.lists(STEP, max_size=120),
    subjects=st.integers(1, 4),
)
def test_everything_is_delivered_once_and_in_order_however_offers_and_pages_interleave(
    window: int, stored: int, steps: list[str], subjects: int
) -> None:
    world = Interleaving(window, subjects)
    for _ in range(stored):
        world.commit()
    world.unheard.clear()  # they were pending before the start
    for name in steps:
        getattr(world, name)()
        assert len(world.backlog.turns) <= 2 * window + 3
    for name in ["offer", "ask", "answer", "take", "end"] * (2 * len(world.rows) + 5):
        getattr(world, name)()

    assert sorted(each.seq for each in world.done) == [row.seq for row in world.rows]
    for subject in {row.subject for row in world.rows}:
        seqs = [each.seq for each in world.done if each.subject == subject]
        assert seqs == sorted(seqs)
    assert world.backlog.pending == 0
