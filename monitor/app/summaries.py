"""What the pages say of accounts and of receivers."""

from collections.abc import Callable
from datetime import datetime, timedelta

from monitor.app.accounts import Accounts
from monitor.app.receivers import Receivers
from monitor.core.formats.timestamps import parse_timestamp
from monitor.core.model import Condition
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
            lane_reason=gate.reason,
            requests_per_second=gate.requests_per_second,
            ceiling=gate.ceiling,
            used=recent.requests_per_second(name, self._now()),
            succeeded_at=recent.succeeded_at(name),
            blind=runtime.watcher.state.blind.open,
            reason=runtime.watcher.reason,
            blind_since=_since(runtime.watcher.state.blind),
            skew=self._accounts.skew(name),
            usage=recent.usage_of(name),
            polled=len(runtime.queue),
            oldest_end_look=looks.ends,
            oldest_step_look=looks.steps,
        )

    async def receivers(self) -> list[ReceiverSummary]:
        """Sorted by name. Raises StoreUnavailable."""
        dead = await self._store.dead_counts()
        acknowledges, breakers = self._receivers.acknowledges(), self._receivers.breakers()
        return [
            ReceiverSummary(
                receiver=name,
                pending=pending,
                oldest=oldest,
                dead=dead.get(name, 0),
                acknowledges=acknowledges.get(name, True),
                acknowledged_at=self._recent.acknowledged_at(name),
                breaker=breakers[name].state,
                failed_probes=breakers[name].failed_probes,
                next_probe_at=self._in(breakers[name].wait),
            )
            for name, (pending, oldest) in sorted(self._receivers.pending().items())
        ]

    def _in(self, seconds: float | None) -> datetime | None:
        """To the second: asked again a moment later, it is the same moment."""
        return None if seconds is None else (self._now() + timedelta(seconds=seconds)).replace(microsecond=0)


def _since(blind: Condition) -> datetime | None:
    """An episode of blindness is named by its beginning."""
    return parse_timestamp(blind.last.anchor) if blind.open and blind.last is not None else None
