"""Reads states and events: each call is one short transaction, so that no old snapshot of the database is kept."""

from collections.abc import Iterator, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, Engine, Row, Select, and_, select, tuple_

from monitor.core.event_types import EventType
from monitor.core.model import AccountState, Status, TargetKey, TargetState
from monitor.store import rows
from monitor.store.fetch import fetch_all
from monitor.store.schema import accounts, events, sightings, targets
from monitor.store.values import EventFilter, StoredEvent

Loaded = tuple[TargetState, datetime | None]
"""A state, and when the API last answered about its target."""

_target_key = tuple_(targets.c.account, targets.c.definition, targets.c.workflow)
_LOADED = select(
    targets.c.account, targets.c.definition, targets.c.workflow, targets.c.state, sightings.c.last_seen_at
).outerjoin_from(
    targets,
    sightings,
    and_(*(targets.c[name] == sightings.c[name] for name in ("account", "definition", "workflow"))),
)
_STORED = select(events.c.seq, events.c.body)


def load_targets(engine: Engine, after: TargetKey | None, limit: int) -> list[Loaded]:
    """The next states in the order of their keys."""
    return _load_after(engine, _LOADED, after, limit)


def _load_after(engine: Engine, statement: Select[Any], after: TargetKey | None, limit: int) -> list[Loaded]:
    statement = statement.order_by(*targets.primary_key).limit(limit)
    if after is not None:
        statement = statement.where(_target_key > tuple(after))
    return [_loaded(row) for row in fetch_all(engine, statement)]


def load_target(engine: Engine, key: TargetKey) -> Loaded | None:
    found = fetch_all(engine, _LOADED.where(*(targets.c[name] == part for name, part in key._asdict().items())))
    return _loaded(found[0]) if found else None


def load_some(engine: Engine, keys: Sequence[TargetKey]) -> list[Loaded]:
    """The known targets among the keys, in any order; for a few hundred keys at most."""
    by_definition: dict[tuple[str, str], list[str]] = {}
    for key in keys:
        by_definition.setdefault((key.account, key.definition), []).append(key.workflow)
    found: list[Loaded] = []
    for (account, definition), workflows in by_definition.items():
        # Not by rows of three values, for which SQLite reads the whole table.
        one = _LOADED.where(targets.c.account == account, targets.c.definition == definition)
        found += [_loaded(row) for row in fetch_all(engine, one.where(targets.c.workflow.in_(workflows)))]
    return found


def load_running(engine: Engine, after: TargetKey | None, limit: int) -> list[Loaded]:
    """The next states that have not ended, in the order of their keys."""
    return _load_after(engine, _LOADED.where(targets.c.ended_at.is_(None)), after, limit)


def owed_explanations(engine: Engine) -> list[TargetKey]:
    """Terminated targets whose own explanation is owed, in the order of their ends."""
    owed = targets.c.state.like('%"sampled":{%'), targets.c.status == Status.TERMINATED.value
    columns = targets.c.account, targets.c.definition, targets.c.workflow
    found = select(*columns).where(targets.c.ended_at.is_not(None), *owed).order_by(targets.c.ended_at)
    return [TargetKey(row.account, row.definition, row.workflow) for row in fetch_all(engine, found)]


def _loaded(row: Row[Any]) -> Loaded:
    return rows.target_state(row), row.last_seen_at


def load_accounts(engine: Engine) -> list[AccountState]:
    return [rows.account_state(row) for row in fetch_all(engine, select(accounts).order_by(accounts.c.account))]


def load_account(engine: Engine, account: str) -> AccountState | None:
    found = fetch_all(engine, select(accounts).where(accounts.c.account == account))
    return rows.account_state(found[0]) if found else None


def known_drifts(engine: Engine) -> dict[str, frozenset[str]]:
    statement = select(events.c.account, events.c.reason).where(events.c.type == EventType.SCHEMA_DRIFT.value)
    found: dict[str, set[str]] = {}
    for row in fetch_all(engine, statement):
        found.setdefault(row.account, set()).add(row.reason or "")
    return {account: frozenset(kinds) for account, kinds in found.items()}


def events_after(engine: Engine, after: int, type_: str | None, limit: int) -> tuple[list[StoredEvent], int]:
    statement = _STORED.where(events.c.seq > after).order_by(events.c.seq).limit(limit)
    if type_ is not None:
        statement = statement.where(events.c.type == type_)
    found = [_stored(row) for row in fetch_all(engine, statement)]
    return found, found[-1].seq if found else after


def chosen_events(
    engine: Engine, wanted: EventFilter, *, before: int | None, after: int | None, limit: int
) -> list[StoredEvent]:
    """Oldest first: the first ones behind `after`, or else the last ones, before `before`."""
    statement = _STORED.where(*_like(wanted)).limit(limit)
    if before is not None:
        statement = statement.where(events.c.seq < before)
    if after is not None:
        return list(map(_stored, fetch_all(engine, statement.where(events.c.seq > after).order_by(events.c.seq))))
    return [_stored(row) for row in reversed(fetch_all(engine, statement.order_by(events.c.seq.desc())))]


def _like(wanted: EventFilter) -> Iterator[ColumnElement[bool]]:
    if wanted.types is not None:
        yield events.c.type.in_(sorted(wanted.types))
    if wanted.severity is not None:
        yield events.c.severity == wanted.severity.value
    if wanted.account is not None:
        yield events.c.account == wanted.account
    if wanted.definition is not None:
        yield events.c.definition == wanted.definition


def target_events(engine: Engine, key: TargetKey, limit: int) -> list[StoredEvent]:
    statement = (
        _STORED.where(*(events.c[name] == part for name, part in key._asdict().items()))
        .order_by(events.c.seq.desc())
        .limit(limit)
    )
    return [_stored(row) for row in reversed(fetch_all(engine, statement))]


def _stored(row: Row[Any]) -> StoredEvent:
    return StoredEvent(row.seq, row.body.encode())
