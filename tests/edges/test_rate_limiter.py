"""The gate in virtual time: who goes when, what a 429 closes, what is told."""

import asyncio
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import pytest

from monitor.core.model import Outcome
from monitor.core.records import LaneRecord
from monitor.core.scheduling.lane import LaneLimits
from monitor.upstream.rate_limiter import GateDismissedError, Permit, RateLimiter

pytestmark = pytest.mark.looptime

EPOCH = datetime(2026, 1, 5, 2, 14, tzinfo=UTC)


def now() -> datetime:
    return EPOCH + timedelta(seconds=clock())


def clock() -> float:
    return asyncio.get_running_loop().time()


class Told(list[LaneRecord]):
    """What a gate reported."""

    @property
    def reasons(self) -> list[str]:
        return [record.reason for record in self]


def gate(
    rate: float = 10,
    burst: int = 10,
    *,
    told: list[LaneRecord] | None = None,
    closed_until: datetime | None = None,
    closed_for: float | None = None,
    learned_rate: float | None = None,
    permits: int = 1,
) -> RateLimiter:
    report: Callable[[LaneRecord], None] = (lambda _: None) if told is None else told.append
    limits = LaneLimits(rate, burst)
    return RateLimiter(
        "acme",
        limits,
        now=now,
        jitter=lambda: 0.0,
        report=report,
        closed_until=closed_until,
        closed_for=closed_for,
        learned_rate=learned_rate,
        permits=permits,
    )


def taken(gate: RateLimiter) -> Permit:
    permit = gate.try_acquire()
    assert permit is not None, f"no permit; wait() says {gate.wait()}"
    return permit


async def rested(rate: float = 10, burst: int = 10, *, told: list[LaneRecord] | None = None) -> RateLimiter:
    made = gate(rate, burst, told=told)
    await asyncio.sleep(burst / rate)
    return made


async def throttled(gate: RateLimiter, retry_after: float | None = 30.0) -> None:
    gate.record(await gate.acquire_urgent(), Outcome.THROTTLED, retry_after)


# --- polls ---


async def test_a_poll_waits_as_long_as_the_gate_says() -> None:
    gate_ = await rested()
    permits = [taken(gate_) for _ in range(10)]
    assert {permit.account for permit in permits} == {"acme"}
    assert gate_.try_acquire() is None
    assert gate_.wait() == pytest.approx(0.1, abs=1e-5)
    await asyncio.sleep(gate_.wait())
    assert gate_.wait() == 0.0
    assert taken(gate_).taken_at == clock()


async def test_gates_in_a_row_give_nothing_that_their_lives_did_not_earn() -> None:
    """A daemon that crashes and restarts again and again stays within its budget."""
    permits = 0
    for _ in range(20):
        gate_ = gate(rate=0.5, burst=10, permits=0)
        for _ in range(5):
            while gate_.try_acquire() is not None:
                permits += 1
            await asyncio.sleep(1)
    assert permits == 20 * 2


# --- urgent requests ---


async def test_urgent_requests_go_before_polls_and_in_their_order() -> None:
    gate_ = gate(rate=1, burst=1)
    taken(gate_)
    order: list[tuple[int, float]] = []

    async def explain(number: int) -> None:
        await gate_.acquire_urgent()
        order.append((number, round(clock(), 3)))

    async with asyncio.TaskGroup() as tasks:
        for number in range(3):
            tasks.create_task(explain(number))
        await asyncio.sleep(1.5)
        assert gate_.wait() == float("inf")
        assert gate_.try_acquire() is None
    assert order == [(0, 1.0), (1, 2.0), (2, 3.0)]
    assert gate_.wait() == pytest.approx(1.0, abs=1e-3)


async def test_an_urgent_request_with_budget_left_goes_at_once() -> None:
    gate_ = await rested()
    before = clock()
    assert (await gate_.acquire_urgent()).taken_at == before


async def test_polls_are_woken_when_the_urgent_have_gone() -> None:
    gate_ = gate(rate=1)
    taken(gate_)
    explaining = asyncio.create_task(gate_.acquire_urgent())
    await asyncio.sleep(0.5)
    gate_.changed.clear()
    await gate_.changed.wait()
    assert clock() == pytest.approx(1.0, abs=1e-3)
    assert explaining.done()
    assert gate_.wait() == pytest.approx(1.0, abs=1e-3)


@pytest.mark.parametrize("when", [0.5, 1.0, 1.000001], ids=["waiting", "about to go", "told to go"])
async def test_a_cancelled_urgent_request_costs_nothing_and_holds_up_nobody(when: float) -> None:
    gate_ = gate(rate=1, burst=1)
    taken(gate_)
    first, second = asyncio.create_task(gate_.acquire_urgent()), asyncio.create_task(gate_.acquire_urgent())
    asyncio.get_running_loop().call_at(when, first.cancel)
    permit = await second
    assert first.cancelled()
    assert permit.taken_at == pytest.approx(1.0, abs=1e-3)


async def test_a_request_cancelled_in_the_very_moment_it_is_told_to_go_leaves_its_turn_to_the_next() -> None:
    gate_ = await rested()
    await throttled(gate_, 1.0)
    probe = await gate_.acquire_urgent()
    first, second = asyncio.create_task(gate_.acquire_urgent()), asyncio.create_task(gate_.acquire_urgent())
    await asyncio.sleep(10)
    gate_.record(probe, Outcome.OK, None)
    first.cancel()
    assert (await second).taken_at == clock()
    assert first.cancelled()
    assert gate_.wait() == pytest.approx(0.2, abs=1e-3), "one permit was spent, not two"


async def test_a_request_that_was_told_to_go_waits_again_when_a_429_comes_between() -> None:
    gate_ = await rested()
    late = taken(gate_)
    await throttled(gate_, 1.0)
    probe = await gate_.acquire_urgent()
    explaining = asyncio.create_task(gate_.acquire_urgent())
    await asyncio.sleep(10)
    gate_.record(probe, Outcome.OK, None)
    assert gate_.try_acquire() is None, "there is a permit, but not for polls"
    gate_.record(late, Outcome.THROTTLED, 5.0)
    closed_at = clock()
    permit = await explaining
    assert permit.probe
    assert permit.taken_at == pytest.approx(closed_at + 5, abs=1e-3)


async def test_the_last_urgent_request_to_be_cancelled_lets_the_polls_go() -> None:
    gate_ = gate(rate=1, burst=1)
    taken(gate_)
    explaining = asyncio.create_task(gate_.acquire_urgent())
    await asyncio.sleep(0.5)
    gate_.changed.clear()
    explaining.cancel()
    await gate_.changed.wait()
    assert clock() == 0.5
    assert gate_.wait() == pytest.approx(0.5, abs=1e-3)


async def test_a_crowd_of_impatient_requests_neither_leaks_nor_loses_budget() -> None:
    gate_ = gate(rate=10, burst=3)
    permits: list[float] = []

    async def explain(patience: float) -> None:
        try:
            async with asyncio.timeout(patience):
                permits.append((await gate_.acquire_urgent()).taken_at)
        except TimeoutError:
            pass

    async with asyncio.TaskGroup() as tasks:
        for number in range(200):
            tasks.create_task(explain(0.05 * (number * 37 % 100)))
            await asyncio.sleep(0.01)
    assert permits == sorted(permits)
    for i, first in enumerate(permits):
        for j in range(i, len(permits)):
            assert j - i + 1 <= 3 + 10 * (permits[j] - first) + 1e-6
    assert len(permits) >= 0.95 * 10 * permits[-1], "while there were takers, no budget was lost"
    await asyncio.sleep(1)
    assert [gate_.try_acquire() is not None for _ in range(4)] == [True, True, True, False]


# --- 429 ---


async def test_a_429_closes_the_gate_for_retry_after() -> None:
    gate_ = await rested()
    await throttled(gate_, 30.0)
    assert not gate_.open
    assert gate_.wait() == pytest.approx(30, abs=1e-3)
    assert gate_.closed_until is not None
    assert timedelta(0) <= gate_.closed_until - (now() + timedelta(seconds=30)) <= timedelta(microseconds=2)
    await asyncio.sleep(29.999)
    assert gate_.try_acquire() is None


async def test_one_probe_opens_the_gate_again() -> None:
    gate_ = await rested()
    await throttled(gate_, 30.0)
    await asyncio.sleep(gate_.wait())
    probe = taken(gate_)
    assert probe.probe
    assert gate_.try_acquire() is None
    gate_.changed.clear()
    gate_.record(probe, Outcome.OK, None)
    assert (gate_.open, gate_.closed_until) == (True, None)
    assert gate_.requests_per_second == 5.0
    assert gate_.changed.is_set()
    await asyncio.sleep(0.3)
    assert not taken(gate_).probe


async def test_an_urgent_request_can_be_the_probe() -> None:
    gate_ = await rested()
    await throttled(gate_, 30.0)
    closed_at = clock()
    first, second = asyncio.create_task(gate_.acquire_urgent()), asyncio.create_task(gate_.acquire_urgent())
    probe = await first
    assert probe.probe
    assert probe.taken_at == pytest.approx(closed_at + 30, abs=1e-3)
    await asyncio.sleep(5)
    assert not second.done()
    gate_.record(probe, Outcome.OK, None)
    assert not (await second).probe
    assert clock() == pytest.approx(closed_at + 35, abs=0.01)


async def test_requests_under_way_bring_their_429s_and_it_is_told_once() -> None:
    told = Told()
    gate_ = await rested(told=told)
    permits = [taken(gate_) for _ in range(10)]
    for permit in permits:
        gate_.record(permit, Outcome.THROTTLED, 30.0)
        await asyncio.sleep(0.05)
    assert told == [LaneRecord("acme", False, 5.0, "429, Retry-After 30s")]
    assert gate_.wait() == pytest.approx(30 - 0.05, abs=1e-3), "the last one counts"


async def test_a_closing_that_is_extended_by_much_is_told_again() -> None:
    told = Told()
    gate_ = await rested(told=told)
    permits = [taken(gate_) for _ in range(2)]
    for permit, seconds in zip(permits, (30.0, 90.0), strict=True):
        gate_.record(permit, Outcome.THROTTLED, seconds)
    assert told.reasons == ["429, Retry-After 30s", "429, Retry-After 1m 30s"]
    assert gate_.closed_until is not None
    assert gate_.closed_until >= now() + timedelta(seconds=90)


async def test_what_opens_and_the_climb_are_told_in_few_words() -> None:
    told = Told()
    gate_ = await rested(told=told)
    await throttled(gate_, 1.0)
    async with asyncio.timeout(120):
        while gate_.requests_per_second < 10:
            await asyncio.sleep(gate_.wait())
            gate_.record(taken(gate_), Outcome.OK, None)
    assert told.reasons[:2] == ["429, Retry-After 1s", "probe answered"]
    assert told.reasons[-1] == "rate is back at its ceiling"
    assert 4 <= len(told) <= 10
    assert told[-1].requests_per_second == 10


# --- restart ---


async def test_a_closing_holds_across_a_restart_and_ends_with_a_probe() -> None:
    told = Told()
    gate_ = gate(told=told, closed_until=now() + timedelta(seconds=45))
    assert not gate_.open
    assert told.reasons == ["closed by Retry-After before the start"]
    assert gate_.closed_until == now() + timedelta(seconds=45)
    assert gate_.wait() == pytest.approx(45, abs=1e-3)
    await asyncio.sleep(gate_.wait())
    assert taken(gate_).probe
    assert gate_.try_acquire() is None


@pytest.mark.parametrize(
    ("until", "asked", "seconds"),
    [
        pytest.param(45.0, 60.0, 45.0, id="what is left of it"),
        pytest.param(3 * 86_400.0, 60.0, 60.0, id="a clock set back asks for no more than the API did"),
        pytest.param(3 * 86_400.0, None, 3 * 86_400.0, id="nobody knows what was asked"),
    ],
)
async def test_a_closing_lasts_after_a_restart_no_longer_than_was_asked(
    until: float, asked: float | None, seconds: float
) -> None:
    gate_ = gate(closed_until=now() + timedelta(seconds=until), closed_for=asked)
    assert gate_.wait() == pytest.approx(seconds, abs=1e-3)
    assert gate_.closed_until == now() + timedelta(seconds=seconds)
    assert gate_.closed_for == pytest.approx(seconds)


async def test_a_gate_says_for_how_long_it_was_closed() -> None:
    gate_ = gate()
    assert (gate_.closed_for, gate_.closed) == (None, False)
    await throttled(gate_, 30.0)
    assert gate_.closed_for == pytest.approx(30.0, abs=1e-3)
    assert gate_.closed
    await asyncio.sleep(gate_.wait())
    assert (gate_.open, gate_.closed) == (False, False), "its probe may go, and nobody sends one"
    gate_.record(taken(gate_), Outcome.OK, None)
    assert (gate_.closed_for, gate_.closed_until) == (None, None)


async def test_a_rate_that_was_learned_holds_across_a_restart() -> None:
    before = gate()
    await throttled(before, 2.0)
    assert before.learned_rate == before.requests_per_second == 5
    after = gate(learned_rate=before.learned_rate, closed_until=before.closed_until, closed_for=before.closed_for)
    assert (after.open, after.requests_per_second, after.learned_rate) == (False, 5, 5), "the same 429 halves it once"
    later = gate(learned_rate=before.learned_rate)
    assert (later.open, later.requests_per_second) == (True, 5)


@pytest.mark.parametrize(
    ("learned", "rate"), [(None, 10), (5.0, 5), (20.0, 10), (0.0, 0.1)], ids=["nothing", "less", "more", "too little"]
)
async def test_a_rate_that_was_learned_under_other_limits_is_cut_to_these(learned: float | None, rate: float) -> None:
    made = gate(learned_rate=learned)
    assert made.requests_per_second == rate
    assert made.learned_rate == (None if rate == 10 else rate)


async def test_a_closing_that_ends_soon_after_a_restart_holds_until_then() -> None:
    gate_ = gate(closed_until=now() + timedelta(seconds=0.4))
    assert (gate_.open, gate_.closed, gate_.try_acquire()) == (False, True, None)
    await asyncio.sleep(0.401)
    assert taken(gate_).probe


async def test_a_closing_that_has_passed_closes_nothing() -> None:
    gate_ = gate(closed_until=now() - timedelta(seconds=1))
    assert gate_.open
    assert gate_.closed_until is None
    assert not taken(gate_).probe


# --- other limits ---


async def test_other_limits_hold_at_once_and_give_nothing_on_top() -> None:
    told = Told()
    gate_ = gate(rate=0.1, burst=1, told=told)
    taken(gate_)
    gate_.changed.clear()
    gate_.reconfigure(LaneLimits(10, 100))
    assert gate_.changed.is_set()
    assert gate_.try_acquire() is None
    assert gate_.wait() == pytest.approx(0.1, abs=1e-3)
    assert gate_.requests_per_second == 10
    assert told.reasons == ["limits changed"]


async def test_an_urgent_request_in_the_queue_profits_from_other_limits() -> None:
    gate_ = gate(rate=0.01, burst=1)
    taken(gate_)
    explaining = asyncio.create_task(gate_.acquire_urgent())
    await asyncio.sleep(1)
    gate_.reconfigure(LaneLimits(10, 1))
    assert (await explaining).taken_at == pytest.approx(1.1, abs=0.01)


async def test_the_same_limits_are_no_news() -> None:
    told = Told()
    gate_ = gate(told=told)
    gate_.reconfigure(LaneLimits(10, 10))
    assert told == []


# --- what can wait ---


async def poll_all_the_time(gate_: RateLimiter) -> None:
    """Polls that take whatever the lane gives."""
    while True:
        while (permit := gate_.try_acquire()) is not None:
            gate_.record(permit, Outcome.OK, None)
        await asyncio.sleep(min(max(gate_.wait(), 1e-3), 1.0))


async def test_what_can_wait_goes_at_once_where_nobody_polls() -> None:
    assert (await gate().acquire_background(30.0)).taken_at == pytest.approx(clock())


async def test_what_can_wait_starves_not_where_the_polls_use_up_the_lane() -> None:
    gate_ = gate(rate=1, burst=1)
    polls = asyncio.create_task(poll_all_the_time(gate_))
    await asyncio.sleep(10)
    began = clock()
    permit = await gate_.acquire_background(30.0)
    assert permit.taken_at - began <= 30.0 + 1.0 + 0.01
    polls.cancel()


async def test_what_can_wait_is_no_probe_and_waits_for_an_open_lane() -> None:
    gate_ = gate()
    await throttled(gate_, 300.0)
    waiting = asyncio.create_task(gate_.acquire_background(30.0))
    await asyncio.sleep(400)
    assert not waiting.done()
    probe = taken(gate_)
    assert probe.probe
    gate_.record(probe, Outcome.OK, None)
    assert not (await waiting).probe


async def test_what_can_wait_lets_who_explains_an_alert_go_first() -> None:
    gate_ = gate(rate=1, burst=1)
    taken(gate_)
    urgent = asyncio.create_task(gate_.acquire_urgent())
    await asyncio.sleep(0)
    permit = await gate_.acquire_background(30.0)
    assert (await urgent).taken_at < permit.taken_at


async def test_who_gives_up_waiting_costs_nothing() -> None:
    gate_ = gate(rate=1, burst=1)
    taken(gate_)
    waiting = asyncio.create_task(gate_.acquire_background(30.0))
    await asyncio.sleep(0.5)
    waiting.cancel()
    await asyncio.sleep(0.6)
    taken(gate_)


async def test_nobody_waits_at_the_gate_of_an_account_that_left() -> None:
    gate_ = gate()
    await throttled(gate_, 3600.0)
    waiting = [asyncio.create_task(gate_.acquire_background(30.0)), asyncio.create_task(gate_.acquire_urgent())]
    await asyncio.sleep(1)
    gate_.dismiss()
    await asyncio.sleep(0.1)
    assert [type(task.exception()) for task in waiting] == [GateDismissedError] * 2
