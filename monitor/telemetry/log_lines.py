"""Records to lines: one canonical line per unit of work; for a failure, one when it begins and one when it ends.

Names of lines: `poll`, `poll.failing`, `poll.recovered`, `account.failing`, `account.recovered`, `request`; the type
of an event; `delivery`, `delivery.failing`, `delivery.recovered`, `delivery.dead`; `lane.closed`, `lane.opened`,
`lane.rate`; `config.loaded`, `config.refused`; `store.unavailable`, `store.available`; `heartbeat.failing`,
`heartbeat.withheld`, `heartbeat.recovered`; `fault`.
"""

import logging
from collections.abc import Iterable
from typing import Any

import msgspec
from structlog.typing import FilteringBoundLogger

from monitor.core.event_types import Severity
from monitor.core.formats.units import format_duration
from monitor.core.model import Event, TargetKey
from monitor.core.records import (
    AccountRecord,
    DeliveryOutcome,
    DeliveryRecord,
    HeartbeatOutcome,
    HeartbeatRecord,
    LaneRecord,
    ListedEndRecord,
    OverdueRecord,
    PollRecord,
    ReloadRecord,
    RequestRecord,
    StoreRecord,
)
from monitor.core.text import cloudevent
from monitor.telemetry.failure_log import FailureLog, named

_LEVELS = {Severity.INFO: logging.INFO, Severity.WARNING: logging.WARNING, Severity.CRITICAL: logging.ERROR}
_MOST_ERRORS = 20
_MOST_FAULTS = 1000
"""Different faults that are distinguished."""


class LogLines:
    """The lines of one daemon."""

    def __init__(self, log: FilteringBoundLogger, *, external_url: str) -> None:
        self._log = log
        self._debug = log.is_enabled_for(logging.DEBUG)
        self._external_url = external_url
        self._troubles = FailureLog(log)
        self._undelivered: dict[str, set[str]] = {}
        self._open: dict[str, bool] = {}
        self._store_available = True
        self._heartbeat = HeartbeatOutcome.PINGED
        self._faults: dict[tuple[str, str, int], int] = {}

    def request(self, record: RequestRecord) -> None:
        if self._debug:
            self._log.debug(
                "request",
                account=record.account,
                endpoint=record.endpoint.value,
                outcome=record.outcome.value,
                duration=round(record.duration, 6),
            )

    def poll(self, record: PollRecord) -> None:
        self._troubles.ended_or_begun(record)
        if record.changed or self._debug:
            self._log.log(logging.INFO if record.changed else logging.DEBUG, "poll", **_facts_of(record))
        if record.events:
            self._events(record.events)

    def forget(self, key: TargetKey) -> None:
        self._troubles.forget(key)

    def account(self, record: AccountRecord) -> None:
        self._events(record.events)

    def listed_end(self, record: ListedEndRecord) -> None:
        self._events(record.events)

    def overdue(self, record: OverdueRecord) -> None:
        self._events(record.events)

    def _events(self, events: Iterable[Event]) -> None:
        for event in events:
            self._log.log(_LEVELS[event.severity], event.type.value, event_id=event.id, **self._told(event))

    def _told(self, event: Event) -> dict[str, Any]:
        """The same facts as receivers get, from the same JSON."""
        body = msgspec.json.decode(cloudevent.encode(event, base_url="", external_url=self._external_url))
        return {"time": body["time"], **body["data"]}

    def lane(self, record: LaneRecord) -> None:
        facts = {
            "account": record.account,
            "reason": record.reason,
            "requests_per_second": round(record.requests_per_second, 3),
        }
        if self._open.get(record.account, True) is record.open:
            self._log.debug("lane.rate", **facts)
        elif record.open:
            self._log.info("lane.opened", **facts)
        else:
            self._log.warning("lane.closed", **facts)
        self._open[record.account] = record.open

    def delivery(self, record: DeliveryRecord) -> None:
        facts = _delivery(record)
        failing = self._undelivered.setdefault(record.receiver, set())
        match record.outcome:
            case DeliveryOutcome.RETRIED:
                self._log.log(logging.DEBUG if failing else logging.WARNING, "delivery.failing", **facts)
                failing.add(record.event_id)
                return
            case DeliveryOutcome.DEAD:
                self._log.error("delivery.dead", **facts)
            case DeliveryOutcome.DELIVERED:
                self._log.info("delivery", **facts)
        if record.event_id in failing:
            failing.discard(record.event_id)
            if not failing:
                self._log.info("delivery.recovered", receiver=record.receiver)

    def reload(self, record: ReloadRecord) -> None:
        if record.successful:
            numbers = {"added": record.added, "removed": record.removed, "changed": record.changed}
            self._log.info("config.loaded", trigger=record.trigger, **numbers)
            if record.halved:
                self._log.warning("watchlist.halved", removed=record.removed)
        else:
            shown = list(record.errors[:_MOST_ERRORS])
            self._log.error("config.refused", trigger=record.trigger, errors=shown, number=len(record.errors))

    def leaving(self, number: int, grace: float) -> None:
        self._log.warning("watchlist.targets_left", with_open_alerts=number, closed_in=format_duration(grace))

    def store(self, record: StoreRecord) -> None:
        if record.available is not self._store_available:
            self._store_available = record.available
            if record.available:
                self._log.info("store.available")
            else:
                self._log.error("store.unavailable", detail=record.detail)

    def heartbeat(self, record: HeartbeatRecord) -> None:
        if record.outcome is self._heartbeat:
            return
        self._heartbeat = record.outcome
        match record.outcome:
            case HeartbeatOutcome.PINGED:
                self._log.info("heartbeat.recovered")
            case HeartbeatOutcome.FAILED:
                self._log.error("heartbeat.failing", detail=record.detail)
            case HeartbeatOutcome.WITHHELD:
                self._log.error("heartbeat.withheld", detail=record.detail)

    def fault(self, loop: str, error: BaseException) -> None:
        """Logs the traceback of the 1st, 10th, 100th... time that the same place failed in the same way."""
        what = (loop, type(error).__name__, _line_of(error))
        times = self._faults.get(what, 0) + 1
        if what in self._faults or len(self._faults) < _MOST_FAULTS:
            self._faults[what] = times
        if str(times).strip("0") == "1":
            self._log.error("fault", loop=loop, error=type(error).__name__, times=times, exc_info=error)


def _facts_of(record: PollRecord) -> dict[str, Any]:
    detail = {"detail": record.detail} if record.detail else {}
    return {
        **named(record),
        "outcome": record.outcome.value,
        **detail,
        "before": record.before.value,
        "status": record.state.status.value,
        "events": len(record.events),
        "delay": round(record.delay, 6),
        "duration": round(record.duration, 6),
    }


def _delivery(record: DeliveryRecord) -> dict[str, Any]:
    facts: dict[str, Any] = {
        "receiver": record.receiver,
        "id": record.event_id,
        "type": record.type.value,
        "attempts": record.attempts,
        "delay": round(record.delay, 6),
    }
    if record.detail:
        facts["detail"] = record.detail
    if record.retry_in is not None:
        facts["retry_in"] = round(record.retry_in, 3)
    return facts


def _line_of(error: BaseException) -> int:
    place = error.__traceback__
    while place is not None and place.tb_next is not None:
        place = place.tb_next
    return place.tb_lineno if place is not None else 0
