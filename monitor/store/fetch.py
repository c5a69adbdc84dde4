"""One SELECT, all of its rows."""

from collections.abc import Iterator, Sequence
from typing import Any, Final, TypeVar

from sqlalchemy import Engine, Row, Select

from monitor.store.errors import translated

T = TypeVar("T")

BATCH: Final = 500
"""Ids of one SELECT; both databases allow more."""


def fetch_all(engine: Engine, statement: Select[Any]) -> list[Row[Any]]:
    """Raises StoreUnavailable."""
    with translated(engine.url), engine.connect() as connection:
        return list(connection.execute(statement))


def in_batches(ids: Sequence[T]) -> Iterator[Sequence[T]]:
    """In slices of `BATCH`."""
    for start in range(0, len(ids), BATCH):
        yield ids[start : start + BATCH]
