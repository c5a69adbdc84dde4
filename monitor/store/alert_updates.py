"""The effect of one transaction's events on alerts and incidents, and the deliveries that it makes.

`core/alerting/incidents.py` decides; this module reads and writes, with a few statements for a whole group of commits.
The caller holds the row of numbers, so that no other transaction changes alerts meanwhile. The order of the events is
kept.
"""

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any, NamedTuple, Self

import msgspec
from sqlalchemy import ColumnElement, Connection, RowMapping, select

from monitor.core.alerting.incidents import (
    GROUP_WAIT,
    accepts,
    calmed,
    condition_of,
    is_resolved,
    lasts_long,
    opened,
    should_renotify,
    storm_told,
    with_alert,
    without_alert,
)
from monitor.core.alerts import Alert, AlertEnd, Closing, Incident
from monitor.core.commits import AlertRouting, Delivery, DeliveryKind, OutboxEntry
from monitor.core.event_types import AlertKind, EventType, Severity
from monitor.core.model import Event
from monitor.store import rows, statements
from monitor.store.errors import StoreUnavailable
from monitor.store.schema import alerts, incidents

_IDS = 500
"""Ids of one SELECT; both databases allow more."""


class PublishedEvent(NamedTuple):
    """An event that the transaction has stored."""

    origin: int
    """The index in the group of the request that it belongs to."""
    outgoing: OutboxEntry
    seq: int


class AlertEnding(NamedTuple):
    """A request to close an alert."""

    origin: int
    closing: Closing
    number: int
    """Written with the closing, so that it can later be attributed to its request."""


class Made(NamedTuple):
    """A delivery without a number yet."""

    origin: int
    delivery: Delivery


class Calm(NamedTuple):
    """An incident whose size is to be sent."""

    origin: int
    incident: str
    at: datetime


class _AlertUpdate(msgspec.Struct, frozen=True):
    """An open alert."""

    id: str
    type: EventType
    severity: Severity
    incident: str
    condition: str | None
    fingerprint: str
    single: bool
    receivers: tuple[str, ...]
    ends_at: datetime | None = None
    """When a condition that has ended will have settled."""

    @classmethod
    def of(cls, row: RowMapping | Mapping[str, Any]) -> Self:
        return cls(
            id=row["id"],
            type=EventType(row["type"]),
            severity=Severity(row["severity"]),
            incident=row["incident"],
            condition=row["condition"],
            fingerprint=row["fingerprint"],
            single=bool(row["single"]),
            receivers=rows.names(row["receivers"]),
            ends_at=row.get("ends_at"),
        )


class _End(NamedTuple):
    case: _AlertUpdate
    end: AlertEnd
    at: datetime
    number: int
    origin: int


class AlertUpdates:
    """The updates of one transaction."""

    def __init__(self, connection: Connection) -> None:
        self.deliveries: list[Made] = []
        self.closed: dict[str, AlertEnding] = {}
        """Alerts that were closed by request, not by an event."""
        self._connection = connection
        self._cases: dict[str, _AlertUpdate] = {}
        """By the id of the alert, and by that of the newest event that opened it."""
        self._settling: dict[str, _AlertUpdate] = {}
        """Alerts of conditions that have ended and not settled yet, by the key of the condition."""
        self._incidents: dict[str, Incident] = {}
        self._going_on: dict[str, str] = {}
        """The newest open incident, by group."""
        self._stored: dict[str, Incident] = {}
        """Incidents as their rows hold them."""
        self._opened: list[rows.Values] = []
        self._settled: dict[str, tuple[datetime | None, str]] = {}
        self._ended: dict[str, _End] = {}

    def apply(self, told: Sequence[PublishedEvent], endings: Sequence[AlertEnding], calms: Sequence[Calm] = ()) -> None:
        self._read(told, endings, calms)
        for one in told:
            self._follow(one)
        for ending in endings:
            closing = ending.closing
            case = self._cases.get(closing.alert)
            if case is not None and case.id not in self._ended and self._may_end(case, closing):
                self._end(_End(case, closing.end, closing.at, ending.number, ending.origin))
                self.closed[case.id] = ending
        for calm in calms:
            self._calm_down(calm)
        self._write()

    def _may_end(self, case: _AlertUpdate, closing: Closing) -> bool:
        """A condition that was settling may hold again by now; an event alert may always end."""
        if closing.end is not AlertEnd.RESOLVED or case.condition is None:
            return True
        ends_at = self._settled[case.id][0] if case.id in self._settled else case.ends_at
        return ends_at is not None and ends_at <= closing.at

    # --- reading ---

    def _read(self, told: Sequence[PublishedEvent], endings: Sequence[AlertEnding], calms: Sequence[Calm]) -> None:
        opening = [(one.outgoing.event, paging) for one in told if (paging := one.outgoing.paging) is not None]
        closes = {id_ for one in told for id_ in one.outgoing.event.closes}
        wished = {ending.closing.alert for ending in endings}
        held = {condition_of(event) for event, _ in opening if event.type.kind is AlertKind.CONDITION}
        for row in (*self._alerts(alerts.c.last_event, closes | wished), *self._alerts(alerts.c.id, closes | wished)):
            self._cases[row["last_event"]] = self._cases.setdefault(row["id"], _AlertUpdate.of(row))
        for row in self._alerts(alerts.c.condition, held):
            if row["ends_at"] is not None:
                self._settling[row["condition"]] = self._cases.setdefault(row["id"], _AlertUpdate.of(row))
        groups = {paging.fault_group for _, paging in opening}
        self._take_in(incidents.c.fault_group, groups)
        further = {case.incident for case in self._cases.values()}.union(calm.incident for calm in calms)
        self._take_in(incidents.c.id, further - self._incidents.keys())
        self._stored = dict(self._incidents)

    def _alerts(self, column: ColumnElement[Any], keys: Collection[str]) -> list[RowMapping]:
        listed = sorted(keys)
        found: list[RowMapping] = []
        for start in range(0, len(listed), _IDS):
            some = select(alerts).where(column.in_(listed[start : start + _IDS]), alerts.c.closed_at.is_(None))
            found += self._connection.execute(some).mappings().all()
        return found

    def _take_in(self, column: ColumnElement[Any], keys: Collection[str]) -> None:
        listed = sorted(keys)
        for start in range(0, len(listed), _IDS):
            some = select(incidents).where(column.in_(listed[start : start + _IDS]), incidents.c.ended_at.is_(None))
            for row in self._connection.execute(some.order_by(incidents.c.opened_at)):
                self._incidents[row.id] = _readable(row)
                self._going_on[row.fault_group] = row.id

    # --- decisions ---

    def _follow(self, told: PublishedEvent) -> None:
        origin, outgoing, seq = told
        event = outgoing.event
        for receiver in dict.fromkeys(outgoing.receivers):
            self.deliveries.append(Made(origin, rows.event_delivery(outgoing, seq, receiver)))
        for id_ in event.closes:
            if (case := self._cases.get(id_)) is not None and case.id not in self._ended:
                self._over(case, id_, told)
        if outgoing.paging is not None:
            self._open(origin, event, outgoing.paging)

    def _over(self, case: _AlertUpdate, opener: str, told: PublishedEvent) -> None:
        """The condition has ended: its alert stays open until it has settled."""
        event, settle = told.outgoing.event, told.outgoing.settle
        unwatched = event.type is EventType.UNWATCHED
        if settle > 0 and not unwatched:
            self._settled[case.id] = event.observed_at + timedelta(seconds=settle), opener
            if case.condition is not None:
                self._settling[case.condition] = case
        else:
            end = AlertEnd.UNWATCHED if unwatched else AlertEnd.RESOLVED
            self._end(_End(case, end, event.observed_at, told.seq, told.origin))

    def _open(self, origin: int, event: Event, paging: AlertRouting) -> None:
        if event.type.kind is AlertKind.CONDITION:
            case = self._settling.pop(condition_of(event), None)
            if case is not None and case.id not in self._ended:
                self._settled[case.id] = None, event.id
                self._cases[event.id] = case
                return
        incident = self._join(origin, event, paging)
        alert = Alert(
            id=event.id,
            event=event,
            fault_group=paging.fault_group,
            incident=incident.id,
            single=not incident.storm,
            opened_at=event.observed_at,
            receivers=() if incident.storm else paging.singles,
        )
        values = rows.alert_values(alert, paging)
        self._opened.append(values)
        self._cases[alert.id] = _AlertUpdate.of(values)
        for receiver in alert.receivers:
            self._make(
                origin,
                about=DeliveryKind.ALERT_OPENED,
                receiver=receiver,
                event_id=alert.id,
                type=event.type,
                severity=event.severity,
                subject=paging.fingerprint,
                observed_at=event.observed_at,
            )

    def _join(self, origin: int, event: Event, paging: AlertRouting) -> Incident:
        before = self._incidents.get(self._going_on.get(paging.fault_group, ""))
        if before is not None and accepts(before, event, paging.window):
            after = with_alert(before, event, paging.storm_threshold)
            told = before.receivers if should_renotify(after) else ()
        else:
            after, before, told = opened(event, paging.fault_group), None, ()
        new = [name for name in paging.grouped if before is None or name not in before.receivers]
        begins = after.storm and not (after.storm_receivers or after.storm_told_later)
        later = paging.singles if begins else after.storm_told_later
        stormed = later if lasts_long(after, event.observed_at) else ()
        receivers = (*after.receivers, *new)
        after = msgspec.structs.replace(
            after,
            receivers=receivers,
            spared=tuple([name for name in dict.fromkeys((*after.spared, *paging.spared)) if name not in receivers]),
            storm_receivers=(*after.storm_receivers, *stormed),
            storm_told_later=() if stormed else later,
        )
        for about, receivers in (
            (DeliveryKind.INCIDENT_OPENED, (*new, *stormed)),
            (DeliveryKind.INCIDENT_GREW, told),
        ):
            for receiver in receivers:
                self._tell(origin, about, receiver, after, event.observed_at)
        self._incidents[after.id] = after
        self._going_on[paging.fault_group] = after.id
        return after

    def _calm_down(self, calm: Calm) -> None:
        before = self._incidents.get(calm.incident)
        if before is None or (after := calmed(before, calm.at)) is None:
            return
        self._incidents[after.id] = after
        unaware = () if should_renotify(after) else before.receivers  # a doubling notifies them anyway
        for receiver in (*unaware, *before.storm_receivers):
            self._tell(calm.origin, DeliveryKind.INCIDENT_GREW, receiver, after, calm.at)
        self._tell_of_storm(calm.origin, before, after, calm.at)

    def _tell_of_storm(self, origin: int, before: Incident, after: Incident, at: datetime) -> None:
        for receiver in after.storm_receivers:
            if receiver not in before.storm_receivers:
                self._tell(origin, DeliveryKind.INCIDENT_OPENED, receiver, after, at)

    def _end(self, ended: _End) -> None:
        case = ended.case
        self._ended[case.id] = ended
        self._settled.pop(case.id, None)
        if (before := self._incidents.get(case.incident)) is None:
            return
        after = self._incidents[before.id] = without_alert(before, ended.end, ended.at)
        if after.ended_at is not None:
            after = self._incidents[before.id] = storm_told(after)
            self._tell_of_storm(ended.origin, before, after, ended.at)
            for receiver in (*(after.receivers if is_resolved(after) else ()), *after.storm_receivers):
                self._tell(ended.origin, DeliveryKind.INCIDENT_CLOSED, receiver, after, ended.at)

    def _tell(self, origin: int, about: DeliveryKind, receiver: str, incident: Incident, at: datetime) -> None:
        gathers = about is DeliveryKind.INCIDENT_OPENED and receiver in incident.receivers
        self._make(
            origin,
            about=about,
            receiver=receiver,
            event_id=incident.id,
            type=incident.event.type,
            severity=incident.severity,
            subject=incident.id,
            observed_at=at,
            members=incident.members,
            not_before=at + timedelta(seconds=GROUP_WAIT) if gathers else None,
        )

    def _make(self, origin: int, **facts: Any) -> None:
        self.deliveries.append(Made(origin, Delivery(seq=0, body=b"", **facts)))

    # --- writing ---

    def _write(self) -> None:
        connection, stored = self._connection, self._stored
        _execute(connection, statements.insert_new(connection.engine, alerts), self._opened)
        changed = [one for one in self._incidents.values() if stored.get(one.id) is not one]
        _execute(connection, incidents.insert(), [rows.incident_values(one) for one in changed if one.id not in stored])
        _execute(connection, statements.SAVE_INCIDENT, [_saved(one) for one in changed if one.id in stored])
        settled = [
            {"of_id": id_, "new_ends_at": ends_at, "new_last_event": last}
            for id_, (ends_at, last) in self._settled.items()
        ]
        _execute(connection, statements.SETTLE_ALERT, settled)
        ended = [
            {"of_id": id_, "at": one.at, "new_end": one.end.value, "number": one.number}
            for id_, one in self._ended.items()
        ]
        _execute(connection, statements.CLOSE_ALERT, ended)
        self._tell_ends()

    def _tell_ends(self) -> None:
        """Deliver the ends of single alerts. Alertmanager takes alerts with equal labels for one, so the last one's."""
        single = [one for one in self._ended.values() if one.case.single]
        labels = {one.case.fingerprint for one in single}
        others = [_AlertUpdate.of(row) for row in self._alerts(alerts.c.fingerprint, labels) if row["single"]]
        open_still = {(other.fingerprint, receiver) for other in others for receiver in other.receivers}
        for case, _, at, _, origin in single:
            for receiver in case.receivers:
                if (case.fingerprint, receiver) in open_still:
                    continue
                self._make(
                    origin,
                    about=DeliveryKind.ALERT_CLOSED,
                    receiver=receiver,
                    event_id=case.id,
                    type=case.type,
                    severity=case.severity,
                    subject=case.fingerprint,
                    observed_at=at,
                )


def _readable(row: Any) -> Incident:
    """An unreadable row fails only the requests that need it; the store goes on with the others."""
    try:
        return rows.incident(row)
    except StoreUnavailable as error:
        raise ValueError(str(error)) from error


def _saved(incident: Incident) -> rows.Values:
    values = rows.incident_values(incident)
    return {
        "of_id": incident.id,
        **{f"new_{name}": values[name] for name in ("ended_at", "storm", "state", "calms_at")},
    }


def _execute(connection: Connection, statement: Any, values: Sequence[rows.Values]) -> None:
    if values:
        connection.execute(statement, values)
