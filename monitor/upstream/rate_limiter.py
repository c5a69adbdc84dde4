"""The rate limiter of one account: every request needs a permit.

The async part of `core/scheduling/lane.py`: it reads the loop's clock, lets requests that explain an alert go before
the polls, and reports changes. It owns no task, and has a timer only while its queue is not empty.
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
"""Seconds between two checks of the lane by a background request; more if the lane is not open."""
_TOLD_STEP = 0.1
"""Share of the ceiling by which a learned rate must change before it is reported again."""
_TOLD_EXTENSION = timedelta(seconds=1)
"""How much longer a closing must become to be reported again: many requests under way get the same 429."""


class Permit(msgspec.Struct, frozen=True, gc=False):
    """The permission for exactly one request to the account's API; it is returned to `RateLimiter.record`."""

    account: str
    taken_at: float
    """Loop time."""
    probe: bool = False
    """Its answer decides whether the lane opens again."""
    closings: int = 0
    """How often the lane had closed when it was given."""


class GateDismissedError(Exception):
    """The account was removed from the configuration: no request for it is sent."""


class RateLimiter:
    """One per account. It runs in the loop's thread."""

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
        """`jitter` returns numbers in [0, 1). A `closed_until` in the future closes the lane as a 429 does.

        But for at most `closed_for`, the seconds to it when it was set, since the clock may have been set back.
        `learned_rate`: requests per second, from the last process. `permits`: those of the lane at the start; 0 is safe
        after any restart.

        Must be created inside the running loop, whose clock it uses.
        """
        self.account = account
        self.changed = asyncio.Event()
        """Set when `wait()` may have become smaller; its waiter clears it."""
        self.closed_until: datetime | None = None
        """When the probe may go, for the store; None if open. In the past while the probe is under way."""
        self.closed_for: float | None = None
        """Seconds to `closed_until` when it was set; None if open."""
        self._now = now
        self._jitter = jitter
        self._report = report
        self._queue: deque[asyncio.Event] = deque()
        """Urgent requests in their order; only the first is woken."""
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
        """Whether a 429 forbids sending; False once the probe may go, although the lane is not open yet."""
        return self._lane.closed_for(self._time()) > 0

    @property
    def requests_per_second(self) -> float:
        """The usable rate: the ceiling, or less after a 429."""
        return self._lane.rate

    @property
    def ceiling(self) -> float:
        """The configured requests per second."""
        return self._lane.limits.requests_per_second

    @property
    def reason(self) -> str:
        """The cause of the lane's last change, for people."""
        return self._lane.reason

    @property
    def learned_rate(self) -> float | None:
        """The rate as last reported, for the store; None: the ceiling."""
        return self._told_rate if self._told_rate < self._lane.limits.requests_per_second else None

    def wait(self) -> float:
        """Seconds until a poll could get a permit; 0.0: now; inf: only after the urgent queue."""
        if self._queue:
            return float("inf")
        return self._lane.wait(self._time())

    def try_acquire(self) -> Permit | None:
        """A permit for a poll; None while `wait()` is above 0."""
        return None if self._queue else self._take()

    async def acquire_urgent(self) -> Permit:
        """A permit before any poll gets one, first come, first served. Cancelling costs no permit.

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
                # Each waiter takes its own permit when it runs, so that none is lost with a cancelled waiter.
                if (permit := self._take()) is not None:
                    return permit
                place.clear()
        finally:
            self._queue.remove(place)
            self._serve()

    async def acquire_background(self, seconds: float, *, probes: bool = False) -> Permit:
        """A permit for a request that can wait, from an open lane: with the polls, not before them.

        If the polls use the whole lane, it goes before the next one after `seconds`. `probes`: it may be the request
        that opens a closed lane again. Cancelling costs no permit. Raises GateDismissedError.
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
            elif probes and (permit := self.try_acquire()) is not None:
                return permit
            else:
                pause = _LOOK_AGAIN_SHUT
            await self._rest(pause)

    def record(self, permit: Permit, outcome: Outcome, retry_after: float | None) -> None:
        """Record the outcome of the permit's request; call it exactly once per permit. `retry_after` in seconds."""
        time = self._time()
        jitter = self._jitter() if outcome is Outcome.THROTTLED else 0.0
        lane = self._lane.answered(time, permit.closings, outcome, retry_after, jitter)
        if lane is not self._lane:
            self._learn(lane)

    def dismiss(self) -> None:
        """The account was removed: waiters get GateDismissedError, or they would wait for ever."""
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
        """Other limits from now on; the learned rate and the spent permits stay."""
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
        """Wake the first of the queue, or set a timer for it; with an empty queue wake the polls."""
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
