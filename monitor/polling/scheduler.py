"""Whose turn it is: due targets, a lane that allows, a bounded number of polls under way.

Each account has its own lane, schedule and workers, so that a sick account slows no other. Everything that changes
what is watched enters by one door: `Scheduler.replace`.
"""

import asyncio
import math
from collections.abc import Awaitable, Callable, Collection, Mapping
from concurrent.futures import Executor
from datetime import datetime, timedelta
from typing import Protocol

import msgspec

from monitor.aio import at_most, in_chunks
from monitor.core.formats.units import format_duration
from monitor.core.model import Outcome, Target, TargetKey, TargetState
from monitor.core.records import NextPoll
from monitor.core.scheduling.schedule import DuePoll, Schedule
from monitor.core.watchlist import Difference, difference
from monitor.polling.poller import Poller
from monitor.polling.watched import Watched
from monitor.upstream.rate_limiter import Permit, RateLimiter

_CHUNK = 500
"""Targets that are taken in before the loop gets its breath."""
_FIRST_LOOK = 5.0
"""Seconds within which a new target is looked at, where the budget allows."""
_AFTER_A_FAULT = 1.0
"""Seconds that a worker rests after a fault of ours, lest it does nothing else."""
_TURN = 10.0
"""Seconds; an idle loop turns at least so often, and says so."""


class AccountConfig(msgspec.Struct, frozen=True):
    max_concurrency: int
    max_backoff: float


class Ledger(Protocol):
    """Whether changes can become durable now."""

    @property
    def available(self) -> bool: ...
    async def wait_available(self) -> None: ...


class Observer(Protocol):
    """Who wants to know what is watched."""

    def target_added(self, target: Target, state: TargetState) -> None: ...
    def target_removed(self, target: Target, state: TargetState) -> None: ...
    def fault(self, loop: str, error: Exception) -> None: ...


class Follower(Protocol):
    """Who goes along with every target that is polled."""

    def watch(self, watched: Watched) -> None: ...
    def forget(self, key: TargetKey) -> None: ...
    def turned(self, watched: Watched) -> None: ...


class Nobody:
    """Goes along with nothing."""

    def watch(self, watched: Watched) -> None: ...
    def forget(self, key: TargetKey) -> None: ...
    def turned(self, watched: Watched) -> None: ...


Beliefs = Callable[[Collection[TargetKey]], Awaitable[Mapping[TargetKey, tuple[TargetState, datetime | None]]]]
"""What the store believes of these targets, with when they were last seen; those never seen are absent."""


class Plan(msgspec.Struct, frozen=True):
    """What it takes to watch other targets."""

    targets: Mapping[TargetKey, Target]
    change: Difference
    beliefs: Mapping[TargetKey, tuple[TargetState, datetime | None]]
    """Of those that are added."""


class PollQueue:
    """One account's round: its schedule, its lane, and whether it goes on."""

    def __init__(self, account: str, config: AccountConfig, gate: RateLimiter, beat: Callable[[], None]) -> None:
        self.account = account
        self.config = config
        self.gate = gate
        self.schedule = Schedule()
        self.begun = False
        """Whether its first polls are out, or were not due yet when somebody asked."""
        self.stopping = False
        self._beat = beat
        self._turnstile = asyncio.Lock()
        self._time = asyncio.get_running_loop().time
        self._paused_until = -math.inf

    def wake(self) -> None:
        self.gate.changed.set()

    def add(self, target: Target) -> None:
        """Look at it soon, as far as the budget allows: it may have changed since it was last seen."""
        budget = len(self.schedule) / self.gate.requests_per_second
        self.schedule.add(target.key, target.interval, self._time(), first_within=max(_FIRST_LOOK, budget))

    def done(self, key: TargetKey, failures: int, jitter: float) -> None:
        """A turn has ended; whoever pauses learns of it where the next one comes sooner than the pause is over."""
        self.schedule.done(key, self._time(), failures, self.config.max_backoff, jitter)
        if self._paused_until > -math.inf:
            due = self.schedule.next_due(key)
            if due is not None and due < self._paused_until:
                self.wake()

    def ready(self, ledger: Ledger) -> tuple[Permit, DuePoll] | None:
        """A turn that is due already, unless others wait for theirs."""
        return None if self._turnstile.locked() else self._take(ledger)

    async def next(self, ledger: Ledger) -> tuple[Permit, DuePoll] | None:
        """The next turn, as soon as one is due and the lane lets it through. None: no more."""
        async with self._turnstile:
            while not self.stopping:
                if (ticket := self._take(ledger)) is not None:
                    return ticket
                if ledger.available:
                    await self._pause(self._wait())
                else:
                    await at_most(_TURN, ledger.wait_available())
        return None

    def _take(self, ledger: Ledger) -> tuple[Permit, DuePoll] | None:
        """The turn that is due now, if the lane and the store allow."""
        self._beat()
        now = self._time()
        if self.stopping or not ledger.available or self.schedule.wait(now) != 0.0:
            return None
        if (permit := self.gate.try_acquire()) is None:
            return None
        self.begun = True
        return permit, self.schedule.pop(now)

    def _wait(self) -> float:
        due = self.schedule.wait(self._time())
        return _TURN if due is None else max(due, self.gate.wait())

    async def _pause(self, seconds: float) -> None:
        """Until something changed, at most `seconds`."""
        changed = self.gate.changed
        changed.clear()
        loop = asyncio.get_running_loop()
        self._paused_until = loop.time() + min(seconds, _TURN)
        timer = loop.call_at(self._paused_until, changed.set)
        try:
            await changed.wait()
        finally:
            timer.cancel()
            self._paused_until = -math.inf


class Scheduler:
    """Keeps every account's round going."""

    def __init__(
        self,
        poller: Poller,
        ledger: Ledger,
        beliefs: Beliefs,
        observer: Observer,
        *,
        now: Callable[[], datetime],
        jitter: Callable[[], float],
        retention: float,
        executor: Executor | None = None,
    ) -> None:
        """`executor`: where watchlists are compared, which takes a while for a hundred thousand targets."""
        self._executor = executor
        self._poller = poller
        self._ledger = ledger
        self._beliefs = beliefs
        self._observer = observer
        self._now = now
        self._jitter = jitter
        self.retention = retention
        self.follower: Follower = Nobody()
        """Hears of every target that is watched, now or otherwise, also of one that has ended; that is polled no more;
        and whose turn has ended."""
        self.watched: dict[TargetKey, Watched] = {}
        """Every target that is shown: those that are polled, and those that ended within the retention."""
        self._news: dict[TargetKey, TargetState] = {}
        """What others than its poller wrote of a target since the plan was begun that is carried out next."""
        self._targets: Mapping[TargetKey, Target] = {}
        self._rounds: dict[str, PollQueue] = {}
        self._ended: dict[TargetKey, None] = {}

    # --- rounds ---

    def add_account(self, account: str, config: AccountConfig, gate: RateLimiter, beat: Callable[[], None]) -> None:
        """Open an account's round; its targets may be replaced from now on, `run` polls them."""
        self._rounds[account] = PollQueue(account, config, gate, beat)

    def configure(self, account: str, config: AccountConfig) -> None:
        """Another back-off from now on; the number of workers stays until the next start."""
        self._rounds[account].config = config

    async def run(self, account: str) -> None:
        """Poll an account's targets until it is dismissed; polls under way are finished, not cancelled."""
        round_ = self._rounds[account]
        async with asyncio.TaskGroup() as workers:
            for number in range(round_.config.max_concurrency):
                workers.create_task(self._work(round_), name=f"poll {account} #{number}")

    def remove_account(self, account: str) -> None:
        """Send no more polls for this account; `run` returns when those under way have ended."""
        round_ = self._rounds.pop(account)
        round_.stopping = True
        round_.wake()

    def stop(self) -> None:
        for account in list(self._rounds):
            self.remove_account(account)

    def watches(self, account: str) -> int:
        """How many workflows of this account there are to poll, those included that are being polled."""
        round_ = self._rounds.get(account)
        return len(round_.schedule) if round_ is not None else 0

    def first_polls_sent(self) -> bool:
        """Whether the first polls are out, as far as there is anything to poll and a lane to send it by.

        What is ready stays so: a lane that waits for its first permit makes nobody unready again.
        """
        now = asyncio.get_running_loop().time()
        for round_ in self._rounds.values():
            round_.begun |= not (round_.schedule and round_.gate.open and round_.schedule.wait(now) == 0.0)
        return all(round_.begun for round_ in self._rounds.values())

    async def _work(self, round_: PollQueue) -> None:
        while not round_.stopping:
            try:
                if (ticket := round_.ready(self._ledger) or await round_.next(self._ledger)) is not None:
                    await self._take_turn(round_, *ticket)
            except Exception as error:  # noqa: BLE001 - a fault of ours in one turn must not end the others
                self._observer.fault(f"poll {round_.account}", error)
                await asyncio.sleep(_AFTER_A_FAULT)

    async def _take_turn(self, round_: PollQueue, permit: Permit, turn: DuePoll) -> None:
        watched = self.watched[turn.key]
        try:
            await self._poller.poll(watched, permit, turn.delay)
        except Exception:
            watched.failures += 1
            raise
        finally:
            self._finish(round_, watched)

    def _finish(self, round_: PollQueue, watched: Watched) -> None:
        key = watched.target.key
        if (again := self.watched.get(key, watched)) is not watched:
            again.succeed(watched)
        if watched.ended_at is not None:
            round_.schedule.remove(key)
            self._ended[key] = None
        round_.done(key, watched.failures, self._jitter() if watched.failures else 0.0)
        if key in self.watched:
            self.follower.turned(self.watched[key])

    def try_one(self, account: str) -> None:
        """What made an account's targets back off may be over: poll one of them now."""
        if (round_ := self._rounds.get(account)) is not None:
            round_.schedule.try_one(asyncio.get_running_loop().time())
            round_.wake()

    def reset_backoff(self, account: str) -> None:
        """An outage is over: targets that backed off because of it get their pace again."""
        round_ = self._rounds.get(account)
        loop = asyncio.get_running_loop()
        if round_ is not None:
            if round_.schedule.reset_backoff(loop.time(), _CHUNK):
                loop.call_soon(self.reset_backoff, account)
            round_.wake()

    def poll_now(self, key: TargetKey) -> bool:
        """Poll a target as soon as its lane lets it through; False where that will not be soon."""
        round_ = self._rounds.get(key.account)
        if round_ is None or not round_.gate.open:
            return False
        if not round_.schedule.poll_now(key, asyncio.get_running_loop().time()):
            return False
        round_.wake()
        return True

    def in_flight(self, key: TargetKey) -> bool:
        """Whether a turn of the target has not ended yet."""
        round_ = self._rounds.get(key.account)
        return round_ is not None and round_.schedule.under_way(key)

    # --- what is watched ---

    async def replace(self, targets: Mapping[TargetKey, Target]) -> Difference:
        """Watch these targets from now on; those that stay keep their schedule and what is believed of them."""
        return await self.apply(await self.plan(targets))

    async def plan(self, targets: Mapping[TargetKey, Target]) -> Plan:
        """All of `replace` that can fail, because the store cannot be read; changes nothing."""
        self._news = {}
        change = await asyncio.get_running_loop().run_in_executor(self._executor, difference, self._targets, targets)
        return Plan(targets, change, await self._beliefs([target.key for target in change.added]))

    async def apply(self, plan: Plan) -> Difference:
        """The rest of `replace`. Nothing else may have changed what is watched since the plan was made."""
        change, self._targets = plan.change, plan.targets
        # What comes before what goes: an account whose targets are exchanged is never without any.
        await in_chunks(change.changed, self._change)
        await in_chunks(
            change.added,
            lambda target: self._add(target, *plan.beliefs.get(target.key, (TargetState(key=target.key), None))),
        )
        await in_chunks(change.removed, self._remove)
        for round_ in self._rounds.values():
            round_.wake()
        return change

    def believe(self, state: TargetState) -> None:
        """Somebody else than its poller has written this belief: memory follows, and so does what is being read."""
        self._news[state.key] = state
        watched = self.watched.get(state.key)
        if watched is not None and watched.state.revision < state.revision:
            watched.state = state

    def was_seen(self, key: TargetKey) -> bool:
        """Whether a target has answered since it is watched, or has ended, so that it is not asked any more."""
        watched = self.watched.get(key)
        return (
            watched is None or watched.ended_at is not None or any(one.outcome is Outcome.OK for one in watched.traces)
        )

    def _add(self, target: Target, state: TargetState, last_seen_at: datetime | None) -> None:
        if (news := self._news.get(target.key)) is not None and news.revision > state.revision:
            state = news
        watched = Watched(target, state, last_seen_at)
        if watched.ended_at is not None and self._expired(watched.ended_at):
            return
        self._poller.show_name(watched)
        self.watched[target.key] = watched
        self._observer.target_added(target, state)
        if watched.ended_at is not None:
            self._ended[target.key] = None
        else:
            self._rounds[target.key.account].add(target)
        self.follower.watch(watched)

    def _remove(self, key: TargetKey) -> None:
        watched = self.watched.pop(key, None)
        self._ended.pop(key, None)
        if watched is not None:
            self._observer.target_removed(watched.target, watched.state)
            self.follower.forget(key)
        if (round_ := self._rounds.get(key.account)) is not None:
            round_.schedule.remove(key)

    def _change(self, target: Target) -> None:
        watched = self.watched.get(target.key)
        if watched is None:
            return
        self._observer.target_removed(watched.target, watched.state)
        watched.target = target
        self._poller.show_name(watched)
        self._observer.target_added(target, watched.state)
        if watched.ended_at is None:
            now = asyncio.get_running_loop().time()
            self._rounds[target.key.account].schedule.change(target.key, target.interval, now)
        self.follower.watch(watched)

    async def show_name(self, account: str, definition: str) -> None:
        """The definition has a name, or another one: its targets bear it from now on."""

        def show(watched: Watched) -> None:
            if watched.target.key[:2] == (account, definition):
                self._poller.show_name(watched)

        await in_chunks(list(self.watched.values()), show)

    def _expired(self, ended_at: datetime) -> bool:
        return self._now() - ended_at > timedelta(seconds=self.retention)

    async def expire_ended(self) -> None:
        """Stop showing what ended longer ago than the retention, however much it is without holding the loop."""
        for count, key in enumerate(list(self._ended), 1):
            watched = self.watched.get(key)
            if watched is None or watched.ended_at is None:
                self._ended.pop(key, None)
            elif self._expired(watched.ended_at):
                self._remove(key)
            if count % _CHUNK == 0:
                await asyncio.sleep(0)

    def next_poll(self, key: TargetKey) -> NextPoll:
        """When and why a watched target is polled next."""
        watched = self.watched[key]
        round_ = self._rounds.get(key.account)
        if watched.ended_at is not None or round_ is None:
            return NextPoll(key, None, "ended" if watched.ended_at is not None else "the monitor is stopping")
        if round_.schedule.under_way(key):
            return NextPoll(key, self._now(), "under way")
        now = asyncio.get_running_loop().time()
        due = max(round_.schedule.next_due(key) or now, now)
        at = self._now() + timedelta(seconds=due - now)
        if not round_.gate.open:
            return NextPoll(key, max(at, round_.gate.closed_until or at), "the account's lane is closed by a 429")
        if watched.failures:
            return NextPoll(key, at, f"backing off after {watched.failures} failures")
        return NextPoll(key, at, f"interval {format_duration(watched.target.interval)}")
