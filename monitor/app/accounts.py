"""The accounts of the running daemon: each with its lane, its key, its lookout and its round of polls."""

import asyncio
from collections.abc import Callable, Coroutine, Iterator
from datetime import datetime
from typing import Any, Protocol

from monitor.alerting.publisher import Publisher
from monitor.app import from_settings
from monitor.app.daemon_clock import Clock
from monitor.app.environment import Environment
from monitor.core.detection.blindness import Site
from monitor.core.liveness import Liveness
from monitor.core.model import AccountState, Outcome
from monitor.core.records import LaneRecord, RequestRecord
from monitor.polling.reachability_watcher import Load, ReachabilityWatcher, leave
from monitor.polling.scheduler import Scheduler
from monitor.settings import Account, Settings
from monitor.telemetry import Telemetry
from monitor.upstream.credentials import Credential
from monitor.upstream.rate_limiter import RateLimiter

_BELIEVED = 3600.0
"""Seconds; a `Date` further away is somebody's mistake, and nobody is overdue for it."""
_FAREWELL = 5.0
"""Seconds that a reload waits for what an account that leaves has to write; it goes on without."""
_LEAVE_AGAIN = 60.0
"""Seconds until what could not be closed about an account that left is tried again."""


class Spawn(Protocol):
    """How a loop becomes a task of the daemon."""

    def __call__(self, coro: Coroutine[Any, Any, None], *, name: str) -> asyncio.Task[None]: ...


class AccountRuntime:
    """One account."""

    def __init__(self, gate: RateLimiter, lookout: ReachabilityWatcher) -> None:
        self.gate = gate
        self.lookout = lookout
        self.polling: asyncio.Task[None] | None = None
        self.looking: asyncio.Task[None] | None = None


class Accounts:
    """All of them. `gates` and `credentials` are what the client looks up for each request."""

    def __init__(
        self, around: Environment, telemetry: Telemetry, pulses: Liveness, clock: Clock, *, address: str
    ) -> None:
        """`address`: host and port of the API, for people."""
        self.gates: dict[str, RateLimiter] = {}
        self.credentials: dict[str, Credential] = {}
        self.states: dict[str, AccountState] = {}
        """What is believed of accounts that are not enlisted."""
        self._members: dict[str, AccountRuntime] = {}
        self.farewells: set[asyncio.Task[None]] = set()
        """Accounts that are leaving."""
        self._not_left: set[str] = set()
        """Of these, what is open about them may not be closed yet."""
        self._skews: dict[str, float] = {}
        self._around = around
        self._address = address
        self._telemetry = telemetry
        self._pulses = pulses
        self._clock = clock
        self._scheduler: Scheduler
        self._announcer: Publisher
        self._load: Load

    def attach(self, scheduler: Scheduler, announcer: Publisher, load: Load) -> None:
        """The parts that were made after this one, with its help."""
        self._scheduler, self._announcer, self._load = scheduler, announcer, load

    def __iter__(self) -> Iterator[str]:
        return iter(self._members)

    def __len__(self) -> int:
        return len(self._members)

    def __getitem__(self, name: str) -> AccountRuntime:
        return self._members[name]

    def values(self) -> list[AccountRuntime]:
        return list(self._members.values())

    # --- coming and going ---

    def enlist(self, account: Account, settings: Settings, credential: Credential) -> None:
        """Make an account's lane and round; its targets may be replaced from now on."""
        name, around = account.id, self._around
        state = self.states.pop(name, None) or AccountState(account=name)
        self._telemetry.watch(name, requests_per_second=account.requests_per_second)
        gate = RateLimiter(
            name,
            from_settings.limits(account),
            now=around.now,
            jitter=around.jitter,
            report=self._lane_changed,
            closed_until=state.closed_until,
            closed_for=state.closed_for,
            learned_rate=state.learned_rate,
        )
        self.credentials[name], self.gates[name] = credential, gate
        lookout = ReachabilityWatcher(
            state,
            gate,
            self._announcer,
            self._load,
            blind_after=settings.polling.blind_after,
            now=around.now,
            report=self._telemetry.account,
            forgive=self._scheduler.reset_backoff,
            watched=lambda: self._scheduler.watches(name),
            site=Site(self._address, account.secret.place),
            fault=self._telemetry.fault,
        )
        self._members[name] = AccountRuntime(gate, lookout)
        self._scheduler.add_account(name, from_settings.round_of(account, settings), gate, self._beat(f"poll {name}"))

    def begin(self, name: str, spawn: Spawn) -> None:
        """Poll the account's targets."""
        member = self._members[name]
        member.polling = spawn(self._scheduler.run(name), name=f"poll {name}")
        member.looking = spawn(member.lookout.run(self._beat(f"look {name}")), name=f"look {name}")

    def change(self, account: Account, settings: Settings, credential: Credential, *, rekeyed: bool) -> None:
        """An account that stays keeps its lane with all it has learned and spent.

        `credential` has the key as it is now. It is taken where the key is elsewhere now (`rekeyed`), or was refused:
        then it is tried at once.
        """
        name, member = account.id, self._members[account.id]
        refused = member.lookout.refused
        if rekeyed or refused:
            self.credentials[name] = credential
            member.lookout.site = Site(self._address, account.secret.place)
        member.gate.reconfigure(from_settings.limits(account))
        member.lookout.blind_after = settings.polling.blind_after
        self._scheduler.configure(name, from_settings.round_of(account, settings))
        if refused:
            self._scheduler.try_one(name)

    async def dismiss(self, name: str) -> None:
        """The account is not configured any more: let its polls end, then forget its lane."""
        member = self._members[name]
        self._scheduler.remove_account(name)
        if member.polling is not None and member.looking is not None:
            await asyncio.wait([member.polling])
        member.lookout.dismiss()
        self.states[name] = member.lookout.state  # should it come back: its lane may be closed for hours
        del self._members[name], self.gates[name], self.credentials[name]
        member.gate.dismiss()
        farewell = asyncio.create_task(self._farewell(name, member), name=f"leave {name}")
        self.farewells.add(farewell)
        farewell.add_done_callback(self.farewells.discard)
        await asyncio.wait([farewell], timeout=_FAREWELL)
        self._telemetry.unwatch(name)
        self._pulses.forget(f"poll {name}")
        self._pulses.forget(f"look {name}")

    async def leave_others(self) -> None:
        """Close what is open about accounts that left the configuration while nothing ran, or could be written."""
        self._not_left.update(self.states)
        while True:
            for name in list(self._not_left):
                await self._leave(name)
            await asyncio.sleep(_LEAVE_AGAIN)

    async def _farewell(self, name: str, member: AccountRuntime) -> None:
        """Its lookout finishes what it is about to tell, which may wait for the disk; then its alerts are closed."""
        if member.looking is not None:
            try:
                await asyncio.wait([member.looking])
            finally:
                member.looking.cancel()
        await self._leave(name)

    async def _leave(self, name: str) -> None:
        """Close what is open about an account, by what is stored of it, unless it is back."""
        self._not_left.discard(name)
        if (state := self.states.get(name)) is not None:
            await self._close(name, state)
        if (member := self._members.get(name)) is not None:
            member.lookout.doubt()

    async def _close(self, name: str, state: AccountState) -> None:
        try:
            after = await leave(
                state, self._announcer, self._load, now=self._around.now, report=self._telemetry.account
            )
        except Exception as error:  # noqa: BLE001 - what is left open must not keep an account from leaving
            self._not_left.add(name)
            self._telemetry.fault(f"look {name}", error)
            return
        if name in self.states:  # else it came back meanwhile
            self.states[name] = after

    # --- what they hear ---

    def heard(self, account: str, outcome: Outcome, sent_at: datetime, now: datetime, detail: str) -> None:
        self._members[account].lookout.record(outcome, sent_at, now, detail)

    def answered_at(self, account: str) -> float | None:
        """When its API last answered about any target, by the loop's clock."""
        return self._members[account].lookout.answered_at

    def site(self, account: str) -> Site:
        """Whom it asks, and as whom."""
        return self._members[account].lookout.site

    def requested(self, record: RequestRecord) -> None:
        if record.skew is not None:
            self._skews[record.account] = self._clock.heard(record.account, record.skew)
        self._telemetry.request(record)

    def skew(self, account: str) -> float:
        """Seconds that the account's API is ahead of us, as of its last answer."""
        ahead = self._skews.get(account, 0.0)
        return ahead if abs(ahead) <= _BELIEVED else 0.0

    def _lane_changed(self, record: LaneRecord) -> None:
        self._telemetry.lane(record)
        if (member := self._members.get(record.account)) is not None:
            member.lookout.wake()

    def beat(self) -> None:
        """While the disk fails, all wait for a commit, and turn with the writer that tries again."""
        for name in self._members:
            self._beat(f"poll {name}")()
            self._beat(f"look {name}")()

    def _beat(self, loop: str) -> Callable[[], None]:
        time = asyncio.get_running_loop().time
        return lambda: self._pulses.beat(loop, time())
