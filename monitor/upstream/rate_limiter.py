"""The gate of one account: every request passes it with a permit, and none can pass without.

The async face of `core/scheduling/lane.py`: it asks the loop for the time, lets who explains an alert go before the
polls, and says what changed. It owns no task, and a timer only while somebody stands in its queue.
"""

import asyncio
import contextlib
import math
from collections import deque
from collections.abc import Callable
from datetime import datetime, timedelta

import msgspec

from monitor.core.model import Outcome
from monitor.core.records import LaneRecord
from monitor.core.scheduling.lane import Lane, LaneLimits, Phase

_LOOK_AGAIN, _LOOK_AGAIN_AT_LEAST = 0.05, 1.0
_LOOK_AGAIN_SHUT = 5.0
"""Seconds between two looks of a patient request at the lane; more where the lane is not open."""
_TOLD_STEP = 0.1
"""Share of the ceiling by which a learned rate moves before it is told again."""
_TOLD_EXTENSION = timedelta(seconds=1)
"""By how much a closing must grow to be told again: many requests under way bring the same 429."""


class Permit(msgspec.Struct, frozen=True, gc=False):
    """One request to the account's API; consumed by exactly one, and handed back to `RateLimiter.record`."""

    account: str
    taken_at: float
    """Loop time."""
    probe: bool = False
    """Its answer decides whether the lane opens again."""
    closings: int = 0
    """How often the lane had closed before."""


class GateDismissedError(Exception):
    """The account is not configured any more: no request of it is sent."""


class RateLimiter:
    """One per account. All of it runs in the loop's thread."""

    def __init__(
        self,
        account: str,
        limits: LaneLimits,
        *,
        now: Callable[[], datetime],
        jitter: Callable[[], float],
        report: Callable[[LaneRecord], None],
        closed_until: datetime | None = None,
        closed_for: float | None = None,
        learned_rate: float | None = None,
        permits: int = 0,
    ) -> None:
        """`jitter` gives numbers in [0, 1). A `closed_until` still to come closes the lane as a 429 would have.

        But for no longer than `closed_for`, the seconds that were asked for when it was set: the clock may have been
        set back since. `learned_rate`: requests per second, as of the last process. `permits`: what the lane holds at
        its start; nothing is what no restart can spend twice.

        Must be made inside the running loop, whose clock it goes by.
        """
        self.account = account
        self.changed = asyncio.Event()
        """Set when `wait()` may have become smaller; who waits for it clears it."""
        self.closed_until: datetime | None = None
        """When the probe may go, for the store; None when open. Past while the probe is out."""
        self.closed_for: float | None = None
        """Seconds that `closed_until` was ahead when it was set; None when open."""
        self._now = now
        self._jitter = jitter
        self._report = report
        self._queue: deque[asyncio.Event] = deque()
        """Urgent requests in their order; only the first is ever told to go."""
        self._timer: asyncio.TimerHandle | None = None
        self._dismissed = asyncio.Event()
        self._time = asyncio.get_running_loop().time
        time = self._time()
        self._lane = Lane.started(limits, time, permits, learned_rate)
        self._told_rate = self._lane.rate
        self._told_until: datetime | None = None
        if closed_until is not None and (remaining := (closed_until - now()).total_seconds()) > 0:
            seconds = remaining if closed_for is None else min(remaining, closed_for)
            lane = self._lane.slowed(time) if learned_rate is None else self._lane
            self._lane = lane.closed(time, seconds, "closed by Retry-After before the start")
            self._note(seconds)
            self._tell()

    @property
    def open(self) -> bool:
        return self._lane.phase is Phase.OPEN

    @property
    def closed(self) -> bool:
        """Whether a 429 forbids to send; False once the probe may go, though the lane is not open yet."""
        return self._lane.closed_for(self._time()) > 0

    @property
    def requests_per_second(self) -> float:
        """The rate that is usable now: the ceiling, or less after a 429."""
        return self._lane.rate

    @property
    def learned_rate(self) -> float | None:
        """The rate as it was told last, for the store; None: the ceiling."""
        return self._told_rate if self._told_rate < self._lane.limits.requests_per_second else None

    def wait(self) -> float:
        """Seconds until a poll could get a permit; 0.0: now; inf: not before those in the queue."""
        if self._queue:
            return float("inf")
        return self._lane.wait(self._time())

    def try_acquire(self) -> Permit | None:
        """A permit for a poll; None while `wait()` is above 0."""
        return None if self._queue else self._take()

    async def acquire_urgent(self) -> Permit:
        """A permit before any poll gets one, first come, first served; cancelled, it costs nothing.

        Raises GateDismissedError.
        """
        if (permit := self.try_acquire()) is not None:
            return permit
        place = asyncio.Event()
        self._queue.append(place)
        try:
            while True:
                self._serve()
                await place.wait()
                self._refuse_dismissed()
                # Nothing is taken on behalf of who may have been cancelled: each takes for itself, and leaves with it.
                if (permit := self._take()) is not None:
                    return permit
                place.clear()
        finally:
            self._queue.remove(place)
            self._serve()

    async def acquire_background(self, seconds: float) -> Permit:
        """A permit for what can wait, from a lane that is open: with the polls, not before them.

        Where the polls use up the lane, it goes before one of them after `seconds`. Cancelled, it costs nothing.
        Raises GateDismissedError.
        """
        waited = 0.0
        while True:
            self._refuse_dismissed()
            if self.open:
                if waited >= seconds:
                    return await self.acquire_urgent()
                if (permit := self.try_acquire()) is not None:
                    return permit
                pause = min(max(self.wait(), _LOOK_AGAIN), _LOOK_AGAIN_AT_LEAST, seconds - waited)
                waited += pause
            else:
                pause = _LOOK_AGAIN_SHUT
            await self._rest(pause)

    def record(self, permit: Permit, outcome: Outcome, retry_after: float | None) -> None:
        """How the permit's request ended; to be called exactly once for each permit. `retry_after` in seconds."""
        time = self._time()
        jitter = self._jitter() if outcome is Outcome.THROTTLED else 0.0
        lane = self._lane.answered(time, permit.closings, outcome, retry_after, jitter)
        if lane is not self._lane:
            self._learn(lane)

    def dismiss(self) -> None:
        """The account is not configured any more: nobody polls it, so who waits here would wait for ever."""
        self._dismissed.set()
        for place in self._queue:
            place.set()

    def _refuse_dismissed(self) -> None:
        if self._dismissed.is_set():
            raise GateDismissedError(self.account)

    async def _rest(self, seconds: float) -> None:
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self._dismissed.wait()

    def reconfigure(self, limits: LaneLimits) -> None:
        """Other limits from now on; what was learned and what was spent stays."""
        lane = self._lane.reconfigured(self._time(), limits)
        if lane is not self._lane:
            self._lane = lane
            self._tell()
            self._wake()

    def _take(self) -> Permit | None:
        time = self._time()
        lane = self._lane.take(time)
        if lane is None:
            return None
        self._lane = lane
        return Permit(self.account, time, lane.phase is Phase.PROBING, lane.closings)

    def _learn(self, lane: Lane) -> None:
        before, self._lane = self._lane, lane
        if lane.phase is Phase.CLOSED:
            self._close(before, lane)
        else:
            self.closed_until = self.closed_for = self._told_until = None
            if before.phase is not Phase.OPEN or self._rate_is_news(lane):
                self._tell()
        self._wake()

    def _close(self, before: Lane, lane: Lane) -> None:
        until = self._note(lane.closed_for(self._time()))
        told = self._told_until
        if lane.closings != before.closings or told is None or until - told >= _TOLD_EXTENSION:
            self._tell()

    def _note(self, seconds: float) -> datetime:
        self.closed_for = seconds
        self.closed_until = self._now() + timedelta(microseconds=math.ceil(seconds * 1e6))
        return self.closed_until

    def _rate_is_news(self, lane: Lane) -> bool:
        ceiling = lane.limits.requests_per_second
        return lane.rate != self._told_rate and (
            lane.at_ceiling or abs(lane.rate - self._told_rate) >= ceiling * _TOLD_STEP
        )

    def _tell(self) -> None:
        lane = self._lane
        self._told_rate, self._told_until = lane.rate, self.closed_until
        self._report(LaneRecord(self.account, self.open, lane.rate, lane.reason))

    def _wake(self) -> None:
        self.changed.set()
        self._serve()

    def _serve(self) -> None:
        """Let the first of the queue go, or set a timer for when it may; an empty queue lets the polls go."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        if not self._queue:
            self.changed.set()
            return
        loop = asyncio.get_running_loop()
        wait = self._lane.wait(loop.time())
        if wait > 0:
            self._timer = loop.call_at(loop.time() + wait, self._serve)
        else:
            self._queue[0].set()
