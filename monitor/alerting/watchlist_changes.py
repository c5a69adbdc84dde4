"""Closes the alerts of targets that left the watchlist, and opens them again when a target comes back.

A target that leaves keeps its alerts open for a grace, since a list may lose its targets by accident. One that comes
back later has what still holds open again: conditions are seen by its next poll, what happened is told again here.
"""

import asyncio
from collections.abc import Callable, Sequence
from datetime import datetime

import msgspec

from monitor.aio import TURN, beating
from monitor.alerting.publisher import Publisher
from monitor.core.commits import Change
from monitor.core.detection.unwatched import again, again_id, holds_still, needs_a_look, unwatched, unwatched_event
from monitor.core.model import TargetKey, TargetState
from monitor.core.records import AccountRecord
from monitor.store import Store

_LOOK_AROUND = 60.0
"""Seconds between two checks for targets that left: a poll that was under way may have opened an alert since."""


class WatchlistChanges:
    """Looks for targets that left or came back. One turn at a time."""

    def __init__(
        self,
        store: Store,
        publisher: Publisher,
        *,
        now: Callable[[], datetime],
        grace: Callable[[], float],
        is_watched: Callable[[TargetKey], bool],
        was_seen: Callable[[TargetKey], bool],
        believe: Callable[[TargetState], None],
        report: Callable[[AccountRecord], None],
        leaving: Callable[[int, int, float], None],
    ) -> None:
        """`grace`: seconds that a target's alerts stay open after it left. `believe` takes each state written here.

        `was_seen`: whether a target that is watched has answered, or has ended, since it is. `leaving` is told how many
        targets with open alerts are gone, how many of them are news, and the grace.
        """
        self._store = store
        self._publisher = publisher
        self._now = now
        self._grace = grace
        self._is_watched = is_watched
        self._was_seen = was_seen
        self._believe = believe
        self._report = report
        self._leaving = leaving
        self._time = asyncio.get_running_loop().time
        self._gone: dict[TargetKey, float] = {}
        """Targets with open alerts that are not watched, and since when, in loop time."""
        self._look_at = 0.0
        self._some_may_be_back = True

    def look(self) -> None:
        """The watchlist has changed."""
        self._look_at = 0.0
        self._some_may_be_back = True

    async def turn(self, beat: Callable[[], None]) -> None:
        """Raises StoreUnavailable."""
        clock = self._time()
        if clock < self._look_at:
            return
        await self._notice(clock)
        for key in [key for key, since in self._gone.items() if clock >= since + self._grace()]:
            await beating(self._leave(key), beat)
            beat()
        if self._some_may_be_back:
            self._some_may_be_back = False
            await self._welcome(beat)
        wait = TURN if self._some_may_be_back else _LOOK_AROUND
        self._look_at = min([clock + wait, *(since + self._grace() for since in self._gone.values())])

    async def _notice(self, clock: float) -> None:
        gone = [key for key in await self._store.targets_with_alerts() if not self._is_watched(key)]
        news = len(gone) - len(self._gone.keys() & set(gone))
        self._gone = {key: self._gone.get(key, clock) for key in gone}
        self._leaving(len(gone), news, self._grace())

    async def _leave(self, key: TargetKey) -> None:
        """Close the alerts of a target that is not watched any more, in its stored state, too: it may come back."""
        found = await self._store.alerts_about(key)
        loaded = await self._store.load_target(key)
        if not found or self._is_watched(key):
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
        committed, told = await self._publisher.commit(change, [event])  # if a poll came first, the next turn does it
        if change.target is not None and not committed.stale:
            self._believe(msgspec.structs.replace(change.target, revision=change.target.revision + 1))
        if told:
            self._gone.pop(key, None)
            self._leaving(len(self._gone), 0, self._grace())
            self._some_may_be_back = self._some_may_be_back or self._is_watched(key)
            self._report(AccountRecord(key.account, told))

    async def _welcome(self, beat: Callable[[], None]) -> None:
        """Open again what was closed because its target left, if the target is watched now and that is not done yet."""
        try:
            back = {id_: key for id_, key in (await self._store.unwatched_alerts()).items() if self._is_watched(key)}
            done = await self._store.known_alerts([again_id(id_) for id_ in back])
            by_target: dict[TargetKey, list[str]] = {}
            for id_, key in back.items():
                if again_id(id_) not in done:
                    by_target.setdefault(key, []).append(id_)
            for key, ids in by_target.items():
                await beating(self._open_again(key, ids), beat)
                beat()
        except BaseException:
            self._some_may_be_back = True
            raise

    async def _open_again(self, key: TargetKey, ids: Sequence[str]) -> None:
        loaded = await self._store.load_target(key)
        alerts = [alert for id_ in ids if (alert := await self._store.alert(id_)) is not None]
        state = loaded[0] if loaded is not None else None
        if not self._was_seen(key) and any(needs_a_look(alert.event) for alert in alerts):
            self._some_may_be_back = True  # so that the next turn asks about it again
            return
        events = [again(alert, self._now()) for alert in alerts if holds_still(alert.event, state)]
        if not events or not self._is_watched(key):
            return
        _, told = await self._publisher.commit(Change(), events)
        if told:
            self._report(AccountRecord(key.account, told))
