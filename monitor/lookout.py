"""Whether an account answers at all: says once that it went blind, and once that it is sighted again.

Also the only writer of the account's row, and so the one that makes a `Retry-After` survive a restart.
"""

import asyncio
from collections.abc import Awaitable, Callable
from datetime import datetime

import msgspec

from monitor.core.model import AccountState, Change, Event, Outcome
from monitor.core.reach import ReachVerdict, begin, heard, judge, recovered
from monitor.core.records import AccountRecord
from monitor.poller import Announcer
from monitor.upstream.gate import Gate

_TURN = 10.0
"""Seconds; an idle loop turns at least so often, and says so."""

Load = Callable[[str], Awaitable[AccountState | None]]


class Lookout:
    """One account's. `heard` is called after every poll, `run` is its loop."""

    def __init__(
        self,
        state: AccountState,
        gate: Gate,
        announcer: Announcer,
        load: Load,
        *,
        blind_after: float,
        now: Callable[[], datetime],
        report: Callable[[AccountRecord], None],
        forgive: Callable[[str], None],
    ) -> None:
        self.state = state
        self.blind_after = blind_after
        self._reach = begin(state, now())
        self._gate = gate
        self._announcer = announcer
        self._load = load
        self._now = now
        self._report = report
        self._forgive = forgive
        self._wake = asyncio.Event()

    def heard(self, outcome: Outcome, sent_at: datetime, now: datetime) -> None:
        before = self._reach
        self._reach = heard(before, outcome, sent_at, now)
        if before.unanswered_since is not self._reach.unanswered_since:
            self._wake.set()
            if recovered(before, self._reach, now):
                self._forgive(self.state.account)

    def look(self) -> None:
        """Something about the lane changed."""
        self._wake.set()

    async def run(self, beat: Callable[[], None]) -> None:
        while True:
            beat()
            self._wake.clear()
            verdict = judge(self.state, self._reach, self._now(), self.blind_after)
            gate = self._gate
            state = msgspec.structs.replace(verdict.state, closed_until=gate.closed_until, closed_for=gate.closed_for)
            if state != self.state:
                await self._commit(state, verdict.events)
                continue
            await self._pause(verdict)

    async def _commit(self, state: AccountState, events: tuple[Event, ...]) -> None:
        committed, told = await self._announcer.commit(Change(account=state), events)
        if committed.stale:
            self.state = await self._load(state.account) or AccountState(account=state.account)
            self._reach = begin(self.state, self._now())
            return
        self.state = msgspec.structs.replace(state, revision=state.revision + 1)
        if told:
            self._report(AccountRecord(state.account, told))

    async def _pause(self, verdict: ReachVerdict) -> None:
        """Until something was heard, or it is time to judge again."""
        seconds = _TURN
        if verdict.check_at is not None:
            seconds = min(seconds, max(0.001, (verdict.check_at - self._now()).total_seconds()))
        timer = asyncio.get_running_loop().call_later(seconds, self._wake.set)
        try:
            await self._wake.wait()
        finally:
            timer.cancel()
