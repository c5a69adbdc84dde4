"""The tables after the newest migration.

All of it is valid on SQLite and on PostgreSQL. Moments are microseconds since 1970 in UTC.
"""

from datetime import UTC, datetime, timedelta
from typing import Any

from sqlalchemy import (
    BigInteger,
    Column,
    Dialect,
    Double,
    Index,
    Integer,
    MetaData,
    Table,
    Text,
    TypeDecorator,
)

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)


class Moment(TypeDecorator[datetime]):
    """An aware `datetime`, stored as microseconds; a naive one raises TypeError."""

    impl = BigInteger
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> int | None:  # noqa: ARG002
        return None if value is None else (value - _EPOCH) // _MICROSECOND

    def process_result_value(self, value: Any | None, dialect: Dialect) -> datetime | None:  # noqa: ARG002
        return None if value is None else _EPOCH + timedelta(microseconds=value)


metadata = MetaData()


def _word(name: str, **more: Any) -> Column[str]:
    return Column(name, Text, nullable=False, **more)


def _key() -> list[Column[str]]:
    return [_word(name, primary_key=True) for name in ("account", "definition", "workflow")]


targets = Table(
    "targets",
    metadata,
    *_key(),
    _word("status"),
    _word("state"),  # JSON of TargetState
    Column("revision", BigInteger, nullable=False),
    Column("ended_at", Moment),
)
Index("ix_targets_ended", targets.c.ended_at, sqlite_where=targets.c.ended_at.is_not(None),
      postgresql_where=targets.c.ended_at.is_not(None))  # fmt: skip

sightings = Table(
    "sightings",  # apart from targets, so that a sighting never interferes with compare-and-set
    metadata,
    *_key(),
    Column("last_seen_at", Moment, nullable=False),
    sqlite_with_rowid=False,
)

accounts = Table(
    "accounts",
    metadata,
    _word("account", primary_key=True),
    _word("state"),  # JSON of AccountState
    Column("revision", BigInteger, nullable=False),
)

events = Table(
    "events",
    metadata,
    # INTEGER makes it SQLite's rowid, so that the order of commits is the order on disk
    Column("seq", BigInteger().with_variant(Integer, "sqlite"), primary_key=True, autoincrement=False),
    _word("id", unique=True),
    _word("type"),
    _word("severity"),
    _word("account"),
    Column("definition", Text),
    Column("workflow", Text),
    Column("reason", Text),
    Column("occurred_at", Moment),
    Column("observed_at", Moment, nullable=False),
    _word("body"),  # JSON, for every receiver
)
Index("ix_events_type", events.c.type, events.c.seq)
Index("ix_events_target", events.c.account, events.c.definition, events.c.workflow, events.c.seq)
Index("ix_events_observed", events.c.observed_at)

deliveries = Table(
    "deliveries",
    metadata,
    Column("seq", BigInteger, primary_key=True, autoincrement=False),  # that of its event, or its own number
    _word("receiver", primary_key=True),
    _word("about"),  # event, alert_opened, ...: see DeliveryKind
    _word("ref"),  # id of the event, alert or incident
    _word("type"),
    _word("severity"),
    _word("subject"),
    Column("observed_at", Moment, nullable=False),
    Column("members", Integer, nullable=False),
    _word("status"),  # pending, delivered or dead
    Column("attempts", Integer, nullable=False),
    Column("not_before", Moment),
    Column("last_error", Text),
    Column("done_at", Moment),  # null: it is pending
    sqlite_with_rowid=False,
)
_pending = deliveries.c.done_at.is_(None)
Index("ix_deliveries_pending", deliveries.c.receiver, deliveries.c.seq, sqlite_where=_pending,
      postgresql_where=_pending)  # fmt: skip
Index("ix_deliveries_ref", deliveries.c.ref)

alerts = Table(
    "alerts",
    metadata,
    _word("id", primary_key=True),  # of the event that opened it
    _word("type"),
    _word("kind"),  # event or condition
    _word("severity"),
    _word("account"),
    Column("definition", Text),
    Column("workflow", Text),
    _word("event"),  # JSON of Event, as it opened the alert
    _word("fault_group"),
    _word("incident"),
    Column("condition", Text),  # key of the condition; null: an event alert
    _word("fingerprint"),  # Alertmanager takes alerts with one fingerprint for one
    Column("single", Integer, nullable=False),  # 1: notified by itself; 0: by its incident only
    _word("receivers"),  # JSON list of the receivers that are notified of it by itself
    Column("opened_at", Moment, nullable=False),
    _word("last_event"),  # id of the newest event that opened it: a condition may open again before it has settled
    Column("ends_at", Moment),  # when a condition that has ended will have settled
    Column("closed_at", Moment),
    Column("end", Text),  # resolved, expired, closed or unwatched
    Column("closing", BigInteger),  # the number of its closing, which attributes it to its request
)
_open = alerts.c.closed_at.is_(None)
Index("ix_alerts_open", alerts.c.opened_at, sqlite_where=_open, postgresql_where=_open)
Index("ix_alerts_condition", alerts.c.condition, sqlite_where=_open, postgresql_where=_open)
Index("ix_alerts_last_event", alerts.c.last_event, sqlite_where=_open, postgresql_where=_open)
Index("ix_alerts_target", alerts.c.account, alerts.c.definition, alerts.c.workflow, sqlite_where=_open,
      postgresql_where=_open)  # fmt: skip
Index("ix_alerts_fingerprint", alerts.c.fingerprint, sqlite_where=_open, postgresql_where=_open)
Index("ix_alerts_closed", alerts.c.closed_at)

incidents = Table(
    "incidents",
    metadata,
    _word("id", primary_key=True),
    _word("fault_group"),
    Column("opened_at", Moment, nullable=False),
    Column("ended_at", Moment),
    Column("storm", Integer, nullable=False),
    _word("state"),  # JSON of Incident
    Column("calms_at", Moment),  # when its size is sent; null: it was sent, or it has ended
)
_going_on = incidents.c.ended_at.is_(None)
_untold = incidents.c.calms_at.is_not(None)
Index("ix_incidents_calm", incidents.c.calms_at, sqlite_where=_untold, postgresql_where=_untold)
Index("ix_incidents_group", incidents.c.fault_group, sqlite_where=_going_on, postgresql_where=_going_on)

declarations = Table(
    "declarations",  # limits that definitions declare for their steps; read once per version
    metadata,
    _word("account", primary_key=True),
    _word("definition", primary_key=True),
    Column("version", Integer, primary_key=True, autoincrement=False),
    _word("declared"),  # JSON: step to seconds, null if they are known at run time only
)

definition_names = Table(
    "definition_names",  # the definition's own name, from the API
    metadata,
    _word("account", primary_key=True),
    _word("definition", primary_key=True),
    _word("name"),
)

discoveries = Table(
    "discoveries",  # definitions whose instances are found by lists
    metadata,
    _word("account", primary_key=True),
    _word("definition", primary_key=True),
    _word("tell_from"),  # RFC 3339: ends before are known, and not published
)

truncations = Table(
    "truncations",  # discoveries that found more instances than they may watch
    metadata,
    _word("account", primary_key=True),
    _word("definition", primary_key=True),  # an id, or *
    _word("state"),  # JSON of TruncationState
    Column("revision", BigInteger, nullable=False),
)

durations = Table(
    "durations",  # durations of the executions of a step
    metadata,
    _word("account", primary_key=True),
    _word("definition", primary_key=True),
    Column("version", Integer, primary_key=True, autoincrement=False),
    _word("step", primary_key=True),
    _word("counts"),  # JSON: executions per bucket
)

replica = Table(
    "replica",  # daemons that live
    metadata,
    _word("id", primary_key=True),  # random, and never used twice
    _word("name"),  # for people
    Column("beat", BigInteger, nullable=False),
    Column("eligible", Integer, nullable=False),  # 0: owns no account
)

unit = Table(
    "unit",  # accounts, each with its whole lane
    metadata,
    _word("key", primary_key=True),
    Column("owner", Text),  # id of a replica; null: nobody
    Column("closed_until", Moment),  # a 429 closed the lane until then
    Column("rate", Double),  # requests per second that the lane has learned
)
Index("ix_unit_owner", unit.c.owner)

hazards = Table(
    "hazards",  # how often things happen at a step; see `core/scheduling/hazard.py`
    metadata,
    _word("account", primary_key=True),
    _word("definition", primary_key=True),
    Column("version", Integer, primary_key=True, autoincrement=False),
    _word("step", primary_key=True),
    Column("at", Moment, nullable=False),  # as of when the rest counts
    *[Column(name, Double, nullable=False) for name in ("events", "seconds", "hits", "tries")],
)

counters = Table(
    "counters",
    metadata,
    _word("name", primary_key=True),  # events: the last seq that was taken
    Column("value", BigInteger, nullable=False),
)
