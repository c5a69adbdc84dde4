"""Ends alerts for which no event comes: a hold is over, a condition has settled, a target left the watchlist."""

import asyncio
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime

from monitor.aio import beating, sleep
from monitor.alerting.publisher import Publisher
from monitor.alerting.watchlist_changes import WatchlistChanges
from monitor.core.alerting.routing import Route
from monitor.core.event_types import Severity
from monitor.store import Store, StoreUnavailable

_TURN = 5.0
"""Seconds between two checks: an alert ends this late at most."""
_AT_ONCE = 500
"""Alerts that end with one commit."""


class Closer:
    def __init__(
        self,
        store: Store,
        publisher: Publisher,
        *,
        now: Callable[[], datetime],
        hold: Callable[[], float],
        routes: Sequence[Route],
        changes: WatchlistChanges,
        count: Callable[[Mapping[Severity, int]], None],
        fault: Callable[[str, Exception], None],
    ) -> None:
        """`hold`: seconds that an event alert stays open once a receiver has it. `routes`: of the receivers that run.

        `changes`: ends and opens what targets leave behind, and find again.
        `count` is told how many alerts are open, `fault` hears of our own errors, with the loop's name.
        """
        self._store = store
        self._publisher = publisher
        self._now = now
        self._hold = hold
        self._routes = routes
        self._changes = changes
        self._count = count
        self._fault = fault
        self._wake = asyncio.Event()

    def recheck_watchlist(self) -> None:
        """The watchlist has changed."""
        self._changes.look()
        self._wake.set()

    async def run(self, beat: Callable[[], None]) -> None:
        while True:
            beat()
            self._wake.clear()
            try:
                await self._turn(beat)
            except StoreUnavailable:
                pass  # the writer reports it; the next turn tries again
            except Exception as error:  # noqa: BLE001 - one alert that cannot be closed must not keep the others open
                self._fault("close", error)
            await sleep(_TURN, self._wake)

    async def _turn(self, beat: Callable[[], None]) -> None:
        while await self._close_due(beat) == _AT_ONCE:
            beat()
        await self._tell_sizes(beat)
        await self._changes.turn(beat)
        self._count(await self._store.open_counts())

    async def _close_due(self, beat: Callable[[], None]) -> int:
        """How many were ended."""
        due = await self._store.due(self._now(), self._hold(), _AT_ONCE, self._routes)
        # One commit for each: they share a transaction, unless one of them cannot be closed.
        closing = asyncio.gather(*(self._publisher.close([one]) for one in due), return_exceptions=True)
        closed = await beating(closing, beat)
        for error in closed:
            if isinstance(error, Exception):
                self._fault("close", error)
        return sum(len(one) for one in closed if not isinstance(one, BaseException))

    async def _tell_sizes(self, beat: Callable[[], None]) -> None:
        """Publish the final size of incidents that do not grow any more; one that cannot be read delays no other."""
        now = self._now()
        telling = [self._publisher.tell_size(id_, now) for id_ in await self._store.calm(now, _AT_ONCE)]
        for error in await beating(asyncio.gather(*telling, return_exceptions=True), beat):
            if isinstance(error, Exception):
                self._fault("close", error)
