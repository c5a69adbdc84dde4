"""Explains one target: its last looks, its limits, its next poll, its events, and who was notified of them or not."""

from collections.abc import Awaitable, Callable, Sequence
from datetime import datetime, timedelta
from typing import Final

import msgspec

from monitor.core.alerting.routing import Feed, Route
from monitor.core.alerts import Alert
from monitor.core.detection.overdue import applied_limits
from monitor.core.event_types import EventType, Severity
from monitor.core.model import Status, TargetKey
from monitor.polling.look_log import Look, LookLog
from monitor.polling.scheduler import Scheduler
from monitor.polling.step_limits import StepLimits
from monitor.polling.watched import Watched, WatchedTargets
from monitor.store import Notification, Store, StoredEvent
from monitor.web.explanation import ExplainedEvent, Explanation

_EVENTS: Final = 20


class _StoredData(msgspec.Struct):
    severity: Severity
    summary: str


class _StoredFacts(msgspec.Struct):
    id: str
    type: EventType
    time: str
    data: _StoredData


_READ: Final = msgspec.json.Decoder(_StoredFacts).decode


class Explainer:
    """Reads only."""

    def __init__(
        self,
        targets: WatchedTargets,
        scheduler: Scheduler,
        store: Store,
        step_limits: StepLimits,
        looks: LookLog,
        *,
        routes: Sequence[Route],
        recall: Callable[[Watched], Awaitable[None]],
        skew: Callable[[str], float],
        now: Callable[[], datetime],
    ) -> None:
        """`recall` reads the rest of a belief. `skew`: seconds that an account's API is ahead of us."""
        self._targets = targets
        self._scheduler = scheduler
        self._store = store
        self._step_limits = step_limits
        self._looks = looks
        self._routes = routes
        self._recall = recall
        self._skew = skew
        self._now = now

    async def explain(self, key: TargetKey) -> Explanation | None:
        """None: the target is not watched. Raises StoreUnavailable."""
        events = [_READ(stored.body) for stored in reversed(await self._events(key))]
        alerts = {alert.id: alert for alert in await self._store.alerts_by_id([event.id for event in events])}
        refs = {*[event.id for event in events], *[alert.incident for alert in alerts.values()]}
        told = await self._store.notifications(refs)
        watched = self._targets.get(key)
        if watched is None:
            return None
        await self._recall(watched)
        limits = self._step_limits.limits_for(key, watched.state.version)
        looks = tuple(self._looks.of(key))
        explained = tuple(self._event(event, alerts.get(event.id), told) for event in events)
        return Explanation(
            watched=watched,
            next_poll=self._scheduler.next_poll(key),
            looks=looks,
            limits=tuple(applied_limits(watched.state, watched.target, limits)),
            now=self._now() + timedelta(seconds=self._skew(key.account)),
            events=explained,
            notes=tuple(_notes(watched, looks, explained, self._routes)),
        )

    async def _events(self, key: TargetKey) -> list[StoredEvent]:
        return await self._store.target_events(key, _EVENTS)

    def _event(self, event: _StoredFacts, alert: Alert | None, told: dict[str, list[Notification]]) -> ExplainedEvent:
        own = told.get(event.id, [])
        shared = told.get(alert.incident, []) if alert is not None and alert.incident != event.id else []
        notified = {one.receiver for one in (*own, *shared)}
        refusals = [
            (route.receiver, _why_not(route, event, alert)) for route in self._routes if route.receiver not in notified
        ]
        return ExplainedEvent(
            id=event.id,
            type=event.type,
            severity=event.data.severity,
            summary=event.data.summary,
            at=event.time,
            open=alert is not None and alert.end is None,
            closed=alert.end.value if alert is not None and alert.end is not None else "",
            notifications=(*own, *shared),
            refusals=tuple(refusals),
        )


def _why_not(route: Route, event: _StoredFacts, alert: Alert | None) -> str:
    if (reason := route.refusal(event.type, event.data.severity)) is not None:
        return reason
    if route.gets is Feed.EVENTS:
        return "it was configured, or the history of its deliveries was deleted, after this event"
    if alert is None:
        return "it gets alerts, and this event opens none"
    return "an open alert or incident covers this one, or it was configured later"


def _notes(
    watched: Watched, looks: Sequence[Look], events: Sequence[ExplainedEvent], routes: Sequence[Route]
) -> list[str]:
    notes = []
    if not routes:
        notes.append("no receivers are configured: events are only logged, shown and counted")
    if not events:
        notes.append(_why_no_event(watched, looks))
    elif routes and not any(event.notifications for event in events):
        notes.append("no receiver was notified of any of its events; each event has the reason of each receiver")
    if watched.failures:
        notes.append(f"the last {watched.failures} looks had no usable answer, so what it does now is not known")
    return notes


def _why_no_event(watched: Watched, looks: Sequence[Look]) -> str:
    status = watched.state.status
    if not looks and watched.last_seen_at is None:
        return "nothing was told: it has not been looked at yet"
    if status is Status.UNKNOWN:
        return "nothing was told: no look has had a usable answer yet"
    if status is Status.COMPLETE:
        return "nothing was told: it had completed before it was seen first, or its events were deleted since"
    return f"nothing was told: it is {status.value}, no step has failed, and no limit has passed"
