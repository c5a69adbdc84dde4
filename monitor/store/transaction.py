"""One commit: states by compare-and-set, events in the order of commits, deliveries, alerts, marks.

The rule: all of it in one transaction, or nothing. If a member makes a group's transaction fail (another writer changed
its state, or the database refuses one of its values), the group is halved until that member is alone.

A COMMIT that answers with an error may have succeeded. So before another try the database is searched for the first
one; if it is there, its outcome counts.
"""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any

import msgspec
from sqlalchemy import Connection, Engine, Select, Table, select

from monitor.core.commits import Change, Committed, Delivery
from monitor.core.model import TargetKey
from monitor.store import rows, statements
from monitor.store.alert_updates import AlertEnding, AlertUpdates, Calm, Made, PublishedEvent
from monitor.store.errors import Lost, StoreUnavailable, translated
from monitor.store.ownership import guard
from monitor.store.rows import Values
from monitor.store.schema import accounts, deliveries, events, targets, truncations
from monitor.store.values import DeliveryMark

_IDS = 500
"""Ids of one SELECT; both databases allow more."""


class PlannedOutcome(msgspec.Struct, frozen=True):
    """The outcome of a member if its transaction is committed."""

    committed: Committed
    proof: tuple[Select[Any], str, int] | None = None
    """Of a row that the transaction writes: the query for its number, its id, and the number. It never changes."""


class CommitRequest:
    """One caller's request, and its outcome. The writing thread owns it until there is an outcome."""

    __slots__ = ("change", "mark", "outcome", "plan")

    def __init__(self, change: Change, mark: DeliveryMark | None = None) -> None:
        self.change = change
        self.mark = mark
        self.outcome: Committed | Exception | None = None
        self.plan: PlannedOutcome | None = None
        """The plan of a try whose COMMIT was sent; without an outcome its success is unknown."""

    def accounts(self) -> set[str]:
        """Those that it names: of states and events, not of closings and marks, which follow from these."""
        change = self.change
        states = {state.account for state in (change.account, change.truncation) if state is not None}
        told = {entry.event.account for entry in change.outgoing}
        return states | told | ({change.target.key.account} if change.target is not None else set())


class _Conflict(Exception):  # noqa: N818 - an answer, not a mistake
    """Another writer changed one of the states since it was read."""


def commit_group(engine: Engine, works: Sequence[CommitRequest], owner: str | None = None) -> None:
    """Give every request a durable outcome.

    `owner`: the id of the replica whose accounts all requests are about; each transaction proves it.
    Raises StoreUnavailable if that is not possible now, and Lost if an account is not the owner's any more. Requests
    with an outcome keep it; the caller passes the others again.
    """
    doubtful = [work for work in works if work.outcome is None and work.plan is not None]
    if doubtful:
        _recognise(engine, doubtful)
    _settle(engine, [work for work in works if work.outcome is None], owner)


def _settle(engine: Engine, works: Sequence[CommitRequest], owner: str | None) -> None:
    if not works:
        return
    try:
        _attempt(engine, works, owner)
    except (StoreUnavailable, Lost):
        raise
    except Exception as error:  # noqa: BLE001 - it is raised at the caller of this request
        if len(works) == 1:
            _settle_odd_one(engine, works[0], error)
            return
        half = len(works) // 2
        _settle(engine, works[:half], owner)
        _settle(engine, works[half:], owner)


def _settle_odd_one(engine: Engine, work: CommitRequest, error: Exception) -> None:
    if not isinstance(error, _Conflict):
        work.outcome = error
        return
    _recognise(engine, [work])  # its first try may have ended only now
    if work.outcome is None:
        work.outcome = Committed(stale=True)


def _attempt(engine: Engine, works: Sequence[CommitRequest], owner: str | None) -> None:
    with translated(engine.url), engine.connect() as connection:
        try:
            transaction = connection.begin()
            if owner is not None:
                guard(connection, owner, {account for work in works for account in work.accounts()})
            plans = _write(connection, works)
            for work, plan in zip(works, plans, strict=True):
                work.plan = plan
            transaction.commit()
        except (_Conflict, Lost):
            raise
        except Exception:
            connection.invalidate()  # its state is unknown, so the next try uses a new one
            raise
    for work, plan in zip(works, plans, strict=True):
        work.outcome = plan.committed


def _write(connection: Connection, works: Sequence[CommitRequest]) -> list[PlannedOutcome]:
    _swap(connection, targets, [rows.target_values(t) for work in works if (t := work.change.target)])
    _swap(connection, accounts, [rows.account_values(a) for work in works if (a := work.change.account)])
    _swap(connection, truncations, [rows.truncation_values(d) for work in works if (d := work.change.truncation)])
    told, docket = _append(connection, works), AlertUpdates(connection)
    if told is not None:
        docket.apply(*told)
    made = _number(connection, docket.deliveries)
    _execute(connection, deliveries.insert(), [rows.delivery_values(one.delivery) for one in made])
    _execute(connection, statements.MARK, [rows.mark_values(work.mark) for work in works if work.mark])
    return _plans(len(works), told[0] if told is not None else [], docket.closed, made)


def _plans(
    count: int, told: Sequence[PublishedEvent], closed: Mapping[str, AlertEnding], made: Sequence[Made]
) -> list[PlannedOutcome]:
    mine: list[tuple[list[Delivery], set[str], set[str]]] = [([], set(), set()) for _ in range(count)]
    witnesses: dict[int, tuple[Select[Any], str, int]] = {}
    for one in made:
        mine[one.origin][0].append(one.delivery)
    for event in told:
        mine[event.origin][1].add(event.outgoing.event.id)
        witnesses.setdefault(event.origin, (statements.SEQ_OF, event.outgoing.event.id, event.seq))
    for id_, ending in closed.items():
        mine[ending.origin][2].add(id_)
        witnesses.setdefault(ending.origin, (statements.CLOSING_OF, id_, ending.number))
    return [
        PlannedOutcome(Committed(False, tuple(sent), frozenset(ids), frozenset(ends)), witnesses.get(origin))
        for origin, (sent, ids, ends) in enumerate(mine)
    ]


def _swap(connection: Connection, table: Table, beliefs: list[Values]) -> None:
    """Write states whose stored revision is the expected one. Raises _Conflict unless all of them are written."""
    key = [column.name for column in table.primary_key]
    beliefs.sort(key=lambda values: [values[name] for name in key])  # one order of locks: writers never deadlock
    new = [values for values in beliefs if values["revision"] == 1]
    old = [
        {**{f"of_{name}": values.pop(name) for name in key}, "based_on": values["revision"] - 1, **values}
        for values in beliefs
        if values["revision"] > 1
    ]
    written = _execute(connection, statements.insert_new(connection.engine, table), new)
    written += _execute(connection, statements.swap(table), old)
    if written != len(beliefs):
        raise _Conflict


def _append(
    connection: Connection, works: Sequence[CommitRequest]
) -> tuple[list[PublishedEvent], list[AlertEnding], list[Calm]] | None:
    """Store new events, requested closings and calmed incidents.

    Returns the events that were new and the closings, each with a number.
    """
    outgoing = [(origin, out) for origin, work in enumerate(works) for out in work.change.outgoing]
    closings = [(origin, closing) for origin, work in enumerate(works) for closing in work.change.closings]
    calms = [Calm(origin, *calm) for origin, work in enumerate(works) for calm in work.change.calmed]
    if not outgoing and not closings and not calms:
        return None
    first = _take_numbers(connection, len(outgoing) + len(closings))
    told = [PublishedEvent(origin, out, seq) for seq, (origin, out) in enumerate(outgoing, first)]
    insert = statements.insert_new(connection.engine, events)
    if _execute(connection, insert, [rows.event_values(one.outgoing, one.seq) for one in told]) != len(told):
        there = _seqs(connection, [one.outgoing.event.id for one in told])
        told = [one for one in told if there.get(one.outgoing.event.id) == one.seq]
    endings = [AlertEnding(*wish, number) for number, wish in enumerate(closings, first + len(outgoing))]
    return told, endings, calms


def _number(connection: Connection, made: Sequence[Made]) -> list[Made]:
    """Deliveries of events have the event's number; the others get one each."""
    unnumbered = [one for one in made if not one.delivery.seq]
    if not unnumbered:
        return list(made)
    first = _take_numbers(connection, len(unnumbered))
    return [one for one in made if one.delivery.seq] + [
        Made(one.origin, msgspec.structs.replace(one.delivery, seq=seq)) for seq, one in enumerate(unnumbered, first)
    ]


def _take_numbers(connection: Connection, count: int) -> int:
    """The first of `count` consecutive numbers; until the end of this transaction no other one takes any."""
    last: int = connection.execute(statements.TAKE_NUMBERS, {"count": count}).scalar_one()
    return last - count + 1


def _seqs(connection: Connection, ids: Sequence[str]) -> dict[str, int]:
    found: dict[str, int] = {}
    for start in range(0, len(ids), _IDS):
        result = connection.execute(statements.SEQS_OF, {"ids": ids[start : start + _IDS]})
        found.update((row.id, row.seq) for row in result)
    return found


def _execute(connection: Connection, statement: Any, values: Sequence[Mapping[str, Any]]) -> int:
    """Returns the number of affected rows."""
    return connection.execute(statement, values).rowcount if values else 0


# --- after a COMMIT whose answer was an error -----------------------------------------------------------------


def _recognise(engine: Engine, works: Iterable[CommitRequest]) -> None:
    """Give requests whose first try was committed the outcome of that try."""
    with translated(engine.url), engine.begin() as connection:
        # every commit with events holds this row, so one that is still under way on a server ends before the search
        connection.execute(statements.TAKE_NUMBERS, {"count": 0})
        landed = [work for work in works if work.plan is not None and _landed(connection, work.change, work.plan)]
    for work in landed:
        work.outcome = work.plan.committed if work.plan else None


def _landed(connection: Connection, change: Change, plan: PlannedOutcome) -> bool:
    if plan.proof is not None:
        numbered, id_, number = plan.proof
        return bool(connection.execute(numbered, {"id": id_}).scalar() == number)
    beliefs: list[tuple[Table, Values]] = []
    if change.target is not None:
        beliefs.append((targets, rows.target_values(change.target)))
    if change.account is not None:
        beliefs.append((accounts, rows.account_values(change.account)))
    if change.truncation is not None:
        beliefs.append((truncations, rows.truncation_values(change.truncation)))
    return bool(beliefs) and all(_is_there(connection, table, values) for table, values in beliefs)


def _is_there(connection: Connection, table: Table, values: Values) -> bool:
    row = connection.execute(
        select(table.c.state).where(*(column == values[column.name] for column in table.primary_key))
    ).scalar()
    return bool(row == values["state"])


# --- without a group --------------------------------------------------------------------------------------------


def touch(engine: Engine, seen: Sequence[tuple[TargetKey, datetime]]) -> None:
    """Write when the API last answered about each of these targets."""
    values = [{**key._asdict(), "last_seen_at": at} for key, at in sorted(seen)]
    with translated(engine.url), engine.begin() as connection:
        connection.execute(statements.upsert_sighting(engine), values)
