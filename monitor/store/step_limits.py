"""Declared limits of steps, and counts of past durations.

These writes are not part of a commit. Counts are written from time to time, and a crash loses those of the last minute,
which makes no difference to a limit learned from many executions.
"""

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import msgspec
from sqlalchemy import Engine, Table, bindparam, delete, insert, select

from monitor.core.detection.step_durations import Counts
from monitor.core.model import DefinitionVersion
from monitor.store.errors import translated
from monitor.store.schema import declarations, definition_names, durations
from monitor.store.store import Store

Declared = Mapping[str, float | None]
"""Seconds by step; None: not known before run time."""


class DefinitionKey(NamedTuple):
    account: str
    definition: str


class StepDurations(NamedTuple):
    """The durations of the executions of one step."""

    edition: DefinitionVersion
    step: str
    counts: Counts


class StepLimitData(NamedTuple):
    """The content of the three tables."""

    declared: Mapping[DefinitionVersion, Declared]
    experiences: Sequence[StepDurations]
    names: Mapping[DefinitionKey, str]


class StepLimitStore:
    """The tables `declarations`, `definition_names` and `durations`.

    All calls raise StoreUnavailable if the store cannot be used.
    """

    def __init__(self, store: Store) -> None:
        self._store = store

    async def load(self) -> StepLimitData:
        return await self._store.read(_load)

    async def declare(self, declared: Mapping[DefinitionVersion, Declared]) -> None:
        """Store the declared limits of versions of definitions; durable when it returns."""
        if declared:
            await self._store.write(_declare, declared)

    async def name(self, about: DefinitionKey, name: str) -> None:
        """Store a definition's own name instead of an older one; durable when it returns."""
        await self._store.write(_name, (about, name))

    async def experience(self, experiences: Sequence[StepDurations]) -> None:
        """Store counts instead of older ones; durable when it returns."""
        if experiences:
            await self._store.write(_experience, experiences)


_encode = msgspec.json.encode
_declared = msgspec.json.Decoder(dict[str, float | None])
_counts = msgspec.json.Decoder(Counts)


def _load(engine: Engine) -> StepLimitData:
    with translated(engine.url), engine.connect() as connection:
        said = connection.execute(select(declarations)).all()
        named = connection.execute(select(definition_names)).all()
        took = connection.execute(select(durations)).all()
    return StepLimitData(
        {DefinitionVersion(row.account, row.definition, row.version): _declared.decode(row.declared) for row in said},
        [
            StepDurations(
                DefinitionVersion(row.account, row.definition, row.version), row.step, _counts.decode(row.counts)
            )
            for row in took
        ],
        {DefinitionKey(row.account, row.definition): row.name for row in named},
    )


def _declare(engine: Engine, declared: Mapping[DefinitionVersion, Declared]) -> None:
    rows = [{**edition._asdict(), "declared": _encode(said).decode()} for edition, said in declared.items()]
    replace_rows(engine, declarations, rows)


def _name(engine: Engine, named: tuple[DefinitionKey, str]) -> None:
    about, name = named
    replace_rows(engine, definition_names, [{**about._asdict(), "name": name}])


def _experience(engine: Engine, experiences: Sequence[StepDurations]) -> None:
    rows = [
        {**edition._asdict(), "step": step, "counts": _encode(counts).decode()} for edition, step, counts in experiences
    ]
    replace_rows(engine, durations, rows)


def replace_rows(engine: Engine, table: Table, rows: Sequence[Mapping[str, Any]]) -> None:
    """Insert the rows instead of those with the same keys."""
    keys = [column.name for column in table.primary_key]
    old = delete(table).where(*(table.c[name] == bindparam(f"of_{name}") for name in keys))
    with translated(engine.url), engine.begin() as connection:
        connection.execute(old, [{f"of_{name}": row[name] for name in keys} for row in rows])
        connection.execute(insert(table), rows)
