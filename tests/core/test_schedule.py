"""Whose turn it is: phases, turns, back-off."""

import itertools

import hypothesis.strategies as st
import pytest
from hypothesis import given, settings

from monitor.core.model import TargetKey
from monitor.core.scheduling.schedule import DuePoll, Schedule

START = 1_000_000.1


def key(number: int) -> TargetKey:
    return TargetKey("acme", "5870442f-3ddd-4657-b74c-6e17308f5230", f"60dbe307fe55d99fc0{number:06d}")


def scheduled(count: int, interval: float = 30.0, now: float = START) -> Schedule:
    schedule = Schedule()
    for number in range(count):
        schedule.add(key(number), interval, now)
    return schedule


def next_turn(schedule: Schedule, now: float) -> tuple[DuePoll, float]:
    """The next turn with the time it comes at, and not earlier than `now`."""
    wait = schedule.wait(now)
    assert wait is not None
    return schedule.pop(now + wait), now + wait


def polled(schedule: Schedule, now: float, *, failures: int = 0, jitter: float = 0.0) -> tuple[TargetKey, float]:
    turn, now = next_turn(schedule, now)
    schedule.done(turn.key, now, failures, 300.0, jitter)
    return turn.key, now


# --- phases ---


def test_a_phase_depends_on_nothing_but_the_key() -> None:
    schedule = Schedule()
    schedule.add(TargetKey("acme", "definition", "workflow"), 1.0, 0.0)
    assert schedule.next_due(TargetKey("acme", "definition", "workflow")) == pytest.approx(0.7682, abs=1e-4)


def test_targets_are_spread_over_their_interval() -> None:
    schedule = scheduled(3000)
    tenths = [0] * 10
    for number in range(3000):
        due = schedule.next_due(key(number))
        assert due is not None
        assert START < due <= START + 30
        tenths[int((due - START) / 3)] += 1
    assert min(tenths) > 230
    assert max(tenths) < 370


def test_the_first_poll_can_be_asked_for_sooner_and_is_spread_alike() -> None:
    schedule = Schedule()
    for number in range(1000):
        schedule.add(key(number), 3600.0, START, first_within=10.0)
    times = [polled(schedule, START)[1] for _ in range(1000)]
    assert times[0] < START + 0.1
    assert START + 9.9 < times[-1] <= START + 10
    assert max(b - a for a, b in itertools.pairwise(times)) < 0.1


@pytest.mark.parametrize("first_within", [None, 0.0, 5.0, 30.0, 60.0], ids=str)
@pytest.mark.parametrize("number", range(5))
def test_after_the_first_poll_comes_the_slot_at_least_half_an_interval_away(
    first_within: float | None, number: int
) -> None:
    schedule = Schedule()
    schedule.add(key(number), 30.0, START, first_within=first_within)
    first = polled(schedule, START)[1]
    assert first <= START + 30
    second = polled(schedule, first)[1]
    assert 15 <= second - first <= 45
    assert polled(schedule, second)[1] - second == pytest.approx(30, abs=1e-6)


@pytest.mark.parametrize("interval", [0.1, 1.0, 30.0, 1 / 3, 86400.0], ids=str)
def test_slots_do_not_drift_over_ten_thousand_intervals(interval: float) -> None:
    schedule = scheduled(1, interval)
    first = schedule.next_due(key(0))
    assert first is not None
    now = START
    for count in range(10_000):
        turn, now = next_turn(schedule, now)
        assert turn.due == pytest.approx(first + count * interval, abs=interval * 1e-6)
        now += interval * (0.05 + count % 7 / 10)  # answers take their time
        schedule.done(turn.key, now, 0, 300.0, 0.0)


def test_being_a_little_late_moves_no_phase() -> None:
    schedule = scheduled(1)
    due = schedule.next_due(key(0))
    assert due is not None
    turn = schedule.pop(due + 0.9)
    assert (turn.key, turn.due) == (key(0), due)
    assert turn.delay == pytest.approx(0.9)
    schedule.done(key(0), due + 1, 0, 300.0, 0.0)
    assert schedule.next_due(key(0)) == pytest.approx(due + 30)


def test_a_poll_that_outlasts_its_interval_skips_the_slots_it_missed() -> None:
    schedule = scheduled(1)
    turn, now = next_turn(schedule, START)
    schedule.done(turn.key, now + 70, 0, 300.0, 0.0)
    assert schedule.next_due(turn.key) == pytest.approx(now + 90)


# --- turns ---


def test_an_empty_schedule_has_nothing_to_wait_for() -> None:
    schedule = Schedule()
    assert schedule.wait(START) is None
    with pytest.raises(LookupError):
        schedule.pop(START)


def test_nothing_is_popped_before_it_is_due() -> None:
    with pytest.raises(LookupError, match="wait"):
        scheduled(1).pop(START)


def test_what_is_popped_is_under_way_and_comes_no_more_until_done() -> None:
    schedule = scheduled(1)
    turn, now = next_turn(schedule, START)
    assert schedule.under_way(turn.key)
    assert schedule.next_due(turn.key) is None
    assert schedule.wait(now + 1000) is None
    assert len(schedule) == 1
    schedule.done(turn.key, now + 1, 0, 300.0, 0.0)
    assert not schedule.under_way(turn.key)
    assert schedule.wait(now + 1) == pytest.approx(29)


def test_a_target_removed_while_under_way_is_forgotten_when_done() -> None:
    schedule = scheduled(1)
    turn, now = next_turn(schedule, START)
    schedule.remove(turn.key)
    assert len(schedule) == 0
    assert schedule.under_way(turn.key)
    schedule.done(turn.key, now, 0, 300.0, 0.0)
    assert not schedule.under_way(turn.key)
    assert schedule.wait(now) is None


def test_a_target_added_again_while_under_way_is_polled_once_at_a_time() -> None:
    schedule = scheduled(1)
    turn, now = next_turn(schedule, START)
    schedule.remove(turn.key)
    schedule.add(turn.key, 10.0, now)
    assert len(schedule) == 1
    assert schedule.wait(now + 1000) is None
    schedule.done(turn.key, now + 1, 0, 300.0, 0.0)
    schedule.done(turn.key, now + 1, 0, 300.0, 0.0)
    assert next_turn(schedule, now + 1)[1] <= now + 16
    assert schedule.wait(now + 1000) is None


def test_unknown_targets_are_ignored_where_that_is_harmless() -> None:
    schedule = Schedule()
    schedule.remove(key(1))
    schedule.done(key(1), START, 0, 300.0, 0.0)
    assert schedule.next_due(key(1)) is None
    assert not schedule.under_way(key(1))
    with pytest.raises(KeyError):
        schedule.change(key(1), 30.0, START)


@pytest.mark.parametrize(("before", "after"), [(30.0, 10.0), (30.0, 300.0), (30.0, 30.0)], ids=str)
def test_another_interval_holds_from_the_next_poll_on(before: float, after: float) -> None:
    schedule = scheduled(1, before)
    last = polled(schedule, START)[1]
    schedule.change(key(0), after, last + 1)
    second = polled(schedule, last + 1)[1]
    assert after / 2 <= second - last <= after * 1.5 + 1
    assert polled(schedule, second)[1] - second == pytest.approx(after)


@pytest.mark.parametrize("hasten", [False, True], ids=["at its slot", "hastened"])
@pytest.mark.parametrize("number", range(5))
def test_a_shorter_interval_counts_at_once(number: int, *, hasten: bool) -> None:
    schedule = scheduled(5, 3600.0)
    last = {}
    for _ in range(5):
        turn, now = next_turn(schedule, START)
        last[turn.key] = now
        schedule.done(turn.key, now, 0, 300.0, 0.0)
    now = max(last.values()) + 1
    if hasten:
        schedule.poll_now(key(number), now)
    schedule.change(key(number), 10.0, now)
    due = schedule.next_due(key(number))
    assert due is not None
    assert now <= due <= now + 10.0


def test_a_longer_interval_gives_as_much_rest_after_the_last_turn() -> None:
    schedule = scheduled(1, 10.0)
    last = polled(schedule, START)[1]
    schedule.change(key(0), 3600.0, last + 1)
    due = schedule.next_due(key(0))
    assert due is not None
    assert 1800.0 <= due - last <= 5400.0


def test_a_first_poll_comes_no_later_for_another_interval() -> None:
    schedule = Schedule()
    schedule.add(key(0), 30.0, START, first_within=5.0)
    before = schedule.next_due(key(0))
    schedule.change(key(0), 3600.0, START)
    assert schedule.next_due(key(0)) == before


def test_a_back_off_shrinks_with_the_interval_and_does_not_grow_with_it() -> None:
    schedule = scheduled(1, 3600.0)
    turn, now = next_turn(schedule, START)
    schedule.done(turn.key, now, 3, 86400.0, 1.0)  # eight intervals
    schedule.change(key(0), 10.0, now)
    due = schedule.next_due(key(0))
    assert due == pytest.approx(now + 80.0, abs=2.0)
    schedule.change(key(0), 7200.0, now)
    assert schedule.next_due(key(0)) == due


def test_changing_intervals_leaves_a_bounded_amount_of_garbage() -> None:
    schedule = scheduled(100)
    for number in range(20_000):
        schedule.change(key(number % 100), 30.0 + number % 7, START)
        agenda = schedule._agenda
        assert len(agenda._heap) + len(agenda._set_aside) <= 600
    assert len({next_turn(schedule, START)[0].key for _ in range(100)}) == 100
    assert schedule.wait(START) is None


# --- failures ---


@pytest.mark.parametrize(
    ("failures", "jitter", "delay"),
    [(1, 0.0, 30), (1, 0.5, 45), (2, 0.5, 75), (3, 0.5, 135), (4, 0.5, 165), (1000, 0.999, 299.7), (1000, 0.0, 30)],
    ids=str,
)
def test_a_failing_target_backs_off_between_its_interval_and_the_longest(
    failures: int, jitter: float, delay: float
) -> None:
    schedule = scheduled(1)
    now = polled(schedule, START, failures=failures, jitter=jitter)[1]
    assert schedule.wait(now) == pytest.approx(delay, abs=0.1)


def test_what_is_polled_rarely_is_tried_again_after_the_longest_back_off() -> None:
    schedule = scheduled(1, 3600.0)
    now = polled(schedule, START, failures=5, jitter=0.9)[1]
    assert schedule.wait(now) == pytest.approx(300)


def test_after_a_back_off_the_phase_is_found_again() -> None:
    schedule = scheduled(1)
    first = polled(schedule, START, failures=3, jitter=0.37)[1]
    again = polled(schedule, first)[1]
    third = polled(schedule, again)[1]
    assert 15 <= third - again <= 45
    assert (third - first) % 30 == pytest.approx(0, abs=1e-6) or (third - first) % 30 == pytest.approx(30, abs=1e-6)


def test_after_an_outage_the_backed_off_get_their_pace_again_a_few_at_a_time() -> None:
    schedule = scheduled(1000)
    now = START
    for _ in range(1000):
        now = polled(schedule, now, failures=9, jitter=0.9)[1]
    assert next_turn(schedule, now)[1] > now + 30
    calls = 1
    while schedule.reset_backoff(now, 100):
        calls += 1
    assert calls == 10
    times = [polled(schedule, now)[1] - now for _ in range(999)]
    assert times[-1] <= 30
    assert max(b - a for a, b in itertools.pairwise(times)) < 0.5


def test_nothing_to_forgive_is_nothing_to_do() -> None:
    assert scheduled(3).reset_backoff(START, 100) is False


def test_one_of_those_that_back_off_can_be_tried_at_once() -> None:
    schedule = scheduled(3)
    now = START
    for _ in range(3):
        now = polled(schedule, now, failures=5, jitter=0.9)[1]
    assert (schedule.wait(now) or 0) > 100
    schedule.try_one(now)
    assert schedule.wait(now) == 0
    schedule.pop(now)
    assert (schedule.wait(now) or 0) > 100, "the others wait for what comes of it"


def test_where_none_backs_off_none_is_tried() -> None:
    schedule = scheduled(1)
    before = schedule.wait(START)
    schedule.try_one(START)
    assert schedule.wait(START) == before


def test_forgiveness_never_puts_a_poll_off() -> None:
    schedule = scheduled(1)
    now = polled(schedule, START, failures=2, jitter=0.1)[1]
    assert schedule.wait(now) == pytest.approx(39)
    schedule.reset_backoff(now + 38, 10)
    assert schedule.wait(now) == pytest.approx(39)


# --- laws ---

OPERATIONS = st.lists(
    st.tuples(
        st.sampled_from(["add", "remove", "change", "turn", "turn", "turn", "done", "done", "fail", "forgive", "pass"]),
        st.integers(0, 5),
        st.floats(0.0, 50.0),
    ),
    max_size=80,
)


@settings(max_examples=200, deadline=None)
@given(OPERATIONS)
def test_whatever_happens_each_target_is_polled_at_most_once_at_a_time_and_never_starves(
    operations: list[tuple[str, int, float]],
) -> None:
    schedule, now = Schedule(), START
    watched: set[TargetKey] = set()
    out: set[TargetKey] = set()
    for what, number, amount in operations:
        target, interval = key(number), 1.0 + amount
        if what == "add":
            schedule.add(target, interval, now)
            watched.add(target)
        elif what == "remove":
            schedule.remove(target)
            watched.discard(target)
        elif what == "change" and target in watched:
            schedule.change(target, interval, now)
        elif what == "turn" and schedule.wait(now) is not None:
            turn, now = next_turn(schedule, now)
            assert turn.key in watched - out
            assert turn.delay >= 0
            out.add(turn.key)
        elif what in ("done", "fail"):
            schedule.done(target, now, 3 if what == "fail" else 0, 300.0, amount / 51)
            out.discard(target)
        elif what == "forgive":
            schedule.try_one(now)
            schedule.reset_backoff(now, number)
        else:
            now += amount
        assert len(schedule) == len(watched)
        assert all(schedule.under_way(k) == (k in out) for k in watched | out)
    for target in out:
        schedule.done(target, now, 0, 300.0, 0.0)
    ended = now
    for _ in range(len(watched)):
        turn, now = next_turn(schedule, now)
        watched.remove(turn.key)
    assert not watched
    assert now <= ended + 300
    assert schedule.wait(now) is None


# --- sooner ---


def test_who_is_hastened_is_due_now_and_its_slots_stay_where_they_are() -> None:
    schedule = scheduled(1, interval=600.0)
    slot = schedule.next_due(key(0))
    assert slot is not None
    now = slot - 500.0
    assert schedule.poll_now(key(0), now)
    assert schedule.wait(now) == 0.0
    turn = schedule.pop(now)
    assert (turn.key, turn.delay) == (key(0), 0.0)
    schedule.done(key(0), now, 0, 300.0, 0.0)
    assert schedule.next_due(key(0)) == pytest.approx(slot)


def test_who_is_hastened_goes_behind_those_who_are_due_already() -> None:
    schedule = scheduled(50, interval=600.0)
    first = min(schedule.next_due(key(number)) or 0.0 for number in range(50))
    due = next(number for number in range(50) if schedule.next_due(key(number)) == first)
    other = (due + 1) % 50
    assert schedule.poll_now(key(other), first + 0.5)
    assert [schedule.pop(first + 0.5).key for _ in range(2)] == [key(due), key(other)]


def test_nobody_is_hastened_who_is_unknown_under_way_or_backing_off() -> None:
    schedule = scheduled(1)
    assert not schedule.poll_now(key(1), START)
    turn, now = next_turn(schedule, START)
    assert not schedule.poll_now(turn.key, now)
    schedule.done(turn.key, now, 1, 300.0, 0.5)
    assert not schedule.poll_now(turn.key, now)
    assert (schedule.wait(now) or 0.0) > 0


def test_only_the_next_poll_of_a_target_that_a_list_called_for_confirms_the_list() -> None:
    schedule = scheduled(2, interval=600.0)
    first = min(schedule.next_due(key(number)) or 0.0 for number in range(2))
    now = first - 100.0
    assert schedule.poll_now(key(0), now, confirms=True)
    assert schedule.poll_now(key(0), now)
    assert schedule.poll_now(key(1), now)
    assert {schedule.pop(now).confirms for _ in range(2)} == {True, False}
    schedule.done(key(0), now, 0, 300.0, 0.0)
    assert schedule.poll_now(key(0), now + 1.0)
    assert not schedule.pop(now + 1.0).confirms


def test_what_a_list_called_for_is_forgotten_with_a_target_that_is_removed() -> None:
    schedule = scheduled(1)
    assert schedule.poll_now(key(0), START, confirms=True)
    schedule.remove(key(0))
    schedule.add(key(0), 30.0, START, first_within=0.0)
    turn, _ = next_turn(schedule, START)
    assert not turn.confirms


def test_a_target_that_is_hastened_again_and_again_leaves_no_garbage_behind() -> None:
    schedule = scheduled(100, interval=600.0)
    now = START
    for _ in range(5000):
        now += 0.01
        turn = schedule.pop(now) if schedule.poll_now(key(7), now) else None
        assert turn is not None
        schedule.done(turn.key, now, 0, 300.0, 0.0)
    assert len(schedule._agenda._heap) + len(schedule._agenda._set_aside) < 400
