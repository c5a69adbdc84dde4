"""The interface of the store: async calls that read, and writes that are not part of a commit.

Every database call runs in one of two injected executors, so that the loop never waits for a disk and tests run in
virtual time. All calls raise StoreUnavailable if the database cannot be used now.
"""

import asyncio
from collections.abc import AsyncIterator, Callable, Collection, Sequence
from concurrent.futures import Executor
from datetime import datetime
from functools import partial
from typing import Concatenate, ParamSpec, TypeVar

from sqlalchemy import Engine

from monitor.core.alerting.routing import Route
from monitor.core.alerts import Alert, Closing, Incident
from monitor.core.commits import Delivery
from monitor.core.event_types import Severity
from monitor.core.model import AccountState, TargetKey
from monitor.store import alert_queries, outbox, outbox_queries, pruning, queries
from monitor.store.engine import connect, database_file, is_migrated, migrate
from monitor.store.errors import translated
from monitor.store.postgresql import Sessions
from monitor.store.queries import Loaded
from monitor.store.values import (
    DeliveryStatus,
    EventFilter,
    Notification,
    OpenAlert,
    Pruned,
    StoredDelivery,
    StoredEvent,
)

P = ParamSpec("P")
T = TypeVar("T")


_LONGEST_PAUSE_OF_A_FILE, _LONGEST_PAUSE_OF_A_SERVER = 30.0, 2.0


class Store:
    """One database. Call `open` first, `close` at the end."""

    def __init__(
        self,
        url: str,
        *,
        writer: Executor,
        reader: Executor,
        schema: str | None = None,
        password: Callable[[], str] | None = None,
    ) -> None:
        """`url` is SQLAlchemy's. `writer` has one thread, so that transactions follow each other.

        `schema` and `password` are PostgreSQL's; the password is read at each connection, in a thread of the store.
        Raises ValueError for a database in memory.
        """
        self._writer = writer
        self._reader = reader
        self._file = database_file(url, writing=True)
        self._sessions = Sessions()
        server = partial(connect, url, schema=schema, password=password, sessions=self._sessions)
        self._writing = server(writing=True, file=self._file)
        self._reading = server(writing=False, file=database_file(url, writing=False))

    @property
    def lost(self) -> str | None:
        """Why the open file of the database is not at its path any more, and what to do; None: it is."""
        return None if self._file is None else self._file.lost

    @property
    def longest_pause(self) -> float:
        """Seconds between two tries while it is unavailable, at most: a restarted server is there again at once."""
        return _LONGEST_PAUSE_OF_A_SERVER if self._file is None else _LONGEST_PAUSE_OF_A_FILE

    async def open(self) -> None:
        """Create or migrate the schema. Raises StoreUnavailable, or StoreNewer if this version is too old.

        The newest schema is only read, so that another process's lock does not prevent the start.
        """
        if not await self.read(is_migrated):
            await self.write(_open)

    def cut(self) -> None:
        """Let every call that waits for a server fail now. The server may still commit; the next start finds it."""
        self._sessions.cut()

    async def close(self) -> None:
        await self.read(Engine.dispose)
        await self.write(Engine.dispose)

    def write(
        self, call: Callable[Concatenate[Engine, P], T], /, *args: P.args, **kwargs: P.kwargs
    ) -> asyncio.Future[T]:
        """Queue a call for the writing thread. Cancelling the future does not end a call that has begun."""
        loop = asyncio.get_running_loop()
        return loop.run_in_executor(self._writer, lambda: call(self._writing, *args, **kwargs))

    def read(
        self, call: Callable[Concatenate[Engine, P], T], /, *args: P.args, **kwargs: P.kwargs
    ) -> asyncio.Future[T]:
        """Queue a call for a reading thread; it takes no lock that another process could hold."""
        loop = asyncio.get_running_loop()
        return loop.run_in_executor(self._reader, lambda: call(self._reading, *args, **kwargs))

    async def load_targets(self, chunk: int = 500) -> AsyncIterator[list[Loaded]]:
        """Every state with its last sighting, in chunks, so that other calls do not wait for long."""
        after: TargetKey | None = None
        while found := await self.read(queries.load_targets, after, chunk):
            after = found[-1][0].key
            yield found

    async def load_target(self, key: TargetKey) -> Loaded | None:
        return await self.read(queries.load_target, key)

    async def load_some(self, keys: Sequence[TargetKey]) -> list[Loaded]:
        """The known targets among these; for a few hundred keys at most."""
        return await self.read(queries.load_some, keys)

    async def owed_explanations(self) -> list[TargetKey]:
        """Terminations that were published before anybody had looked at them, and that nobody has looked at since."""
        return await self.read(queries.owed_explanations)

    async def load_running(self, after: TargetKey | None, limit: int) -> list[Loaded]:
        """The next states that have not ended after this target, by key, each with its last sighting."""
        return await self.read(queries.load_running, after, limit)

    async def load_accounts(self) -> list[AccountState]:
        return await self.read(queries.load_accounts)

    async def load_account(self, account: str) -> AccountState | None:
        return await self.read(queries.load_account, account)

    async def known_drifts(self) -> dict[str, frozenset[str]]:
        """Per account, the kinds of drift that ever had an event."""
        return await self.read(queries.known_drifts)

    async def pending(self, receiver: str, after_seq: int, limit: int) -> list[Delivery]:
        """The next pending deliveries of `receiver`, in the order of `seq`."""
        return await self.read(outbox_queries.pending, receiver, after_seq, limit)

    async def pending_counts(self) -> dict[str, tuple[int, datetime | None]]:
        """For each receiver with pending deliveries: their number, and when the oldest was observed."""
        return await self.read(outbox_queries.pending_counts)

    async def dead_counts(self) -> dict[str, int]:
        """For each receiver with deliveries that were given up: their number."""
        return await self.read(outbox_queries.dead_counts)

    async def events(self, after: int, type: str | None, limit: int) -> tuple[list[StoredEvent], int]:
        """Events after the cursor, oldest first, and the cursor to go on with."""
        return await self.read(queries.events_after, after, type, limit)

    async def chosen_events(
        self, wanted: EventFilter, *, before: int | None, after: int | None, limit: int
    ) -> list[StoredEvent]:
        """Oldest first: the first ones behind `after`, or else the last ones, before `before`."""
        return await self.read(queries.chosen_events, wanted, before=before, after=after, limit=limit)

    async def target_events(self, key: TargetKey, limit: int) -> list[StoredEvent]:
        """The newest `limit` events of one target, oldest first."""
        return await self.read(queries.target_events, key, limit)

    # --- alerts ---

    async def alert(self, id: str) -> Alert | None:
        return await self.read(alert_queries.alert, id)

    async def incident(self, id: str) -> Incident | None:
        return await self.read(alert_queries.incident, id)

    async def ended_groups(self, groups: Collection[str]) -> dict[str, datetime]:
        """Of these fault groups those with an incident that is over, and when the last one ended."""
        return await self.read(alert_queries.ended_groups, groups)

    async def end_is_pending(self, incident: str, receiver: str) -> bool:
        """See `notify.AlertReader`."""
        return await self.read(alert_queries.end_is_pending, incident, receiver)

    async def alerts_of(self, receiver: str, *, after: str, limit: int, ended_after: datetime) -> list[Alert]:
        """See `notify.AlertReader`."""
        return await self.read(alert_queries.alerts_of, receiver, after, limit, ended_after)

    async def ends_of(self, receiver: str, keys: Collection[TargetKey]) -> list[Alert]:
        """See `notify.AlertReader`."""
        return await self.read(alert_queries.ends_of, receiver, keys)

    async def storms_of(self, receiver: str, *, ended_after: datetime) -> list[Incident]:
        """See `notify.AlertReader`."""
        return await self.read(alert_queries.storms_of, receiver, ended_after)

    async def open_alerts(self, now: datetime, hold: float) -> list[OpenAlert]:
        """Open alerts, newest first: of conditions that hold, and of events whose `hold` in seconds is not over."""
        return await self.read(alert_queries.open_alerts, now, hold)

    async def open_counts(self) -> dict[Severity, int]:
        """How many alerts are open; severities without any are absent."""
        return await self.read(alert_queries.open_counts)

    async def due(self, now: datetime, hold: float, limit: int, routes: Sequence[Route] = ()) -> list[Closing]:
        """Alerts to close now, oldest first. `routes`: of the running receivers."""
        return await self.read(alert_queries.due, now, hold, limit, routes)

    async def calm(self, now: datetime, limit: int) -> list[str]:
        """Ids of incidents that have calmed down, and whose size was not sent since they grew."""
        return await self.read(alert_queries.calm, now, limit)

    async def targets_with_alerts(self) -> list[TargetKey]:
        """Every target with an open alert."""
        return await self.read(alert_queries.targets_with_alerts)

    async def alerts_about(self, key: TargetKey) -> list[Alert]:
        """The open alerts of one target, oldest first."""
        return await self.read(alert_queries.alerts_about, key)

    async def open_alert_ids(self, id: str) -> list[str]:
        """The open alert of this id, or those of the incident of this id, oldest first."""
        return await self.read(alert_queries.open_alert_ids, id)

    async def unwatched_alerts(self) -> dict[str, TargetKey]:
        """Event alerts that were closed because their target left the watchlist: id to target, oldest first."""
        return await self.read(alert_queries.unwatched_alerts)

    async def alerts_by_id(self, ids: Collection[str]) -> list[Alert]:
        """Those of them that exist, open or closed."""
        return await self.read(alert_queries.alerts_by_id, ids)

    async def members_of(self, incident: str, limit: int) -> list[Alert]:
        """The first alerts of an incident, open or closed, oldest first."""
        return await self.read(alert_queries.members_of, incident, limit)

    async def notifications(self, refs: Collection[str]) -> dict[str, list[Notification]]:
        """By the id of the event, alert or incident that each is about, in the order of the deliveries."""
        return await self.read(alert_queries.notifications, refs)

    async def known_alerts(self, ids: Collection[str]) -> frozenset[str]:
        """Those of the ids that belong to alerts, open or closed."""
        return await self.read(alert_queries.known_alerts, ids)

    # --- deliveries that no commit makes ---

    async def deliveries(
        self, status: DeliveryStatus | None, receiver: str | None, after: int, limit: int
    ) -> list[StoredDelivery]:
        """Deliveries after that number, in the order of numbers; about `limit`."""
        return await self.read(outbox_queries.deliveries_after, status, receiver, after, limit)

    async def introduce(self, routes: Sequence[Route], now: datetime, hold: float) -> int:
        """Make open alerts pending, once, for receivers that were added after them; returns how many deliveries."""
        if not await self.read(outbox.introductions, routes, now, hold):
            return 0  # a start without new receivers writes nothing
        return await self.write(outbox.backfill_receivers, routes, now, hold)

    async def retry(self, receiver: str | None, limit: int = 10_000) -> list[Delivery]:
        """Make dead deliveries pending again."""
        return await self.write(outbox.requeue_dead, receiver, limit)

    # --- pruning ---

    async def prune(
        self,
        *,
        events_before: datetime,
        targets_before: datetime,
        watched: Callable[[TargetKey], bool],
        receivers: Collection[str],
        batch: int = 500,
    ) -> Pruned:
        """Delete old rows, in batches that delay commits little.

        Events observed before `events_before` (further back than the hold of alerts) without a pending delivery to
        `receivers`; and targets that are not `watched` (called on the loop) and either ended before `targets_before` or
        were last seen before `events_before`. Events of drift stay for ever.
        """
        alerts = await self._repeat(batch, pruning.forget_incidents, events_before, tuple(receivers), batch)
        alerts += await self._repeat(batch, pruning.forget_alerts, events_before, tuple(receivers), batch)
        return Pruned(
            events=await self._repeat(batch, pruning.forget_events, events_before, tuple(receivers), batch),
            targets=await self._forget_targets(targets_before, events_before, watched, batch),
            alerts=alerts,
        )

    async def _repeat(
        self, full: int, call: Callable[Concatenate[Engine, P], int], /, *args: P.args, **kwargs: P.kwargs
    ) -> int:
        """Repeat until a batch is not full; commits run between batches."""
        total = 0
        while True:
            done = await self.write(call, *args, **kwargs)
            total += done
            if done < full:
                return total

    async def _forget_targets(
        self, ended_before: datetime, seen_before: datetime, watched: Callable[[TargetKey], bool], batch: int
    ) -> int:
        total, after = 0, None
        while found := await self.read(pruning.ended_targets, ended_before, after, batch):
            after = found[-1][0], found[-1][1][0]
            total += await self._forget([ended for _, ended in found if not watched(ended[0])])
        last: TargetKey | None = None
        while unseen := await self.read(pruning.unseen_targets, seen_before, last, batch):
            last = unseen[-1][0]
            total += await self._forget([target for target in unseen if not watched(target[0])])
        return total

    async def _forget(self, unwatched: list[pruning.Known]) -> int:
        return await self.write(pruning.forget_targets, unwatched) if unwatched else 0


def _open(engine: Engine) -> None:
    with translated(engine.url):
        migrate(engine)
