"""The statements that write; the only module with a difference between SQLite and PostgreSQL, in their INSERT.

Each is built once: building a statement, and its key in SQLAlchemy's cache, costs more than executing it.
"""

from functools import cache
from typing import Any

from sqlalchemy import Engine, Table, Update, bindparam, select, update
from sqlalchemy.dialects import postgresql, sqlite

from monitor.store.schema import alerts, counters, deliveries, events, incidents, sightings

_INSERTS: dict[str, Any] = {"sqlite": sqlite.insert, "postgresql": postgresql.insert}


def insert_new(engine: Engine, table: Table) -> Any:
    """INSERT that skips existing rows; its rowcount is the number of new ones."""
    return _insert_new(engine.dialect.name, table)


@cache
def _insert_new(dialect: str, table: Table) -> Any:
    insert = _INSERTS[dialect](table).on_conflict_do_nothing()
    return insert.execution_options(preserve_rowcount=True)


def upsert_sighting(engine: Engine) -> Any:
    """A later sighting replaces an earlier one, never the other way round."""
    return _upsert_sighting(engine.dialect.name)


@cache
def _upsert_sighting(dialect: str) -> Any:
    insert = _INSERTS[dialect](sightings)
    return insert.on_conflict_do_update(
        index_elements=list(sightings.primary_key),
        set_={"last_seen_at": insert.excluded.last_seen_at},
        where=insert.excluded.last_seen_at > sightings.c.last_seen_at,
    )


@cache
def swap(table: Table) -> Update:
    """UPDATE of a state that is still at revision `based_on`; a parameter of the key is `of_` and the column's name."""
    key = {column.name for column in table.primary_key}
    statement = update(table).where(
        *(table.c[name] == bindparam(f"of_{name}") for name in key), table.c.revision == bindparam("based_on")
    )
    return statement.values({c.name: bindparam(c.name) for c in table.columns if c.name not in key})


MARK = (
    update(deliveries)
    .where(deliveries.c.seq == bindparam("of_seq"), deliveries.c.receiver == bindparam("of_receiver"))
    .where(deliveries.c.done_at.is_(None))
    .values(
        status=bindparam("new_status"),
        attempts=bindparam("new_attempts"),
        not_before=bindparam("new_not_before"),
        last_error=bindparam("new_last_error"),
        done_at=bindparam("new_done_at"),
    )
)

SETTLE_ALERT = (
    update(alerts)
    .where(alerts.c.id == bindparam("of_id"), alerts.c.closed_at.is_(None))
    .values(ends_at=bindparam("new_ends_at"), last_event=bindparam("new_last_event"))
)

CLOSE_ALERT = (
    update(alerts)
    .where(alerts.c.id == bindparam("of_id"), alerts.c.closed_at.is_(None))
    .values(closed_at=bindparam("at"), end=bindparam("new_end"), closing=bindparam("number"))
)

CLOSING_OF = select(alerts.c.closing).where(alerts.c.id == bindparam("id"))

SAVE_INCIDENT = (
    update(incidents)
    .where(incidents.c.id == bindparam("of_id"))
    .values(**{name: bindparam(f"new_{name}") for name in ("ended_at", "storm", "state", "calms_at")})
)

TAKE_NUMBERS = (
    update(counters)
    .where(counters.c.name == "events")
    .values(value=counters.c.value + bindparam("count"))
    .returning(counters.c.value)
)

SEQS_OF = select(events.c.id, events.c.seq).where(events.c.id.in_(bindparam("ids", expanding=True)))
SEQ_OF = select(events.c.seq).where(events.c.id == bindparam("id"))
