"""Watches again what ran when it was last seen, and what lists had found: however old it is, and however much.

The store is read in pages, while lists and polls go on. What a list shows before its page was read is watched already,
with its state from the store.
"""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from datetime import datetime
from typing import Final

from monitor.core.discovery.following import Discovery, following
from monitor.core.model import Target, TargetKey, TargetState
from monitor.polling.swept_version import target_of
from monitor.store import StoreUnavailable

_AT_ONCE: Final = 500
_AGAIN: Final = 5.0
"""Seconds after which a store that could not be read is tried again."""

ReadRunning = Callable[[TargetKey | None, int], Awaitable[Sequence[tuple[TargetState, datetime | None]]]]
"""The next targets that have not ended after this one, in the order of their keys, with when they were last seen."""

Resume = Callable[[Target, TargetState, datetime | None], None]
"""Watches one, unless it is watched already."""


class Resumption:
    def __init__(self, read: ReadRunning, resume: Resume, discoveries: Callable[[], Sequence[Discovery]]) -> None:
        """`discoveries`: as configured now."""
        self._resume = resume
        self._read = read
        self._discoveries = discoveries

    async def run(self, paged: Callable[[], None] = lambda: None) -> None:
        """Returns when all are watched; `paged` is called after each page. The loop is not held."""
        after: TargetKey | None = None
        while True:
            try:
                page = await self._read(after, _AT_ONCE)
            except StoreUnavailable:
                await asyncio.sleep(_AGAIN)
                continue
            if not page:
                return
            after = page[-1][0].key
            self._watch(page)
            paged()
            await asyncio.sleep(0)

    def _watch(self, page: Sequence[tuple[TargetState, datetime | None]]) -> None:
        wishes: dict[str, list[Discovery]] = {}
        for wish in self._discoveries():
            wishes.setdefault(wish.account, []).append(wish)
        for state, last_seen_at in page:
            own = following(wishes.get(state.key.account, ()), state.key.definition)
            if own is not None:
                self._resume(target_of(state.key, own), state, last_seen_at)
