"""Reads alerts, incidents and deliveries: each call is one short transaction, or a few if the result is long."""

from collections import defaultdict
from collections.abc import Collection, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import (
    ColumnElement,
    Connection,
    Engine,
    FromClause,
    Select,
    Text,
    and_,
    column,
    exists,
    func,
    or_,
    select,
    values,
)

from monitor.core.alerting.routing import Route
from monitor.core.alerts import Alert, AlertEnd, Closing, Incident
from monitor.core.commits import DeliveryKind
from monitor.core.event_types import EventType, Severity
from monitor.core.model import TargetKey
from monitor.store import rows
from monitor.store.errors import translated
from monitor.store.fetch import fetch_all, in_batches
from monitor.store.holds import first_and_last_told, held_until, hold_is_over
from monitor.store.schema import alerts, deliveries, incidents
from monitor.store.values import DeliveryStatus, Notification, OpenAlert

_is_open = alerts.c.closed_at.is_(None)
_holds = and_(_is_open, alerts.c.ends_at.is_(None))


def alert(engine: Engine, id: str) -> Alert | None:
    found = fetch_all(engine, select(alerts).where(alerts.c.id == id))
    return rows.alert(found[0]) if found else None


def incident(engine: Engine, id: str) -> Incident | None:
    found = fetch_all(engine, select(incidents).where(incidents.c.id == id))
    return rows.incident(found[0]) if found else None


def ended_groups(engine: Engine, groups: Collection[str]) -> dict[str, datetime]:
    """Of these fault groups those with an incident that is over, and when the last one ended."""
    of_them = select(incidents.c.fault_group, func.max(incidents.c.ended_at).label("last"))
    over = of_them.where(incidents.c.ended_at.is_not(None)).group_by(incidents.c.fault_group)
    return {
        row.fault_group: row.last
        for some in in_batches(sorted(groups))
        for row in fetch_all(engine, over.where(incidents.c.fault_group.in_(some)))
    }


def end_is_pending(engine: Engine, incident: str, receiver: str) -> bool:
    """Whether the receiver has a pending delivery of the incident's end."""
    of_it = (deliveries.c.ref == incident, deliveries.c.receiver == receiver)
    statement = select(deliveries.c.seq).where(
        *of_it, deliveries.c.about == DeliveryKind.INCIDENT_CLOSED.value, deliveries.c.done_at.is_(None)
    )
    return bool(fetch_all(engine, statement.limit(1)))


def alerts_of(engine: Engine, receiver: str, after: str, limit: int, ended_after: datetime) -> list[Alert]:
    """The next alerts, in the order of ids, that the receiver gets one by one; see `notify.AlertReader`."""
    other = alerts.alias()
    name = rows.names_text((receiver,))[1:-1]
    alike = exists().where(
        other.c.fingerprint == alerts.c.fingerprint,
        other.c.closed_at.is_(None),
        other.c.single == 1,
        _lists(other, name),
    )
    still = or_(_is_open, and_(alerts.c.closed_at > ended_after, ~alike))
    statement = select(alerts).where(alerts.c.single == 1, alerts.c.id > after, still, _lists(alerts, name))
    return [rows.alert(row) for row in fetch_all(engine, statement.order_by(alerts.c.id).limit(limit))]


def _lists(table: FromClause, name: str) -> ColumnElement[bool]:
    """Whether the JSON list of receivers holds the quoted name. LIKE would ignore the case of letters."""
    return func.replace(table.c.receivers, name, "") != table.c.receivers


def ends_of(engine: Engine, receiver: str, keys: Collection[TargetKey]) -> list[Alert]:
    """See `notify.AlertReader`."""
    name = rows.names_text((receiver,))[1:-1]
    ends = and_(_is_open, alerts.c.single == 1, alerts.c.type == EventType.TERMINATED.value, _lists(alerts, name))
    return [
        rows.alert(row)
        for some in in_batches(sorted(keys))
        for row in fetch_all(engine, _about_one_of(some).where(ends))
    ]


def _about_one_of(keys: Sequence[TargetKey]) -> Select[Any]:
    """As a join, since SQLite uses no index for a list of rows behind IN."""
    names = ("account", "definition", "workflow")
    wanted = values(*(column(name, Text) for name in names), name="wanted").data([tuple(key) for key in keys]).cte()
    return select(alerts).join(wanted, and_(*(alerts.c[name] == wanted.c[name] for name in names)))


def storms_of(engine: Engine, receiver: str, ended_after: datetime) -> list[Incident]:
    still = or_(incidents.c.ended_at.is_(None), incidents.c.ended_at > ended_after)
    found = fetch_all(engine, select(incidents).where(incidents.c.storm == 1, still).order_by(incidents.c.opened_at))
    return [storm for row in found if receiver in (storm := rows.incident(row)).storm_receivers]


_ANY_OPEN = select(alerts.c.id).where(_is_open).limit(1)


def due(engine: Engine, now: datetime, hold: float, limit: int, routes: Sequence[Route]) -> list[Closing]:
    """Alerts to close: event alerts whose hold is over, conditions that have ended and settled."""
    if not fetch_all(engine, _ANY_OPEN):
        return []  # the usual case, and much cheaper than the statement below, which is built every few seconds
    over = or_(hold_is_over(now, hold, routes), alerts.c.ends_at <= now)
    told = first_and_last_told()
    statement = select(alerts.c.id, alerts.c.ends_at, alerts.c.opened_at, *told).where(_is_open, over)
    return [
        Closing(row.id, AlertEnd.EXPIRED, held_until(row.opened_at, row.first_told, row.last_told, hold, now))
        if row.ends_at is None
        else Closing(row.id, AlertEnd.RESOLVED, row.ends_at)
        for row in fetch_all(engine, statement.order_by(alerts.c.opened_at).limit(limit))
    ]


def calm(engine: Engine, now: datetime, limit: int) -> list[str]:
    """Ids of incidents that have calmed down, and whose size was not sent since they grew."""
    untold = select(incidents.c.id).where(incidents.c.calms_at <= now, incidents.c.ended_at.is_(None))
    return [row.id for row in fetch_all(engine, untold.order_by(incidents.c.calms_at).limit(limit))]


def open_counts(engine: Engine) -> dict[Severity, int]:
    statement = select(alerts.c.severity, func.count().label("number")).where(_holds).group_by(alerts.c.severity)
    return {Severity(row.severity): row.number for row in fetch_all(engine, statement)}


def targets_with_alerts(engine: Engine) -> list[TargetKey]:
    """Every target with an open alert."""
    of_target = and_(_is_open, alerts.c.workflow.is_not(None))
    statement = select(alerts.c.account, alerts.c.definition, alerts.c.workflow).where(of_target).distinct()
    return [TargetKey(row.account, row.definition, row.workflow) for row in fetch_all(engine, statement)]


def alerts_about(engine: Engine, key: TargetKey) -> list[Alert]:
    """The open alerts of one target, oldest first."""
    statement = select(alerts).where(*(alerts.c[name] == part for name, part in key._asdict().items()), _is_open)
    return [rows.alert(row) for row in fetch_all(engine, statement.order_by(alerts.c.opened_at, alerts.c.id))]


def open_alert_ids(engine: Engine, id: str) -> list[str]:
    """The open alert of this id, or those of the incident of this id, oldest first."""
    of_it = or_(alerts.c.id == id, alerts.c.incident == id)
    statement = select(alerts.c.id).where(of_it, _is_open).order_by(alerts.c.opened_at, alerts.c.id)
    return [row.id for row in fetch_all(engine, statement)]


def unwatched_alerts(engine: Engine) -> dict[str, TargetKey]:
    """Event alerts that were closed because their target left the watchlist: id to target, oldest first."""
    closed = and_(alerts.c.end == AlertEnd.UNWATCHED.value, alerts.c.kind == rows.EVENT)
    statement = select(alerts.c.id, alerts.c.account, alerts.c.definition, alerts.c.workflow).where(closed)
    return {
        row.id: TargetKey(row.account, row.definition, row.workflow)
        for row in fetch_all(engine, statement.order_by(alerts.c.opened_at, alerts.c.id))
    }


def known_alerts(engine: Engine, ids: Collection[str]) -> frozenset[str]:
    """Those of the ids that belong to alerts, open or closed."""
    return frozenset(
        row.id
        for some in in_batches(sorted(ids))
        for row in fetch_all(engine, select(alerts.c.id).where(alerts.c.id.in_(some)))
    )


# --- notifications --------------------------------------------------------------------------------------------


def open_alerts(engine: Engine, now: datetime, hold: float) -> list[OpenAlert]:
    """The open alerts, newest first, without those of conditions that have ended but not settled yet."""
    statement = select(alerts).where(_holds, ~hold_is_over(now, hold)).order_by(alerts.c.opened_at.desc(), alerts.c.id)
    with translated(engine.url), engine.connect() as connection:
        found = [rows.alert(row) for row in connection.execute(statement)]
        groups = sorted({alert.incident for alert in found})
        members = {
            row.id: rows.incident(row).members
            for some in in_batches(groups)
            for row in connection.execute(select(incidents).where(incidents.c.id.in_(some)))
        }
        told = _tellings(connection, sorted({alert.id for alert in found}.union(groups)))
    return [
        OpenAlert(
            alert=alert,
            incident_members=members.get(alert.incident, 1),
            tellings=(*told[alert.id], *told[alert.incident]),
        )
        for alert in found
    ]


def alerts_by_id(engine: Engine, ids: Collection[str]) -> list[Alert]:
    """Those of them that exist, open or closed."""
    return [
        rows.alert(row)
        for some in in_batches(sorted(ids))
        for row in fetch_all(engine, select(alerts).where(alerts.c.id.in_(some)))
    ]


def members_of(engine: Engine, incident: str, limit: int) -> list[Alert]:
    """The first alerts of an incident, open or closed, oldest first."""
    statement = select(alerts).where(alerts.c.incident == incident).order_by(alerts.c.opened_at, alerts.c.id)
    return [rows.alert(row) for row in fetch_all(engine, statement.limit(limit))]


def notifications(engine: Engine, refs: Collection[str]) -> dict[str, list[Notification]]:
    """By the id of the event, alert or incident that each is about, in the order of the deliveries."""
    with translated(engine.url), engine.connect() as connection:
        return dict(_tellings(connection, sorted(refs)))


def _tellings(connection: Connection, refs: Sequence[str]) -> dict[str, list[Notification]]:
    found: dict[str, list[Notification]] = defaultdict(list)
    for some in in_batches(refs):
        about = select(deliveries).where(deliveries.c.ref.in_(some)).order_by(deliveries.c.seq)
        for row in connection.execute(about):
            found[row.ref].append(
                Notification(
                    receiver=row.receiver,
                    about=DeliveryKind(row.about),
                    status=DeliveryStatus(row.status),
                    attempts=row.attempts,
                    at=row.done_at,
                    next_try=row.not_before,
                    detail=row.last_error or "",
                )
            )
    return found
