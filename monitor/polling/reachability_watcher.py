"""Whether an account answers at all: says once that it went blind, and once that it is sighted again.

Also the only writer of the account's row, and so the one that makes a `Retry-After`, and the rate that is learned from
it, survive a restart.
"""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from datetime import datetime

import msgspec

from monitor.aio import TURN, sleep
from monitor.alerting.publisher import Publisher
from monitor.core.backoff import backoff
from monitor.core.commits import Change
from monitor.core.detection.blindness import Site
from monitor.core.detection.reachability import Reachability, assess, idle, initial, more_silent, record, recovered
from monitor.core.model import AccountState, Event, Outcome
from monitor.core.records import AccountRecord
from monitor.upstream.rate_limiter import RateLimiter

Load = Callable[[str], Awaitable[AccountState | None]]


class ReachabilityWatcher:
    """Of one account. `record` is called after every status request, `run` is its loop."""

    def __init__(
        self,
        state: AccountState,
        gate: RateLimiter,
        publisher: Publisher,
        load: Load,
        *,
        blind_after: Callable[[], float],
        now: Callable[[], datetime],
        report: Callable[[AccountRecord], None],
        reset_backoff: Callable[[], None],
        watched: Callable[[], int],
        site: Site,
        fault: Callable[[str, Exception], None] = lambda _loop, _error: None,
    ) -> None:
        """`blind_after`: seconds, as configured now. `reset_backoff`: called when the account answers again.

        `watched`: how many workflows of the account there are to poll, those included that are being polled. `site`:
        for the words. `fault`: takes the errors of ours that the loop survives, with its name.
        """
        self.state = state
        self.site = site
        self._reach = initial(state)
        self._blind_after = blind_after
        self._gate = gate
        self._publisher = publisher
        self._load = load
        self._now = now
        self._report = report
        self._reset_backoff = reset_backoff
        self._watched = watched
        self._fault = fault
        self._failures = 0
        self._dismissed = False
        self._doubted = False
        self._wake = asyncio.Event()
        self._time = asyncio.get_running_loop().time

    def record(self, outcome: Outcome, duration: float, now: datetime, detail: str = "") -> None:
        """How a status request ended, after `duration` seconds. `detail`: of a failed one."""
        clock = self._time()
        if outcome is Outcome.OK and self._reach.unanswered_since is None:  # nearly always
            self._reach = Reachability(now, clock)
            return
        before = self._reach
        self._reach = record(before, outcome, clock - duration, clock, now, detail=detail)
        if more_silent(before, self._reach):
            self._wake.set()
            if recovered(before, self._reach, clock):
                self._reset_backoff()

    @property
    def answered_at(self) -> float | None:
        """When the account last answered, by the loop's clock; None: not since the start."""
        return self._reach.answered

    @property
    def refused(self) -> bool:
        """Whether the account's key was refused when it was last used."""
        return self._reach.unanswered_since is not None and self._reach.reason is Outcome.UNAUTHORIZED

    @property
    def reason(self) -> Outcome | None:
        """How the requests since the last answer end; None: it answers."""
        return self._reach.reason if self._reach.unanswered_since is not None else None

    def wake(self) -> None:
        """Something about the lane changed."""
        self._wake.set()

    def doubt(self) -> None:
        """Another writer may have changed the account's state: read it again."""
        self._doubted = True
        self._wake.set()

    def dismiss(self) -> None:
        """The account is not polled any more: nothing is judged from now on, and `run` ends once all is written."""
        self._dismissed = True
        self._wake.set()

    @property
    def left(self) -> AccountState:
        """The account's state, with its lane as it is now, which may not be written yet."""
        return self._with_lane(self.state)

    async def run(self, beat: Callable[[], None]) -> None:
        """Until it is dismissed, and the lane is written: the last answers may have closed it."""
        while not self._dismissed or self.left != self.state:
            beat()
            self._wake.clear()
            try:
                await self._read_again()
                seconds = await self._judge()
            except Exception as error:  # noqa: BLE001 - a fault of ours about one account must not end the others
                await asyncio.sleep(self._failed(error))
            else:
                self._failures = 0
                await self._pause(seconds)

    async def _read_again(self) -> None:
        if self._doubted:
            stored = await self._load(self.state.account)
            self._doubted = False
            self.state = stored or self.state

    def _failed(self, error: Exception) -> float:
        """Seconds to wait before the next try."""
        self._failures += 1
        self._fault(f"look {self.state.account}", error)
        return min(TURN, backoff(self._failures, 1.0))

    async def _judge(self) -> float:
        """Seconds until the next assessment."""
        if self._dismissed:
            await self._commit(self.left, ())
            return 0.0
        clock, watched, gate = self._time(), self._watched(), self._gate
        self._reach = idle(self._reach, clock, asks=watched > 0, shut=gate.closed)
        verdict = assess(
            self.state,
            self._reach,
            clock,
            self._now(),
            self._blind_after(),
            watched=watched,
            shut=gate.closed,
            site=self.site,
        )
        if (state := self._with_lane(verdict.state)) != self.state:
            await self._commit(state, verdict.events)
            return 0.0
        return TURN if verdict.check_at is None else min(TURN, max(0.001, verdict.check_at - clock))

    def _with_lane(self, state: AccountState) -> AccountState:
        gate = self._gate
        return msgspec.structs.replace(
            state, closed_until=gate.closed_until, closed_for=gate.closed_for, learned_rate=gate.learned_rate
        )

    async def _commit(self, state: AccountState, events: Sequence[Event]) -> None:
        after = await _committed(state, events, self._publisher, self._report)
        if after is None:
            after = await self._load(state.account) or AccountState(account=state.account)
            self._reach = initial(after)
        self.state = after

    async def _pause(self, seconds: float) -> None:
        """Wait this many seconds, or until something changed."""
        if self._dismissed:
            return
        await sleep(seconds, self._wake)


async def leave(
    state: AccountState,
    publisher: Publisher,
    load: Load,
    *,
    now: Callable[[], datetime],
    report: Callable[[AccountRecord], None],
) -> AccountState:
    """Close what is open about an account that is not configured any more; the state after that.

    Raises StoreUnavailable.
    """
    state = await load(state.account) or state
    while state.blind.open:
        verdict = assess(state, initial(state), 0.0, now(), 0.0, watched=0)
        after = await _committed(verdict.state, verdict.events, publisher, report)
        state = after or await load(state.account) or AccountState(account=state.account)
    return state


async def _committed(
    state: AccountState, events: Sequence[Event], publisher: Publisher, report: Callable[[AccountRecord], None]
) -> AccountState | None:
    """The state with its next revision; None if another writer came first."""
    committed, told = await publisher.commit(Change(account=state), events)
    if committed.stale:
        return None
    if told:
        report(AccountRecord(state.account, told))
    return msgspec.structs.replace(state, revision=state.revision + 1)
