"""What a lane lets through, and what answers teach it."""

import math

import pytest

from monitor.core.model import Outcome
from monitor.core.scheduling.lane import CLIMB, FLOOR, LONGEST_PAUSE, PROBE_PATIENCE, Lane, LaneLimits, Phase

START = 1_000_000.1
"""A loop that has turned for days: floats are coarse there."""
TEN = LaneLimits(10, 10)


def taken(lane: Lane, now: float) -> Lane:
    after = lane.take(now)
    assert after is not None, f"nothing to take, wait {lane.wait(now)}"
    return after


def rested(limits: LaneLimits = TEN) -> Lane:
    """A lane whose bucket is full at START."""
    return Lane.started(limits, START - limits.burst / limits.requests_per_second - 1)


def answered(lane: Lane, now: float, outcome: Outcome, retry_after: float | None = None, jitter: float = 0.0) -> Lane:
    return lane.answered(now, lane.closings, outcome, retry_after, jitter)


def throttled(lane: Lane, now: float, retry_after: float | None = 30.0, jitter: float = 0.0) -> Lane:
    return answered(lane, now, Outcome.THROTTLED, retry_after, jitter)


def probing(lane: Lane, now: float) -> Lane:
    lane = taken(lane, now + lane.wait(now))
    assert lane.phase is Phase.PROBING
    return lane


def drained(lane: Lane, now: float) -> tuple[Lane, int]:
    """How many permits it gives at once."""
    count = 0
    while (after := lane.take(now)) is not None:
        lane, count = after, count + 1
    return lane, count


def moments(lane: Lane, now: float, count: int) -> list[float]:
    """When the next permits come, each taken as soon as it can be."""
    times = []
    for _ in range(count):
        now += lane.wait(now)
        lane = taken(lane, now)
        times.append(now)
    return times


def test_a_rested_lane_gives_its_burst_and_then_its_rate() -> None:
    lane, at_once = drained(rested(), START)
    assert at_once == 10
    assert [t - START for t in moments(lane, START, 3)] == pytest.approx([0.1, 0.2, 0.3], abs=1e-4)


def test_allowance_is_never_saved_beyond_the_burst() -> None:
    assert drained(rested(), START + 86400)[1] == 10


def test_a_new_lane_starts_with_nothing_since_another_process_may_have_spent_all_a_moment_ago() -> None:
    lane = Lane.started(TEN, START)
    assert drained(lane, START)[1] == 0
    assert lane.wait(START) == pytest.approx(0.1, abs=1e-5)


@pytest.mark.parametrize("now", [0.0, 0.1, 1e3 + 0.3, 1e6 + 0.7, 1e9 + 0.1], ids=str)
@pytest.mark.parametrize("rate", [0.3, 7, 33.3, 1000 / 3], ids=str)
def test_after_the_wait_there_is_a_permit(now: float, rate: float) -> None:
    lane = Lane.started(LaneLimits(rate, 1), now)
    for _ in range(50):
        now += lane.wait(now)
        assert lane.wait(now) == 0.0
        lane = taken(lane, now)
        assert lane.wait(now) > 0


@pytest.mark.parametrize(("rate", "burst"), [(0, 1), (-1, 1), (math.inf, 1), (math.nan, 1), (1, 0)])
def test_limits_that_allow_nothing_or_everything_are_refused(rate: float, burst: int) -> None:
    with pytest.raises(ValueError, match="expected"):
        LaneLimits(rate, burst)


# --- 429 ---


def test_a_429_closes_the_lane_for_retry_after_and_not_a_moment_less() -> None:
    lane = throttled(taken(rested(), START), START, 30.0)
    assert lane.phase is Phase.CLOSED
    assert lane.reason == "429, Retry-After 30s"
    assert lane.take(math.nextafter(START + 30.0, 0)) is None
    assert 30.0 <= lane.wait(START) < 30.001
    assert lane.take(START + lane.wait(START)) is not None


def test_a_retry_after_of_days_is_obeyed_whole() -> None:
    lane = throttled(rested(), START, 2 * 86_400.0)
    assert lane.wait(START) == pytest.approx(2 * 86_400.0, abs=1e-3)


@pytest.mark.parametrize(
    ("later", "asked", "closed_until"),
    [(1.0, 5.0, 30.0), (1.0, 0.0, 30.0), (1.0, None, 30.0), (1.0, 29.0, 30.0), (1.0, 45.0, 46.0)],
    ids=["smaller", "zero", "absent", "same end", "larger"],
)
def test_a_later_retry_after_may_extend_a_closing_but_never_shortens_it(
    later: float, asked: float | None, closed_until: float
) -> None:
    sent_before = taken(rested(), START).closings
    lane = throttled(rested(), START, 30.0)
    lane = lane.answered(START + later, sent_before, Outcome.THROTTLED, asked, 0.0)
    assert lane.wait(START + later) == pytest.approx(closed_until - later, abs=1e-3)


def test_many_429s_of_one_closing_slow_the_lane_once() -> None:
    lane = rested()
    sent_under = lane.closings
    for number in range(20):
        lane = lane.answered(START + number / 10, sent_under, Outcome.THROTTLED, 30.0, 0.0)
    assert lane.rate == 5.0
    assert lane.closings == 1


def test_a_late_429_of_an_old_closing_closes_again_but_does_not_slow() -> None:
    sent_under = rested().closings
    lane = answered(probing(throttled(rested(), START, 1.0), START), START + 2, Outcome.OK)
    lane = lane.answered(START + 3, sent_under, Outcome.THROTTLED, 10.0, 0.0)
    assert lane.phase is Phase.CLOSED
    assert lane.wait(START + 3) == pytest.approx(10.0, abs=1e-3)
    assert lane.rate == 5.0


@pytest.mark.parametrize("nonsense", [None, -1.0, math.nan, math.inf, 1e12], ids=str)
def test_without_a_usable_retry_after_the_pause_doubles_from_a_second_to_five_minutes(nonsense: float | None) -> None:
    lane, now, pauses = rested(), START, []
    for _ in range(11):
        lane = throttled(lane, now, nonsense)
        pauses.append(lane.closed_for(now))
        now += lane.wait(now)
        lane = taken(lane, now)
    assert pauses == pytest.approx([1, 2, 4, 8, 16, 32, 64, 128, 256, 300, 300], abs=1e-6)


@pytest.mark.parametrize("closing", range(11))
def test_jitter_only_lengthens_a_pause_and_not_beyond_the_longest(closing: int) -> None:
    lane, now = rested(), START
    for _ in range(closing):
        lane = throttled(lane, now, None)
        now += lane.wait(now)
        lane = taken(lane, now)
    plain, late = (throttled(lane, now, None, jitter).closed_for(now) for jitter in (0.0, 0.999))
    assert plain <= late <= LONGEST_PAUSE + 1e-6
    assert late > plain or plain == pytest.approx(LONGEST_PAUSE)


def test_a_good_answer_ends_the_doubling() -> None:
    lane = probing(throttled(probing(throttled(rested(), START, None), START), START + 1, None), START + 1)
    lane = answered(lane, START + 4, Outcome.OK)
    assert throttled(lane, START + 5, None).wait(START + 5) == pytest.approx(1.0, abs=1e-3)


def test_a_probe_that_times_out_does_not_end_the_doubling() -> None:
    lane = probing(throttled(probing(throttled(rested(), START, None), START), START + 1, None), START + 1)
    lane = answered(lane, START + 4, Outcome.TIMEOUT)
    assert throttled(lane, START + 5, None).closed_for(START + 5) == pytest.approx(4.0)


# --- the probe ---


def test_exactly_one_probe_goes_when_retry_after_has_passed() -> None:
    lane = throttled(rested(), START, 30.0)
    lane, at_once = drained(lane, START + 31)
    assert at_once == 1
    assert lane.phase is Phase.PROBING
    assert drained(lane, START + 300)[1] == 0


@pytest.mark.parametrize("outcome", [o for o in Outcome if o is not Outcome.THROTTLED])
def test_whatever_ends_a_probe_other_than_a_429_opens_the_lane_at_the_learned_rate(outcome: Outcome) -> None:
    lane = answered(probing(throttled(rested(), START), START), START + 31, outcome)
    assert lane.phase is Phase.OPEN
    assert lane.rate == 5.0


def test_a_429_on_the_probe_closes_again_and_slows_again() -> None:
    lane = throttled(probing(throttled(rested(), START), START), START + 31, 60.0)
    assert lane.phase is Phase.CLOSED
    assert lane.reason == "429 on the probe, Retry-After 1m"
    assert lane.wait(START + 31) == pytest.approx(60.0, abs=1e-3)
    assert lane.rate == 2.5


def test_answers_to_requests_from_before_the_closing_do_not_open_it() -> None:
    sent_under = rested().closings
    closed = throttled(rested(), START)
    probe_out = probing(closed, START)
    for lane in (closed, probe_out):
        assert lane.answered(START + 31, sent_under, Outcome.OK, None, 0.0) is lane


def test_a_probe_from_before_another_closing_does_not_open_it() -> None:
    lane = probing(throttled(rested(), START, 1.0), START)
    sent_under = lane.closings
    lane = lane.answered(START + 2, 0, Outcome.THROTTLED, 30.0, 0.0)
    assert lane.phase is Phase.CLOSED
    assert lane.answered(START + 3, sent_under, Outcome.OK, None, 0.0) is lane


def test_a_probe_whose_answer_never_comes_bars_the_lane_for_a_while_only() -> None:
    lane = probing(throttled(rested(), START, 1.0), START)
    assert drained(lane, START + PROBE_PATIENCE)[1] == 0
    lane, at_once = drained(lane, START + PROBE_PATIENCE + 2)
    assert at_once == 1
    assert answered(lane, START + PROBE_PATIENCE + 3, Outcome.OK).phase is Phase.OPEN


def test_after_a_reopening_there_is_no_burst_but_a_pace_from_the_probe_on() -> None:
    lane = probing(throttled(rested(), START), START)
    lane = answered(lane, START + 40, Outcome.OK)
    times = moments(lane, START + 40, 4)
    assert [t - START - 40 for t in times] == pytest.approx([0.0, 0.2, 0.4, 0.6], abs=1e-4)


# --- learning ---


def test_closings_in_a_row_never_push_the_rate_below_its_floor() -> None:
    lane, now = rested(), START
    for _ in range(20):
        lane = throttled(lane, now, 1.0)
        now += lane.wait(now)
        lane = taken(lane, now)
    assert lane.rate == 10 * FLOOR


@pytest.mark.parametrize("rate", [0.5, 10.0, 1000.0], ids=str)
@pytest.mark.parametrize("share", [FLOOR, 0.5], ids=["from the floor", "from a half"])
def test_a_lane_in_full_use_climbs_back_in_about_a_minute(rate: float, share: float) -> None:
    lane, now = rested(LaneLimits(rate, 10)), START
    while lane.rate > rate * share:
        lane = throttled(lane, now, 0.0)
        now += lane.wait(now)
        lane = taken(lane, now)
    reopened_at = now
    lane = answered(lane, now, Outcome.OK)
    while not lane.at_ceiling:
        now += lane.wait(now)
        lane = answered(taken(lane, now), now, Outcome.OK)
    assert CLIMB * 0.4 <= now - reopened_at <= CLIMB * 1.5 + 1 / (rate * share) * 3
    assert lane.rate == rate
    assert drained(lane, now + 100)[1] == 10


@pytest.mark.parametrize("outcome", [Outcome.TIMEOUT, Outcome.CONNECTION, Outcome.SERVER_ERROR, Outcome.UNAUTHORIZED])
def test_a_failure_is_no_reason_to_climb(outcome: Outcome) -> None:
    lane = answered(probing(throttled(rested(), START), START), START + 31, Outcome.OK)
    assert answered(lane, START + 32, outcome) is lane


def test_at_its_ceiling_a_good_answer_changes_nothing() -> None:
    lane = rested()
    assert answered(lane, START, Outcome.OK) is lane


# --- other limits ---


def test_other_limits_give_no_fresh_burst() -> None:
    lane, _ = drained(rested(), START)
    for limits in (LaneLimits(10, 100), LaneLimits(20, 100), LaneLimits(10, 10)):
        lane = lane.reconfigured(START, limits)
        assert drained(lane, START)[1] == 0


def test_what_was_saved_is_cut_to_the_new_burst() -> None:
    assert drained(rested().reconfigured(START, LaneLimits(10, 3)), START)[1] == 3


def test_a_lane_at_its_ceiling_follows_the_new_one() -> None:
    assert rested().reconfigured(START, LaneLimits(25, 10)).rate == 25.0


@pytest.mark.parametrize(("ceiling", "rate"), [(20, 5.0), (3, 3.0), (1000, 10.0)], ids=str)
def test_a_learned_rate_survives_new_limits_within_their_bounds(ceiling: float, rate: float) -> None:
    lane = answered(probing(throttled(rested(), START), START), START + 31, Outcome.OK)
    assert lane.reconfigured(START + 32, LaneLimits(ceiling, 10)).rate == rate


def test_new_limits_do_not_open_a_closed_lane() -> None:
    lane = throttled(rested(), START).reconfigured(START + 1, LaneLimits(1000, 1000))
    assert lane.take(START + 29) is None
    assert drained(lane, START + 31)[1] == 1


def test_the_same_limits_change_nothing() -> None:
    lane = rested()
    assert lane.reconfigured(START, LaneLimits(10, 10)) is lane
