"""All that lies between a committed event and a person: receivers, deliveries, and the end of alerts."""

import asyncio
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import datetime
from socket import gethostname

from monitor.alerting.closer import Closer
from monitor.alerting.deliverer import Deliverer
from monitor.alerting.heartbeat import Heartbeat
from monitor.alerting.publisher import Publisher
from monitor.alerting.watchlist_changes import WatchlistChanges
from monitor.app import from_settings, notifiers
from monitor.app.blast_radius import Tolls
from monitor.app.daemon_clock import Clock
from monitor.app.environment import Environment, StartError
from monitor.core.commits import Delivery
from monitor.core.liveness import Liveness, LoopHealth, unhealthy_reason
from monitor.core.model import TargetKey, TargetState
from monitor.notify import Notifier
from monitor.notify.alertmanager import Alertmanager
from monitor.notify.context import NotifierContext
from monitor.notify.ping import Ping
from monitor.polling.watched import Watched
from monitor.settings import Receiver, Settings
from monitor.store import Store, Writer
from monitor.telemetry import Telemetry


class Alerting:
    def __init__(
        self,
        settings: Settings,
        around: Environment,
        *,
        clock: Clock,
        in_force: Callable[[], Settings],
        store: Store,
        writer: Writer,
        telemetry: Telemetry,
        pulses: Liveness,
        watched: Callable[[], Mapping[TargetKey, Watched]],
    ) -> None:
        """`in_force`: the settings of then. `watched`: what is watched now.

        Raises StartError for a receiver that cannot be used.
        """
        self._settings = in_force
        self._around = around
        self._store = store
        self._writer = writer
        self._telemetry = telemetry
        self._pulses = pulses
        ties = NotifierContext(
            now=around.now,
            latest=clock.latest,
            casebook=store,
            external_url=settings.server.external_url,
            runbook_url=settings.server.runbook_url,
            host=gethostname(),
            started_at=around.now(),
            hold=lambda: in_force().alerts.hold,
            alive=self._alive,
            tolls=Tolls(lambda: watched().values()),
            fault=telemetry.fault,
        )
        self._routes = from_settings.routes(settings)
        receivers = settings.receivers
        self.notifiers = {receiver.name: self._notifier(receiver, ties) for receiver in receivers}
        self.deliverer = Deliverer(
            [notifiers.delivered(receiver, self.notifiers[receiver.name]) for receiver in receivers],
            store,
            writer,
            now=around.now,
            jitter=around.jitter,
            report=telemetry.delivery,
            fault=telemetry.fault,
        )

    def attach(
        self, announcer: Publisher, believe: Callable[[TargetState], None], was_seen: Callable[[TargetKey], bool]
    ) -> None:
        """Who commits the end of alerts; `believe` and `was_seen` as in `WatchlistChanges`."""
        changes = WatchlistChanges(
            self._store,
            announcer,
            now=self._around.now,
            grace=lambda: self._settings().alerts.unwatched_after,
            is_watched=lambda key: key in self._settings().watchlist.targets,
            was_seen=was_seen,
            believe=believe,
            report=self._telemetry.account,
            leaving=self._telemetry.leaving,
        )
        self.closer = Closer(
            self._store,
            announcer,
            now=self._around.now,
            hold=lambda: self._settings().alerts.hold,
            routes=self._routes,
            changes=changes,
            count=self._telemetry.alerts_open,
            fault=self._telemetry.fault,
        )

    def heartbeat(self) -> tuple[Heartbeat, Ping] | None:
        """Who tells others that all of this works, and by what, to be closed at the end."""
        settings = self._settings().heartbeat
        if settings is None:
            return None
        ping = Ping(settings.url, now=self._around.now)
        heart = Heartbeat(
            ping,
            interval=settings.interval,
            now=self._around.now,
            report=self._telemetry.heartbeat,
            fault=self._telemetry.fault,
            reasons=lambda: unhealthy_reason(self._loops(), self._keeps(), self.acknowledges()),
        )
        return heart, ping

    def resenders(self) -> Iterator[tuple[str, Alertmanager]]:
        """Receivers with a loop of their own."""
        for name, notifier in self.notifiers.items():
            if isinstance(notifier, Alertmanager):
                yield name, notifier

    def offer(self, deliveries: Sequence[Delivery]) -> None:
        self.deliverer.enqueue(deliveries)

    def pending(self) -> Mapping[str, tuple[int, datetime | None]]:
        """Per receiver, how much it waits for, and since when. Called by scrapes, in a thread of theirs."""
        oldest = self.deliverer.oldest()
        return {name: (count, oldest[name]) for name, count in self.deliverer.pending().items()}

    def acknowledges(self) -> Mapping[str, bool]:
        """Per receiver, whether it took what it was sent last."""
        return {**self.deliverer.acknowledges(), **{name: one.well for name, one in self.resenders()}}

    def _notifier(self, receiver: Receiver, ties: NotifierContext) -> Notifier:
        try:
            return self._around.notifier(receiver, ties)
        except ValueError as error:
            raise StartError(f"receivers[{receiver.name}]: {error}") from error

    def _alive(self) -> bool:
        """Whether every loop turns and the store commits."""
        return self._keeps() and all(loop.turns for loop in self._loops().values())

    def _keeps(self) -> bool:
        """Whether what is committed is there after the next start."""
        return self._writer.available and self._store.lost is None

    def _loops(self) -> Mapping[str, LoopHealth]:
        return self._pulses.loops(asyncio.get_running_loop().time())
