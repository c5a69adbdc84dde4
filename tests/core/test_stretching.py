"""A budget too small for the intervals: all targets stretch alike, and nothing storms when it returns."""

from collections import Counter, defaultdict

import pytest

from monitor.core.model import Outcome, TargetKey
from monitor.core.scheduling.lane import Lane, LaneLimits
from monitor.core.scheduling.schedule import Schedule

START = 1_000_000.1
INTERVALS = (1.0, 2.0, 5.0, 10.0, 30.0, 60.0)


class Account:
    """An account whose polls take no time, or a fixed time: the scheduler's loop in small."""

    def __init__(self, intervals: list[float], limits: LaneLimits, answer_after: float = 0.0) -> None:
        self.now = START
        self.lane = Lane.started(limits, START)
        self.schedule = Schedule()
        self.intervals = {TargetKey("acme", "d", f"w{i}"): interval for i, interval in enumerate(intervals)}
        self.answer_after = answer_after
        self.under_way: list[tuple[float, TargetKey]] = []
        self.sent: defaultdict[TargetKey, list[float]] = defaultdict(list)
        self.delays: list[float] = []
        for key, interval in self.intervals.items():
            self.schedule.add(key, interval, START)

    def run(self, seconds: float) -> int:
        """Polls sent in that time."""
        end, sent = self.now + seconds, 0
        while True:
            self.finish()
            answers = [self.under_way[0][0]] if self.under_way else []
            due = self.schedule.wait(self.now)
            turns = [] if due is None else [self.now + max(due, self.lane.wait(self.now))]
            at = min(answers + turns)
            if at >= end:
                self.now = end
                return sent
            if at > self.now:
                self.now = at
                continue
            self.poll()
            sent += 1

    def poll(self) -> None:
        lane = self.lane.take(self.now)
        assert lane is not None
        self.lane = lane.answered(self.now, lane.closings, Outcome.OK, None, 0.0)
        turn = self.schedule.pop(self.now)
        self.sent[turn.key].append(self.now)
        self.delays.append(turn.delay)
        self.under_way.append((self.now + self.answer_after, turn.key))

    def finish(self) -> None:
        while self.under_way and self.under_way[0][0] <= self.now:
            self.schedule.done(self.under_way.pop(0)[1], self.now, 0, 300.0, 0.0)

    def periods(self, since: float) -> dict[TargetKey, float]:
        """The mean time from poll to poll."""
        times = {key: [t for t in self.sent[key] if t >= since] for key in self.intervals}
        return {key: (ts[-1] - ts[0]) / (len(ts) - 1) for key, ts in times.items()}


def mixed(each: int) -> list[float]:
    return [interval for interval in INTERVALS for _ in range(each)]


def demand(intervals: list[float]) -> float:
    return sum(1 / interval for interval in intervals)


@pytest.mark.parametrize("answer_after", [0.0, 0.4], ids=["at once", "slowly"])
@pytest.mark.parametrize("burst", [1, 10], ids=str)
@pytest.mark.parametrize("each", [2, 20], ids=["few", "many"])
def test_under_a_third_of_the_budget_all_targets_stretch_alike(each: int, burst: int, answer_after: float) -> None:
    intervals = mixed(each)
    rate = demand(intervals) / 3
    account = Account(intervals, LaneLimits(rate, burst), answer_after)
    account.run(300)
    sent = account.run(3600)
    assert sent >= 0.95 * rate * 3600
    stretch = {key: period / account.intervals[key] for key, period in account.periods(START + 300).items()}.values()
    assert min(stretch) >= 2.7
    assert max(stretch) <= 3.3


@pytest.mark.parametrize("share", [0.9, 0.3, 0.01], ids=str)
def test_at_least_95_percent_of_an_insufficient_budget_is_used(share: float) -> None:
    intervals = [30.0] * 300 + [7.0] * 20
    rate = demand(intervals) * share
    account = Account(intervals, LaneLimits(rate, 5))
    account.run(60)
    assert account.run(1800) >= 0.95 * rate * 1800


def test_with_budget_enough_every_slot_is_met() -> None:
    intervals = mixed(10)
    account = Account(intervals, LaneLimits(demand(intervals) * 1.5, 10))
    account.run(1200)
    for key, period in account.periods(START + 120).items():
        assert period == pytest.approx(account.intervals[key], rel=0.01)
    assert max(account.delays) < 1.0


def test_delay_tells_how_much_later_than_promised_a_poll_came() -> None:
    account = Account([10.0] * 30, LaneLimits(1, 1))
    account.run(300)
    assert account.delays[-1] == pytest.approx(20, abs=2)


def test_after_an_hour_of_retry_after_nothing_storms_and_the_spread_is_as_before() -> None:
    intervals = [30.0] * 300
    account = Account(intervals, LaneLimits(1000, 1000))
    account.run(120)
    account.lane = account.lane.answered(account.now, account.lane.closings, Outcome.THROTTLED, 3600.0, 0.0)
    account.run(3600)
    reopened = account.now
    account.run(90)
    since = [t - reopened for times in account.sent.values() for t in times if t > reopened]
    per_second = Counter(int(t) for t in since)
    assert max(per_second.values()) <= 40, "300 targets every 30s are 10 a second; the slack adds a second's worth"
    assert len(since) == pytest.approx(900, abs=25)
    assert all(period == pytest.approx(30, abs=1.1) for period in account.periods(reopened).values())


def test_a_target_added_while_the_lane_is_closed_does_not_wait_for_as_long_again() -> None:
    account = Account([30.0] * 10, LaneLimits(10, 10))
    account.run(60)
    account.now += 3600
    newcomer = TargetKey("acme", "d", "newcomer")
    account.intervals[newcomer] = 30.0
    account.schedule.add(newcomer, 30.0, account.now)
    added = account.now
    account.run(60)
    assert account.sent[newcomer][0] <= added + 31


def test_after_an_overload_the_intervals_hold_again() -> None:
    intervals = [10.0] * 100
    account = Account(intervals, LaneLimits(2, 1))
    account.run(600)
    account.lane = account.lane.reconfigured(account.now, LaneLimits(100, 10))
    returned = account.now
    assert account.run(10) <= 100 + 20, "a second of slack, and phases are no ruler"
    account.run(110)
    assert all(period == pytest.approx(10, rel=0.02) for period in account.periods(returned + 10).values())
