"""Stores what is learned of how often things happen, about once a minute, so that a restart keeps it."""

import asyncio
from collections.abc import Callable
from typing import Final

from monitor.aio import TURN, beating
from monitor.core.scheduling.hazard import Evidence, HazardKey
from monitor.polling.budget import LookBudget
from monitor.store import StoreUnavailable
from monitor.store.hazards import HazardStore
from monitor.store.step_limits import DefinitionKey

_WRITE_EVERY: Final = 60.0


class HazardWriter:
    """`run` is its loop."""

    def __init__(self, budget: LookBudget, store: HazardStore, *, fault: Callable[[str, Exception], None]) -> None:
        self.budget = budget
        self._store = store
        self._fault = fault
        self._unwritten: dict[HazardKey, Evidence] = {}

    async def load(self) -> None:
        """What was learned until the last end; comes first of all. Raises StoreUnavailable."""
        self.budget.hazards.restore(await self._store.load())

    async def run(self, beat: Callable[[], None]) -> None:
        loop = asyncio.get_running_loop()
        write_at = loop.time() + _WRITE_EVERY
        while True:
            beat()
            await asyncio.sleep(TURN)
            if loop.time() < write_at:
                continue
            write_at = loop.time() + _WRITE_EVERY
            try:
                await beating(self.write(), beat)
            except Exception as error:  # noqa: BLE001 - a fault of ours in one turn ends no loop
                self._fault("hazards", error)

    async def write(self) -> None:
        """Write what was learned since the last time; if the store cannot be used, it waits for the next time."""
        self.budget.learn()
        gone = self.budget.take_gone()
        self._unwritten.update(self.budget.hazards.take_changed())
        some = {key: seen for key, seen in self._unwritten.items() if key.version[:2] not in gone}
        try:
            for account, definition in gone:
                await self._store.forget(DefinitionKey(account, definition))
            await self._store.save(some)
        except StoreUnavailable:
            for account, definition in gone:
                self.budget.forget(account, definition)
            return
        self._unwritten.clear()
