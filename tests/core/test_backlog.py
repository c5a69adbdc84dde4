import math
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from monitor.core.alerting.backlog import Backlog, needs_body
from monitor.core.alerting.delivery_queue import DeliveryQueue
from monitor.core.commits import Delivery
from monitor.core.event_types import EventType, Severity

NOON = datetime(2026, 1, 5, 12, tzinfo=UTC)
INFO, WARNING, CRITICAL = Severity.INFO, Severity.WARNING, Severity.CRITICAL


def delivery(
    seq: int,
    subject: str = "w",
    not_before: datetime | None = None,
    severity: Severity = Severity.CRITICAL,
) -> Delivery:
    return Delivery(
        seq=seq,
        receiver="oncall",
        event_id=f"e{seq}",
        type=EventType.TERMINATED,
        severity=severity,
        subject=subject,
        body=b"{}",
        observed_at=NOON + timedelta(seconds=seq),
        not_before=not_before,
    )


def empty(window: int = 100) -> Backlog:
    """A backlog that knows that the store holds nothing."""
    backlog = Backlog(window)
    backlog.next_page()
    backlog.loaded([], 0.0, NOON)
    return backlog


def ready(turns: DeliveryQueue, now: float = 0.0) -> Iterator[int]:
    while turns.wait(now) <= 0:
        yield turns.pop().seq


# --- turns ------------------------------------------------------------------------------------------------


def test_a_subject_has_one_under_way_and_others_go_on() -> None:
    turns = DeliveryQueue()
    for seq, subject in enumerate("aabb"):
        turns.add(delivery(seq, subject), 0.0)

    assert list(ready(turns)) == [0, 2]
    turns.done(delivery(0, "a"))
    assert list(ready(turns)) == [1]


def test_one_that_must_wait_holds_up_its_own_subject_only() -> None:
    turns = DeliveryQueue()
    for seq, subject in enumerate("aab"):
        turns.add(delivery(seq, subject), 0.0)
    turns.retry_at(turns.pop(), 60.0)

    assert list(ready(turns)) == [2]
    assert turns.wait(10.0) == 50.0
    assert list(ready(turns, 60.0)) == [0]


def test_who_is_ready_the_longest_comes_first() -> None:
    turns = DeliveryQueue()
    turns.add(delivery(1, "a"), 0.0)
    turns.retry_at(turns.pop(), 5.0)
    turns.add(delivery(2, "b"), 3.0)

    assert list(ready(turns, 10.0)) == [2, 1]


@pytest.mark.parametrize("urgent_first", [False, True])
def test_nothing_waits_in_no_turns(urgent_first: bool) -> None:
    assert DeliveryQueue(urgent_first=urgent_first).wait(0.0) == math.inf


# --- turns of what has failed -----------------------------------------------------------------------------


def failed(turns: DeliveryQueue, times: int, ready_at: float = 60.0) -> None:
    """The delivery that is ready next fails so often."""
    for attempts in range(1, times + 1):
        turns.wait(math.inf)
        turns.retry_at(msgspec.structs.replace(turns.pop(), attempts=attempts), ready_at)


def test_what_was_never_tried_can_be_asked_for_alone() -> None:
    turns = DeliveryQueue()
    turns.add(delivery(1, "a"), 0.0)
    failed(turns, 1, ready_at=1.0)
    turns.add(delivery(2, "b"), 5.0)

    assert [turns.wait(0.0), turns.wait(0.0, fresh=True)] == [1.0, 5.0]
    assert turns.pop(fresh=True).seq == 2


def test_what_is_stuck_counts_with_all_that_waits_behind_it() -> None:
    turns = DeliveryQueue()
    for seq, subject in enumerate("aaabb"):
        turns.add(delivery(seq, subject), 0.0)
    failed(turns, 1)
    assert (turns.stuck, turns.is_stuck("a"), turns.is_stuck("b")) == (3, True, False)
    turns.add(delivery(9, "a"), 0.0)
    assert turns.stuck == 4
    turns.done(delivery(0, "a"))
    assert turns.stuck == 0


@pytest.mark.parametrize(
    ("severities", "attempts", "first"),
    [
        pytest.param([WARNING, CRITICAL], 3, 1, id="more severe"),
        pytest.param([WARNING, WARNING, CRITICAL], 3, 2, id="the first that is more severe"),
        pytest.param([WARNING, CRITICAL], 2, 0, id="not before it has failed several times"),
        pytest.param([CRITICAL, CRITICAL], 9, 0, id="as severe"),
        pytest.param([CRITICAL, INFO], 9, 0, id="less severe"),
    ],
)
def test_what_is_more_severe_overtakes_what_fails(severities: list[Severity], attempts: int, first: int) -> None:
    turns = DeliveryQueue()
    for seq, severity in enumerate(severities):
        turns.add(delivery(seq, "a", severity=severity), 0.0)
    failed(turns, attempts)
    turns.make_way("a")

    assert turns.wait(100.0) == 0.0
    taken = turns.pop()
    assert taken.seq == first
    turns.done(taken)
    rest = [seq for seq in range(len(severities)) if seq != first]
    for seq in rest:
        assert turns.wait(100.0) == 0.0
        assert turns.pop().seq == seq, "the others keep their order"
        turns.done(delivery(seq, "a"))
    assert (len(turns), turns.stuck, turns.wait(100.0)) == (0, 0, math.inf)


def test_what_is_under_way_is_not_overtaken() -> None:
    turns = DeliveryQueue()
    turns.add(delivery(1, "a", severity=INFO), 0.0)
    turns.add(delivery(2, "a", severity=CRITICAL), 0.0)
    failed(turns, 5, ready_at=0.0)
    turns.wait(0.0)
    turns.pop()
    turns.make_way("a")
    assert turns.wait(100.0) == math.inf


def test_the_oldest_is_the_first_of_all_that_are_pending() -> None:
    turns, oldest = DeliveryQueue(), []
    for seq, subject in enumerate("abc"):
        turns.add(delivery(seq, subject), 0.0)
    for seq, subject in enumerate("abc"):
        oldest.append(turns.oldest)
        turns.pop()
        turns.done(delivery(seq, subject))
    assert [one.seq for one in oldest if one is not None] == [0, 1, 2]
    assert turns.oldest is None


# --- turns by urgency -------------------------------------------------------------------------------------


def urgent(*deliveries: Delivery, ready_at: float = 0.0) -> DeliveryQueue:
    turns = DeliveryQueue(urgent_first=True)
    for each in deliveries:
        turns.add(each, ready_at)
    return turns


def test_of_those_that_are_ready_the_most_severe_comes_first_and_then_the_oldest() -> None:
    severities = [INFO, WARNING, CRITICAL, WARNING, CRITICAL]
    turns = urgent(*(delivery(n, f"s{n}", severity=severity) for n, severity in enumerate(severities)))

    assert list(ready(turns)) == [2, 4, 1, 3, 0]


def test_what_is_urgent_and_not_ready_holds_up_nobody() -> None:
    turns = urgent(delivery(1, "a", severity=WARNING))
    turns.add(delivery(2, "b", severity=CRITICAL), 60.0)
    turns.add(delivery(3, "c", severity=INFO), 0.0)

    assert list(ready(turns, 10.0)) == [1, 3]
    assert turns.wait(10.0) == 50.0
    assert list(ready(turns, 60.0)) == [2]


def test_what_was_ready_is_overtaken_by_what_is_more_urgent_and_comes_later() -> None:
    turns = urgent(delivery(1, "a", severity=WARNING), delivery(2, "b", severity=WARNING))
    turns.wait(0.0)
    turns.add(delivery(3, "c", severity=CRITICAL), 5.0)

    assert list(ready(turns, 5.0)) == [3, 1, 2]


def test_a_subjects_own_order_stays_however_urgent_its_next_one_is() -> None:
    turns = urgent(
        delivery(1, "a", severity=INFO), delivery(2, "a", severity=CRITICAL), delivery(3, "b", severity=WARNING)
    )

    assert list(ready(turns)) == [3, 1]
    turns.done(delivery(1, "a"))
    assert list(ready(turns)) == [2]


def test_one_that_is_about_to_be_ready_can_be_taken() -> None:
    """Who calls decides how near is near enough."""
    turns = urgent(delivery(1), ready_at=1.0)

    assert turns.wait(0.5) == 0.5
    assert turns.pop().seq == 1


URGENT_STEP = st.tuples(
    st.sampled_from(["add", "take", "end", "again", "pass"]),
    st.integers(0, 4),
    st.sampled_from(list(Severity)),
    st.integers(0, 3),
)


@settings(max_examples=300)
@given(st.lists(URGENT_STEP, max_size=150))
def test_nobody_is_overtaken_by_who_is_less_urgent(steps: list[tuple[str, int, Severity, int]]) -> None:
    """Against a list that is searched from end to end at each turn."""
    turns, now = DeliveryQueue(urgent_first=True), 0.0
    waiting: list[tuple[Delivery, float]] = []
    under_way: list[Delivery] = []

    def heads() -> list[tuple[Delivery, float]]:
        first = {each.subject: (each, at) for each, at in reversed(waiting)}
        busy = {each.subject for each in under_way}
        return [head for subject, head in first.items() if subject not in busy]

    for seq, (name, subject, severity, seconds) in enumerate(steps):
        if name == "add":
            waiting.append((delivery(seq, f"s{subject}", severity=severity), now + seconds))
            turns.add(*waiting[-1])
        elif name == "pass":
            now += seconds
        elif name == "take" and turns.wait(now) <= 0:
            expected = min(
                (each for each, at in heads() if at <= now), key=lambda each: (-each.severity.rank, each.seq)
            )
            assert turns.pop() == expected
            waiting[:] = [(each, at) for each, at in waiting if each.seq != expected.seq]
            under_way.append(expected)
        elif name == "end" and under_way:
            turns.done(under_way.pop(0))
        elif name == "again" and under_way:
            again = under_way.pop(0)
            waiting.insert(0, (again, now + seconds))
            turns.retry_at(*waiting[0])
        assert turns.wait(now) == min((max(0.0, at - now) for _, at in heads()), default=math.inf)
        assert len(turns) == len(waiting) + len(under_way)


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

    assert backlog.next_page() == (0, 100)
    backlog.loaded([delivery(1), delivery(2)], 0.0, NOON)
    assert [backlog.turns.pop().seq, backlog.pending] == [1, 2]


def test_an_offer_while_a_page_is_read_is_not_missed() -> None:
    backlog = Backlog(100)
    backlog.next_page()
    backlog.offer(delivery(1), 0.0)
    backlog.loaded([], 0.0, NOON)

    assert backlog.needs_page
    assert backlog.next_page() == (0, 100)


def test_an_offer_of_what_was_read_already_changes_nothing() -> None:
    backlog = Backlog(100)
    backlog.next_page()
    backlog.loaded([delivery(1), delivery(2)], 0.0, NOON)
    first = backlog.turns.pop()
    backlog.offer(delivery(2), 0.0)
    backlog.ended(first)
    backlog.offer(delivery(1), 0.0)

    assert backlog.pending == 1


def test_a_full_window_leaves_the_rest_in_the_store_and_reads_it_later() -> None:
    backlog = empty(window=4)
    for seq in range(1, 7):
        backlog.offer(delivery(seq, f"s{seq}"), 0.0)
    assert (len(backlog.turns), backlog.pending, backlog.needs_page) == (4, 6, False)

    for _ in range(2):
        backlog.ended(backlog.turns.pop())
    assert backlog.needs_page
    assert backlog.next_page() == (4, 4)


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
    backlog.next_page()
    backlog.loaded([delivery(1, not_before=not_before)], 500.0, NOON)

    assert backlog.turns.wait(500.0) == wait


def test_an_offer_that_is_to_wait_waits() -> None:
    backlog = empty()
    backlog.offer(delivery(1), 7.0, delay=2.0)

    assert backlog.turns.wait(7.0) == 2.0


# --- what was given up, and is pending again --------------------------------------------------------------


def given_up(backlog: Backlog, seq: int) -> None:
    backlog.offer(delivery(seq, f"s{seq}"), 0.0)
    backlog.turns.wait(0.0)
    backlog.ended(backlog.turns.pop(), dead=True)


def test_one_that_was_given_up_is_sent_again_when_it_is_revived() -> None:
    backlog = empty()
    given_up(backlog, 1)
    backlog.requeue(delivery(1, "s1"), 5.0)

    assert list(ready(backlog.turns, 5.0)) == [1]


def test_one_that_was_given_up_in_another_life_is_sent_again_when_it_is_revived() -> None:
    backlog = empty()
    backlog.offer(delivery(9, "s9"), 0.0)
    backlog.requeue(delivery(1, "s1"), 0.0)

    assert sorted(ready(backlog.turns)) == [1, 9]


def test_one_that_is_revived_while_its_end_is_still_on_its_way_is_sent_again() -> None:
    backlog = empty()
    backlog.offer(delivery(1), 0.0)
    first = backlog.turns.pop()
    backlog.requeue(delivery(1), 0.0)
    backlog.ended(first, 5.0, dead=True)

    assert list(ready(backlog.turns, 5.0)) == [1]


def test_one_that_is_pending_already_and_revived_is_sent_once() -> None:
    backlog = empty()
    backlog.offer(delivery(1), 0.0)
    backlog.requeue(delivery(1), 0.0)
    backlog.ended(backlog.turns.pop())

    assert backlog.pending == 0


def test_more_than_the_window_that_are_revived_are_read_from_the_store_once_more() -> None:
    backlog = empty(window=4)
    for seq in range(1, 11):
        given_up(backlog, seq)
    for seq in range(1, 11):
        backlog.requeue(delivery(seq, f"s{seq}"), 0.0)

    assert (len(backlog.turns), backlog.pending) == (4, 10)
    while len(backlog.turns) > 2:
        backlog.ended(backlog.turns.pop())
    assert backlog.needs_page
    assert backlog.next_page() == (4, 4)


def test_the_oldest_is_known() -> None:
    backlog = empty()
    for seq in (1, 2):
        backlog.offer(delivery(seq, f"s{seq}"), 0.0)
    backlog.ended(backlog.turns.pop())

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
        self.dead: list[Delivery] = []

    def commit(self) -> None:
        seq = len(self.rows) + 1
        self.rows.append(delivery(seq, f"s{seq % self.subjects}"))
        self.unheard.append(self.rows[-1])

    def offer(self) -> None:
        if self.unheard:
            self.backlog.offer(self.unheard.pop(0), 0.0)

    def ask(self) -> None:
        if self.page is None and self.backlog.needs_page:
            after, limit = self.backlog.next_page()
            self.page = [row for row in self.rows if row.seq > after and row not in self.done + self.dead][:limit]

    def answer(self) -> None:
        if self.page is not None:
            self.backlog.loaded(self.page, 0.0, NOON)
            self.page = None

    def take(self) -> None:
        if self.backlog.turns.wait(0.0) <= 0:
            self.under_way.append(self.backlog.turns.pop())

    def end(self) -> None:
        if self.under_way:
            self.done.append(self.under_way.pop(0))
            self.backlog.ended(self.done[-1])

    def refuse(self) -> None:
        if self.under_way:
            self.dead.append(self.under_way.pop(0))
            self.backlog.ended(self.dead[-1], dead=True)

    def revive(self) -> None:
        if self.dead:
            self.backlog.requeue(self.dead.pop(0), 0.0)

    def again(self) -> None:
        if self.under_way:
            self.backlog.turns.retry_at(self.under_way.pop(0), 0.0)


STEPS = ["commit", "offer", "ask", "answer", "take", "end", "again"]
STEP = st.sampled_from(STEPS)


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


@settings(max_examples=300)
@given(
    window=st.integers(2, 8),
    stored=st.integers(0, 20),
    steps=st.lists(st.sampled_from([*STEPS, "take", "refuse", "revive"]), max_size=120),
    subjects=st.integers(1, 4),
)
def test_what_is_given_up_and_revived_is_delivered_once_too_however_it_falls(
    window: int, stored: int, steps: list[str], subjects: int
) -> None:
    world = Interleaving(window, subjects)
    for _ in range(stored):
        world.commit()
    world.unheard.clear()
    for name in steps:
        getattr(world, name)()
        assert len(world.backlog.turns) <= 2 * window + 3
    for name in ["offer", "revive", "ask", "answer", "take", "end"] * (3 * len(world.rows) + 5):
        getattr(world, name)()

    assert sorted(each.seq for each in world.done) == [row.seq for row in world.rows]
    assert world.backlog.pending == 0


# --- what has failed ------------------------------------------------------------------------------------------


def test_what_has_failed_leaves_room_for_the_rest_and_its_body_in_the_store() -> None:
    backlog = Backlog(window=10, page=10)
    stored = [delivery(seq, f"w{seq}") for seq in range(1, 101)]
    while backlog.needs_page:
        after, limit = backlog.next_page()
        backlog.loaded([one for one in stored if one.seq > after][:limit], 0.0, NOON)
        while backlog.turns.wait(0.0) <= 0:
            one = backlog.turns.pop()
            backlog.again(msgspec.structs.replace(one, attempts=1), 60.0)

    assert len(backlog.turns) == backlog.turns.stuck == 100
    assert backlog.turns.wait(60.0) == 0.0
    again = [backlog.turns.pop() for _ in range(100)]
    assert sum(not needs_body(one) for one in again) <= 10


def test_what_has_failed_has_a_bound_too() -> None:
    backlog = Backlog(window=10, page=10)
    stored = [delivery(seq, f"w{seq}") for seq in range(1, 1001)]
    while backlog.needs_page:
        after, limit = backlog.next_page()
        backlog.loaded([one for one in stored if one.seq > after][:limit], 0.0, NOON)
        while backlog.turns.wait(0.0) <= 0:
            backlog.again(msgspec.structs.replace(backlog.turns.pop(), attempts=1), 60.0)

    assert 200 <= len(backlog.turns) <= 210


def test_what_was_never_offered_is_found_when_the_store_is_read_again() -> None:
    backlog = empty()
    backlog.offer(delivery(1), 0.0)
    backlog.offer(delivery(3), 0.0)
    backlog.reread()
    assert backlog.needs_page
    after, _ = backlog.next_page()
    backlog.loaded([one for one in (delivery(1), delivery(2, "v"), delivery(3)) if one.seq > after], 0.0, NOON)
    assert (len(backlog.turns), backlog.needs_page) == (3, False)
