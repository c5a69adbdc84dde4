"""Short ways to say what was seen and what is believed, for the tests of detection."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

from monitor.core.detection.blindness import NOWHERE, Site
from monitor.core.detection.detect import Detection, Policy, detect
from monitor.core.detection.overdue import NO_LIMITS, Limits
from monitor.core.event_types import EventType
from monitor.core.model import (
    Event,
    Observation,
    Outcome,
    PollFailed,
    Seen,
    Snapshot,
    Status,
    StepExecution,
    StepStatus,
    Target,
    TargetKey,
    TargetState,
    WorkflowError,
)

KEY = TargetKey("acme", "5870442f-3ddd-4657-b74c-6e17308f5230", "60dbe307fe55d99fc083db61")
TARGET = Target(key=KEY, interval=30.0, name="onboarding-reply", labels={"team": "messaging"})
NEW = TargetState(key=KEY)
START = datetime(2026, 1, 5, 10, tzinfo=UTC)
MISS = PollFailed(Outcome.NOT_FOUND)


def at(seconds: float) -> datetime:
    return START + timedelta(seconds=seconds)


def step(
    id: str, status: StepStatus, started: float | None = 0, ended: float | None = None, name: str = "step1"
) -> StepExecution:
    return StepExecution(
        id, name, status, at(started) if started is not None else None, at(ended) if ended is not None else None
    )


def error(message: str, when: float | None = None, name: str = "step1") -> WorkflowError:
    return WorkflowError(name, message, at(when) if when is not None else None)


def seen(
    status: Status,
    *steps: StepExecution,
    ended: float | None = None,
    errors: tuple[WorkflowError, ...] | None = None,
    version: int | None = 1,
    drifts: tuple[str, ...] = (),
) -> Seen:
    snapshot = Snapshot(
        status=status,
        version=version,
        started_at=START,
        completed_at=at(ended) if ended is not None else None,
        steps=steps,
        drifts=drifts,
    )
    return Seen(snapshot, errors)


def poll(
    state: TargetState,
    observation: Observation,
    *,
    now: float = 100,
    last: float | None = 70,
    known: frozenset[str] = frozenset(),
    target: Target = TARGET,
    limits: Limits = NO_LIMITS,
    skew: float = 0.0,
    silence: float = 0.0,
    site: Site = NOWHERE,
) -> Detection:
    return detect(
        state,
        target,
        observation,
        last_seen_at=at(last) if last is not None else None,
        now=at(now),
        policy=Policy(not_found_after=3),
        known_drifts=known,
        limits=limits,
        skew=skew,
        silence=silence,
        site=site,
    )


def believe(*observations: Observation) -> tuple[TargetState, tuple[Event, ...]]:
    """The belief after these polls of a new target, 30 s apart, and every event on the way."""
    state = NEW
    events: list[Event] = []
    for number, observation in enumerate(observations):
        verdict = poll(state, observation, now=30 * number, last=30 * (number - 1) if number else None)
        state = verdict.state
        events += verdict.events
    return state, tuple(events)


def types(events: Sequence[Event]) -> list[EventType]:
    return [event.type for event in events]
