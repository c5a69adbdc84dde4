"""Which replica owns which account, as rows; `core/ownership.py` has the arithmetic.

The rule: only X writes its own row, and an account's owner goes from nobody to X by X, and from X to nobody by X, or
with X's death. Never from X to Y. Each function is one transaction, but for `guard`, which is part of a commit.

PostgreSQL's READ COMMITTED is what this needs: a statement that has waited for a row checks its condition again. SQLite
has one writer at a time, and ignores FOR SHARE and SKIP LOCKED.
"""

from collections.abc import Collection
from datetime import datetime
from typing import NamedTuple

from sqlalchemy import Connection, Engine, Update, delete, insert, select, update

from monitor.store import statements
from monitor.store.errors import Lost, translated
from monitor.store.schema import replica, unit


class Replica(NamedTuple):
    """A daemon that lives, as far as the store knows."""

    id: str
    name: str
    beat: int
    eligible: bool


class Unit(NamedTuple):
    """An account."""

    key: str
    owner: str | None
    closed_until: datetime | None
    """A 429 closed its lane until then."""
    rate: float | None
    """Requests per second that its lane has learned."""


class Group(NamedTuple):
    """All replicas and accounts, at one moment."""

    replicas: tuple[Replica, ...]
    units: tuple[Unit, ...]


def look(engine: Engine) -> Group:
    with translated(engine.url), engine.begin() as connection:
        replicas = connection.execute(select(replica).order_by(replica.c.id)).all()
        units = connection.execute(_UNITS).all()
    return Group(
        tuple(Replica(row.id, row.name, row.beat, bool(row.eligible)) for row in replicas),
        tuple(Unit(*row) for row in units),
    )


_UNITS = select(unit.c.key, unit.c.owner, unit.c.closed_until, unit.c.rate).order_by(unit.c.key)


def join(engine: Engine, me: str, name: str, accounts: Collection[str], *, eligible: bool = True) -> None:
    """`me`: a random id, never used before. `accounts`: those of the configuration; new ones are nobody's."""
    rows = [{"key": key} for key in sorted(accounts)]
    with translated(engine.url), engine.begin() as connection:
        connection.execute(insert(replica), [{"id": me, "name": name, "beat": 0, "eligible": int(eligible)}])
        if rows:
            connection.execute(statements.insert_new(engine, unit), rows)


def beat(engine: Engine, me: str) -> None:
    """Show that this replica lives. Raises Lost if another one holds it for dead."""
    moved = update(replica).where(replica.c.id == me).values(beat=replica.c.beat + 1)
    with translated(engine.url), engine.begin() as connection:
        if not connection.execute(moved).rowcount:
            raise Lost("another replica holds this one for dead")


def take(engine: Engine, me: str, known: Collection[str], most: int) -> list[Unit]:
    """Own up to `most` of the known accounts that are nobody's; those that another replica takes now are left to it.

    Raises Lost: a dead replica takes nothing, or nobody would ever free it.
    """
    free = _UNITS.where(unit.c.owner.is_(None), unit.c.key.in_(sorted(known))).limit(most)
    with translated(engine.url), engine.begin() as connection:
        _prove_life(connection, me)
        found = connection.execute(free.with_for_update(skip_locked=True)).all()
        keys = [row.key for row in found]
        if keys:
            connection.execute(update(unit).where(unit.c.key.in_(keys)).values(owner=me))
    return [Unit(row.key, me, row.closed_until, row.rate) for row in found]


def give(engine: Engine, me: str, keys: Collection[str]) -> None:
    """The accounts are nobody's, if they were this replica's. It waits for commits about them."""
    with translated(engine.url), engine.begin() as connection:
        connection.execute(_freed(me).where(unit.c.key.in_(sorted(keys))))


def leave(engine: Engine, me: str) -> None:
    """Give all, and end."""
    with translated(engine.url), engine.begin() as connection:
        connection.execute(delete(replica).where(replica.c.id == me))
        connection.execute(_freed(me))


def reap(engine: Engine, dead: str, beat: int) -> bool:
    """Bury a replica whose beat is still this one, and free its accounts; False: it has moved, or is gone.

    It waits for a commit of the dead one that is under way.
    """
    silent = delete(replica).where(replica.c.id == dead, replica.c.beat == beat)
    with translated(engine.url), engine.begin() as connection:
        if not connection.execute(silent).rowcount:
            return False
        connection.execute(_freed(dead))
    return True


def reap_all(engine: Engine) -> None:
    """For a store that only one daemon can use, and that is this one: whoever was there is dead."""
    with translated(engine.url), engine.begin() as connection:
        connection.execute(delete(replica))
        connection.execute(update(unit).values(owner=None))


def _freed(owner: str) -> Update:
    return update(unit).where(unit.c.owner == owner).values(owner=None)


def throttled(engine: Engine, me: str, key: str, closed_until: datetime | None, rate: float) -> None:
    """Keep for the next owner what a 429 said. Raises Lost if the account is not this replica's any more."""
    mine = update(unit).where(unit.c.key == key, unit.c.owner == me)
    with translated(engine.url), engine.begin() as connection:
        if not connection.execute(mine.values(closed_until=closed_until, rate=rate)).rowcount:
            raise Lost(f"account {key} is not this replica's any more")


def guard(connection: Connection, me: str, keys: Collection[str]) -> None:
    """The first statement of a commit about these accounts: until its end they stay this replica's.

    Raises Lost unless all of them are; without any, unless this replica lives. This is the only fence of the store.
    """
    if not keys:
        _prove_life(connection, me)
        return
    mine = select(unit.c.key).where(unit.c.owner == me, unit.c.key.in_(sorted(keys)))
    found = connection.execute(mine.order_by(unit.c.key).with_for_update(read=True)).all()
    if len(found) < len(set(keys)):
        raise Lost("an account is not this replica's any more")


def _prove_life(connection: Connection, me: str) -> None:
    """Until the end of the transaction nobody can bury this replica, and it can still beat. Raises Lost."""
    lives = select(replica.c.id).where(replica.c.id == me).with_for_update(read=True, key_share=True)
    if connection.execute(lives).first() is None:
        raise Lost("another replica holds this one for dead")
