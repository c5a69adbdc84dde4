"""From which end on each discovery publishes: what ended before is known; and which discoveries find too many.

The moments are not written by a commit. A value that a crash took back makes the next start see some ends again,
whose events the store has already.
"""

from collections.abc import Mapping
from datetime import datetime

from sqlalchemy import Engine, delete, insert, select

from monitor.core.formats.timestamps import format_timestamp, parse_timestamp
from monitor.core.model import TruncationState
from monitor.store.errors import translated
from monitor.store.rows import truncation_state
from monitor.store.schema import discoveries, truncations
from monitor.store.step_limits import DefinitionKey
from monitor.store.store import Store


class DiscoveryStore:
    """The table `discoveries`. All calls raise StoreUnavailable if the store cannot be used."""

    def __init__(self, store: Store) -> None:
        self._store = store

    async def load(self) -> Mapping[DefinitionKey, datetime]:
        """By definition: ends before are known."""
        return await self._store.read(_load)

    async def save(self, about: DefinitionKey, tell_from: datetime) -> None:
        await self._store.write(_save, (about, tell_from))

    async def load_truncations(self) -> list[TruncationState]:
        return await self._store.read(_load_truncations)


def _load_truncations(engine: Engine) -> list[TruncationState]:
    with translated(engine.url), engine.connect() as connection:
        return [truncation_state(row) for row in connection.execute(select(truncations))]


def _load(engine: Engine) -> dict[DefinitionKey, datetime]:
    with translated(engine.url), engine.connect() as connection:
        found = connection.execute(select(discoveries)).all()
    moments = {DefinitionKey(row.account, row.definition): parse_timestamp(row.tell_from) for row in found}
    return {about: moment for about, moment in moments.items() if moment is not None}


def _save(engine: Engine, row: tuple[DefinitionKey, datetime]) -> None:
    about, tell_from = row
    same = (discoveries.c.account == about.account) & (discoveries.c.definition == about.definition)
    with translated(engine.url), engine.begin() as connection:
        connection.execute(delete(discoveries).where(same))
        connection.execute(insert(discoveries), [{**about._asdict(), "tell_from": format_timestamp(tell_from)}])
