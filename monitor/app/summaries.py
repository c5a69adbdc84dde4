"""What the pages say of accounts and of receivers."""

from collections.abc import Callable
from datetime import datetime

from monitor.app.accounts import Accounts
from monitor.app.receivers import Receivers
from monitor.core.records import AccountSummary, ReceiverSummary
from monitor.store import Store
from monitor.telemetry.recent_work import RecentWork


class Summaries:
    def __init__(
        self, accounts: Accounts, receivers: Receivers, store: Store, recent: RecentWork, *, now: Callable[[], datetime]
    ) -> None:
        self._accounts = accounts
        self._receivers = receivers
        self._store = store
        self._recent = recent
        self._now = now

    def accounts(self) -> list[AccountSummary]:
        """Sorted by name."""
        return [self._account(name) for name in sorted(self._accounts)]

    def _account(self, name: str) -> AccountSummary:
        runtime, recent = self._accounts[name], self._recent
        gate, looks = runtime.gate, recent.oldest_looks(name)
        return AccountSummary(
            account=name,
            open=gate.open,
            closed_until=gate.closed_until,
            requests_per_second=gate.requests_per_second,
            ceiling=gate.ceiling,
            used=recent.requests_per_second(name, self._now()),
            succeeded_at=recent.succeeded_at(name),
            blind=runtime.watcher.state.blind.open,
            reason=runtime.watcher.reason,
            polled=len(runtime.queue),
            oldest_end_look=looks.ends,
            oldest_step_look=looks.steps,
        )

    async def receivers(self) -> list[ReceiverSummary]:
        """Sorted by name. Raises StoreUnavailable."""
        dead = await self._store.dead_counts()
        acknowledges = self._receivers.acknowledges()
        return [
            ReceiverSummary(
                receiver=name,
                pending=pending,
                oldest=oldest,
                dead=dead.get(name, 0),
                acknowledges=acknowledges.get(name, True),
                acknowledged_at=self._recent.acknowledged_at(name),
            )
            for name, (pending, oldest) in sorted(self._receivers.pending().items())
        ]
