"""The last known states of targets, as the store has them: all at the start, some of them later."""

from collections.abc import Collection, Mapping

from monitor.core.model import TargetKey, TargetState
from monitor.store import Loaded, Store

_AT_ONCE = 500
"""States that are read in one go."""


class StoredStates:
    def __init__(self, store: Store) -> None:
        self._store = store
        self._all: dict[TargetKey, Loaded] | None = {}
        """None: no more at hand."""

    async def load(self) -> None:
        """Read all, so that the start need not ask for each. Raises StoreUnavailable; may be tried again."""
        self._all = {}
        async for chunk in self._store.load_targets():
            self._all.update((loaded[0].key, loaded) for loaded in chunk)

    def running(self) -> list[TargetState]:
        """Those of all that have not ended, until `release`."""
        return [state for state, _ in (self._all or {}).values() if not state.status.ended]

    def release(self) -> None:
        """The start is over: from now on they are read as they are needed."""
        self._all = None

    async def of(self, keys: Collection[TargetKey]) -> Mapping[TargetKey, Loaded]:
        """Those of these targets that were ever seen. Raises StoreUnavailable."""
        if self._all is not None:
            return self._all
        wanted = list(keys)
        found: dict[TargetKey, Loaded] = {}
        for start in range(0, len(wanted), _AT_ONCE):
            some = await self._store.load_some(wanted[start : start + _AT_ONCE])
            found.update((loaded[0].key, loaded) for loaded in some)
        return found
