"""One target, also one that is not watched any more: alerts link to it."""

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Final

import msgspec
from aiohttp import web

from monitor.core.detection.overdue import LimitSource
from monitor.core.event_types import EventType, Severity
from monitor.core.formats.timestamps import parse_timestamp
from monitor.core.model import Cause, Status, StepExecution, StepStatus, TargetState
from monitor.core.records import NextPoll
from monitor.core.text.summary import target_label
from monitor.polling.look_log import Look
from monitor.polling.watched import Watched
from monitor.store import StoredEvent
from monitor.web.api import query
from monitor.web.api.target_schemas import path_of
from monitor.web.api.targets import key_in
from monitor.web.explanation import ExplainedEvent, Explanation
from monitor.web.pages.models.alert_rows import Told, told
from monitor.web.pages.models.definitions import definition_path
from monitor.web.pages.models.event_rows import EventRow, event_rows
from monitor.web.pages.models.model import Model, read
from monitor.web.pages.snapshot import PageSnapshot
from monitor.web.pages.timeline import Timeline, drawn

_MOST_STEPS: Final = 200
"""Executions in the table; of more, the last ones."""


class Belief(msgspec.Struct, frozen=True, kw_only=True):
    """What is believed of a watched target."""

    status: Status
    cause: Cause | None
    since: datetime | None
    definition_name: str | None
    version: int | None
    started_at: datetime | None
    completed_at: datetime | None
    first_seen_at: datetime | None
    last_seen_at: datetime | None
    failures: int
    labels: tuple[tuple[str, str], ...]
    next_poll: NextPoll


class StepRow(msgspec.Struct, frozen=True, kw_only=True):
    step: str
    status: StepStatus
    started_at: datetime | None
    completed_at: datetime | None
    seconds: float | None
    """How long it took; None: it is under way, or its times are not known."""
    message: str
    """Why it failed."""


class LimitRow(msgspec.Struct, frozen=True, kw_only=True):
    step: str | None
    """None: the instance."""
    seconds: float | None
    """None: it has no limit."""
    source: LimitSource | None
    deadline: datetime | None


class ToldRow(msgspec.Struct, frozen=True, kw_only=True):
    """An event, and who was notified of it or not."""

    id: str
    type: EventType
    severity: Severity
    summary: str
    at: datetime | None
    path: str | None
    """Of its alert; None: it opened none."""
    told: tuple[Told, ...]
    refusals: tuple[tuple[str, str], ...]


class TargetPage(Model, frozen=True, kw_only=True):
    account: str
    definition: str
    workflow: str
    api: str
    """The path of the same as JSON."""
    definition_path: str
    belief: Belief | None
    """None: it is not watched."""
    readable: bool
    events: tuple[EventRow, ...]
    headline: EventRow | None
    """The event that matters most: of the most severe, the last one."""
    steps: tuple[StepRow, ...] = ()
    steps_left_out: int = 0
    timeline: Timeline | None = None
    """As of the last look."""
    messages: tuple[tuple[str, str], ...] = ()
    """The step and the message of each known failure, the last one of a step."""
    limits: tuple[LimitRow, ...] = ()
    looks: tuple[Look, ...] = ()
    told: tuple[ToldRow, ...] = ()
    notes: tuple[str, ...] = ()


async def target(snapshot: PageSnapshot, request: web.Request) -> TargetPage:
    query.parameters(request.query, ("fragment",))
    key = key_in(request)
    found = await read(snapshot.view.target_events(key))
    explanation = await read(snapshot.view.explain(key))
    watched = snapshot.view.target(key)
    known = watched is not None or found != []
    events = event_rows(found or ())
    page = TargetPage(
        title="Not watched" if watched is None else _label(watched),
        http_status=200 if known else 404,
        **key._asdict(),
        api="/api/v1" + path_of(key),
        definition_path=definition_path(key.account, key.definition),
        belief=None if watched is None else _belief(watched, snapshot),
        readable=found is not None,
        events=events,
        headline=_headline(events),
        messages=tuple(_messages(found or ()).items()),
    )
    if watched is not None:
        page = _with_steps(page, watched.state, watched.last_seen_at)
    return page if explanation is None else _explained(page, explanation)


def _belief(watched: Watched, snapshot: PageSnapshot) -> Belief:
    target, state = watched.target, watched.state
    return Belief(
        status=state.status,
        cause=state.cause,
        since=state.since,
        definition_name=target.definition_name,
        version=state.version,
        started_at=state.started_at,
        completed_at=state.completed_at,
        first_seen_at=state.first_seen_at,
        last_seen_at=watched.last_seen_at,
        failures=watched.failures,
        labels=tuple(target.labels.items()),
        next_poll=snapshot.view.next_poll(target.key),
    )


def _label(watched: Watched) -> str:
    target = watched.target
    return target_label(target.name, target.definition_name, target.key.definition, target.key.workflow)


_RANK: Final = {Severity.INFO: 0, Severity.WARNING: 1, Severity.CRITICAL: 2}


def _headline(events: Sequence[EventRow]) -> EventRow | None:
    """`events`: the newest first."""
    worst = max(events, key=lambda event: _RANK[event.severity], default=None)
    return worst if worst is not None and worst.severity is not Severity.INFO else None


# --- its steps --------------------------------------------------------------------------------------------


class _FailureMessage(msgspec.Struct):
    step: str
    message: str


class _FailureData(msgspec.Struct):
    errors: list[_FailureMessage] = []


class _Failed(msgspec.Struct):
    data: _FailureData


_FAILED: Final = msgspec.json.Decoder(_Failed).decode


def _messages(found: Iterable[StoredEvent]) -> dict[str, str]:
    """By step, from the events; `found`: oldest first."""
    return {error.step: error.message for stored in found for error in _FAILED(stored.body).data.errors}


def _with_steps(page: TargetPage, state: TargetState, last_seen_at: datetime | None) -> TargetPage:
    messages, steps = dict(page.messages), state.steps
    times = [at for step in steps for at in (step.started_at, step.completed_at) if at is not None]
    if last_seen_at is not None and not state.status.ended:
        times.append(last_seen_at)
    as_of = max(times, default=None)
    return msgspec.structs.replace(
        page,
        steps=tuple(_step(step, messages) for step in steps[-_MOST_STEPS:]),
        steps_left_out=max(len(steps) - _MOST_STEPS, 0),
        timeline=drawn(steps, as_of) if as_of is not None else None,
    )


def _step(step: StepExecution, messages: dict[str, str]) -> StepRow:
    known = step.started_at is not None and step.completed_at is not None
    return StepRow(
        step=step.step,
        status=step.status,
        started_at=step.started_at,
        completed_at=step.completed_at,
        seconds=(step.completed_at - step.started_at).total_seconds() if known else None,  # type: ignore[operator]
        message=messages.get(step.step, "") if step.status is StepStatus.FAILED else "",
    )


# --- why it was told or not -------------------------------------------------------------------------------


def _explained(page: TargetPage, explanation: Explanation) -> TargetPage:
    return msgspec.structs.replace(
        page,
        limits=tuple(
            LimitRow(
                step=one.step,
                seconds=one.limit.seconds if one.limit is not None else None,
                source=one.limit.source if one.limit is not None else None,
                deadline=one.deadline,
            )
            for one in explanation.limits
        ),
        looks=explanation.looks,
        told=tuple(_told(event) for event in explanation.events),
        notes=explanation.notes,
    )


def _told(event: ExplainedEvent) -> ToldRow:
    return ToldRow(
        id=event.id,
        type=event.type,
        severity=event.severity,
        summary=event.summary,
        at=parse_timestamp(event.at),
        path=f"/alerts/{event.id}" if event.open or event.closed else None,
        told=told(event.notifications),
        refusals=event.refusals,
    )
