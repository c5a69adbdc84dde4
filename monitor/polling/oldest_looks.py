"""Tells when the oldest of each account's last looks was made: what is not looked at any more grows old."""

from collections.abc import Callable, Iterable
from datetime import datetime

from monitor.aio import chunks
from monitor.core.records import OldestLookRecord
from monitor.polling.watched import WatchedTargets


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
        for about in self._targets.definitions():
            async for some in chunks(self._targets.keys_of(*about)):
                for key in some:
                    at = self._targets.looked_at(key)
                    if at is not None and at < oldest.setdefault(key.account, at):
                        oldest[key.account] = at
        for account in self._accounts():
            self._report(OldestLookRecord(account, self._listed(account), oldest.get(account)))
