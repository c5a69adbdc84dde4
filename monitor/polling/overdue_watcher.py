"""Publishes in time what is overdue: a deadline passes at its moment, whether a poll falls on it or not.

At a deadline the belief may be old: the step may have ended since it was looked at. So the next poll is brought
forward, through the lane like any other, and judged is after it; where it does not come (the lane is shut, the API is
silent), after `PATIENCE`, by what is believed. What is believed since before the start is older: `FIRST_PATIENCE`.

One loop for all targets; a deadline that moves costs O(log n), one that does not costs a look.
"""

import asyncio
import heapq
import math
from collections.abc import Callable, Sequence
from datetime import datetime
from functools import partial
from itertools import islice
from typing import Final, Protocol

from monitor.aio import CHUNK, TURN, in_chunks, sleep
from monitor.core.model import DefinitionVersion, Event, Target, TargetKey, TargetState
from monitor.core.records import OverdueRecord
from monitor.core.scheduling.due_queue import DueQueue, Entry
from monitor.polling.watched import Watched, WatchedTargets
from monitor.store import StoreUnavailable

PATIENCE: Final = 5.0
"""Seconds that a check waits for the poll that was brought forward."""
FIRST_PATIENCE: Final = 60.0
"""The same, for a target that was not seen since the start."""
_FRESH: Final = 2.0
"""Seconds; a target polled this recently is not polled again."""
_TICK = 0.001
"""Seconds; a timer's rounding must not wake the loop in vain."""
_AT_ONCE = 100
"""Checks that are committed together."""
_AFTER_A_FAULT: Final = 1.0
"""Seconds that the loop rests after a fault of ours that concerns no single target."""
_AGAIN: Final = 30.0
"""Seconds after which a check that failed by a fault of ours is tried again."""


class OverdueChecks(Protocol):
    """Knows limits, and commits."""

    def next_deadline(self, watched: Watched) -> datetime | None: ...
    async def recall_all(self, some: Sequence[Watched]) -> None: ...
    async def check_overdue(self, watched: Watched) -> tuple[Event, ...]: ...


class PollRequests(Protocol):
    """Sends polls."""

    def poll_now(self, key: TargetKey) -> bool: ...
    def in_flight(self, key: TargetKey) -> bool: ...
    def renew(self, key: TargetKey) -> None: ...


class OverdueWatcher:
    """The deadlines of every watched target. `run` is its loop; the rest runs in the loop's thread and never waits."""

    def __init__(
        self,
        poller: OverdueChecks,
        scheduler: PollRequests,
        targets: WatchedTargets,
        *,
        now: Callable[[], datetime],
        skew: Callable[[str], float],
        want: Callable[[Target, TargetState], None],
        report: Callable[[OverdueRecord], None],
        fault: Callable[[str, Exception], None],
    ) -> None:
        """`want` takes every watched target with its last known state: its limits may have to be asked for first.

        `skew`: seconds that an account's API is ahead of us.
        """
        self._poller = poller
        self._scheduler = scheduler
        self._targets = targets
        self._now = now
        self._skew = skew
        self._want = want
        self._report = report
        self._fault = fault
        self._agenda = DueQueue()
        """When each target's next deadline is, in seconds since 1970 by our clock; those that wait for a poll are under
        way."""
        self._asked: dict[TargetKey, float] = {}
        """Targets that wait for a poll, and until when, in loop time."""
        self._patience: list[tuple[float, TargetKey]] = []
        """The same as a heap; an item that differs from `_asked` is stale."""
        self._due: dict[TargetKey, None] = {}
        """To be checked now."""
        self._unread: dict[TargetKey, None] = {}
        """Targets whose next deadline is to be found by the belief in the store."""
        self._changed: dict[DefinitionVersion, None] = {}
        """Versions whose limits have changed."""
        self._wake = asyncio.Event()
        self._rings_at = math.inf
        """The latest time of the loop's next turn, by our clock."""
        self._time = asyncio.get_running_loop().time
        self._began_at = now()

    # --- changes of what is watched ---

    def target_added(self, target: Target, _state: TargetState) -> None:
        self._watch(self._targets[target.key])

    def target_changed(self, target: Target, _state: TargetState) -> None:
        self._watch(self._targets[target.key])

    def target_removed(self, key: TargetKey) -> None:
        self._forget(key)

    def target_polled(self, key: TargetKey) -> None:
        """A deadline that waited for the poll is checked now."""
        watched = self._targets[key]
        if self._asked.pop(key, None) is not None:
            self._judge_soon(key)
        elif watched.followed is watched.state and not watched.state.status.ended:
            self._want(watched.target, watched.state)  # a stuck step never changes, and waits for a limit
            return
        self._look(watched)

    def _watch(self, watched: Watched) -> None:
        """A target that is watched from now on, or with another configuration or limit than before."""
        self._look(watched)
        if watched.ended_at is None and _open(watched.state):
            self._judge_soon(watched.target.key)  # another limit may have ended what is open

    def _forget(self, key: TargetKey) -> None:
        """A target that is not watched any more; unknown keys are ignored."""
        self._asked.pop(key, None)
        self._due.pop(key, None)
        self._unread.pop(key, None)
        if key in self._agenda.entries:
            self._agenda.forget(key)
            self._agenda.compact()

    def limits_changed(self, edition: DefinitionVersion, urgent: bool) -> None:
        """The steps of this version have other limits than before."""
        self._changed[edition] = None
        if urgent:
            self._wake.set()

    # --- deadlines ---

    def _look(self, watched: Watched) -> None:
        """Put its next deadline into the queue."""
        target, state = watched.target, watched.state
        key = target.key
        watched.followed = state
        if state.status.ended or watched.ended_at is not None:
            self._want(target, state)  # its alerts and pages show its definition's name
            self._forget(key)
            return
        self._want(target, state)
        if not watched.whole:
            self._unread[key] = None
            self._wake.set()
            return
        self._unread.pop(key, None)
        moment = self._poller.next_deadline(watched)
        entry = self._agenda.entries.get(key)
        if moment is None:
            if entry is not None:
                self._agenda.forget(key)
                self._agenda.compact()
            return
        self._put(entry, key, moment.timestamp())

    def _put(self, entry: Entry | None, key: TargetKey, at: float) -> None:
        if entry is None:
            entry = Entry(key, 0.0, 0.0)
            self._agenda.add(entry)
        elif entry.due == at and not entry.under_way:
            return
        if key in self._asked or key in self._due:
            entry.under_way, entry.due = True, at
            return
        self._agenda.reschedule(entry, at)
        self._agenda.compact()
        if at < self._rings_at:
            self._wake.set()

    def _judge_soon(self, key: TargetKey) -> None:
        self._due[key] = None
        self._wake.set()

    # --- the loop ---

    async def run(self, beat: Callable[[], None]) -> None:
        while True:
            beat()
            self._wake.clear()
            try:
                await self._take_in_limits()
                await self._read()
                await self._collect_due()
                self._expire_waits()
                await self._judge(beat)
                await self._rest()
            except Exception as error:  # noqa: BLE001 - a fault of ours in one turn must not end the others
                self._fault("deadlines", error)
                await asyncio.sleep(_AFTER_A_FAULT)

    def _survive(self, key: TargetKey, error: Exception) -> None:
        """A fault of ours that concerns one target: it waits for a while, the others do not."""
        self._fault("deadlines", error)
        if (entry := self._agenda.entries.get(key)) is not None:
            self._agenda.reschedule(entry, self._now().timestamp() + _AGAIN)

    async def _take_in_limits(self) -> None:
        changed, self._changed = self._changed, {}
        for edition in changed:
            keys = self._targets.keys_of(edition.account, edition.definition)
            await in_chunks(keys, partial(self._take_in_limits_of, edition.version))

    def _take_in_limits_of(self, version: int, key: TargetKey) -> None:
        try:
            seen = self._targets.glance(key)
            if seen is None or seen.ended or seen.version != version:
                return
            if (watched := self._targets.peek(key)) is not None:
                self._watch(watched)
                self._scheduler.renew(key)
        except Exception as error:  # noqa: BLE001 - it must not keep the others from their limits
            self._survive(key, error)

    async def _read(self) -> None:
        """Find the next deadlines of some of those whose belief is not at hand."""
        some = [watched for key in islice(self._unread, CHUNK) if (watched := self._targets.peek(key)) is not None]
        try:
            await self._poller.recall_all(some)
        except StoreUnavailable:
            return  # the next turn tries again
        for watched in some:
            if watched.target.key in self._unread:  # no poll has been faster
                try:
                    self._watch(watched)
                except Exception as error:  # noqa: BLE001 - it must not keep the others from their deadlines
                    self._unread.pop(watched.target.key, None)
                    self._survive(watched.target.key, error)
        if self._unread:
            self._wake.set()

    async def _collect_due(self) -> None:
        """The deadlines that have passed: look before judging."""
        count = 0
        while (head := self._agenda.head()) is not None and head.due <= self._now().timestamp():
            self._agenda.start(head)
            try:
                watched = self._targets.get(head.key)
                if watched is None:
                    self._forget(head.key)
                elif not self._early(watched, head):
                    self._request_poll(watched)
            except Exception as error:  # noqa: BLE001 - it must not keep the others from their deadlines
                self._survive(head.key, error)
            count += 1
            if count % CHUNK == 0:
                await asyncio.sleep(0)

    def _early(self, watched: Watched, entry: Entry) -> bool:
        """The API's clock turned out to be less ahead than it was believed: wait on."""
        moment = self._poller.next_deadline(watched) if watched.whole else None
        if not watched.whole or (moment is not None and moment.timestamp() <= self._now().timestamp()):
            return False
        if moment is None:
            self._agenda.forget(entry.key)
        else:
            self._agenda.reschedule(entry, moment.timestamp())
        self._agenda.compact()
        return True

    def _request_poll(self, watched: Watched) -> None:
        """Bring its poll forward, if that comes soon and the last one was a while ago."""
        key, seen = watched.target.key, watched.last_seen_at
        patience = PATIENCE if seen is not None and seen >= self._began_at else FIRST_PATIENCE
        if seen is not None and not watched.failures and 0.0 <= (self._now() - seen).total_seconds() <= _FRESH:
            self._due[key] = None
        elif self._scheduler.in_flight(key) or self._scheduler.poll_now(key) or patience > PATIENCE:
            self._wait_for(key, patience)
        else:
            self._due[key] = None

    def _wait_for(self, key: TargetKey, patience: float) -> None:
        self._asked[key] = until = self._time() + patience
        heapq.heappush(self._patience, (until, key))

    def _waits_until(self) -> float:
        """When the first wait expires; inf if there is none."""
        while self._patience:
            until, key = self._patience[0]
            if self._asked.get(key) == until:
                return until
            heapq.heappop(self._patience)
        return math.inf

    def _expire_waits(self) -> None:
        while self._waits_until() <= self._time():
            key = heapq.heappop(self._patience)[1]
            del self._asked[key]
            self._due[key] = None

    async def _judge(self, beat: Callable[[], None]) -> None:
        """All that is to be judged; a target whose turn is under way is judged after it."""
        while self._due:
            beat()
            ready: list[TargetKey] = []
            for key in list(islice(self._due, _AT_ONCE)):
                del self._due[key]
                if self._scheduler.in_flight(key):
                    self._wait_for(key, PATIENCE)
                else:
                    ready.append(key)
            judging = [asyncio.ensure_future(self._judge_one(key)) for key in ready]
            try:
                while judging and (await asyncio.wait(judging, timeout=TURN))[1]:
                    beat()
            finally:
                for task in judging:
                    task.cancel()

    async def _judge_one(self, key: TargetKey) -> None:
        if (watched := self._targets.get(key)) is None:
            return
        try:
            if not watched.state.status.ended and (events := await self._poller.check_overdue(watched)):
                self._report(OverdueRecord(watched.target, events, self._skew(key.account)))
        except StoreUnavailable:
            self._unread[key] = None  # it is looked at again as soon as it can be read
            return
        except Exception as error:  # noqa: BLE001 - a fault of ours about one target must not end the others
            self._survive(key, error)
            return
        again = self._targets.get(key)
        if again is None:
            self._forget(key)
            return
        if again is not watched:
            again.succeed(watched)
        self._look(again)

    async def _rest(self) -> None:
        """Until the next deadline, or until something changed."""
        if self._wake.is_set() or self._due:
            return
        seconds = TURN
        if (head := self._agenda.head()) is not None:
            seconds = min(seconds, head.due - self._now().timestamp())
        seconds = max(min(seconds, self._waits_until() - self._time()), _TICK)
        self._rings_at = self._now().timestamp() + seconds
        try:
            await sleep(seconds, self._wake)
        finally:
            self._rings_at = -math.inf


def _open(state: TargetState) -> bool:
    """Whether anything of it is told as overdue."""
    return state.overdue.open or any(late.open for late in state.late)
