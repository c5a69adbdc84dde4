"""Deletes old rows in batches: each call is one short transaction of at most `limit` rows of its table."""

from collections.abc import Collection, Sequence
from datetime import datetime

from sqlalchemy import ColumnElement, Engine, Select, Table, and_, delete, exists, or_, select, tuple_

from monitor.core.commits import DeliveryKind
from monitor.core.event_types import EventType
from monitor.core.model import Status, TargetKey
from monitor.store.errors import translated
from monitor.store.schema import alerts, deliveries, events, incidents, sightings, targets

Known = tuple[TargetKey, int]
"""A target, and the revision of its state."""


def forget_events(engine: Engine, before: datetime, receivers: Collection[str], limit: int) -> int:
    """Delete events observed before, with their deliveries; returns how many. Events with a pending delivery stay.

    So do events whose alert stays, or a repeated event would open a second alert; and events of drift, since each kind
    has one event for ever.
    """
    has_alert = exists().where(alerts.c.id == events.c.id)
    old = (
        select(events.c.seq, events.c.id)
        .where(events.c.observed_at < before, events.c.type != EventType.SCHEMA_DRIFT.value)
        .where(~_awaited(events.c.id, receivers), ~has_alert)
        .order_by(events.c.observed_at)
        .limit(limit)
    )
    with translated(engine.url), engine.begin() as connection:
        found = connection.execute(old).all()
        if found:
            told = and_(
                deliveries.c.seq.in_([row.seq for row in found]), deliveries.c.about == DeliveryKind.EVENT.value
            )
            connection.execute(delete(deliveries).where(told))
            connection.execute(delete(events).where(events.c.seq.in_([row.seq for row in found])))
    return len(found)


def forget_alerts(engine: Engine, before: datetime, receivers: Collection[str], limit: int) -> int:
    """Delete alerts that closed before, with their deliveries; returns how many. Those with a pending delivery stay.

    So do alerts whose incident stays, or a repeated event would begin the incident again.
    """
    old = and_(alerts.c.closed_at < before, ~exists().where(incidents.c.id == alerts.c.incident))
    return _forget_cases(engine, alerts, select(alerts.c.id).where(old), receivers, limit)


def forget_incidents(engine: Engine, before: datetime, receivers: Collection[str], limit: int) -> int:
    """The same for incidents."""
    old = incidents.c.ended_at < before
    return _forget_cases(engine, incidents, select(incidents.c.id).where(old), receivers, limit)


def _forget_cases(engine: Engine, table: Table, old: Select[tuple[str]], receivers: Collection[str], limit: int) -> int:
    with translated(engine.url), engine.begin() as connection:
        ids = list(connection.execute(old.where(~_awaited(table.c.id, receivers)).limit(limit)).scalars())
        if ids:
            of_cases = deliveries.c.about != DeliveryKind.EVENT.value
            connection.execute(delete(deliveries).where(deliveries.c.ref.in_(ids), of_cases))
            connection.execute(delete(table).where(table.c.id.in_(ids)))
    return len(ids)


def _awaited(ref: ColumnElement[str], receivers: Collection[str]) -> ColumnElement[bool]:
    """Whether a running receiver has a pending delivery about it."""
    return exists().where(deliveries.c.ref == ref, deliveries.c.done_at.is_(None), deliveries.c.receiver.in_(receivers))


def ended_targets(
    engine: Engine, before: datetime, after: tuple[datetime, TargetKey] | None, limit: int
) -> list[tuple[datetime, Known]]:
    """The next targets with an end before, in the order of their ends."""
    key = (targets.c.account, targets.c.definition, targets.c.workflow)
    statement = select(targets.c.ended_at, *key, targets.c.revision).where(targets.c.ended_at < before)
    if after is not None:
        statement = statement.where(tuple_(targets.c.ended_at, *key) > (after[0], *after[1]))
    with translated(engine.url), engine.connect() as connection:
        found = connection.execute(statement.order_by(targets.c.ended_at, *key).limit(limit)).all()
    return [(row.ended_at, (TargetKey(row.account, row.definition, row.workflow), row.revision)) for row in found]


def unseen_targets(engine: Engine, before: datetime, after: TargetKey | None, limit: int) -> list[Known]:
    """The next targets that have not ended and were not seen since, or not at all, in the order of their keys."""
    key, seen = tuple(targets.primary_key), tuple(sightings.primary_key)
    # A sighting is written a while after the state; a target that was never there has none.
    never = and_(sightings.c.last_seen_at.is_(None), targets.c.status == Status.NOT_FOUND.value)
    statement = (
        select(*key, targets.c.revision)
        .outerjoin_from(targets, sightings, and_(*(mine == other for mine, other in zip(key, seen, strict=True))))
        .where(targets.c.ended_at.is_(None), or_(never, sightings.c.last_seen_at < before))
        .where(~exists().where(*(alerts.c[column.name] == column for column in key)))  # kept for its next episode
    )
    if after is not None:
        statement = statement.where(tuple_(*key) > tuple(after))
    with translated(engine.url), engine.connect() as connection:
        found = connection.execute(statement.order_by(*key).limit(limit)).all()
    return [(TargetKey(row.account, row.definition, row.workflow), row.revision) for row in found]


def forget_targets(engine: Engine, known: Sequence[Known]) -> int:
    """Delete these targets and their sightings, unless another writer changed them since; returns how many."""
    forgotten = 0
    with translated(engine.url), engine.begin() as connection:
        for key, revision in known:
            there = delete(targets).where(*_is(targets, key), targets.c.revision == revision)
            if connection.execute(there).rowcount:
                connection.execute(delete(sightings).where(*_is(sightings, key)))
                forgotten += 1
    return forgotten


def _is(table: Table, key: TargetKey) -> list[ColumnElement[bool]]:
    return [table.c[name] == part for name, part in key._asdict().items()]
