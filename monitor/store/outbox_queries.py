"""Reads pending, delivered and dead deliveries, per receiver."""

from collections.abc import Collection, Mapping
from datetime import datetime
from typing import Any

from sqlalchemy import Engine, Row, and_, func, select

from monitor.core.alerts import Alert, Incident
from monitor.core.commits import Delivery, DeliveryKind
from monitor.core.event_types import EventType, Severity
from monitor.store import rows
from monitor.store.fetch import fetch_all, in_batches
from monitor.store.schema import alerts, deliveries, events, incidents
from monitor.store.values import DeliveryStatus, EventText, StoredDelivery

PENDING = select(deliveries, events.c.body).outerjoin_from(
    deliveries, events, and_(events.c.seq == deliveries.c.seq, events.c.id == deliveries.c.ref)
)


def pending(engine: Engine, receiver: str, after_seq: int, limit: int) -> list[Delivery]:
    statement = (
        PENDING.where(deliveries.c.receiver == receiver, deliveries.c.done_at.is_(None))
        .where(deliveries.c.seq > after_seq)
        .order_by(deliveries.c.seq)
        .limit(limit)
    )
    return [rows.delivery(row) for row in fetch_all(engine, statement)]


def pending_counts(engine: Engine) -> dict[str, tuple[int, datetime | None]]:
    statement = (
        select(deliveries.c.receiver, func.count().label("number"), func.min(deliveries.c.observed_at).label("oldest"))
        .where(deliveries.c.done_at.is_(None))
        .group_by(deliveries.c.receiver)
    )
    return {row.receiver: (row.number, row.oldest) for row in fetch_all(engine, statement)}


def dead_counts(engine: Engine) -> dict[str, int]:
    statement = (
        select(deliveries.c.receiver, func.count().label("number"))
        .where(deliveries.c.status == DeliveryStatus.DEAD.value)
        .group_by(deliveries.c.receiver)
    )
    return {row.receiver: row.number for row in fetch_all(engine, statement)}


_UNKNOWN = EventText()


def deliveries_after(
    engine: Engine, status: DeliveryStatus | None, receiver: str | None, after: int, limit: int
) -> list[StoredDelivery]:
    """The next deliveries in the order of `seq`; those of one `seq` stay together, so there may be a few more."""
    chosen = [deliveries.c.seq > after]
    if status is not None:
        chosen.append(deliveries.c.status == status.value)
    if receiver is not None:
        chosen.append(deliveries.c.receiver == receiver)
    numbers = select(deliveries.c.seq).where(*chosen).order_by(deliveries.c.seq).limit(limit)
    page = numbers.subquery()
    last = select(func.max(page.c.seq)).scalar_subquery()
    statement = select(deliveries).where(*chosen, deliveries.c.seq <= last)
    found = fetch_all(engine, statement.order_by(deliveries.c.seq, deliveries.c.receiver))
    first = _first_pending(engine, {row.subject for row in found if row.done_at is None})
    told = _told(engine, {row.ref for row in found})
    return [
        StoredDelivery(
            seq=row.seq,
            receiver=row.receiver,
            about=DeliveryKind(row.about),
            ref=row.ref,
            type=EventType(row.type),
            severity=Severity(row.severity),
            subject=row.subject,
            observed_at=row.observed_at,
            status=DeliveryStatus(row.status),
            attempts=row.attempts,
            next_try=row.not_before,
            detail=row.last_error or "",
            done_at=row.done_at,
            behind=_behind(row, first),
            name=told.get(row.ref, _UNKNOWN).name,
            summary=told.get(row.ref, _UNKNOWN).summary,
        )
        for row in found
    ]


def _told(engine: Engine, refs: Collection[str]) -> Mapping[str, EventText]:
    """Names and summaries of the events, alerts and incidents with these ids."""
    found: dict[str, EventText] = {}
    for some in in_batches(sorted(refs)):
        of_events = select(events.c.id, events.c.body).where(events.c.id.in_(some))
        found.update((row.id, rows.told(row.body)) for row in fetch_all(engine, of_events))
        of_alerts = [rows.alert(row) for row in fetch_all(engine, select(alerts).where(alerts.c.id.in_(some)))]
        of_incidents = [
            rows.incident(row) for row in fetch_all(engine, select(incidents).where(incidents.c.id.in_(some)))
        ]
        cases: list[Alert | Incident] = [*of_alerts, *of_incidents]
        found.update((one.id, EventText(one.event.summary, one.event.name)) for one in cases)
    return found


def _first_pending(engine: Engine, subjects: Collection[str]) -> dict[tuple[str, str], int]:
    """The `seq` of the first pending delivery, per receiver and subject."""
    found: dict[tuple[str, str], int] = {}
    for some in in_batches(sorted(subjects)):
        statement = (
            select(deliveries.c.receiver, deliveries.c.subject, func.min(deliveries.c.seq).label("first"))
            .where(deliveries.c.done_at.is_(None), deliveries.c.subject.in_(some))
            .group_by(deliveries.c.receiver, deliveries.c.subject)
        )
        found.update(((row.receiver, row.subject), row.first) for row in fetch_all(engine, statement))
    return found


def _behind(row: Row[Any], first: Mapping[tuple[str, str], int]) -> int | None:
    """A delivery that was tried waits for no other: it was the first, or it has overtaken a failing one."""
    before = first.get((row.receiver, row.subject), row.seq)
    return before if row.done_at is None and not row.attempts and before < row.seq else None
