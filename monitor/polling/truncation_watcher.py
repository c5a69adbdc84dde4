"""Says once that a discovery finds more instances than it may watch, and once that it fits again."""

import asyncio
from collections.abc import Callable, Iterable, Sequence
from datetime import datetime

import msgspec

from monitor.aio import TURN, sleep
from monitor.alerting.publisher import Publisher
from monitor.core.commits import Change
from monitor.core.detection.truncations import TruncationChange, assess, left
from monitor.core.discovery.following import Discovery, Truncation
from monitor.core.model import TruncationState
from monitor.core.records import AccountRecord
from monitor.store import StoreUnavailable
from monitor.store.discoveries import DiscoveryStore
from monitor.store.step_limits import DefinitionKey


class TruncationWatcher:
    """`settle` is called after looks at lists; `run` ends what is open of discoveries that left the configuration."""

    def __init__(
        self,
        publisher: Publisher,
        store: DiscoveryStore,
        *,
        discoveries: Callable[[], Sequence[Discovery]],
        now: Callable[[], datetime],
        report: Callable[[AccountRecord], None],
        fault: Callable[[str, Exception], None],
    ) -> None:
        """`discoveries`: as configured now."""
        self._publisher = publisher
        self._store = store
        self._discoveries = discoveries
        self._now = now
        self._report = report
        self._fault = fault
        self._states: dict[DefinitionKey, TruncationState] = {}
        self._wake = asyncio.Event()
        self._one_at_a_time = asyncio.Lock()

    def restore(self, states: Iterable[TruncationState]) -> None:
        """What was known at the last end; comes first of all."""
        self._states.update((DefinitionKey(state.account, state.definition), state) for state in states)

    def recheck(self) -> None:
        """The configuration has changed."""
        self._wake.set()

    async def settle(
        self, wish: Discovery, found: Truncation, *, name: str | None, complete: Callable[[], bool]
    ) -> None:
        """After a look at one of its lists. Raises StoreUnavailable.

        `name`: the definition's, for texts. `complete`: whether every list of the discovery has been read.
        """
        about = DefinitionKey(wish.account, wish.definition)
        async with self._one_at_a_time:
            state = self._state(about)
            if found.truncated is state.truncated.open:
                return
            change = assess(state, wish, found, self._now(), name=name, complete=complete())
            await self._commit(about, change)

    async def run(self, beat: Callable[[], None]) -> None:
        while True:
            beat()
            self._wake.clear()
            try:
                await self._leave()
            except StoreUnavailable:
                pass  # the writer reports it; the next turn tries again
            except Exception as error:  # noqa: BLE001 - a fault of ours about one discovery must not end the loop
                self._fault("truncations", error)
            await sleep(TURN, self._wake)

    async def _leave(self) -> None:
        configured = {DefinitionKey(wish.account, wish.definition) for wish in self._discoveries()}
        for about in [about for about in self._states if about not in configured]:
            async with self._one_at_a_time:
                await self._commit(about, left(self._state(about), self._now()))

    def _state(self, about: DefinitionKey) -> TruncationState:
        return self._states.get(about) or TruncationState(account=about.account, definition=about.definition)

    async def _commit(self, about: DefinitionKey, change: TruncationChange | None) -> None:
        if change is None:
            return
        committed, told = await self._publisher.commit(Change(truncation=change.state), [change.event])
        if committed.stale:
            self.restore(await self._store.load_truncations())  # another writer came first; the next look judges again
            return
        self._states[about] = msgspec.structs.replace(change.state, revision=change.state.revision + 1)
        if told:
            self._report(AccountRecord(about.account, told))
