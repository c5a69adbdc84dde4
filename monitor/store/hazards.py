"""What was learned of how often things happen: the table `hazards`.

These writes are not part of a commit. They are made about once a minute, and a crash loses those of the last minute,
which makes no difference to what was learned from many looks.
"""

from collections.abc import Mapping
from datetime import timedelta
from typing import Final

from sqlalchemy import Engine, delete, select

from monitor.core.model import DefinitionVersion
from monitor.core.scheduling.hazard import HALF_LIFE, Evidence, HazardKey
from monitor.store.errors import translated
from monitor.store.schema import hazards
from monitor.store.step_limits import DefinitionKey, replace_rows
from monitor.store.store import Store

_KEPT: Final[timedelta] = 10 * HALF_LIFE
"""After which nothing is left of what was learned."""

Learned = Mapping[HazardKey, Evidence]


class HazardStore:
    """All calls raise StoreUnavailable if the store cannot be used."""

    def __init__(self, store: Store) -> None:
        self._store = store

    async def load(self) -> Learned:
        return await self._store.read(_load)

    async def save(self, learned: Learned) -> None:
        """Store these instead of older ones; durable when it returns. What is too old to count is deleted."""
        if learned:
            await self._store.write(_save, learned)

    async def forget(self, about: DefinitionKey) -> None:
        """The definition is gone."""
        await self._store.write(_forget, about)


def _load(engine: Engine) -> dict[HazardKey, Evidence]:
    with translated(engine.url), engine.connect() as connection:
        rows = connection.execute(select(hazards)).all()
    return {
        HazardKey(DefinitionVersion(row.account, row.definition, row.version), row.step): Evidence(
            row.at, row.events, row.seconds, row.hits, row.tries
        )
        for row in rows
    }


def _save(engine: Engine, learned: Learned) -> None:
    rows = [
        {
            **key.version._asdict(),
            "step": key.step,
            "at": seen.at,
            "events": seen.events,
            "seconds": seen.seconds,
            "hits": seen.hits,
            "tries": seen.tries,
        }
        for key, seen in learned.items()
    ]
    newest = max(seen.at for seen in learned.values())
    replace_rows(engine, hazards, rows)
    with translated(engine.url), engine.begin() as connection:
        connection.execute(delete(hazards).where(hazards.c.at < newest - _KEPT))


def _forget(engine: Engine, about: DefinitionKey) -> None:
    same = (hazards.c.account == about.account) & (hazards.c.definition == about.definition)
    with translated(engine.url), engine.begin() as connection:
        connection.execute(delete(hazards).where(same))
