"""What the pages see of the running daemon."""

from collections.abc import Awaitable, Callable, Collection, Mapping, Sequence
from datetime import datetime

import msgspec

from monitor.alerting.deliverer import Deliverer
from monitor.alerting.publisher import Publisher
from monitor.app.current_settings import CurrentSettings
from monitor.app.definitions import Definitions
from monitor.app.explainer import Explainer
from monitor.app.health import Readiness
from monitor.app.loops import Loops
from monitor.app.summaries import Summaries
from monitor.core.alerts import Alert, AlertEnd, Closing, Incident, VersionImpact
from monitor.core.model import Status, TargetKey
from monitor.core.records import NextPoll
from monitor.polling.scheduler import Scheduler
from monitor.polling.watched import Watched, WatchedTargets
from monitor.store import DeliveryStatus, EventFilter, Notification, OpenAlert, Store, StoredDelivery, StoredEvent
from monitor.telemetry import Telemetry

_EVENTS_OF_A_TARGET = 100
_CLOSED_AT_ONCE = 100
"""Alerts of one incident that are closed by one commit."""


class DaemonView:
    """Reads only, but for `reload`, `close_alert` and `retry_deliveries`."""

    def __init__(
        self,
        targets: WatchedTargets,
        scheduler: Scheduler,
        store: Store,
        telemetry: Telemetry,
        definitions: Definitions,
        *,
        explainer: Explainer,
        impact: Callable[[str, str], Sequence[VersionImpact]],
        summaries: Summaries,
        publisher: Publisher,
        deliverer: Deliverer,
        current: CurrentSettings,
        loops: Loops,
        readiness: Readiness,
        reload: Callable[[str], Awaitable[tuple[str, ...]]],
        recall: Callable[[Watched], Awaitable[None]],
        now: Callable[[], datetime],
    ) -> None:
        self._targets = targets
        self._scheduler = scheduler
        self._store = store
        self._telemetry = telemetry
        self.definitions = definitions.keys
        self.definition = definitions.summary
        self.activity = definitions.activity
        self.accounts = summaries.accounts
        self.receivers = summaries.receivers
        self.budgets = definitions.budgets
        self.explain = explainer.explain
        self.impact = impact
        self._publisher = publisher
        self._deliverer = deliverer
        self._current = current
        self.loops = loops.health
        self.loaded = readiness.loaded
        self.ready = readiness.reason
        self._reload = reload
        self._recall = recall
        self.now = now

    async def reload(self, trigger: str) -> tuple[str, ...]:
        return await self._reload(trigger)

    def totals(self) -> Mapping[Status, int]:
        return self._telemetry.totals()

    def watched_definitions(self) -> Sequence[tuple[str, str]]:
        return self._targets.definitions()

    def keys_of(self, account: str, definition: str) -> Sequence[TargetKey]:
        return self._targets.keys_of(account, definition)

    def target(self, key: TargetKey) -> Watched | None:
        return self._targets.peek(key)

    def next_poll(self, key: TargetKey) -> NextPoll:
        return self._scheduler.next_poll(key)

    async def events(self, after: int, type: str | None, limit: int) -> tuple[list[StoredEvent], int]:
        return await self._store.events(after, type, limit)

    async def target_events(self, key: TargetKey) -> list[StoredEvent]:
        """The belief about the target is whole from now on, too."""
        if (watched := self._targets.get(key)) is not None:
            await self._recall(watched)
        return await self._store.target_events(key, _EVENTS_OF_A_TARGET)

    async def chosen_events(
        self, wanted: EventFilter, *, before: int | None, after: int | None, limit: int
    ) -> list[StoredEvent]:
        return await self._store.chosen_events(wanted, before=before, after=after, limit=limit)

    async def alert(self, id: str) -> Alert | None:
        return await self._store.alert(id)

    async def incident(self, id: str) -> Incident | None:
        return await self._store.incident(id)

    async def ended_groups(self, groups: Collection[str]) -> Mapping[str, datetime]:
        return await self._store.ended_groups(groups)

    async def members_of(self, incident: str, limit: int) -> list[Alert]:
        return await self._store.members_of(incident, limit)

    async def notifications(self, refs: Collection[str]) -> Mapping[str, list[Notification]]:
        return await self._store.notifications(refs)

    async def alerts(self) -> list[OpenAlert]:
        return await self._store.open_alerts(self.now(), self._current.hold())

    async def close_alert(self, id: str) -> int:
        now, ids = self.now(), await self._store.open_alert_ids(id)
        closed = 0
        for start in range(0, len(ids), _CLOSED_AT_ONCE):
            some = ids[start : start + _CLOSED_AT_ONCE]
            closed += len(await self._publisher.close([Closing(one, AlertEnd.CLOSED, now) for one in some]))
        return closed

    async def deliveries(
        self, status: DeliveryStatus | None, receiver: str | None, after: int, limit: int
    ) -> list[StoredDelivery]:
        """As the store has them; a next try that has passed, or that waits behind another, is none."""
        now, found = self.now(), await self._store.deliveries(status, receiver, after, limit)
        return [one if _has_its_turn_later(one, now) else msgspec.structs.replace(one, next_try=None) for one in found]

    async def retry_deliveries(self, receiver: str | None) -> int:
        found = await self._store.retry(receiver)
        self._deliverer.retry(found)
        return len(found)


def _has_its_turn_later(delivery: StoredDelivery, now: datetime) -> bool:
    return delivery.behind is None and delivery.next_try is not None and delivery.next_try > now
