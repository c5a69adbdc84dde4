"""Which definitions the API is asked for, and when: one after the other per account, each as rarely as will do.

A lookup waits for its turn among the polls. What the API does not know is asked for again after an hour, if a target
still wants it then; without an answer, it is tried later and later. An event that is about to be told, and has no name
for its definition yet, may ask before the polls: once per definition.
"""

import asyncio
import heapq
import math
from collections.abc import Awaitable, Callable
from typing import Protocol

from monitor.aio import sleep
from monitor.core.model import Outcome, PollFailed
from monitor.store import StoreUnavailable
from monitor.store.step_limits import DefinitionKey
from monitor.upstream.wire_definitions import VersionHistory

_TICK = 0.1
"""Seconds; a timer's rounding must not wake the loop in vain."""
_ASK_AGAIN = 3600.0
"""Seconds after which the API may know what it did not."""
_FIRST_PAUSE = 30.0
_LONGEST_PAUSE = 1800.0
"""Seconds between two tries without an answer, doubled each time."""
_PERSISTENCE = 10
"""Tries without an answer before it is left to the targets' next polls to ask for more."""
_PATIENCE = 30.0
"""Seconds that a lookup stands behind the polls of an open lane before it goes before one of them."""
_FINAL = (Outcome.NOT_FOUND, Outcome.BAD_REQUEST)


class Library(Protocol):
    """Where definitions are read."""

    async def declared(self, account: str, definition: str, patience: float) -> VersionHistory | PollFailed: ...


class _Lookup:
    """About one definition that has no answer yet."""

    __slots__ = ("being_asked", "failures", "hurried", "not_before", "queued", "unnamed", "versions")

    def __init__(self) -> None:
        self.versions: set[int] = set()
        """What is wanted: what these say of their steps."""
        self.unnamed = False
        """Wanted: the definition's name."""
        self.queued = False
        self.being_asked = False
        self.hurried: asyncio.Event | None = None
        """Set once the try before the polls is over; None: there was none."""
        self.failures = 0
        self.not_before = -math.inf
        """Loop time."""

    @property
    def open(self) -> bool:
        return self.unnamed or bool(self.versions)

    def close(self) -> None:
        """A target that is still there wants it again."""
        self.versions.clear()
        self.unnamed = False


class DefinitionLookups:
    """Of all accounts. Everything but the asking itself runs in the loop's thread and never waits."""

    def __init__(
        self,
        library: Library,
        take_in: Callable[[DefinitionKey, VersionHistory], Awaitable[None]],
        *,
        writable: Callable[[], Awaitable[object]],
        fault: Callable[[str, Exception], None],
        jitter: Callable[[], float],
    ) -> None:
        """`take_in` gets each answer, and raises StoreUnavailable if it cannot be kept.

        `writable` returns as soon as the store takes commits: what cannot be kept is not asked for.
        """
        self._library = library
        self._take_in = take_in
        self._writable = writable
        self._fault = fault
        self._jitter = jitter
        self._lookups: dict[DefinitionKey, _Lookup] = {}
        self._queues: dict[str, list[tuple[float, DefinitionKey]]] = {}
        """Per account, when which definition may be asked for; a heap that holds each one at most once."""
        self._asking: dict[str, asyncio.Event] = {}
        """Accounts whose lookups are under way, one after the other; set when there is another one."""
        self._tasks: asyncio.TaskGroup | None = None
        self._time = asyncio.get_running_loop().time

    def begin(self, tasks: asyncio.TaskGroup) -> None:
        """Ask from now on, in tasks of this group."""
        self._tasks = tasks
        for account in self._queues:
            self._begin(account)

    def want(self, about: DefinitionKey, version: int | None, *, unnamed: bool) -> None:
        """Ask for this version's limits, or for the definition's name (`unnamed`), or for both."""
        lookup = self._lookup(about)
        if version is not None:
            lookup.versions.add(version)
        lookup.unnamed |= unnamed
        if not lookup.queued and not lookup.being_asked:
            self._ask_soon(about, lookup)

    async def hurry(self, about: DefinitionKey) -> None:
        """Ask before the polls; returns when that is over, or at once if the definition was asked for in vain before.

        A lookup that stands in the queue may send its request all the same: that is one more for a definition, once.
        """
        lookup = self._lookup(about)
        if lookup.hurried is not None:
            await lookup.hurried.wait()
        elif not lookup.failures and lookup.not_before <= self._time():
            lookup.hurried = asyncio.Event()
            try:
                await self._ask_once(about, lookup, patience=0.0)
            finally:
                lookup.hurried.set()

    def _lookup(self, about: DefinitionKey) -> _Lookup:
        lookup = self._lookups.get(about)
        if lookup is None:
            lookup = self._lookups[about] = _Lookup()
        return lookup

    def _ask_soon(self, about: DefinitionKey, lookup: _Lookup) -> None:
        account = about.account
        lookup.queued = True
        heapq.heappush(self._queues.setdefault(account, []), (max(lookup.not_before, self._time()), about))
        if (wake := self._asking.get(account)) is not None:
            wake.set()
        else:
            self._begin(account)

    def _begin(self, account: str) -> None:
        if self._tasks is not None:
            self._asking[account] = asyncio.Event()
            self._tasks.create_task(self._ask_all(account, self._asking[account]), name=f"definitions {account}")

    async def _ask_all(self, account: str, wake: asyncio.Event) -> None:
        """One lookup of the account after the other, until there is none."""
        queue = self._queues[account]
        while queue:
            wake.clear()
            if (seconds := queue[0][0] - self._time()) > 0:
                await sleep(max(seconds, _TICK), wake)
                continue
            await self._writable()
            about = heapq.heappop(queue)[1]
            lookup = self._lookups[about]
            lookup.queued = False
            if lookup.open:  # else an answer came meanwhile
                lookup.being_asked = True
                await self._ask_once(about, lookup, _PATIENCE)
                lookup.being_asked = False
            if lookup.open:
                self._ask_soon(about, lookup)
            elif lookup.not_before <= self._time() and lookup.hurried is None:
                del self._lookups[about]
        del self._asking[account]

    async def _ask_once(self, about: DefinitionKey, lookup: _Lookup, patience: float) -> None:
        try:
            await self._ask(about, lookup, patience)
        except Exception as error:  # noqa: BLE001 - a fault of ours about one definition ends no loop
            self._later(lookup)
            self._fault("definitions", error)

    async def _ask(self, about: DefinitionKey, lookup: _Lookup, patience: float) -> None:
        answer = await self._library.declared(*about, patience)
        known = frozenset[int]()
        if not isinstance(answer, PollFailed):
            try:
                await self._take_in(about, answer)
            except StoreUnavailable:
                self._later(lookup)
                return
            known = frozenset(answer.versions)
        elif answer.outcome not in _FINAL:
            self._later(lookup)
            return
        lookup.failures = 0
        lookup.versions -= known
        lookup.unnamed &= not known
        lookup.not_before = self._time() + _ASK_AGAIN if lookup.open else -math.inf
        lookup.close()

    def _later(self, lookup: _Lookup) -> None:
        lookup.failures += 1
        if lookup.failures % _PERSISTENCE == 0:
            lookup.close()
        pause = min(_FIRST_PAUSE * 2.0 ** min(lookup.failures - 1, 16), _LONGEST_PAUSE)
        lookup.not_before = self._time() + pause * (1 + self._jitter()) / 2
