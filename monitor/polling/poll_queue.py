"""One account's queue of polls: which target is due, and whether the account's rate limiter lets it through."""

import asyncio
import math
from collections.abc import Callable
from typing import Final

from monitor.aio import TURN, at_most, sleep
from monitor.core.model import Target, TargetKey
from monitor.core.scheduling.schedule import DuePoll, Schedule
from monitor.store import Writer
from monitor.upstream.rate_limiter import Permit, RateLimiter

_FIRST_LOOK: Final = 5.0
"""Seconds within which a new target is polled, if the budget allows."""
_SLICE: Final = 500
"""Targets whose back-off is reset before the event loop runs other tasks."""


class PollQueue:
    """Made before the scheduler, which takes polls from it. All of it runs in the loop's thread."""

    def __init__(
        self,
        account: str,
        concurrency: int,
        gate: RateLimiter,
        *,
        max_backoff: Callable[[], float],
        beat: Callable[[], None],
    ) -> None:
        """`concurrency`: polls under way at once. `max_backoff`: seconds, as configured now."""
        self.account = account
        self.concurrency = concurrency
        self.gate = gate
        self.schedule = Schedule()
        self.begun = False
        """Whether its first polls are sent, or were not due yet when `first_polls_sent` was called."""
        self.stopping = False
        self._max_backoff = max_backoff
        self._beat = beat
        self._turnstile = asyncio.Lock()
        self._time = asyncio.get_running_loop().time
        self._paused_until = -math.inf

    def __len__(self) -> int:
        """Targets to poll, those included that are being polled."""
        return len(self.schedule)

    def wake(self) -> None:
        self.gate.changed.set()

    def stop(self) -> None:
        """No more polls; those under way are finished."""
        self.stopping = True
        self.wake()

    # --- targets ---

    def add(self, target: Target) -> None:
        """Poll it soon, as far as the budget allows: it may have changed since it was last seen."""
        budget = len(self.schedule) / self.gate.requests_per_second
        self.schedule.add(target.key, target.interval, self._time(), first_within=max(_FIRST_LOOK, budget))

    def change(self, target: Target) -> None:
        """It may have another interval."""
        self.schedule.change(target.key, target.interval, self._time())

    def done(self, key: TargetKey, failures: int, jitter: float) -> None:
        """A poll has ended; a worker that pauses is woken if the next poll comes before its pause is over."""
        self.schedule.done(key, self._time(), failures, self._max_backoff(), jitter)
        if self._paused_until > -math.inf:
            due = self.schedule.next_due(key)
            if due is not None and due < self._paused_until:
                self.wake()

    def try_one(self) -> None:
        """What made the targets back off may be over: poll one of them now."""
        self.schedule.try_one(self._time())
        self.wake()

    def reset_backoff(self) -> None:
        """An outage is over: targets that backed off because of it get their interval again."""
        if self.schedule.reset_backoff(self._time(), _SLICE):
            asyncio.get_running_loop().call_soon(self.reset_backoff)
        self.wake()

    def poll_now(self, key: TargetKey, *, confirms: bool = False) -> bool:
        """Poll a target as soon as the rate limiter lets it through; False if that will not be soon."""
        if self.stopping or not self.gate.open or not self.schedule.poll_now(key, self._time(), confirms=confirms):
            return False
        self.wake()
        return True

    # --- polls ---

    def first_polls_sent(self) -> bool:
        """Whether the first polls are sent, as far as there is a target to poll and a lane to send it by.

        Once true it stays so, even if the lane waits for its first permit later.
        """
        self.begun |= not (self.schedule and self.gate.open and self.schedule.wait(self._time()) == 0.0)
        return self.begun

    def ready(self, writer: Writer) -> tuple[Permit, DuePoll] | None:
        """A poll that is due already, unless others wait for theirs."""
        return None if self._turnstile.locked() else self._take(writer)

    async def next(self, writer: Writer) -> tuple[Permit, DuePoll] | None:
        """The next poll, as soon as one is due and the lane lets it through. None: no more."""
        async with self._turnstile:
            while not self.stopping:
                if (ticket := self._take(writer)) is not None:
                    return ticket
                if writer.available:
                    await self._pause(self._wait())
                else:
                    await at_most(TURN, writer.wait_available())
        return None

    def _take(self, writer: Writer) -> tuple[Permit, DuePoll] | None:
        """The poll that is due now, if the lane and the store allow."""
        self._beat()
        now = self._time()
        if self.stopping or not writer.available or self.schedule.wait(now) != 0.0:
            return None
        if (permit := self.gate.try_acquire()) is None:
            return None
        self.begun = True
        return permit, self.schedule.pop(now)

    def _wait(self) -> float:
        due = self.schedule.wait(self._time())
        return TURN if due is None else max(due, self.gate.wait())

    async def _pause(self, seconds: float) -> None:
        """Until something changed, at most `seconds`."""
        changed = self.gate.changed
        changed.clear()
        seconds = min(seconds, TURN)
        self._paused_until = self._time() + seconds
        try:
            await sleep(seconds, changed)
        finally:
            self._paused_until = -math.inf
