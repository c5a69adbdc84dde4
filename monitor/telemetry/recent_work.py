"""The last minute of requests, and the last of what changes slowly, for the pages."""

from collections import Counter
from datetime import datetime
from typing import Final

from monitor.core.listing import Usage
from monitor.core.model import Outcome
from monitor.core.records import DeliveryOutcome, DeliveryRecord, OldestLookRecord, RequestRecord, UsageRecord

_MINUTE: Final = 60
"""Seconds."""


class RecentWork:
    """Bounded by the number of accounts and receivers."""

    def __init__(self) -> None:
        self._requests: dict[str, Counter[int]] = {}
        self._succeeded: dict[str, datetime] = {}
        self._acknowledged: dict[str, datetime] = {}
        self._usages: dict[str, Usage] = {}
        self._looks: dict[str, OldestLookRecord] = {}

    def request(self, record: RequestRecord) -> None:
        seconds = self._requests.setdefault(record.account, Counter())
        second = int(record.ended_at.timestamp())
        if len(seconds) > 2 * _MINUTE:
            self._requests[record.account] = seconds = _since(seconds, second - _MINUTE)
        seconds[second] += 1
        if record.outcome is Outcome.OK:
            self._succeeded[record.account] = record.ended_at

    def delivery(self, record: DeliveryRecord) -> None:
        if record.outcome is DeliveryOutcome.DELIVERED and record.at is not None:
            self._acknowledged[record.receiver] = record.at

    def usage(self, record: UsageRecord) -> None:
        self._usages[record.account] = record.usage

    def oldest_look(self, record: OldestLookRecord) -> None:
        self._looks[record.account] = record

    def requests_per_second(self, account: str, now: datetime) -> float:
        """Over the last minute."""
        first = int(now.timestamp()) - _MINUTE
        return sum(number for second, number in self._requests.get(account, {}).items() if second > first) / _MINUTE

    def succeeded_at(self, account: str) -> datetime | None:
        """When a request of the account last succeeded; None: not since the start."""
        return self._succeeded.get(account)

    def acknowledged_at(self, receiver: str) -> datetime | None:
        """When the receiver last acknowledged a delivery; None: not since the start."""
        return self._acknowledged.get(receiver)

    def usage_of(self, account: str) -> Usage | None:
        """As the account's API said last; None: not since the start."""
        return self._usages.get(account)

    def oldest_looks(self, account: str) -> OldestLookRecord:
        """As of the last minute."""
        return self._looks.get(account) or OldestLookRecord(account, None, None)


def _since(seconds: Counter[int], first: int) -> Counter[int]:
    return Counter({second: number for second, number in seconds.items() if second > first})
