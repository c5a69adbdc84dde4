"""When the hold of an alert about an event is over, as SQL.

The law: a hold counts from the first acknowledgement of the opening, by itself, by its event or by its incident.

1.  Who shows alerts shows their ends, too: one that was told late has shown an alert for a while before it expires, and
    while it was not told yet, nothing expires.
2.  The others hear of an opening also after the end. So one acknowledgement is enough; where there is none yet, a
    running receiver that still waits for the opening keeps the alert open.
3.  Where nobody was told and nobody waits (no receiver, or all have refused), it counts from the opening.
"""

from collections.abc import Sequence
from datetime import datetime, timedelta

from sqlalchemy import ColumnElement, and_, exists, func, or_, select, true

from monitor.core.alerting.routing import Feed, Route
from monitor.core.commits import DeliveryKind
from monitor.store import rows
from monitor.store.schema import alerts, deliveries

SHOWN = 900.0
"""Seconds, or the whole hold where that is less: longer than Alertmanager waits to group alerts."""
_OPENINGS = [DeliveryKind.EVENT.value, DeliveryKind.ALERT_OPENED.value, DeliveryKind.INCIDENT_OPENED.value]


def hold_is_over(now: datetime, hold: float, routes: Sequence[Route] | None = None) -> ColumnElement[bool]:
    """Of a row of alerts. `routes`: of the receivers that run; None: each that was ever told runs, and shows alerts."""
    since = now - timedelta(seconds=hold)
    waits, has = deliveries.c.done_at.is_(None), deliveries.c.status == "delivered"
    runs, shows = _among(routes), _among(routes, Feed.ALERTS)
    late = deliveries.c.done_at > now - timedelta(seconds=min(hold, SHOWN))
    shown_too_short = and_(shows, or_(waits, and_(has, late)))
    nobody = ~_opening(or_(has, and_(waits, runs)))
    return and_(
        alerts.c.kind == rows.EVENT,
        alerts.c.opened_at <= since,
        ~_opening(shown_too_short),
        or_(_opening(and_(has, deliveries.c.done_at <= since)), nobody),
    )


def first_and_last_told() -> tuple[ColumnElement[datetime | None], ColumnElement[datetime | None]]:
    """Of a row of alerts: when its opening was acknowledged, `first_told` and `last_told`."""
    told = _is_opening(deliveries.c.status == "delivered")
    first, last = func.min(deliveries.c.done_at), func.max(deliveries.c.done_at)
    return (
        select(first).where(told).correlate(alerts).scalar_subquery().label("first_told"),
        select(last).where(told).correlate(alerts).scalar_subquery().label("last_told"),
    )


def held_until(
    opened_at: datetime, first_told: datetime | None, last_told: datetime | None, hold: float, now: datetime
) -> datetime:
    """When a hold that is over was so; `now`, where somebody was told after that."""
    until = max(first_told or opened_at, opened_at) + timedelta(seconds=hold)
    return now if last_told is not None and last_told > until else until


def _among(routes: Sequence[Route] | None, gets: Feed | None = None) -> ColumnElement[bool]:
    """Whether a delivery is for one of these receivers."""
    if routes is None:
        return true()
    return deliveries.c.receiver.in_([route.receiver for route in routes if gets in (None, route.gets)])


def _opening(which: ColumnElement[bool]) -> ColumnElement[bool]:
    """Whether such a delivery has told, or is to tell, that the alert is open."""
    return exists().where(_is_opening(which))


def _is_opening(which: ColumnElement[bool]) -> ColumnElement[bool]:
    of_alert = deliveries.c.ref.in_([alerts.c.id, alerts.c.incident])
    return and_(of_alert, deliveries.c.about.in_(_OPENINGS), which)
