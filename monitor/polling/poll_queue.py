"""One account's queue: what is asked next, and whether the account's rate limiter lets it through."""

import asyncio
import math
from collections.abc import Awaitable, Callable, Iterable
from typing import Final

from monitor.aio import TURN, at_most, sleep
from monitor.core.discovery.list_looks import LookKey
from monitor.core.model import Target, TargetKey
from monitor.core.scheduling.arms import Terms
from monitor.core.scheduling.schedule import DuePoll
from monitor.core.scheduling.turns import DueLook, InstanceNews, Turns
from monitor.store import Writer
from monitor.upstream.rate_limiter import Permit, RateLimiter

_FIRST_LOOK: Final = 5.0
"""Seconds within which a new target is polled, if the budget allows."""
_SLICE: Final = 500
"""Targets whose back-off is reset before the event loop runs other tasks."""
_WALKS: Final = 0.5
"""Share of the requests under way that looks at lists may be: slow lists delay no status look."""

Walk = Callable[[LookKey, Permit], Awaitable[None]]
"""Makes one look at a list, whose first request has this permit; then tells the queue that it is over."""


class PollQueue:
    """Made before the scheduler, which takes polls and looks from it. All of it runs in the loop's thread."""

    def __init__(
        self,
        account: str,
        concurrency: int,
        gate: RateLimiter,
        *,
        max_backoff: Callable[[], float],
        beat: Callable[[], None],
    ) -> None:
        """`concurrency`: polls and looks under way at once. `max_backoff`: seconds, as configured now."""
        self.account = account
        self.concurrency = concurrency
        self.gate = gate
        self.turns = Turns(most_walks=max(1, int(concurrency * _WALKS)))
        self.walk: Walk = _no_walk
        """How a list is looked at; set before the first list is offered."""
        self.begun = False
        """Whether its first polls are sent, or were not due yet when `first_polls_sent` was called."""
        self.stopping = False
        self._stopped = asyncio.Event()
        self._max_backoff = max_backoff
        self._beat = beat
        self._turnstile = asyncio.Lock()
        self._time = asyncio.get_running_loop().time
        self._paused_until = -math.inf

    def __len__(self) -> int:
        """Targets to poll, those included that are being polled."""
        return len(self.turns)

    def wake(self) -> None:
        self.gate.changed.set()

    def stop(self) -> None:
        """No more polls; those under way are finished."""
        self.stopping = True
        self._stopped.set()
        self.wake()

    # --- targets ---

    def add(self, target: Target, news: InstanceNews | None) -> None:
        """Poll it, soon if it has a promise and the budget allows: it may have changed since it was last seen.

        `news`: what is known of it, if it has no promise.
        """
        if news is not None:
            self.turns.watch(target.key, news, self._time())
            return
        budget = len(self.turns) / self.gate.requests_per_second
        within = max(_FIRST_LOOK, budget)
        self.turns.promise(target.key, target.interval, self._time(), first_within=within)

    def change(self, target: Target, news: InstanceNews | None) -> None:
        """It may have another interval, or no promise any more, or one from now on."""
        if news is not None:
            self.turns.watch(target.key, news, self._time())
        elif self.turns.promised(target.key):
            self.turns.promise(target.key, target.interval, self._time())
        else:
            self.add(target, None)

    def remove(self, key: TargetKey) -> None:
        """Poll it no more."""
        self.turns.remove(key)

    def under_way(self, key: TargetKey) -> bool:
        return self.turns.under_way(key)

    def next_due(self, key: TargetKey) -> float | None:
        """Loop time of its next poll, as things are now; None for a target that is under way or unknown."""
        return self.turns.next_due(key, self._time())

    def done(
        self,
        key: TargetKey,
        failures: int,
        jitter: float,
        news: InstanceNews | None = None,
        happened: Iterable[float] = (),
    ) -> None:
        """A poll has ended; a worker that pauses is woken if the next poll comes before its pause is over.

        `news`, `happened`: see `Turns.done`.
        """
        self.turns.done(key, self._time(), failures, self._max_backoff(), jitter, news=news, happened=happened)
        self._wake_by(self.next_due(key))

    def try_one(self) -> None:
        """What made the targets back off may be over: poll one of them now."""
        self.turns.try_one(self._time())
        self.wake()

    def reset_backoff(self) -> None:
        """An outage is over: targets that backed off because of it get their interval again."""
        if self.turns.reset_backoff(self._time(), _SLICE):
            asyncio.get_running_loop().call_soon(self.reset_backoff)
        self.wake()

    def poll_now(self, key: TargetKey, *, confirms: bool = False) -> bool:
        """Poll a target as soon as the rate limiter lets it through; False if that will not be soon."""
        if self.stopping or not self.gate.open or not self.turns.poll_now(key, self._time(), confirms=confirms):
            return False
        self.wake()
        return True

    # --- lists ---

    def offer(self, key: LookKey, terms: Terms, interval: float, age: float) -> None:
        """Look at this list when that is worth most; it may be known already.

        `interval`: seconds between two looks that are wanted. `age`: seconds since the last look.
        """
        now = self._time()
        self.turns.sweep(key, terms, interval, now, now - age)
        self._wake_by(now)

    def withdraw(self, key: LookKey) -> None:
        """Look at this list no more."""
        self.turns.leave(key)

    def looked(self, key: LookKey, happened: Iterable[float]) -> None:
        """The look at the list is over. `happened`: when each fact happened that it told, in loop time."""
        self.turns.looked(key, self._time(), happened)
        self.wake()

    def look_failed(self, key: LookKey, pause: float) -> None:
        """The look told nothing, or not all; the next one comes after `pause` seconds at the earliest."""
        self.turns.failed(key, self._time(), self._time() + pause)
        self.wake()

    async def next_page(self) -> Permit | None:
        """A permit for the next page of a list that is looked at; None: no more. Raises GateDismissedError."""
        waiting = asyncio.ensure_future(self.gate.acquire_background(0.0, probes=True))
        stopped = asyncio.ensure_future(self._stopped.wait())
        try:
            await asyncio.wait({waiting, stopped}, return_when=asyncio.FIRST_COMPLETED)
            return waiting.result() if waiting.done() else None
        finally:
            waiting.cancel()
            stopped.cancel()

    # --- whose turn it is ---

    def first_polls_sent(self) -> bool:
        """Whether the first polls are sent, as far as there is a target to poll and a lane to send it by.

        Once true it stays so, even if the lane waits for its first permit later.
        """
        self.begun |= not (self.turns and self.gate.open and self.turns.wait(self._time()) == 0.0)
        return self.begun

    def ready(self, writer: Writer) -> tuple[Permit, DuePoll | DueLook] | None:
        """What is due already, unless others wait for theirs."""
        return None if self._turnstile.locked() else self._take(writer)

    async def next(self, writer: Writer) -> tuple[Permit, DuePoll | DueLook] | None:
        """What is asked next, as soon as it is due and the lane lets it through. None: no more."""
        async with self._turnstile:
            while not self.stopping:
                if (ticket := self._take(writer)) is not None:
                    return ticket
                if writer.available:
                    await self._pause(self._wait())
                else:
                    await at_most(TURN, writer.wait_available())
        return None

    def _take(self, writer: Writer) -> tuple[Permit, DuePoll | DueLook] | None:
        """What is due now, if the lane and the store allow."""
        self._beat()
        now = self._time()
        if self.stopping or not writer.available or self.gate.wait() > 0.0:
            return None
        if self.turns.wait(now) != 0.0 or (turn := self.turns.next(now, self.gate.requests_per_second)) is None:
            return None
        if (permit := self.gate.try_acquire()) is None:
            raise RuntimeError("expected a permit, since the rate limiter has promised one for now")
        self.begun = True
        return permit, turn

    def _wait(self) -> float:
        due = self.turns.wait(self._time())
        return TURN if due is None else max(due, self.gate.wait())

    def _wake_by(self, due: float | None) -> None:
        if due is not None and due < self._paused_until:
            self.wake()

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


async def _no_walk(key: LookKey, _permit: Permit) -> None:
    raise RuntimeError(f"nothing is swept, but a look at {key} is due")
