"""What the parts of a poll cost, each alone, and some that are not on its path."""

import asyncio
import io
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime

import msgspec
from prometheus_client import CollectorRegistry

from monitor.core.detection.detect import Detection, Policy, detect
from monitor.core.model import Endpoint, Outcome, Seen, Status, StepStatus, Target, TargetKey, TargetState
from monitor.core.records import PollRecord, RequestRecord
from monitor.core.scheduling.lane import Lane, LaneLimits
from monitor.core.scheduling.schedule import Schedule
from monitor.core.text import cloudevent
from monitor.telemetry import Telemetry, configure
from monitor.upstream.rate_limiter import RateLimiter
from monitor.upstream.wire import read_status
from tests.bench.house import DEFINITION, Figure
from tests.bench.servers import answer_text

_SECONDS = 0.25
_MANY = 100_000
_NOW = datetime(2026, 1, 5, 10, 1, tzinfo=UTC)
_KEY = TargetKey("acme", DEFINITION, "60dbe307fe55d99fc083db61")
_TARGET = Target(key=_KEY, interval=30.0)
_BODY = answer_text().encode()


def run() -> Iterator[Figure]:
    yield from asyncio.run(_all())


async def _all() -> list[Figure]:
    return [*_of_a_poll(), *_of_the_budget(), *_of_telemetry()]


def _of_a_poll() -> Iterator[Figure]:
    seen = read_status(200, {}, _BODY)
    assert isinstance(seen, Seen)
    believed = _detect(TargetState(key=_KEY), seen).state
    yield _figure("an answer with 5 steps read", lambda: read_status(200, {}, _BODY))
    yield _figure("detection, as believed", lambda: _detect(believed, seen))
    last = msgspec.structs.replace(seen.snapshot.steps[-1], status=StepStatus.FAILED)
    failed = Seen(msgspec.structs.replace(seen.snapshot, steps=(*seen.snapshot.steps[:-1], last)))
    yield _figure("detection, a step failed", lambda: _detect(believed, failed))
    event = _detect(believed, failed).events[0]
    yield _figure(
        "an event as CloudEvents JSON",
        lambda: cloudevent.encode(event, base_url="https://automation.8x8.com", external_url="http://localhost:8808"),
    )


def _detect(state: TargetState, seen: Seen) -> Detection:
    return detect(state, _TARGET, seen, last_seen_at=_NOW, now=_NOW, policy=Policy(), known_drifts=frozenset())


def _of_the_budget() -> Iterator[Figure]:
    limits = LaneLimits(1e9, 1_000_000)
    lane = Lane.started(limits, 0.0)
    yield _figure("lane: wait, take, answered", lambda: _through(lane))
    gate = RateLimiter("acme", limits, now=lambda: _NOW, jitter=lambda: 0.0, report=lambda _: None)

    def pass_gate() -> None:
        gate.wait()
        permit = gate.try_acquire()
        if permit is not None:
            gate.record(permit, Outcome.OK, None)

    yield _figure("gate: wait, take, answered", pass_gate)
    schedule, clock = Schedule(), [0.0]
    for number in range(_MANY):
        schedule.add(TargetKey("acme", DEFINITION, f"{number:024x}"), 30.0, 0.0)

    def turn() -> None:
        clock[0] += schedule.wait(clock[0]) or 0.0
        schedule.done(schedule.pop(clock[0]).key, clock[0], 0, 300.0, 0.0)

    yield _figure(f"schedule of {_MANY:,}: wait, pop, done", turn)


def _through(lane: Lane) -> None:
    if not lane.wait(1.0) and (taken := lane.take(1.0)) is not None:
        taken.answered(1.0, 0, Outcome.OK, None, 0.0)


def _of_telemetry() -> Iterator[Figure]:
    logs = configure("info", "json", io.StringIO(), now=lambda: _NOW)
    telemetry = Telemetry(CollectorRegistry(), logs.log, external_url="http://localhost:8808")
    request = RequestRecord("acme", Endpoint.STATUS, Outcome.OK, 0.02, _NOW, 0.0)
    poll = PollRecord(
        target=_TARGET,
        before=Status.RUNNABLE,
        state=TargetState(key=_KEY, status=Status.RUNNABLE),
        changed=False,
        outcome=Outcome.OK,
        detail="as believed",
        events=(),
        delay=0.001,
        duration=0.02,
        observed_at=_NOW,
        skew=0.0,
    )
    yield _figure("telemetry of a request", lambda: telemetry.request(request))
    yield _figure("telemetry of an unchanged poll", lambda: telemetry.poll(poll))
    logs.close()


def _figure(name: str, call: Callable[[], object]) -> Figure:
    """The best of several rounds: what is slower was somebody else's."""
    rounds, best, until = 200, float("inf"), time.perf_counter() + _SECONDS
    while time.perf_counter() < until:
        began = time.process_time_ns()
        for _ in range(rounds):
            call()
        best = min(best, (time.process_time_ns() - began) / rounds / 1000)
    return Figure(f"micro: {name}", f"{best:.1f} us")
