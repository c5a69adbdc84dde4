"""What the pages see of the running daemon."""

from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from datetime import datetime

import msgspec

from monitor.core.alerts import AlertEnd, Closing
from monitor.core.commits import Delivery
from monitor.core.liveness import LoopHealth
from monitor.core.model import Status, TargetKey
from monitor.core.records import NextPoll
from monitor.polling.scheduler import Scheduler
from monitor.polling.watched import Watched
from monitor.store import DeliveryStatus, OpenAlert, Store, StoredDelivery, StoredEvent
from monitor.telemetry import Telemetry

_EVENTS_OF_A_TARGET = 100


class DaemonView:
    """Reads only, but for `reload`, `close_alert` and `retry_deliveries`."""

    def __init__(
        self,
        scheduler: Scheduler,
        store: Store,
        telemetry: Telemetry,
        *,
        now: Callable[[], datetime],
        loops: Callable[[], Mapping[str, LoopHealth]],
        loaded: Callable[[], bool],
        ready: Callable[[], str | None],
        reload: Callable[[str], Awaitable[tuple[str, ...]]],
        hold: Callable[[], float],
        close: Callable[[Sequence[Closing]], Awaitable[frozenset[str]]],
        again: Callable[[Sequence[Delivery]], None],
    ) -> None:
        """`hold`: seconds that an event alert stays open. `close` ends alerts, `again` delivers what was given up."""
        self._scheduler = scheduler
        self._store = store
        self._telemetry = telemetry
        self._now = now
        self.loops = loops
        self.loaded = loaded
        self.ready = ready
        self._reload = reload
        self._hold = hold
        self._close = close
        self._again = again

    async def reload(self, trigger: str) -> tuple[str, ...]:
        return await self._reload(trigger)

    def totals(self) -> Mapping[Status, int]:
        return self._telemetry.totals()

    def targets(self) -> Iterable[Watched]:
        return self._scheduler.watched.values()

    def target(self, key: TargetKey) -> Watched | None:
        return self._scheduler.watched.get(key)

    def next_poll(self, key: TargetKey) -> NextPoll:
        return self._scheduler.next_poll(key)

    async def events(self, after: int, type: str | None, limit: int) -> tuple[list[StoredEvent], int]:
        return await self._store.events(after, type, limit)

    async def target_events(self, key: TargetKey) -> list[StoredEvent]:
        return await self._store.target_events(key, _EVENTS_OF_A_TARGET)

    async def alerts(self) -> list[OpenAlert]:
        return await self._store.open_alerts(self._now(), self._hold())

    async def close_alert(self, id: str) -> bool:
        return bool(await self._close([Closing(id, AlertEnd.CLOSED, self._now())]))

    async def deliveries(
        self, status: DeliveryStatus | None, receiver: str | None, after: int, limit: int
    ) -> list[StoredDelivery]:
        """As the store has them; a next try that has passed, or that waits behind another, is none."""
        now, found = self._now(), await self._store.deliveries(status, receiver, after, limit)
        return [one if _has_its_turn_later(one, now) else msgspec.structs.replace(one, next_try=None) for one in found]

    async def retry_deliveries(self, receiver: str | None) -> int:
        found = await self._store.retry(receiver)
        self._again(found)
        return len(found)


def _has_its_turn_later(delivery: StoredDelivery, now: datetime) -> bool:
    return delivery.behind is None and delivery.next_try is not None and delivery.next_try > now
