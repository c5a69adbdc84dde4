"""What the daemon knows, read at most once in a few seconds, however many pages ask."""

import asyncio
from collections import OrderedDict
from collections.abc import Awaitable, Callable, Hashable, Mapping
from datetime import datetime
from typing import Any, Final, Generic, TypeVar

from monitor.aio import chunks
from monitor.core.records import DefinitionSummary, ReceiverSummary
from monitor.store import OpenAlert
from monitor.web.view import View

FRESH_FOR: Final = 2.0
"""Seconds that what was read is shown again."""
_COSTLY: Final = 100
"""What took long to read is shown for this many times as long: many tabs take at most a hundredth of a core."""
_OLDEST: Final = 15.0
"""Seconds; nothing is shown for longer."""
_REMEMBERED: Final = 64
"""Values by key; the least recently asked for is forgotten."""
_CHUNK: Final = 200
"""Definitions that are counted in one slice; a few milliseconds."""
_T = TypeVar("_T")


class Shared(Generic[_T]):
    """A value that is read again once it is old. Many that ask at the same time wait for one read.

    It is old after `fresh_for` seconds, or later if the read took long; with 0 always.
    """

    def __init__(self, read: Callable[[], Awaitable[_T]], fresh_for: float) -> None:
        self._read = read
        self._fresh_for = fresh_for
        self._reading: asyncio.Task[_T] | None = None
        self._read_at = 0.0
        self._took = 0.0

    async def get(self) -> _T:
        """Raises what the read raised."""
        loop = asyncio.get_running_loop()
        task = self._reading
        if task is None or (task.done() and (task.exception() or loop.time() - self._read_at >= self._lasts)):
            self._read_at = loop.time()
            task = self._reading = asyncio.ensure_future(self._measured())
        return await asyncio.shield(task)

    @property
    def _lasts(self) -> float:
        return min(max(self._fresh_for, _COSTLY * self._took), _OLDEST) if self._fresh_for else 0.0

    async def _measured(self) -> _T:
        loop = asyncio.get_running_loop()
        began = loop.time()
        try:
            return await self._read()
        finally:
            self._took = loop.time() - began


class PageSnapshot:
    """The pages' source. What is not shared is read through `view`."""

    def __init__(self, view: View, *, fresh_for: float = FRESH_FOR) -> None:
        self.view = view
        self.fresh_for = fresh_for
        """Seconds."""
        self._by_key: OrderedDict[Hashable, Shared[Any]] = OrderedDict()
        self._alerts = Shared(view.alerts, fresh_for)
        self._ended_groups = Shared(self._read_ended_groups, fresh_for)
        self._receivers = Shared(view.receivers, fresh_for)
        self._definitions = Shared(self._read_definitions, fresh_for)

    async def alerts(self) -> list[OpenAlert]:
        """The open alerts, newest first. Raises StoreUnavailable."""
        return await self._alerts.get()

    async def ended_groups(self) -> Mapping[str, datetime]:
        """Of the open alerts' fault groups those that had an incident before, and when the last one ended."""
        return await self._ended_groups.get()

    async def receivers(self) -> list[ReceiverSummary]:
        """Raises StoreUnavailable."""
        return await self._receivers.get()

    async def definitions(self) -> list[DefinitionSummary]:
        """In the order of account and id."""
        return await self._definitions.get()

    async def once(self, key: Hashable, read: Callable[[], Awaitable[_T]]) -> _T:
        """What `read` gives, shared by all that ask with this key. Raises what it raises."""
        shared: Shared[_T] | None = self._by_key.get(key)
        if shared is None:
            shared = self._by_key[key] = Shared(read, self.fresh_for)
        self._by_key.move_to_end(key)
        if len(self._by_key) > _REMEMBERED:
            self._by_key.popitem(last=False)
        return await shared.get()

    async def _read_ended_groups(self) -> Mapping[str, datetime]:
        groups = {opened.alert.fault_group for opened in await self.alerts()}
        return await self.view.ended_groups(groups) if groups else {}

    async def _read_definitions(self) -> list[DefinitionSummary]:
        found: list[DefinitionSummary] = []
        async for some in chunks(sorted(self.view.definitions()), _CHUNK):
            found.extend(summary for key in some if (summary := self.view.definition(key)) is not None)
        return found
