"""Deliveries that no commit makes: for new receivers, and dead ones that are pending again."""

import contextlib
from collections.abc import Sequence
from datetime import datetime

import msgspec
from sqlalchemy import ColumnElement, Connection, Engine, and_, exists, select, update

from monitor.core.alerting.routing import Feed, Route
from monitor.core.alerts import Alert, Incident
from monitor.core.commits import Delivery, DeliveryKind
from monitor.core.model import Event
from monitor.store import rows, statements
from monitor.store.errors import translated
from monitor.store.holds import hold_is_over
from monitor.store.outbox_queries import PENDING
from monitor.store.schema import alerts, deliveries, events, incidents

Current = ColumnElement[bool]
"""Whether a new receiver should get an alert."""


def backfill_receivers(engine: Engine, routes: Sequence[Route], now: datetime, hold: float) -> int:
    """Make the open alerts pending, once, for receivers that were added after them; returns how many deliveries.

    Without alerts that are open only until the next closing: a hold of `hold` seconds is over, a condition has ended.
    """
    with translated(engine.url), engine.begin() as connection:
        connection.execute(statements.TAKE_NUMBERS, {"count": 0})  # a lock: no other transaction changes alerts
        made = _made(connection, routes, now, hold)
        unnumbered = [delivery for delivery in made if not delivery.seq]
        last = connection.execute(statements.TAKE_NUMBERS, {"count": len(unnumbered)}).scalar_one()
        numbered = [
            msgspec.structs.replace(delivery, seq=seq)
            for seq, delivery in enumerate(unnumbered, last - len(unnumbered) + 1)
        ]
        new = [rows.delivery_values(delivery) for delivery in (*(d for d in made if d.seq), *numbered)]
        if new:
            connection.execute(deliveries.insert(), new)
    return len(new)


def introductions(engine: Engine, routes: Sequence[Route], now: datetime, hold: float) -> int:
    """How many deliveries `backfill_receivers` would make. Changes nothing, and takes no lock if there are none."""
    with translated(engine.url), engine.connect() as connection, contextlib.closing(connection.begin()):
        return len(_made(connection, routes, now, hold))


def _made(connection: Connection, routes: Sequence[Route], now: datetime, hold: float) -> list[Delivery]:
    current = and_(
        alerts.c.closed_at.is_(None),
        alerts.c.ends_at.is_(None),
        ~hold_is_over(now, hold, routes),
    )
    return [delivery for route in routes for delivery in _introductions(connection, route, current)]


def _introductions(connection: Connection, route: Route, current: Current) -> list[Delivery]:
    match route.gets:
        case Feed.EVENTS:
            return _of_events(connection, route, current)
        case Feed.ALERTS:
            return [*_of_alerts(connection, route, current), *_of_storms(connection, route, current)]
        case Feed.INCIDENTS:
            return _of_incidents(connection, route, current)


def _of_events(connection: Connection, route: Route, current: Current) -> list[Delivery]:
    there = exists().where(deliveries.c.ref == alerts.c.id, deliveries.c.receiver == route.receiver)
    statement = (
        select(alerts, events.c.seq, events.c.body)
        .join_from(alerts, events, events.c.id == alerts.c.id)
        .where(current, ~there)
        .order_by(events.c.seq)
    )
    found = [(row, rows.alert(row).event) for row in connection.execute(statement)]
    return [
        _delivery(DeliveryKind.EVENT, route, event.id, event, f"{event.account}/{event.subject}", seq=row.seq)
        for row, event in found
        if route.takes(event)
    ]


def _of_alerts(connection: Connection, route: Route, current: Current) -> list[Delivery]:
    statement = select(alerts).where(current, alerts.c.single == 1)
    made = []
    for row in connection.execute(statement.order_by(alerts.c.opened_at, alerts.c.id)).all():
        alert: Alert = rows.alert(row)
        if route.receiver in alert.receivers or not route.takes(alert.event):
            continue
        receivers = rows.names_text((*alert.receivers, route.receiver))
        connection.execute(update(alerts).where(alerts.c.id == alert.id).values(receivers=receivers))
        made.append(_delivery(DeliveryKind.ALERT_OPENED, route, alert.id, alert.event, row.fingerprint))
    return made


def _of_storms(connection: Connection, route: Route, current: Current) -> list[Delivery]:
    return [
        _told(connection, route, storm, msgspec.structs.replace(storm, storm_receivers=(*storm.storm_receivers, name)))
        for storm in _going_on(connection, current)
        if storm.storm
        and (name := route.receiver) not in (*storm.storm_receivers, *storm.storm_told_later)
        and route.takes(storm.event)
    ]


def _of_incidents(connection: Connection, route: Route, current: Current) -> list[Delivery]:
    return [
        _told(connection, route, one, msgspec.structs.replace(one, receivers=(*one.receivers, name)))
        for one in _going_on(connection, current)
        if (one.receivers or not one.spared)  # if not, other alerts notify of all of it
        and (name := route.receiver) not in (*one.receivers, *one.spared)
        and route.takes(one.event)
    ]


def _going_on(connection: Connection, current: Current) -> list[Incident]:
    lives = exists().where(alerts.c.incident == incidents.c.id, current)
    statement = select(incidents).where(incidents.c.ended_at.is_(None), lives)
    return [rows.incident(row) for row in connection.execute(statement.order_by(incidents.c.opened_at)).all()]


def _told(connection: Connection, route: Route, incident: Incident, after: Incident) -> Delivery:
    state = rows.incident_values(after)["state"]
    connection.execute(update(incidents).where(incidents.c.id == incident.id).values(state=state))
    return _delivery(
        DeliveryKind.INCIDENT_OPENED, route, incident.id, incident.event, incident.id, members=incident.members
    )


def _delivery(
    about: DeliveryKind, route: Route, ref: str, event: Event, subject: str, *, seq: int = 0, members: int = 0
) -> Delivery:
    return Delivery(
        seq=seq,
        receiver=route.receiver,
        event_id=ref,
        type=event.type,
        severity=event.severity,
        subject=subject,
        body=b"",
        observed_at=event.observed_at,
        about=about,
        members=members,
    )


def requeue_dead(engine: Engine, receiver: str | None, limit: int) -> list[Delivery]:
    """Make dead deliveries pending again; returns them, oldest first."""
    dead = [deliveries.c.status == "dead"]
    if receiver is not None:
        dead.append(deliveries.c.receiver == receiver)
    with translated(engine.url), engine.begin() as connection:
        found = connection.execute(PENDING.where(*dead).order_by(deliveries.c.seq).limit(limit)).all()
        for row in found:
            connection.execute(
                update(deliveries)
                .where(deliveries.c.seq == row.seq, deliveries.c.receiver == row.receiver)
                .values(status="pending", attempts=0, not_before=None, done_at=None, last_error=None)
            )
    return [msgspec.structs.replace(rows.delivery(row), attempts=0, not_before=None) for row in found]
