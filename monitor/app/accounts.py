"""The accounts of the running daemon: each with its rate limiter, its key, its poll queue and its reachability."""

import asyncio
import math
from collections.abc import Callable, Coroutine, Iterator
from functools import partial
from typing import Any, Final

from monitor.alerting.publisher import Publisher
from monitor.app import from_settings
from monitor.app.current_settings import CurrentSettings
from monitor.app.daemon_clock import Clock
from monitor.app.environment import Environment
from monitor.app.loops import Loops
from monitor.core.detection.blindness import Site
from monitor.core.formats.urls import host_and_port
from monitor.core.model import AccountState, Endpoint
from monitor.core.records import LaneRecord, RequestRecord
from monitor.polling.poll_queue import PollQueue
from monitor.polling.reachability_watcher import Load, ReachabilityWatcher, leave
from monitor.settings import AccountSettings
from monitor.telemetry import Telemetry
from monitor.upstream.credentials import Credential
from monitor.upstream.rate_limiter import RateLimiter

_BELIEVED: Final = 3600.0
"""Seconds; a `Date` further away is a mistake, and no workflow is overdue because of it."""
_FAREWELL: Final = 5.0
"""Seconds that a reload waits for what an account that leaves has to write; it goes on without."""
_ANSWERS: Final = (Endpoint.STATUS, Endpoint.LIST)
"""Requests whose outcome tells whether the account answers."""
_NOTHING_FOUND: Final = 600.0
"""Seconds without a request for a list or a status, longer than any pause after a failed one."""
_LEAVE_AGAIN: Final = 60.0
"""Seconds until what could not be closed about an account that left is tried again."""


Sweeps = Callable[[str, Callable[[], None]], Coroutine[Any, Any, None]]
"""Sweeps the lists of an account until it is cancelled; takes its name, and what to call at each turn."""


class AccountRuntime:
    """One account."""

    def __init__(self, gate: RateLimiter, queue: PollQueue, watcher: ReachabilityWatcher) -> None:
        self.gate = gate
        self.queue = queue
        self.watcher = watcher
        self.polling: asyncio.Task[None] | None = None
        self.looking: asyncio.Task[None] | None = None
        self.sweeping: asyncio.Task[None] | None = None
        self._asked_at = -math.inf
        self._time = asyncio.get_running_loop().time

    def tells(self, endpoint: Endpoint) -> bool:
        """Whether a request of this kind tells if the account answers."""
        if endpoint in _ANSWERS:
            self._asked_at = self._time()
            return True
        return endpoint is Endpoint.DEFINITIONS and not self.queue and self._time() - self._asked_at > _NOTHING_FOUND


class Accounts:
    """All of them. `gates`, `credentials` and `queues` are looked up by others each time they need one."""

    def __init__(
        self,
        current: CurrentSettings,
        around: Environment,
        publisher: Publisher,
        telemetry: Telemetry,
        *,
        clock: Clock,
        loops: Loops,
        load: Load,
    ) -> None:
        """`load` reads the stored state of an account."""
        self.gates: dict[str, RateLimiter] = {}
        self.credentials: dict[str, Credential] = {}
        self.queues: dict[str, PollQueue] = {}
        self.states: dict[str, AccountState] = {}
        """The last known states of accounts that are not configured (yet)."""
        self._runtimes: dict[str, AccountRuntime] = {}
        self.farewells: set[asyncio.Task[None]] = set()
        """Accounts that are leaving."""
        self._not_left: set[str] = set()
        """Of these, what is open about them may not be closed yet."""
        self._skews: dict[str, float] = {}
        self._current = current
        self._address = host_and_port(current.value.api.base_url)
        """Of the API; a reload does not change where requests go."""
        self._around = around
        self._publisher = publisher
        self._telemetry = telemetry
        self._clock = clock
        self._loops = loops
        self._load = load

    def __iter__(self) -> Iterator[str]:
        return iter(self._runtimes)

    def __len__(self) -> int:
        return len(self._runtimes)

    def __getitem__(self, name: str) -> AccountRuntime:
        return self._runtimes[name]

    def values(self) -> list[AccountRuntime]:
        return list(self._runtimes.values())

    def rates(self) -> dict[str, float]:
        """Requests per second that each account allows now."""
        return {name: gate.requests_per_second for name, gate in self.gates.items()}

    # --- coming and going ---

    def add(self, account: AccountSettings, credential: Credential) -> None:
        """Make an account's rate limiter and queue; its targets may be added from now on, `begin` polls them."""
        name, around, current = account.id, self._around, self._current
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
        queue = PollQueue(
            name,
            account.max_concurrency,
            gate,
            max_backoff=current.max_backoff,
            beat=self._loops.beat(f"poll {name}"),
        )
        watcher = ReachabilityWatcher(
            state,
            gate,
            self._publisher,
            self._load,
            blind_after=current.blind_after,
            now=around.now,
            report=self._telemetry.account,
            reset_backoff=queue.reset_backoff,
            watched=partial(self._watches, name),
            site=self._site(account),
            fault=self._telemetry.fault,
        )
        self.credentials[name], self.gates[name], self.queues[name] = credential, gate, queue
        self._runtimes[name] = AccountRuntime(gate, queue, watcher)

    def begin(self, name: str, tasks: asyncio.TaskGroup, polls: Coroutine[Any, Any, None], sweeps: Sweeps) -> None:
        """Poll the account's targets, sweep its lists, and watch whether it answers.

        `tasks`: of the daemon. `polls` ends when the account's queue is stopped.
        """
        runtime = self._runtimes[name]
        runtime.sweeping = tasks.create_task(sweeps(name, self._loops.beat(f"sweep {name}")), name=f"sweep {name}")
        runtime.polling = tasks.create_task(polls, name=f"poll {name}")
        runtime.looking = tasks.create_task(runtime.watcher.run(self._loops.beat(f"look {name}")), name=f"look {name}")

    def change(self, account: AccountSettings, credential: Credential, *, rekeyed: bool) -> None:
        """An account that stays keeps its rate limiter with all it has learned and spent.

        `credential` has the key as it is now. It is taken if the key is elsewhere now (`rekeyed`), or was refused: then
        it is tried at once.
        """
        name, runtime = account.id, self._runtimes[account.id]
        refused = runtime.watcher.refused
        if rekeyed or refused:
            self.credentials[name] = credential
            runtime.watcher.site = self._site(account)
        runtime.gate.reconfigure(from_settings.limits(account))
        if refused:
            runtime.queue.try_one()

    async def remove(self, name: str) -> None:
        """The account is not configured any more: let its polls end, then forget its rate limiter."""
        runtime = self._runtimes[name]
        if runtime.sweeping is not None:
            runtime.sweeping.cancel()
            await asyncio.wait([runtime.sweeping])
        self.queues.pop(name).stop()
        if runtime.polling is not None and runtime.looking is not None:
            await asyncio.wait([runtime.polling])
        runtime.watcher.dismiss()
        self.states[name] = runtime.watcher.left  # should it come back: its lane may be closed for hours
        del self._runtimes[name], self.gates[name], self.credentials[name]
        runtime.gate.dismiss()
        farewell = asyncio.create_task(self._farewell(name, runtime), name=f"leave {name}")
        self.farewells.add(farewell)
        farewell.add_done_callback(self.farewells.discard)
        await asyncio.wait([farewell], timeout=_FAREWELL)
        self._telemetry.unwatch(name)
        self._loops.forget(f"poll {name}")
        self._loops.forget(f"look {name}")
        self._loops.forget(f"sweep {name}")

    def stop_watching(self) -> list[asyncio.Task[None]]:
        """Nothing is polled any more, so whether accounts answer is not judged; the loops end once all is written."""
        for runtime in self.values():
            runtime.watcher.dismiss()
        return [runtime.looking for runtime in self.values() if runtime.looking is not None]

    async def leave_others(self) -> None:
        """Close what is open about accounts that left the configuration while nothing ran, or could be written."""
        self._not_left.update(self.states)
        while True:
            for name in list(self._not_left):
                await self._leave(name)
            await asyncio.sleep(_LEAVE_AGAIN)

    async def _farewell(self, name: str, runtime: AccountRuntime) -> None:
        """Its watcher finishes what it is about to publish, which may wait for the disk; then its alerts are closed."""
        if runtime.looking is not None:
            try:
                await asyncio.wait([runtime.looking])
            finally:
                runtime.looking.cancel()
        await self._leave(name)

    async def _leave(self, name: str) -> None:
        """Close what is open about an account, by what is stored of it, unless it is back."""
        self._not_left.discard(name)
        if (state := self.states.get(name)) is not None:
            await self._close(name, state)
        if (runtime := self._runtimes.get(name)) is not None:
            runtime.watcher.doubt()

    async def _close(self, name: str, state: AccountState) -> None:
        try:
            after = await leave(
                state, self._publisher, self._load, now=self._around.now, report=self._telemetry.account
            )
        except Exception as error:  # noqa: BLE001 - what is left open must not keep an account from leaving
            self._not_left.add(name)
            self._telemetry.fault(f"look {name}", error)
            return
        if name in self.states:  # else it came back meanwhile
            self.states[name] = after

    def watching(self) -> list[str]:
        """Those with something to watch."""
        return [name for name in self if self._watches(name)]

    def _watches(self, name: str) -> int:
        """Workflows to poll; 1 if there is none and lists are asked for some."""
        sweeps = any(wish.account == name for wish in self._current.discoveries())
        queue = self.queues.get(name)
        return (len(queue) if queue is not None else 0) or int(sweeps)

    def _site(self, account: AccountSettings) -> Site:
        return Site(self._address, account.secret.place)

    # --- what they hear ---

    def requested(self, record: RequestRecord) -> None:
        """One request has ended. Those for a status or a list tell whether the account answers.

        If there has been none for long, because nothing is found there, those for definitions do.
        """
        if record.skew is not None:
            self._skews[record.account] = self._clock.heard(record.account, record.skew)
        runtime = self._runtimes.get(record.account)
        if runtime is not None and runtime.tells(record.endpoint) and not record.cancelled:
            runtime.watcher.record(record.outcome, record.duration, record.ended_at, record.detail)
        self._telemetry.request(record)

    def answered_at(self, account: str) -> float | None:
        """When its API last answered about any target, by the loop's clock."""
        return self._runtimes[account].watcher.answered_at

    def site(self, account: str) -> Site:
        """The address that it asks, and where its key is, for texts."""
        return self._runtimes[account].watcher.site

    def skew(self, account: str) -> float:
        """Seconds that the account's API is ahead of us, as of its last answer."""
        ahead = self._skews.get(account, 0.0)
        return ahead if abs(ahead) <= _BELIEVED else 0.0

    def beat(self) -> None:
        """While the disk fails, all wait for a commit, and turn with the writer that tries again."""
        for name in self._runtimes:
            self._loops.turned(f"poll {name}")
            self._loops.turned(f"look {name}")
            self._loops.turned(f"sweep {name}")

    def _lane_changed(self, record: LaneRecord) -> None:
        self._telemetry.lane(record)
        if (runtime := self._runtimes.get(record.account)) is not None:
            runtime.watcher.wake()
