"""The schemas of the JSON resources. A field that does not apply is absent; times are RFC 3339 in UTC with `Z`."""

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any
from urllib.parse import quote

import msgspec

from monitor.core.formats.timestamps import format_timestamp
from monitor.core.model import Cause, Outcome, Status, StepExecution, StepStatus, TargetKey
from monitor.core.records import NextPoll, PollTrace
from monitor.polling.watched import Watched
from monitor.store import StoredEvent


class TargetShape(msgspec.Struct, omit_defaults=True, kw_only=True):
    account: str
    definition: str
    workflow: str
    name: str | None = None
    definition_name: str | None = None
    status: Status
    since: str | None = None
    version: int | None = None
    cause: Cause | None = None
    started_at: str | None = None
    completed_at: str | None = None
    first_seen_at: str | None = None
    last_seen_at: str | None = None
    failures: int
    """Consecutive polls without a usable answer."""
    interval: float
    """Seconds."""
    labels: Mapping[str, str]
    link: str


class StepShape(msgspec.Struct, omit_defaults=True, kw_only=True):
    id: str
    name: str
    status: StepStatus
    started_at: str | None = None
    completed_at: str | None = None


class NextPollShape(msgspec.Struct, omit_defaults=True):
    reason: str
    at: str | None = None


class PollShape(msgspec.Struct, omit_defaults=True):
    at: str
    outcome: Outcome
    duration: float
    """Seconds."""
    detail: str = ""
    events: tuple[str, ...] = ()


class TargetDetails(TargetShape, kw_only=True):
    """One target with its details; the lists are present even if they are empty."""

    steps: list[StepShape]
    next_poll: NextPollShape
    polls: list[PollShape]
    events: list[msgspec.Raw]


def path_of(key: TargetKey) -> str:
    """The path of the target's page."""
    return "/targets/" + "/".join(quote(part, safe="") for part in key)


def target_shape(watched: Watched, external_url: str) -> TargetShape:
    return TargetShape(**_belief(watched, external_url))


def target_details(
    watched: Watched, next_poll: NextPoll, events: Iterable[StoredEvent], external_url: str
) -> TargetDetails:
    return TargetDetails(
        **_belief(watched, external_url),
        steps=[_step(step) for step in watched.state.steps],
        next_poll=NextPollShape(next_poll.reason, moment(next_poll.at)),
        polls=[_poll(trace) for trace in watched.traces],
        events=[msgspec.Raw(stored.body) for stored in events],
    )


def _belief(watched: Watched, external_url: str) -> dict[str, Any]:
    target, state = watched.target, watched.state
    return {
        **target.key._asdict(),
        "name": target.name,
        "definition_name": target.definition_name,
        "status": state.status,
        "since": moment(state.since),
        "version": state.version,
        "cause": state.cause,
        "started_at": moment(state.started_at),
        "completed_at": moment(state.completed_at),
        "first_seen_at": moment(state.first_seen_at),
        "last_seen_at": moment(watched.last_seen_at),
        "failures": watched.failures,
        "interval": target.interval,
        "labels": dict(target.labels),
        "link": external_url + path_of(target.key),
    }


def _step(step: StepExecution) -> StepShape:
    return StepShape(
        id=step.id,
        name=step.step,
        status=step.status,
        started_at=moment(step.started_at),
        completed_at=moment(step.completed_at),
    )


def _poll(trace: PollTrace) -> PollShape:
    return PollShape(format_timestamp(trace.at), trace.outcome, round(trace.duration, 6), trace.detail, trace.events)


def moment(at: datetime | None) -> str | None:
    return None if at is None else format_timestamp(at)
