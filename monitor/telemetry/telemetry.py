"""The interface of telemetry: one method per record, which writes lines, numbers or both."""

from collections.abc import Iterable, Mapping
from datetime import datetime

from prometheus_client import CollectorRegistry
from structlog.typing import FilteringBoundLogger

from monitor.core.event_types import Severity
from monitor.core.model import Status, Target, TargetKey, TargetState
from monitor.core.records import (
    AccountRecord,
    BoundsRecord,
    DeliveryRecord,
    HeartbeatRecord,
    LaneRecord,
    ListedEndRecord,
    OldestLookRecord,
    OverdueRecord,
    PollRecord,
    ReloadRecord,
    RequestRecord,
    StartRecord,
    StoreRecord,
    UsageRecord,
)
from monitor.telemetry.log_lines import LogLines
from monitor.telemetry.metrics import Metrics
from monitor.telemetry.recent_work import RecentWork


class Telemetry:
    """Takes all records of the monitor, on the loop's thread."""

    def __init__(
        self,
        registry: CollectorRegistry,
        log: FilteringBoundLogger,
        *,
        external_url: str,
        receivers: Iterable[str] = (),
    ) -> None:
        """`receivers`: names of receivers whose counters exist with 0 from the start."""
        self._metrics = Metrics(registry)
        self.recent = RecentWork()
        self._journal = LogLines(log, external_url=external_url)
        for receiver in receivers:
            self._metrics.receiver(receiver)

    def watch(self, account: str, *, requests_per_second: float | None = None) -> None:
        """Create its counters, and the gauges of its lane, which is open at this rate until the next record."""
        self._metrics.watch(account, requests_per_second)

    def unwatch(self, account: str) -> None:
        """Remove its gauges; its counters stay. Its targets must be removed before, one by one."""
        self._metrics.unwatch(account)

    def target_added(self, target: Target, state: TargetState) -> None:
        """Count it from now on."""
        self._metrics.target_added(target, state)

    def target_changed(self, target: Target, state: TargetState) -> None:
        """Count it under its new name, alias and severities, and no longer under the old ones."""
        self.target_removed(target.key)
        self.target_added(target, state)

    def target_removed(self, key: TargetKey) -> None:
        """Count it no longer; polls that are still under way change nothing."""
        self._metrics.target_removed(key)
        self._journal.forget(key)

    def target_polled(self, key: TargetKey) -> None:
        """Does nothing: the poll's record has more."""

    def definition_named(self, account: str, definition: str, name: str) -> None:
        """Set the definition's own name, from the API."""
        self._metrics.definition_named(account, definition, name)

    def totals(self) -> Mapping[Status, int]:
        """How many targets there are in each status."""
        return self._metrics.totals()

    def request(self, record: RequestRecord) -> None:
        self.recent.request(record)
        self._metrics.request(record)
        self._journal.request(record)

    def poll(self, record: PollRecord) -> None:
        self._metrics.poll(record)
        self._journal.poll(record)

    def listed_end(self, record: ListedEndRecord) -> None:
        self._metrics.listed_end(record)
        self._journal.listed_end(record)

    def definition_followed(self, account: str, label: str, since: datetime) -> None:
        """A definition's instances are looked for, and what happened `since` is found. `label`: its id or alias."""
        self._metrics.definition_followed(account, label, since)

    def oldest_look(self, record: OldestLookRecord) -> None:
        self.recent.oldest_look(record)
        self._metrics.oldest_look(record)

    def bounds(self, record: BoundsRecord) -> None:
        self._metrics.bounds(record)

    def begun(self, record: StartRecord) -> None:
        self._metrics.begun(record)

    def account(self, record: AccountRecord) -> None:
        self._metrics.account(record)
        self._journal.account(record)

    def usage(self, record: UsageRecord) -> None:
        self.recent.usage(record)
        self._metrics.usage(record)

    def overdue(self, record: OverdueRecord) -> None:
        self._metrics.overdue(record)
        self._journal.overdue(record)

    def lane(self, record: LaneRecord) -> None:
        self._metrics.lane(record)
        self._journal.lane(record)

    def delivery(self, record: DeliveryRecord) -> None:
        self.recent.delivery(record)
        self._metrics.delivery(record)
        self._journal.delivery(record)

    def reload(self, record: ReloadRecord) -> None:
        self._metrics.reload(record)
        self._journal.reload(record)

    def store(self, record: StoreRecord) -> None:
        self._metrics.store(record)
        self._journal.store(record)

    def heartbeat(self, record: HeartbeatRecord) -> None:
        self._metrics.heartbeat(record)
        self._journal.heartbeat(record)

    def alerts_open(self, counts: Mapping[Severity, int]) -> None:
        """Set how many alerts are open; an absent severity has none."""
        self._metrics.alerts_open(counts)

    def leaving(self, number: int, news: int, grace: float) -> None:
        """`number` targets with open alerts left the watchlist, `news` since the last line; `grace` in seconds."""
        self._metrics.leaving(number)
        if news:
            self._journal.leaving(number, grace)

    def fault(self, loop: str, error: Exception) -> None:
        """One of our own errors, after which `loop` goes on."""
        self._metrics.fault(loop)
        self._journal.fault(loop, error)
