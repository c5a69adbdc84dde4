"""When the hold of an alert about an event is over, as SQL.

The rule: a hold counts from the first acknowledgement of the opening: of the alert, its event or its incident.

1.  A receiver of alerts gets their ends, too. So an alert does not expire while its opening is pending for such a
    receiver, nor before a late one has shown it for a while.
2.  Other receivers get an opening also after the end. So one acknowledgement is enough; without any, a pending opening
    for a running receiver keeps the alert open.
3.  Without any acknowledged or pending opening (no receiver, or all have refused), it counts from the opening.
"""

from collections.abc import Sequence
from datetime import datetime, timedelta

from sqlalchemy import ColumnElement, and_, exists, func, or_, select, true

from monitor.core.alerting.routing import Feed, Route
from monitor.core.commits import DeliveryKind
from monitor.store import rows
from monitor.store.schema import alerts, deliveries

SHOWN = 900.0
"""Seconds, or the whole hold if that is less: longer than Alertmanager waits to group alerts."""
_OPENINGS = [DeliveryKind.EVENT.value, DeliveryKind.ALERT_OPENED.value, DeliveryKind.INCIDENT_OPENED.value]


def hold_is_over(now: datetime, hold: float, routes: Sequence[Route] | None = None) -> ColumnElement[bool]:
    """For a row of alerts. `routes`: of the running receivers; None: all receivers run and get alerts."""
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
    """For a row of alerts: the first and last acknowledgement of its opening, `first_told` and `last_told`."""
    told = _is_opening(deliveries.c.status == "delivered")
    first, last = func.min(deliveries.c.done_at), func.max(deliveries.c.done_at)
    return (
        select(first).where(told).correlate(alerts).scalar_subquery().label("first_told"),
        select(last).where(told).correlate(alerts).scalar_subquery().label("last_told"),
    )


def held_until(
    opened_at: datetime, first_told: datetime | None, last_told: datetime | None, hold: float, now: datetime
) -> datetime:
    """The end of a hold that is over; `now` if an acknowledgement came after it."""
    until = max(first_told or opened_at, opened_at) + timedelta(seconds=hold)
    return now if last_told is not None and last_told > until else until


def _among(routes: Sequence[Route] | None, gets: Feed | None = None) -> ColumnElement[bool]:
    """Whether a delivery is for one of these receivers."""
    if routes is None:
        return true()
    return deliveries.c.receiver.in_([route.receiver for route in routes if gets in (None, route.gets)])


def _opening(which: ColumnElement[bool]) -> ColumnElement[bool]:
    """Whether there is such a delivery of the alert's opening."""
    return exists().where(_is_opening(which))


def _is_opening(which: ColumnElement[bool]) -> ColumnElement[bool]:
    of_alert = deliveries.c.ref.in_([alerts.c.id, alerts.c.incident])
    return and_(of_alert, deliveries.c.about.in_(_OPENINGS), which)
