"""What the pages see of the running daemon."""

from collections.abc import Awaitable, Callable, Iterable, Mapping
from datetime import datetime

from monitor.core.model import Status, TargetKey
from monitor.core.pulse import LoopHealth
from monitor.core.records import NextPoll
from monitor.poller import Watched
from monitor.scheduler import Scheduler
from monitor.store import Alert, Store, StoredEvent
from monitor.telemetry import Telemetry

_EVENTS_OF_A_TARGET = 100


class DaemonView:
    """Reads only, but for `reload`."""

    def __init__(
        self,
        scheduler: Scheduler,
        store: Store,
        telemetry: Telemetry,
        *,
        now: Callable[[], datetime],
        loops: Callable[[], Mapping[str, LoopHealth]],
        ready: Callable[[], str | None],
        reload: Callable[[str], Awaitable[tuple[str, ...]]],
    ) -> None:
        self._scheduler = scheduler
        self._store = store
        self._telemetry = telemetry
        self._now = now
        self.loops = loops
        self.ready = ready
        self._reload = reload

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

    async def alerts(self) -> list[Alert]:
        return await self._store.alerts(self._now())
