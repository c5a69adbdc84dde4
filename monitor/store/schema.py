"""The tables, as the newest migration leaves them.

Everything here means the same on SQLite and on PostgreSQL. Moments are microseconds since 1970 in UTC.
"""

from datetime import UTC, datetime, timedelta
from typing import Any

from sqlalchemy import (
    BigInteger,
    Column,
    Dialect,
    ForeignKey,
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
    """An aware `datetime`, kept as microseconds; a naive one is a TypeError."""

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
    "sightings",  # apart from targets, so that looking never collides with compare-and-set
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
    # INTEGER makes it SQLite's rowid: the order of commits is the order on disk
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
    _word("body"),  # JSON, as every receiver gets it
)
Index("ix_events_type", events.c.type, events.c.seq)
Index("ix_events_target", events.c.account, events.c.definition, events.c.workflow, events.c.seq)
Index("ix_events_observed", events.c.observed_at)

deliveries = Table(
    "deliveries",
    metadata,
    Column("seq", BigInteger, ForeignKey("events.seq"), primary_key=True, autoincrement=False),
    _word("receiver", primary_key=True),
    _word("status"),  # pending, delivered or dead
    Column("attempts", Integer, nullable=False),
    Column("not_before", Moment),
    Column("last_error", Text),
    Column("done_at", Moment),  # of one that is pending: null
    sqlite_with_rowid=False,
)
_pending = deliveries.c.done_at.is_(None)
Index("ix_deliveries_pending", deliveries.c.receiver, deliveries.c.seq, sqlite_where=_pending,
      postgresql_where=_pending)  # fmt: skip

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
    Column("name", Text),
    _word("summary"),
    Column("opened_at", Moment, nullable=False),
    Column("closed_at", Moment),
    Column("closed_by", Text),  # id of an event
)
_open = alerts.c.closed_at.is_(None)
Index("ix_alerts_open", alerts.c.opened_at, sqlite_where=_open, postgresql_where=_open)

counters = Table(
    "counters",
    metadata,
    _word("name", primary_key=True),  # events: the last seq given
    Column("value", BigInteger, nullable=False),
)
