"""Decides whose turn it is: targets that are due, a lane that allows, a bounded number of polls under way.

Each account has its own lane, queue and workers, so that a slow account delays no other. Everything that changes what
is watched enters by one door: `Scheduler.replace`.
"""

import asyncio
from collections.abc import Awaitable, Callable, Collection, Mapping, Sequence
from concurrent.futures import Executor
from datetime import datetime, timedelta
from typing import Final

import msgspec

from monitor.aio import in_chunks
from monitor.core.formats.units import format_duration
from monitor.core.model import Target, TargetKey, TargetState
from monitor.core.records import NextPoll
from monitor.core.scheduling.schedule import DuePoll
from monitor.core.scheduling.turns import DueLook
from monitor.core.watchlist import Difference, difference
from monitor.polling.budget import LookBudget
from monitor.polling.poll_queue import PollQueue
from monitor.polling.poller import Polled, Poller
from monitor.polling.watched import Watched, WatchedTargets
from monitor.store import StoreUnavailable, Writer
from monitor.upstream.rate_limiter import Permit

_AFTER_A_FAULT: Final = 1.0
"""Seconds that a worker rests after a fault of ours, so that it does not spin."""

StoredStates = Callable[[Collection[TargetKey]], Awaitable[Mapping[TargetKey, tuple[TargetState, datetime | None]]]]
"""What the store has of these targets, with when they were last seen; those never seen are absent."""


class WatchlistPlan(msgspec.Struct, frozen=True):
    """What it takes to watch other targets."""

    targets: Mapping[TargetKey, Target]
    change: Difference
    states: Mapping[TargetKey, tuple[TargetState, datetime | None]]
    """Of those that are added."""


class Scheduler:
    """Keeps every account's polls going."""

    def __init__(
        self,
        poller: Poller,
        queues: Mapping[str, PollQueue],
        targets: WatchedTargets,
        writer: Writer,
        stored: StoredStates,
        *,
        budget: LookBudget,
        now: Callable[[], datetime],
        jitter: Callable[[], float],
        retention: Callable[[], float],
        fault: Callable[[str, Exception], None],
        executor: Executor | None = None,
    ) -> None:
        """`queues` by account; it is looked up each time, so accounts may come and go.

        `retention`: seconds that an ended target is shown, as configured now. `executor`: where watchlists are
        compared, which takes a while for a hundred thousand targets.
        """
        self._executor = executor
        self._poller = poller
        self._queues = queues
        self._watched = targets
        self._writer = writer
        self._stored = stored
        self._budget = budget
        self._now = now
        self._jitter = jitter
        self._retention = retention
        self._fault = fault
        self._written_elsewhere: dict[TargetKey, TargetState] = {}
        """States that others than the poller wrote since the plan was begun that is applied next."""
        self._targets: Mapping[TargetKey, Target] = {}
        self._ended: dict[TargetKey, None] = {}

    # --- polls ---

    async def run(self, account: str) -> None:
        """Poll an account's targets until its queue is stopped; polls under way are finished, not cancelled."""
        queue = self._queues[account]
        async with asyncio.TaskGroup() as workers:
            for number in range(queue.concurrency):
                workers.create_task(self._work(queue), name=f"poll {account} #{number}")

    def stop(self) -> None:
        for queue in self._queues.values():
            queue.stop()

    def first_polls_sent(self) -> bool:
        """Whether the first polls of every account are sent."""
        sent = [queue.first_polls_sent() for queue in self._queues.values()]  # all are asked: each remembers it
        return all(sent)

    def poll_now(self, key: TargetKey, *, confirms: bool = False) -> bool:
        """Poll a target as soon as its lane lets it through; False if that will not be soon.

        `confirms`: a list calls for it.
        """
        queue = self._queues.get(key.account)
        return queue is not None and queue.poll_now(key, confirms=confirms)

    def renew(self, key: TargetKey) -> None:
        """More is known of how long its steps take: its next look may come at another time."""
        watched, queue = self._watched.get(key), self._queues.get(key.account)
        if watched is None or queue is None or watched.ended_at is not None or queue.under_way(key):
            return
        if (news := self._budget.news(watched)) is not None:
            queue.change(watched.target, news)

    def in_flight(self, key: TargetKey) -> bool:
        """Whether a poll of the target has not ended yet."""
        queue = self._queues.get(key.account)
        return queue is not None and queue.under_way(key)

    async def _work(self, queue: PollQueue) -> None:
        while not queue.stopping:
            try:
                if (ticket := queue.ready(self._writer) or await queue.next(self._writer)) is not None:
                    await self._turn(queue, *ticket)
            except StoreUnavailable:
                await asyncio.sleep(_AFTER_A_FAULT)  # the writer reports it
            except Exception as error:  # noqa: BLE001 - a fault of ours in one poll must not end the others
                self._fault(f"poll {queue.account}", error)
                await asyncio.sleep(_AFTER_A_FAULT)

    async def _turn(self, queue: PollQueue, permit: Permit, turn: DuePoll | DueLook) -> None:
        if isinstance(turn, DueLook):
            await queue.walk(turn.key, permit)
        else:
            await self._poll(queue, permit, turn)

    async def _poll(self, queue: PollQueue, permit: Permit, due: DuePoll) -> None:
        watched, polled, again = self._watched[due.key], None, False
        with watched.held():
            try:
                polled = await self._poller.poll(watched, permit, due.delay, confirms=due.confirms)
            except StoreUnavailable:
                again = True
                raise
            except Exception:
                watched.failures += 1
                raise
            finally:
                self._finish(queue, watched, polled, confirms=due.confirms)
                if again:  # what is believed of it could not be read
                    queue.poll_now(due.key, confirms=due.confirms)

    def _finish(self, queue: PollQueue, watched: Watched, polled: Polled | None, *, confirms: bool) -> None:
        key = watched.target.key
        if (again := self._watched.get(key, watched)) is not watched:
            again.succeed(watched)
        found = not watched.target.promised and polled is not None
        happened = self._budget.polled(watched, polled, confirms=confirms) if found and polled is not None else ()
        if watched.ended_at is not None:
            queue.remove(key)
            self._ended[key] = None
        news = self._budget.news(again) if watched.ended_at is None else None
        queue.done(key, watched.failures, self._jitter() if watched.failures else 0.0, news, happened)
        self._watched.polled(key)

    # --- what is watched ---

    async def replace(self, targets: Mapping[TargetKey, Target]) -> Difference:
        """Watch these targets from now on; those that stay keep their schedule and their last known state."""
        return await self.apply(await self.plan(targets))

    async def plan(self, targets: Mapping[TargetKey, Target]) -> WatchlistPlan:
        """All of `replace` that can fail, because the store cannot be read; changes nothing."""
        self._written_elsewhere = {}
        change = await asyncio.get_running_loop().run_in_executor(self._executor, difference, self._targets, targets)
        return WatchlistPlan(targets, change, await self._stored([target.key for target in change.added]))

    async def apply(self, plan: WatchlistPlan) -> Difference:
        """The rest of `replace`. Nothing else may have changed what is watched since the plan was made."""
        change, self._targets = plan.change, plan.targets
        # What comes before what goes: an account whose targets are exchanged is never without any.
        await in_chunks(change.changed, self._change)
        await in_chunks(
            change.added,
            lambda target: self._add(target, *plan.states.get(target.key, (TargetState(key=target.key), None))),
        )
        await in_chunks(change.removed, self._remove)
        for queue in self._queues.values():
            queue.wake()
        return change

    async def find(self, found: Mapping[TargetKey, tuple[Target, TargetState]]) -> None:
        """Watch these, too, until they are lost or their retention is over; those that are watched stay as they are.

        Each with its state as a list shows it, which counts if the store has none. Raises StoreUnavailable.
        """
        new = [key for key in found if key not in self._watched]
        stored = await self._stored(new)

        def add(key: TargetKey) -> None:
            target, listed = found[key]
            if key not in self._watched and key.account in self._queues:
                self._add(target, *stored.get(key, (listed, None)))

        await in_chunks(new, add)
        for account in {key.account for key in new}:
            if (queue := self._queues.get(account)) is not None:
                queue.wake()

    def resume(self, target: Target, state: TargetState, last_seen_at: datetime | None) -> None:
        """Watch this one, too, with its state from the store; one that is watched stays as it is."""
        if target.key not in self._watched and target.key.account in self._queues:
            self._add(target, state, last_seen_at)
            self._queues[target.key.account].wake()

    def end(self, key: TargetKey) -> None:
        """A target has ended without a poll: poll it no more."""
        watched = self._watched.get(key)
        if watched is not None and watched.ended_at is not None:
            if (queue := self._queues.get(key.account)) is not None:
                queue.remove(key)
            self._budget.ended(watched.state)
            self._ended[key] = None
            self._watched.polled(key)

    async def configure(self, targets: Mapping[TargetKey, Target]) -> None:
        """These that lists have shown have another configuration; those that the watchlist names keep theirs."""
        await in_chunks([target for key, target in targets.items() if key not in self._targets], self._change)

    async def lose(self, keys: Sequence[TargetKey]) -> None:
        """Watch these no more, unless the watchlist names them."""
        await in_chunks([key for key in keys if key not in self._targets], self._remove)

    async def lose_account(self, account: str) -> None:
        """The account is not configured any more: watch nothing of it that lists have shown."""
        await self.lose([key for key in self._watched if key.account == account])

    def take_over(self, state: TargetState) -> None:
        """Another than the poller has written this state: memory follows, and so does a plan that is being made."""
        self._written_elsewhere[state.key] = state
        watched = self._watched.get(state.key)
        if watched is not None and watched.state.revision < state.revision:
            watched.state, watched.whole = state, True

    def was_seen(self, key: TargetKey) -> bool:
        """Whether a target has answered since it is watched, or is not polled (any more)."""
        watched = self._watched.get(key)
        return watched is None or watched.answered

    def _add(self, target: Target, state: TargetState, last_seen_at: datetime | None) -> None:
        written = self._written_elsewhere.get(target.key)
        if written is not None and written.revision > state.revision:
            state = written
        if target.key in self._watched:  # a list has shown it before the watchlist named it
            self._change(target)
            return
        watched = Watched(target, state, last_seen_at)
        if watched.ended_at is not None and self._expired(watched.ended_at):
            return
        self._poller.show_name(watched)
        self._watched.add(watched)
        if watched.ended_at is not None:
            self._ended[target.key] = None
        else:
            self._queues[target.key.account].add(target, self._budget.news(watched))

    def _remove(self, key: TargetKey) -> None:
        self._ended.pop(key, None)
        self._watched.remove(key)
        if (queue := self._queues.get(key.account)) is not None:
            queue.remove(key)

    def _change(self, target: Target) -> None:
        if (watched := self._watched.get(target.key)) is None:
            return
        watched.target = target
        self._poller.show_name(watched)
        self._watched.changed(watched)
        if watched.ended_at is None:
            self._queues[target.key.account].change(target, self._budget.news(watched))

    async def show_name(self, account: str, definition: str) -> None:
        """The definition has a name, or another one: its targets bear it from now on."""
        await self._watched.rename(account, definition, self._poller.named)

    def _expired(self, ended_at: datetime) -> bool:
        return self._now() - ended_at > timedelta(seconds=self._retention())

    async def expire_ended(self) -> None:
        """Stop showing what ended longer ago than the retention, however much it is without holding the loop."""
        await in_chunks(list(self._ended), self._expire)

    def _expire(self, key: TargetKey) -> None:
        watched = self._watched.get(key)
        if watched is None or watched.ended_at is None:
            self._ended.pop(key, None)
        elif self._expired(watched.ended_at):
            self._remove(key)

    def next_poll(self, key: TargetKey) -> NextPoll:
        """When and why a watched target is polled next."""
        watched = self._watched[key]
        queue = self._queues.get(key.account)
        if watched.ended_at is not None:
            return NextPoll(key, None, "ended")
        if queue is None or queue.stopping:
            return NextPoll(key, None, "the monitor is stopping")
        if queue.under_way(key):
            return NextPoll(key, self._now(), "under way")
        now = asyncio.get_running_loop().time()
        due = max(queue.next_due(key) or now, now)
        at = self._now() + timedelta(seconds=due - now)
        if not queue.gate.open:
            return NextPoll(key, max(at, queue.gate.closed_until or at), "the account's lane is closed by a 429")
        if watched.failures:
            return NextPoll(key, at, f"backing off after {watched.failures} failures")
        return NextPoll(key, at, _turn_of(watched.target))


def _turn_of(target: Target) -> str:
    """Why it has a turn, for people."""
    if target.promised:
        return f"interval {format_duration(target.interval)}"
    return "no interval is promised: about then a look is worth most"
