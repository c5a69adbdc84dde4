"""The heartbeat in virtual time: pinged while the monitor does its work, silent while it does not."""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from io import StringIO

import pytest
from prometheus_client import CollectorRegistry

from monitor.alerting.heartbeat import Heartbeat
from monitor.core.alerting.verdict import Delivered, Refused, Retry, Verdict
from monitor.core.liveness import Liveness, unhealthy_reason
from monitor.telemetry import Telemetry, configure

pytestmark = pytest.mark.looptime

NOON = datetime(2026, 1, 5, 12, tzinfo=UTC)
INTERVAL = 30.0


def time() -> float:
    return asyncio.get_running_loop().time()


def now() -> datetime:
    return NOON + timedelta(seconds=time())


class Ward:
    """A heartbeat over what a test says of loops, store and receivers; what it pinged, and what was logged."""

    def __init__(self, interval: float) -> None:
        self.pings: list[float] = []
        self.answer: Verdict | Exception = Delivered()
        self.pulses = Liveness(60.0)
        self.store_available = True
        self.acknowledges = {"oncall": True, "chat": True}
        self.faults: list[str] = []
        self.registry = CollectorRegistry()
        self.stream = StringIO()
        self.logs = configure("info", "console", self.stream, now=now)
        telemetry = Telemetry(self.registry, self.logs.log, external_url="http://127.0.0.1:9", receivers=["oncall"])
        self.heartbeat = Heartbeat(
            self.ping,
            interval=interval,
            reasons=lambda: unhealthy_reason(self.pulses.loops(time()), self.store_available, self.acknowledges),
            now=now,
            report=telemetry.heartbeat,
            fault=lambda loop, error: self.faults.append(f"{loop}: {error}"),
        )

    async def ping(self) -> Verdict:
        self.pings.append(time())
        if isinstance(self.answer, Exception):
            raise self.answer
        return self.answer

    def beat(self) -> None:
        self.pulses.beat("heartbeat", time())

    def logged(self) -> list[str]:
        """The lines about the heartbeat so far."""
        return [line for line in self.stream.getvalue().splitlines() if "heartbeat." in line]

    def succeeded_at(self) -> float | None:
        return self.registry.get_sample_value("workflow_monitor_heartbeat_last_success_timestamp_seconds")

    async def until(self, moment: float) -> None:
        await asyncio.sleep(moment - time())


@contextlib.asynccontextmanager
async def ward(interval: float = INTERVAL) -> AsyncIterator[Ward]:
    made = Ward(interval)
    running = asyncio.create_task(made.heartbeat.run(made.beat))
    try:
        yield made
    finally:
        running.cancel()
        await asyncio.wait([running])
        made.logs.close()


async def test_it_is_pinged_at_the_interval_and_says_nothing_of_it() -> None:
    async with ward() as here:
        assert here.succeeded_at() == 0
        await here.until(100)
        assert here.pings == [30, 60, 90]
        assert here.succeeded_at() == (NOON + timedelta(seconds=90)).timestamp()
        assert here.logged() == []


async def test_the_first_ping_of_a_long_interval_comes_after_a_minute_and_its_loop_turns_meanwhile() -> None:
    async with ward(3600) as here:
        for moment in range(59, 3720, 59):
            await here.until(moment)
            assert here.pulses.loops(time())["heartbeat"].turns
        assert here.pings == [60, 3660]


async def test_it_is_withheld_while_the_store_fails_which_is_said_once_and_comes_back() -> None:
    async with ward() as here:
        await here.until(40)
        here.store_available = False
        await here.until(400)
        assert here.pings == [30]
        (begun,) = here.logged()
        assert "heartbeat.withheld" in begun
        assert "the store does not take commits" in begun
        here.store_available = True
        await here.until(500)
        assert here.pings == [30, 420, 450, 480]
        assert ["heartbeat.recovered" in line for line in here.logged()] == [False, True]


async def test_it_is_withheld_while_a_loop_is_stuck() -> None:
    async with ward() as here:
        here.pulses.beat("deliver", 0.0)
        await here.until(200)
        assert here.pings == [30, 60]
        here.pulses.beat("deliver", time())
        await here.until(230)
        assert here.pings == [30, 60, 210]
        assert ["stuck: deliver" in line for line in here.logged()] == [True, False]


async def test_it_is_withheld_while_every_receiver_fails_and_not_while_one_does() -> None:
    async with ward() as here:
        here.acknowledges["chat"] = False
        await here.until(40)
        assert here.pings == [30]
        here.acknowledges["oncall"] = False
        await here.until(100)
        assert here.pings == [30]
        here.acknowledges["chat"] = True
        await here.until(130)
        assert here.pings == [30, 120]


@pytest.mark.parametrize("answer", [Retry("no answer within 10s", receiver_down=True), Refused("HTTP 404")], ids=type)
async def test_a_ping_that_fails_is_said_once_and_tried_at_every_interval(answer: Verdict) -> None:
    async with ward() as here:
        here.answer = answer
        await here.until(100)
        assert here.pings == [30, 60, 90]
        assert here.succeeded_at() == 0
        (begun,) = here.logged()
        assert "heartbeat.failing" in begun
        assert getattr(answer, "detail", "") in begun
        here.answer = Delivered()
        await here.until(160)
        assert here.pings[3:] == [120, 150]
        assert ["heartbeat.recovered" in line for line in here.logged()] == [False, True]


async def test_it_survives_a_fault_of_ours() -> None:
    async with ward() as here:
        here.answer = RuntimeError("a bug")
        await here.until(40)
        here.answer = Delivered()
        await here.until(70)
        assert here.pings == [30, 60]
        assert here.faults == ["heartbeat: a bug"]
