"""`GET .../explain` of one target as JSON: why there were alerts about it, or none."""

import msgspec
from aiohttp import web

from monitor.core.detection.overdue import AppliedLimit, LimitSource
from monitor.core.event_types import EventType, Severity
from monitor.core.formats.timestamps import format_timestamp
from monitor.core.model import Outcome, Status
from monitor.polling.look_log import Look
from monitor.web.api import query
from monitor.web.api.alert_schemas import TellingShape, telling_shape
from monitor.web.api.responses import json_error, json_response
from monitor.web.api.target_schemas import NextPollShape, moment
from monitor.web.api.targets import key_in
from monitor.web.explanation import ExplainedEvent, Explanation
from monitor.web.view import View


class LookShape(msgspec.Struct, omit_defaults=True, kw_only=True):
    at: str
    seen_by: str
    """`status` or `list`."""
    outcome: Outcome
    duration: float
    """Seconds from sent to committed."""
    delay: float
    """Seconds from due to sent."""
    detail: str = ""
    events: tuple[str, ...] = ()


class LimitShape(msgspec.Struct, omit_defaults=True, kw_only=True):
    """A limit of the instance, or of a step that is under way; without `seconds` there is none."""

    step: str | None = None
    seconds: float | None = None
    source: LimitSource | None = None
    started_at: str | None = None
    deadline: str | None = None
    """On the API's clock."""
    passed: bool = False


class RefusalShape(msgspec.Struct):
    """A receiver that was not notified."""

    receiver: str
    reason: str


class ExplainedEventShape(msgspec.Struct, omit_defaults=True, kw_only=True):
    id: str
    type: EventType
    severity: Severity
    summary: str
    time: str
    alert: str | None = None
    """`open`, or why it is over; absent: it opened none."""
    deliveries: list[TellingShape]
    not_notified: list[RefusalShape]


class ExplanationShape(msgspec.Struct, omit_defaults=True, kw_only=True):
    account: str
    definition: str
    workflow: str
    name: str | None = None
    status: Status
    since: str | None = None
    last_seen_at: str | None = None
    failures: int
    next_poll: NextPollShape
    looks: list[LookShape]
    """The last 20, the newest first."""
    limits: list[LimitShape]
    events: list[ExplainedEventShape]
    """The last 20, the newest first."""
    notes: list[str]
    """Why nothing was told; for people."""


class Explain:
    def __init__(self, view: View) -> None:
        self._view = view

    def routes(self) -> list[web.RouteDef]:
        return [web.get("/api/v1/targets/{account}/{definition}/{workflow}/explain", self.explain)]

    async def explain(self, request: web.Request) -> web.Response:
        query.parameters(request.query, ())
        found = await self._view.explain(key_in(request))
        if found is None:
            return json_error(404, "this target is not watched; /api/v1/targets lists those that are")
        return json_response(explanation_shape(found))


def explanation_shape(found: Explanation) -> ExplanationShape:
    watched = found.watched
    return ExplanationShape(
        **watched.target.key._asdict(),
        name=watched.target.name,
        status=watched.state.status,
        since=moment(watched.state.since),
        last_seen_at=moment(watched.last_seen_at),
        failures=watched.failures,
        next_poll=NextPollShape(found.next_poll.reason, moment(found.next_poll.at)),
        looks=[_look(look) for look in found.looks],
        limits=[_limit(limit, found) for limit in found.limits],
        events=[_event(event) for event in found.events],
        notes=list(found.notes),
    )


def _look(look: Look) -> LookShape:
    return LookShape(
        at=format_timestamp(look.at),
        seen_by=look.seen_by,
        outcome=look.outcome,
        duration=round(look.duration, 6),
        delay=round(look.delay, 6),
        detail=look.detail,
        events=look.events,
    )


def _limit(applied: AppliedLimit, found: Explanation) -> LimitShape:
    limit, deadline = applied.limit, applied.deadline
    return LimitShape(
        step=applied.step,
        seconds=limit.seconds if limit is not None else None,
        source=limit.source if limit is not None else None,
        started_at=moment(applied.started_at),
        deadline=moment(deadline),
        passed=deadline is not None and deadline <= found.now,
    )


def _event(event: ExplainedEvent) -> ExplainedEventShape:
    return ExplainedEventShape(
        id=event.id,
        type=event.type,
        severity=event.severity,
        summary=event.summary,
        time=event.at,
        alert="open" if event.open else event.closed or None,
        deliveries=[telling_shape(one) for one in event.notifications],
        not_notified=[RefusalShape(receiver, reason) for receiver, reason in event.refusals],
    )
