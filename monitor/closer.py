"""Ends alerts for which no event comes: a hold is over, a condition has settled, a target left the watchlist."""

import asyncio
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from typing import Protocol

from monitor.aio import beating
from monitor.core.alerts import Alert, Closing
from monitor.core.commits import Change
from monitor.core.model import Severity, TargetKey, TargetState
from monitor.core.records import AccountRecord
from monitor.core.routing import Route
from monitor.core.unwatching import unwatched, unwatched_event
from monitor.poller import Announcer
from monitor.store import StoreUnavailable

_TURN = 5.0
"""Seconds; so late may an end come."""
_LOOK_AROUND = 60.0
"""Seconds between two looks for targets that left: a poll that was under way may have told something since."""
_AT_ONCE = 500
"""Alerts that end with one commit."""


class Cases(Protocol):
    """Where alerts are kept."""

    async def due(self, now: datetime, hold: float, limit: int, routes: Sequence[Route]) -> list[Closing]: ...
    async def open_counts(self) -> Mapping[Severity, int]: ...
    async def targets_with_alerts(self) -> Sequence[TargetKey]: ...
    async def alerts_about(self, key: TargetKey) -> Sequence[Alert]: ...
    async def load_target(self, key: TargetKey) -> tuple[TargetState, datetime | None] | None: ...


class Closer:
    def __init__(
        self,
        cases: Cases,
        announcer: Announcer,
        *,
        now: Callable[[], datetime],
        hold: Callable[[], float],
        routes: Sequence[Route],
        is_watched: Callable[[TargetKey], bool],
        report: Callable[[AccountRecord], None],
        count: Callable[[Mapping[Severity, int]], None],
        fault: Callable[[str, Exception], None],
    ) -> None:
        """`hold`: seconds that an event alert stays open once it was told. `routes`: of the receivers that run.

        `is_watched`: whether the watchlist asks for a target.
        `count` is told how many alerts are open, `fault` hears of our own errors, with the loop's name.
        """
        self._cases = cases
        self._announcer = announcer
        self._now = now
        self._hold = hold
        self._routes = routes
        self._is_watched = is_watched
        self._report = report
        self._count = count
        self._fault = fault
        self._wake = asyncio.Event()
        self._look_at = 0.0

    def look(self) -> None:
        """The watchlist has changed."""
        self._look_at = 0.0
        self._wake.set()

    async def run(self, beat: Callable[[], None]) -> None:
        while True:
            beat()
            self._wake.clear()
            try:
                await self._turn(beat)
            except StoreUnavailable:
                pass  # the writer tells; it is tried again
            except Exception as error:  # noqa: BLE001 - one alert that cannot be closed must not keep the others open
                self._fault("close", error)
            await self._pause()

    async def _turn(self, beat: Callable[[], None]) -> None:
        while await self._close_due(beat) == _AT_ONCE:
            beat()
        clock = asyncio.get_running_loop().time()
        if clock >= self._look_at:
            self._look_at = clock + _LOOK_AROUND
            for key in await self._cases.targets_with_alerts():
                if not self._is_watched(key):
                    await beating(self._leave(key), beat)
                    beat()
        self._count(await self._cases.open_counts())

    async def _close_due(self, beat: Callable[[], None]) -> int:
        """How many have ended."""
        due = await self._cases.due(self._now(), self._hold(), _AT_ONCE, self._routes)
        # One commit for each: they share a transaction, unless one of them cannot be closed.
        closing = asyncio.gather(*(self._announcer.close([one]) for one in due), return_exceptions=True)
        closed = await beating(closing, beat)
        for error in closed:
            if isinstance(error, Exception):
                self._fault("close", error)
        return sum(len(one) for one in closed if not isinstance(one, BaseException))

    async def _leave(self, key: TargetKey) -> None:
        """Close what is open about a target that is not watched any more, in the belief, too: it may come back."""
        found = await self._cases.alerts_about(key)
        loaded = await self._cases.load_target(key)
        if not found:
            return
        last = found[-1].event
        event = unwatched_event(
            key,
            [alert.id for alert in found],
            self._now(),
            name=last.name,
            definition_name=last.definition_name,
            version=last.version,
            labels=last.labels,
        )
        before = loaded[0] if loaded is not None else None
        after = unwatched(before) if before is not None else None
        change = Change(target=after if after is not before else None)
        _, told = await self._announcer.commit(change, [event])  # where a poll came first: at the next look
        if told:
            self._report(AccountRecord(key.account, told))

    async def _pause(self) -> None:
        timer = asyncio.get_running_loop().call_later(_TURN, self._wake.set)
        try:
            await self._wake.wait()
        finally:
            timer.cancel()
