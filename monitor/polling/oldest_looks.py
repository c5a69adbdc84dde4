"""Tells when the oldest of each account's last looks was made: what is not looked at any more grows old."""

from collections.abc import Callable, Iterable
from datetime import datetime

from monitor.aio import chunks
from monitor.core.model import Status
from monitor.core.records import OldestLookRecord
from monitor.polling.watched import Watched, WatchedTargets


class OldestLooks:
    """Goes through all targets, so once a minute is often enough."""

    def __init__(
        self,
        accounts: Callable[[], Iterable[str]],
        targets: WatchedTargets,
        *,
        listed: Callable[[str], datetime | None],
        report: Callable[[OldestLookRecord], None],
    ) -> None:
        """`listed`: when the oldest of an account's last list looks was made; None if it needs none."""
        self._accounts = accounts
        self._targets = targets
        self._listed = listed
        self._report = report

    async def tell(self) -> None:
        """One record for each account. The loop is not held, however many targets there are."""
        oldest: dict[str, datetime] = {}
        async for some in chunks(list(self._targets.values())):
            for watched in some:
                account, at = watched.target.key.account, _looked_at(watched)
                if at is not None and at < oldest.setdefault(account, at):
                    oldest[account] = at
        for account in self._accounts():
            self._report(OldestLookRecord(account, self._listed(account), oldest.get(account)))


def _looked_at(watched: Watched) -> datetime | None:
    """What was never seen counts from when it was found. What has ended, or vanished, is left out."""
    if watched.ended_at is not None or watched.state.status is Status.NOT_FOUND:
        return None
    return watched.last_seen_at or watched.state.since
