"""Periodic work: hides targets that ended long ago, prunes the store, flushes the log, tells of old looks, plans."""

import asyncio
import contextlib
from collections.abc import Callable, Collection
from datetime import datetime, timedelta

from monitor.aio import TURN, beating
from monitor.app.current_settings import CurrentSettings
from monitor.core.model import TargetKey
from monitor.polling.budget_plan import BudgetPlans
from monitor.polling.oldest_looks import OldestLooks
from monitor.polling.scheduler import Scheduler
from monitor.polling.watched import WatchedTargets
from monitor.store import Store, StoreUnavailable, Writer
from monitor.telemetry import Logs

_PRUNE_EVERY = 600.0
_TELL_EVERY = 60.0
_EVENTS_KEPT = timedelta(days=7)
"""Far longer than the hold of alerts."""


class Housekeeper:
    def __init__(
        self,
        scheduler: Scheduler,
        targets: WatchedTargets,
        store: Store,
        writer: Writer,
        logs: Logs,
        *,
        oldest_looks: OldestLooks,
        plans: BudgetPlans,
        current: CurrentSettings,
        receivers: Collection[str],
        now: Callable[[], datetime],
    ) -> None:
        """`receivers`: names of those that are running."""
        self._scheduler = scheduler
        self._targets = targets
        self._store = store
        self._writer = writer
        self._logs = logs
        self._oldest_looks = oldest_looks
        self._plans = plans
        self._current = current
        self._receivers = receivers
        self._now = now

    async def run(self, beat: Callable[[], None]) -> None:
        loop = asyncio.get_running_loop()
        prune_at = tell_at = loop.time()
        while True:
            beat()
            if loop.time() >= tell_at:
                await self._oldest_looks.tell()
                tell_at = loop.time() + _TELL_EVERY
            await self._plans.renew()
            await self._scheduler.expire_ended()
            self._logs.flush()
            if loop.time() >= prune_at and self._writer.available:
                # The writer reports a store that fails; this waits until it is back.
                with contextlib.suppress(StoreUnavailable):
                    await beating(self._prune(), beat)
                    prune_at = loop.time() + _PRUNE_EVERY
            await asyncio.sleep(TURN)

    def _is_needed(self, key: TargetKey) -> bool:
        """Whether its state may be asked for again: what a discovery has found ends and is forgotten."""
        return key in self._current.value.watchlist.targets or key in self._targets

    async def _prune(self) -> None:
        settings, now = self._current.value, self._now()
        configured = {receiver.name for receiver in settings.receivers}
        await self._store.prune(
            events_before=now - _EVENTS_KEPT,
            targets_before=now - timedelta(seconds=settings.polling.retention),
            watched=self._is_needed,
            receivers=sorted(configured.union(self._receivers)),
        )
