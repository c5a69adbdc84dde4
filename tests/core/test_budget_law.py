"""The law of the budget, whatever happens: proved in exact fractions, without any tolerance."""

from fractions import Fraction

import hypothesis.strategies as st
import msgspec
from hypothesis import given, settings

from monitor.core.model import Outcome
from monitor.core.scheduling.lane import Lane, LaneLimits, Phase
from monitor.core.scheduling.token_bucket import period_of, ticks_after

LIMITS = st.builds(
    LaneLimits,
    st.one_of(st.sampled_from([0.1, 1, 3, 10, 1000 / 3]), st.floats(0.05, 2000)),
    st.integers(1, 12),
)
STARTS = st.sampled_from([0.0, 0.1, 1234.56789, 1_000_000.1, 123_456_789.123])
PAUSES = st.one_of(st.just(0.0), st.floats(0, 1e-6), st.floats(0, 0.3), st.floats(0, 40))


class Take(msgspec.Struct, frozen=True):
    tries: int
    patiently: bool
    """Each waits for its permit, as the scheduler does; otherwise they come all at once."""


class Answer(msgspec.Struct, frozen=True):
    which: int
    outcome: Outcome
    retry_after: float | None
    jitter: float


Step = Take | Answer | LaneLimits
STEPS = st.one_of(
    st.builds(Take, st.integers(1, 30), st.booleans()),
    st.builds(Take, st.integers(1, 30), st.booleans()),
    st.builds(
        Answer,
        st.integers(0, 1000),
        st.sampled_from([Outcome.OK, Outcome.OK, Outcome.THROTTLED, Outcome.TIMEOUT, Outcome.SERVER_ERROR]),
        st.one_of(st.none(), st.floats(0, 20), st.just(0.0)),
        st.floats(0, 0.999),
    ),
    LIMITS,
)


class Drive:
    """A lane in use; keeps what it let through, and under which ceilings."""

    def __init__(self, limits: LaneLimits, now: float) -> None:
        self.lane = Lane.started(limits, now - 3600)
        self.now = now
        self.permits: list[tuple[Fraction, int]] = []
        """When, and the number of the ceiling in force."""
        self.ceilings = [(Fraction(0), limits)]
        self.outstanding: list[int] = []
        self.barred_until = Fraction(0)

    def step(self, step: Step) -> None:
        match step:
            case Take(tries, patiently):
                for _ in range(tries):
                    self.take(patiently=patiently)
            case Answer():
                self.answer(step)
            case LaneLimits():
                self.lane = self.lane.reconfigured(self.now, step)
                self.ceilings.append((Fraction(self.now), step))

    def take(self, *, patiently: bool) -> None:
        wait = self.lane.wait(self.now)
        if patiently:
            self.now += wait
        lane = self.lane.take(self.now)
        assert (lane is not None) == (patiently or wait == 0.0)
        if lane is not None:
            assert Fraction(self.now) >= self.barred_until
            self.lane = lane
            self.permits.append((Fraction(self.now), len(self.ceilings) - 1))
            self.outstanding.append(lane.closings)

    def answer(self, answer: Answer) -> None:
        if not self.outstanding:
            return
        sent_under = self.outstanding.pop(answer.which % len(self.outstanding))
        self.lane = self.lane.answered(self.now, sent_under, answer.outcome, answer.retry_after, answer.jitter)
        if answer.outcome is Outcome.THROTTLED and answer.retry_after is not None:
            assert self.lane.phase is Phase.CLOSED
            self.barred_until = max(self.barred_until, Fraction(self.now) + Fraction(answer.retry_after))

    def allowed(self, first: tuple[Fraction, int], end: Fraction) -> Fraction:
        """The burst in force at the first, and what each ceiling let in from then on."""
        start, number = first
        total = Fraction(self.ceilings[number][1].burst)
        for place in range(number, len(self.ceilings)):
            since, limits = self.ceilings[place]
            until = self.ceilings[place + 1][0] if place + 1 < len(self.ceilings) else end
            total += Fraction(limits.requests_per_second) * max(min(until, end) - max(since, start), Fraction(0))
        return total


@settings(max_examples=150, deadline=None)
@given(LIMITS, STARTS, st.lists(st.tuples(PAUSES, STEPS), max_size=40))
def test_no_window_holds_more_than_burst_plus_rate_times_its_length(
    limits: LaneLimits, start: float, steps: list[tuple[float, Step]]
) -> None:
    drive = Drive(limits, start)
    for pause, step in steps:
        drive.now += pause
        drive.step(step)
    permits = drive.permits[:150]
    for i, first in enumerate(permits):
        for j in range(i, len(permits)):
            assert j - i + 1 <= drive.allowed(first, permits[j][0])


@settings(max_examples=100, deadline=None)
@given(LIMITS, STARTS, st.lists(st.tuples(PAUSES, STEPS), max_size=40))
def test_a_lane_never_gets_stuck(limits: LaneLimits, start: float, steps: list[tuple[float, Step]]) -> None:
    drive = Drive(limits, start)
    for pause, step in steps:
        drive.now += pause
        drive.step(step)
    for _ in range(3):
        wait = drive.lane.wait(drive.now)
        assert wait <= 300 + 0.001 + 100 / drive.lane.limits.requests_per_second
        drive.take(patiently=True)
        drive.answer(Answer(-1, Outcome.OK, None, 0.0))
    assert drive.lane.phase is Phase.OPEN


@given(st.floats(1e-3, 1e6))
def test_a_period_is_never_shorter_than_the_rate_says_and_hardly_longer(rate: float) -> None:
    ticks = Fraction(period_of(rate), ticks_after(1.0))
    assert 1 <= ticks * Fraction(rate) < 1 + Fraction(1, 10**9)
