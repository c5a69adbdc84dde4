"""Finds the instances of whole definitions by lists, and brings forward the looks that lists call for.

One task per account asks which definitions are active once a minute, follows the versions of those that a discovery
names, and offers the looks at their lists to the account's budget. The account's queue decides when each is made.
"""

import asyncio
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from functools import partial
from typing import Final

from monitor.aio import TURN, at_most, beating, chunks, in_chunks
from monitor.core.discovery.cohorts import LAG, Sweep
from monitor.core.discovery.findings import Horizon, horizon
from monitor.core.discovery.following import (
    EVERY,
    Active,
    Discovery,
    changes,
    followed,
    is_over,
    listed,
    truncation,
    versions,
)
from monitor.core.discovery.list_looks import ListLook, LookKey
from monitor.core.discovery.starts import DefinitionListing, counted_from
from monitor.core.discovery.walk import Walk
from monitor.core.model import DefinitionVersion, PollFailed, Target, TargetKey, TargetState
from monitor.core.records import StartRecord
from monitor.core.scheduling.plan import ArmGroup
from monitor.polling.budget import LookBudget
from monitor.polling.listed_ends import ListedEnds
from monitor.polling.poll_queue import PollQueue
from monitor.polling.scheduler import Scheduler
from monitor.polling.storm_teller import StormTeller
from monitor.polling.swept_account import SweptAccount
from monitor.polling.swept_version import SweptVersion, target_of
from monitor.polling.truncation_watcher import TruncationWatcher
from monitor.polling.watched import WatchedTargets
from monitor.store import StoreUnavailable
from monitor.store.discoveries import DiscoveryStore
from monitor.store.step_limits import DefinitionKey
from monitor.upstream.client import Client
from monitor.upstream.rate_limiter import GateDismissedError, Permit

_REFRESH: Final = 60.0
"""Seconds between two requests for the active definitions; after a failure, too."""
_SAVE_EVERY: Final = 60.0
_PATIENCE: Final = 1.0
"""Seconds that a request for definitions waits for its turn among the polls before it goes before one of them."""
_FIRST_PAUSE, _LONGEST_PAUSE = 5.0, 300.0
"""Seconds without looks at a version whose list has failed, doubled each time."""
_AFTER_A_FAULT: Final = 5.0
_SHORTEST_PAUSE: Final = 0.05
_OFFERED_AT_ONCE: Final = 10
"""Versions whose looks are offered before the event loop runs other tasks."""
_AT_ONCE: Final = 100
"""Ends that are committed together."""


class Sweeper:
    """`run` is the loop of one account; a `TargetObserver` beside that."""

    def __init__(
        self,
        client: Client,
        queues: Mapping[str, PollQueue],
        scheduler: Scheduler,
        targets: WatchedTargets,
        store: DiscoveryStore,
        *,
        ends: ListedEnds,
        discoveries: Callable[[], Sequence[Discovery]],
        now: Callable[[], datetime],
        skew: Callable[[str], float],
        storms: StormTeller,
        truncations: TruncationWatcher,
        budget: LookBudget,
        followed: Callable[[str, str, datetime], None],
        begun: Callable[[StartRecord], None],
        fault: Callable[[str, Exception], None],
    ) -> None:
        """`discoveries`: as configured now. `skew`: seconds that an account's API is ahead of us.

        `ends` publishes completions, `storms` takes terminations. `truncations` hears how many instances a discovery
        finds.
        `followed` is called with an account, the label of a definition, and the time on the API's clock from which on
        its lists are read, before `begun` is with an instance of it.
        """
        self._client = client
        self._queues = queues
        self._scheduler = scheduler
        self._targets = targets
        self._store = store
        self._ends = ends
        self._discoveries = discoveries
        self._now = now
        self._skew = skew
        self._storms = storms
        self._truncations = truncations
        self._budget = budget
        self._followed = followed
        self._begun = begun
        self._fault = fault
        self._accounts: dict[str, SweptAccount] = {}
        self._tell_from: dict[DefinitionKey, datetime] = {}
        self._wake = asyncio.Event()
        self._time = asyncio.get_running_loop().time

    def restore(self, tell_from: Mapping[DefinitionKey, datetime]) -> None:
        """What was known at the last end; comes first of all."""
        self._tell_from.update(tell_from)

    def recheck(self) -> None:
        """The configuration has changed."""
        self._truncations.recheck()
        self._wake.set()

    def sweeps(self, account: str) -> int:
        """How many versions are swept."""
        swept = self._accounts.get(account)
        return len(swept.versions) if swept is not None else 0

    def arm_groups(self, account: str) -> Mapping[DefinitionVersion, tuple[ArmGroup, ...]]:
        """What the account's budget is spent on: for each swept version its lists and its running instances."""
        swept = self._accounts.get(account)
        return self._budget.arm_groups(swept.versions.values(), crowd=swept.crowd) if swept is not None else {}

    def oldest_look(self, account: str) -> datetime | None:
        """When the oldest of the last looks at lists was made, on our clock; None: nothing is swept."""
        swept = self._accounts.get(account)
        if swept is None or not swept.versions:
            return None
        now = self._clock(account)
        return min(one.oldest_look(now) for one in swept.versions.values()) - timedelta(seconds=self._skew(account))

    def followed(self) -> Iterator[DefinitionKey]:
        """The definitions that are followed now."""
        for account, swept in self._accounts.items():
            for definition in swept.wishes:
                yield DefinitionKey(account, definition)

    def active(self, about: DefinitionKey) -> tuple[Discovery | None, Active | None]:
        """The discovery of a definition, and what its account lists of it."""
        if (swept := self._accounts.get(about.account)) is None:
            return None, None
        return swept.wishes.get(about.definition), swept.active.get(about.definition)

    # --- observes what is watched ---

    def target_added(self, target: Target, state: TargetState) -> None:
        """It was found here, the watchlist names it, or it was known before the start."""
        swept = self._accounts.get(target.key.account)
        if swept is None or state.version is None or state.status.ended:
            return
        version = swept.versions.get(DefinitionVersion(target.key.account, target.key.definition, state.version))
        if version is not None:
            version.know(target.key.workflow, state.started_at)

    def target_changed(self, target: Target, state: TargetState) -> None:
        """Its configuration makes no difference here."""

    def target_removed(self, key: TargetKey) -> None:
        if (version := self._version_of(key)) is not None:
            version.removed(self._targets[key].state)

    def target_polled(self, key: TargetKey) -> None:
        if (version := self._version_of(key)) is not None and not self._targets[key].failures:
            version.polled(self._targets[key].state, self._clock(key.account))

    def _clock(self, account: str) -> datetime:
        """The time as the account's API tells it: lists are about that."""
        return self._now() + timedelta(seconds=self._skew(account))

    def _version_of(self, key: TargetKey) -> SweptVersion | None:
        swept, watched = self._accounts.get(key.account), self._targets.get(key)
        if swept is None or watched is None or watched.state.version is None:
            return None
        return swept.versions.get(DefinitionVersion(key.account, key.definition, watched.state.version))

    # --- the loop ---

    async def run(self, account: str, beat: Callable[[], None]) -> None:
        """Until it is cancelled."""
        queue = self._queues[account]
        swept = self._accounts[account] = SweptAccount(queue, self._budget)
        queue.walk = partial(self._look, queue, swept)
        try:
            while True:
                beat()
                self._wake.clear()
                pause = await beating(self._turn_safely(account, swept), beat)
                if pause > 0:
                    await at_most(min(pause, TURN), self._wake.wait())
        finally:
            if self._accounts.get(account) is swept:
                del self._accounts[account]

    async def _turn_safely(self, account: str, swept: SweptAccount) -> float:
        try:
            return await self._turn(account, swept)
        except (StoreUnavailable, GateDismissedError):
            return _AFTER_A_FAULT  # the writer reports the one, the account leaves after the other
        except Exception as error:  # noqa: BLE001 - a fault of ours in one turn must not end the others
            self._fault(f"sweep {account}", error)
            return _AFTER_A_FAULT

    async def _turn(self, account: str, swept: SweptAccount) -> float:
        """Seconds until the next one."""
        wishes = [wish for wish in self._discoveries() if wish.account == account]
        if not wishes and not swept.versions:
            return TURN
        if wishes and self._time() >= swept.refresh_at:
            await self._refresh(account, swept, wishes)
        await self._arrange(account, swept, wishes)
        await self._save(account, swept)
        async for some in chunks(list(swept.versions.values()), _OFFERED_AT_ONCE):
            for version in some:
                swept.offer(version, self._clock(account))
        return max(min(TURN, swept.refresh_at - self._time()), _SHORTEST_PAUSE)

    # --- what is followed ---

    async def _refresh(self, account: str, swept: SweptAccount, wishes: Sequence[Discovery]) -> None:
        """Ask which definitions are active, and their latest versions."""
        swept.refresh_at = self._time() + _REFRESH
        asked_at = self._clock(account)
        answer = await self._client.definitions(account, _PATIENCE)
        if not isinstance(answer, PollFailed):
            swept.active = listed(swept.active, answer, self._clock(account))
            latest = {definition: active.latest for definition, active in swept.active.items()}
            swept.listings = DefinitionListing(asked_at, latest), swept.listings[0]
        for wish in [wish for wish in wishes if wish.definition not in (EVERY, *swept.active)]:
            history = await self._client.declared(account, wish.definition, _PATIENCE)
            if not isinstance(history, PollFailed) and history.versions:
                swept.active[wish.definition] = Active(max(history.versions), history.name)

    async def _arrange(self, account: str, swept: SweptAccount, wishes: Sequence[Discovery]) -> None:
        """Begin and end sweeps, so that they are those of the discoveries."""
        before, swept.wishes = swept.wishes, followed(wishes, swept.active)
        wanted: dict[DefinitionVersion, tuple[Discovery, bool]] = {}
        for definition, wish in swept.wishes.items():
            if (active := swept.active.get(definition)) is None:
                continue
            mine = {one for one in swept.versions if one.definition == definition}
            over = {one.version for one in swept.over if one.definition == definition}
            chosen = versions(active.latest, wish.versions, {one.version for one in mine}, over)
            for number in (*chosen.begins, *chosen.ends):
                about = DefinitionVersion(wish.account, definition, number)
                wanted[about] = wish, number in chosen.begins
        begun = {
            about: self._swept_version(about, wish, swept)
            for about, (wish, _) in wanted.items()
            if about not in swept.versions
        }
        swept.versions |= begun
        for about, (wish, adopts) in wanted.items():
            version = swept.versions[about]
            version.wish, version.adopts = wish, adopts
            await self._fix_horizon(version)
        for about in [one for one in swept.versions if one not in wanted]:
            swept.leave(about)
        change = changes(before, swept.wishes)
        for id_ in (*change.arrived, *change.changed):
            since = self._tell_from.get(DefinitionKey(account, id_), self._clock(account))
            self._followed(account, swept.wishes[id_].name or id_, since)
        await self._lose(account, change.retired, wishes)
        await self._configure(account, {id_: swept.wishes[id_] for id_ in change.changed})
        for about, version in begun.items():
            known = self._targets.keys_of(about.account, about.definition)
            await in_chunks(known, lambda key, one=version: self._know(one, key))  # type: ignore[misc] # no other arguments

    def _know(self, version: SweptVersion, key: TargetKey) -> None:
        """A version that is swept from now on, again or for the first time, may have this instance."""
        seen = self._targets.glance(key)
        if seen is not None and seen.version == version.version.version and not seen.ended:
            version.know(key.workflow, seen.started_at)

    async def _configure(self, account: str, wishes: Mapping[str, Discovery]) -> None:
        """Found instances have the configuration of their discovery as it is now."""
        if wishes:
            found = [key for id_ in wishes for key in self._targets.keys_of(account, id_)]
            await self._scheduler.configure({key: target_of(key, wishes[key.definition]) for key in found})

    def _swept_version(self, about: DefinitionVersion, wish: Discovery, swept: SweptAccount) -> SweptVersion:
        now = self._clock(about.account)
        since = counted_from(about.definition, about.version, swept.listings[1], now)
        return SweptVersion(about, wish, now, since)

    async def _lose(self, account: str, definitions: Collection[str], wishes: Sequence[Discovery]) -> None:
        """Stop watching what no discovery follows any more. What was deleted is watched to its end."""
        gone = {id_ for id_ in definitions if not any(wish.covers(id_) for wish in wishes)}
        for id_ in set(definitions) - gone:
            self._budget.forget(account, id_)
        if gone:
            lost = [key for id_ in gone for key in self._targets.keys_of(account, id_)]
            await self._scheduler.lose(lost)

    async def _save(self, account: str, swept: SweptAccount) -> None:
        """What every list has shown is known after the next start."""
        if self._time() < swept.save_at:
            return
        swept.save_at = self._time() + _SAVE_EVERY
        for definition in swept.wishes:
            mine = [one for one in swept.versions.values() if one.version.definition == definition]
            moments = [look.asked_at for one in mine for look in one.looks(self._clock(account))]
            known = [moment for moment in moments if moment is not None]
            owed = [one.owed_since for one in mine if one.owed_since is not None]
            if not known or len(known) < len(moments):
                continue
            about, seen_until = DefinitionKey(account, definition), min(known + owed) - 2 * LAG
            if seen_until > self._tell_from.get(about, seen_until - timedelta(seconds=1)):
                self._tell_from[about] = seen_until
                await self._store.save(about, seen_until)

    async def _fix_horizon(self, version: SweptVersion) -> None:
        """From which end on its instances are told is stored before its first look."""
        wish, about = version.wish, DefinitionKey(version.version.account, version.version.definition)
        if about not in self._tell_from:
            tell_from = horizon(self._clock(wish.account), wish.lookback, wish.started_within).tell_from
            await self._store.save(about, tell_from)
            self._tell_from[about] = tell_from

    def _horizon(self, version: SweptVersion, swept: SweptAccount) -> Horizon:
        wish, about = version.wish, DefinitionKey(version.version.account, version.version.definition)
        truncated = swept.truncations.get(wish.definition)
        newest_from = truncated.newest_from if truncated is not None else None
        return Horizon(self._tell_from[about], wish.started_within, newest_from, adopts=version.adopts)

    # --- looks ---

    async def _look(self, queue: PollQueue, swept: SweptAccount, key: LookKey, permit: Permit) -> None:
        """One look at a list; `permit` is that of its first request."""
        happened: list[datetime] = []
        pause = _AFTER_A_FAULT
        try:
            wanted = swept.look(key)
            if wanted is None:
                raise RuntimeError(f"expected a look that is offered, got {key}")
            pause = await self._walk(queue, swept, wanted, permit, happened)
            await self._settle(swept, wanted[0])
        except (StoreUnavailable, GateDismissedError):
            pass  # the writer reports the one, the account leaves after the other
        finally:
            if pause > 0.0:
                queue.look_failed(key, pause)
            else:
                now, time = self._clock(queue.account), self._time()
                queue.looked(key, [time - (now - at).total_seconds() for at in happened])
        if key.version in swept.versions:
            swept.offer(swept.versions[key.version], self._clock(queue.account))

    async def _walk(
        self,
        queue: PollQueue,
        swept: SweptAccount,
        wanted: tuple[SweptVersion, ListLook],
        permit: Permit | None,
        happened: list[datetime],
    ) -> float:
        """From page to page. `happened`: when the facts did that it shows. Seconds to wait after a failure, or 0."""
        account, (version, look) = queue.account, wanted
        limits, walk = self._horizon(version, swept), Walk(look, self._clock(account), may_hide=version.sweep.may_hide)
        try:
            while permit is not None and walk.request is not None:
                page = await self._client.instances(walk.request, permit)
                if isinstance(page, PollFailed):
                    return self._failed(version)
                if swept.versions.get(version.version) is not version:
                    return 0.0  # its discovery has left the configuration meanwhile
                version.failures = 0
                news = version.take(walk, page, self._targets, limits, self._clock(account))
                happened += news.happened
                swept.fit(version, news)
                await self._scheduler.find(news.found)
                if swept.versions.get(version.version) is not version:
                    await self._scheduler.lose([*news.found])
                    return 0.0
                for record in news.begun.values():
                    self._begun(record)
                version.found(news, self._targets)
                await self._ends.publish(news.ended)
                self._storms.listed(version.version, news.terminated)
                for key in news.looks:
                    self._scheduler.poll_now(key, confirms=True)
                permit = await _next_permit(queue, walk)
        finally:
            version.end(walk)
        self._budget.walked(version, look)
        return 0.0

    def _failed(self, version: SweptVersion) -> float:
        version.failures += 1
        return min(_FIRST_PAUSE * 2.0 ** min(version.failures - 1, 16), _LONGEST_PAUSE)

    async def _settle(self, swept: SweptAccount, version: SweptVersion) -> None:
        """After a look: versions that are over, discoveries that find too many."""
        active = swept.active.get(version.version.definition)
        superseded = active is not None and version.version.version < active.latest
        if superseded and active is not None and is_over(version.sweep, version.running, active.superseded_at):
            swept.over.add(version.version)
        wish = version.wish
        mine = [one for one in swept.versions.values() if one.wish == wish]
        sweeps: list[Sweep] = [one.sweep for one in mine]
        after = swept.truncations[wish.definition] = truncation(
            sweeps, [one.running for one in mine], wish.max_instances
        )
        name = wish.name or (active.name if active is not None and wish.definition != EVERY else "")
        async with swept.settling:
            await self._truncations.settle(wish, after, name=name or None, complete=lambda: self._all_read(mine))

    def _all_read(self, versions: Iterable[SweptVersion]) -> bool:
        """Whether every list of these versions has been read by this process."""
        now = self._now()
        return all(look.asked_at is not None for one in versions for look in one.looks(now))


async def _next_permit(queue: PollQueue, walk: Walk) -> Permit | None:
    return await queue.next_page() if walk.request is not None else None
