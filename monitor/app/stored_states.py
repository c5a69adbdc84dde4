"""The last known states of targets, as the store has them: those of the watchlist at the start, others as needed."""

from collections.abc import Collection, Mapping

from monitor.aio import chunks
from monitor.core.model import TargetKey
from monitor.store import Loaded, Store

_AT_ONCE = 500
"""States that are read in one go."""


class StoredStates:
    def __init__(self, store: Store) -> None:
        self._store = store
        self._read: Mapping[TargetKey, Loaded] | None = None
        """Until `release`: those of the watchlist."""

    async def load(self, keys: Collection[TargetKey]) -> None:
        """Read these before the start, which fails no more then. Raises StoreUnavailable; may be tried again."""
        self._read = None
        self._read = await self.of(keys)

    def release(self) -> None:
        """The start is over: from now on they are read as they are needed."""
        self._read = None

    async def of(self, keys: Collection[TargetKey]) -> Mapping[TargetKey, Loaded]:
        """Those of these targets that were ever seen. Raises StoreUnavailable."""
        if self._read is not None:
            return self._read
        found: dict[TargetKey, Loaded] = {}
        async for some in chunks(list(keys), _AT_ONCE):
            found.update((loaded[0].key, loaded) for loaded in await self._store.load_some(some))
        return found
