"""What tells in time that something is overdue, put together: the limits of steps, and who keeps the time."""

from collections.abc import Callable

from monitor.app.environment import Environment
from monitor.core.model import DefinitionVersion
from monitor.polling.overdue_watcher import OverdueWatcher
from monitor.polling.poller import Poller
from monitor.polling.scheduler import Scheduler
from monitor.polling.step_limits import StepLimits
from monitor.store import Store
from monitor.store.step_limits import StepLimitStore
from monitor.telemetry import Telemetry
from monitor.upstream.client import Client


class Deadlines:
    """Made in two steps: the poller asks the allowances, the timekeeper asks the poller."""

    def __init__(
        self, client: Client, store: Store, telemetry: Telemetry, around: Environment, *, slack: Callable[[], float]
    ) -> None:
        """`slack`: seconds that steps get on top of what is not configured."""
        self._around = around
        self._telemetry = telemetry
        self._shelf = StepLimitStore(store)
        self._timekeeper: OverdueWatcher | None = None
        self._scheduler: Scheduler | None = None
        self.allowances = StepLimits(
            client,
            self._shelf,
            slack=slack,
            changed=self._changed,
            fault=telemetry.fault,
            jitter=around.jitter,
            named=self._named,
        )

    def keep(self, poller: Poller, scheduler: Scheduler) -> OverdueWatcher:
        """The timekeeper, which follows every target of the scheduler from now on."""
        keeper = self._timekeeper = OverdueWatcher(
            poller,
            scheduler,
            now=self._around.now,
            want=self.allowances.request,
            report=self._telemetry.overdue,
            fault=self._telemetry.fault,
        )
        scheduler.follower, self._scheduler = keeper, scheduler
        return keeper

    async def load(self) -> None:
        """What was known at the last end. Raises StoreUnavailable."""
        known = await self._shelf.load()
        self.allowances.restore(known)
        for about, name in known.names.items():
            self._telemetry.definition_named(*about, name)

    async def _named(self, account: str, definition: str, name: str) -> None:
        self._telemetry.definition_named(account, definition, name)
        if self._scheduler is not None:
            await self._scheduler.show_name(account, definition)

    def _changed(self, edition: DefinitionVersion, urgent: bool) -> None:
        if self._timekeeper is not None:
            self._timekeeper.limits_changed(edition, urgent)
