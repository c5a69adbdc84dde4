"""Explains, in the background, terminations that were published from a list before anybody had looked at them.

One at a time per account, with a small share of its rate and not while a storm is being looked at. What is owed stands
in the store with the state of each, so that a restart goes on with it; memory holds keys only.
"""

import asyncio
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from typing import Final

import msgspec

from monitor.aio import TURN, at_most
from monitor.alerting.publisher import Publisher
from monitor.core.commits import Change
from monitor.core.detection.events import Transition
from monitor.core.detection.late import explained, given_up
from monitor.core.discovery.following import Discovery, following
from monitor.core.model import Outcome, PollFailed, Seen, Target, TargetKey, TargetState
from monitor.core.records import ListedEndRecord
from monitor.polling.swept_version import target_of
from monitor.polling.watched import WatchedTargets
from monitor.store import Store, StoreUnavailable
from monitor.upstream.client import Client
from monitor.upstream.rate_limiter import GateDismissedError, RateLimiter

_SHARE: Final = 0.2
"""Of the account's rate that explanations take at most, two requests each."""
_PATIENCE: Final = 20.0
"""Permits that polls may take before a look at one goes before them."""
_AGAIN, _LONGEST = 30.0, 600.0
"""Seconds without looks at an account after one that has failed, doubled each time."""
_TRIES: Final = 3
"""Looks without the answer of `/errors`, after which what its steps say is all."""
_MISSES: Final = 10
"""Looks that find it missing, after which it is explained no more: what has vanished may come back."""
_LOOK_AGAIN: Final = 1.0
_AFTER_A_FAULT: Final = 5.0


class LateExplainer:
    """`run` is its loop."""

    def __init__(
        self,
        client: Client,
        gates: Mapping[str, RateLimiter],
        targets: WatchedTargets,
        store: Store,
        publisher: Publisher,
        *,
        discoveries: Callable[[], Sequence[Discovery]],
        errors_patience: float,
        now: Callable[[], datetime],
        skew: Callable[[str], float],
        report: Callable[[ListedEndRecord], None],
        fault: Callable[[str, Exception], None],
    ) -> None:
        """`discoveries`: as configured now, for instances that are not shown any more.

        `skew`: seconds that an account's API is ahead of us.
        """
        self._client = client
        self._gates = gates
        self._targets = targets
        self._store = store
        self._publisher = publisher
        self._discoveries = discoveries
        self._errors_patience = errors_patience
        self._now = now
        self._skew = skew
        self._report = report
        self._fault = fault
        self._owed: dict[str, dict[TargetKey, int]] = {}
        """By account, oldest first, with how many looks have failed to explain it."""
        self._not_before: dict[str, float] = {}
        """Loop time of the next look, by account."""
        self._failures: dict[str, int] = {}
        self._wake = asyncio.Event()
        self._time = asyncio.get_running_loop().time

    def owe(self, key: TargetKey) -> None:
        """It is to be explained; ignored if that is known."""
        self._owed.setdefault(key.account, {}).setdefault(key, 0)
        self._wake.set()

    def hold(self, account: str, seconds: float) -> None:
        """Something more urgent waits."""
        self._wait(account, seconds)

    # --- the loop ---

    async def run(self, beat: Callable[[], None]) -> None:
        """Until it is cancelled; one task per account that owes something."""
        restored, tasks = False, dict[str, asyncio.Task[None]]()
        try:
            while True:
                beat()
                self._wake.clear()
                restored = restored or await self._restored()
                tasks = {account: task for account, task in tasks.items() if not task.done()}
                for account in [account for account in self._owed if account not in tasks and self._is_due(account)]:
                    tasks[account] = asyncio.create_task(self._next(account), name=f"explain {account}")
                await at_most(_LOOK_AGAIN if self._owed or not restored else TURN, self._wake.wait())
        finally:
            for task in tasks.values():
                task.cancel()
            await asyncio.gather(*tasks.values(), return_exceptions=True)

    async def _restored(self) -> bool:
        """Read what was owed at the last end."""
        try:
            for key in await self._store.owed_explanations():
                self.owe(key)
        except StoreUnavailable:
            return False
        return True

    def _is_due(self, account: str) -> bool:
        gate = self._gates.get(account)
        return gate is not None and gate.open and self._time() >= self._not_before.get(account, 0.0)

    def _wait(self, account: str, seconds: float) -> None:
        self._not_before[account] = max(self._time() + seconds, self._not_before.get(account, 0.0))

    async def _next(self, account: str) -> None:
        """Look at the one that is owed the longest."""
        key = next(iter(self._owed[account]))
        rate = self._gates[account].requests_per_second
        try:
            settled = await self._explain(key, rate)
        except (StoreUnavailable, GateDismissedError):
            settled = False  # the writer reports the one, the account leaves after the other
        except Exception as error:  # noqa: BLE001 - a fault of ours about one must not end the others
            self._fault("explain", error)
            settled = False
        self._note(key, settled=settled)
        failures = self._failures.get(account, 0)
        self._wait(account, min(_AGAIN * 2.0 ** min(failures - 1, 16), _LONGEST) if failures else 2 / (_SHARE * rate))
        self._wake.set()

    def _note(self, key: TargetKey, *, settled: bool) -> None:
        """One that cannot be explained now comes after the others."""
        owed = self._owed[key.account]
        tries = owed.pop(key)
        if not settled:
            owed[key] = tries + 1
        if not owed:
            del self._owed[key.account]
        self._failures[key.account] = 0 if settled else self._failures.get(key.account, 0) + 1

    # --- one ---

    async def _explain(self, key: TargetKey, rate: float) -> bool:
        """Whether nothing is owed of it any more."""
        loaded, watched = await self._store.load_target(key), self._targets.get(key)
        target = watched.target if watched is not None else self._found(key)
        if loaded is None or loaded[0].sampled is None or target is None:
            return True
        permit = await self._gates[key.account].acquire_background(_PATIENCE / rate)
        seen = await self._client.status(key, permit, confirms=True)
        if isinstance(seen, PollFailed):
            gone = seen.outcome is Outcome.NOT_FOUND and self._owed[key.account][key] + 1 >= _MISSES
            return gone and await self._commit(target, None)
        errors = await self._client.errors(key, self._errors_patience)
        if isinstance(errors, PollFailed):
            return self._owed[key.account][key] + 1 >= _TRIES and await self._commit(target, seen)
        return await self._commit(target, Seen(seen.snapshot, errors))

    def _found(self, key: TargetKey) -> Target | None:
        """The configuration of one that a discovery has found; None: none follows its definition any more."""
        wish = following([one for one in self._discoveries() if one.account == key.account], key.definition)
        return target_of(key, wish) if wish is not None else None

    async def _commit(self, target: Target, seen: Seen | None) -> bool:
        """Publish what follows; again if another writer came first. None: the API does not know it any more."""
        while (loaded := await self._store.load_target(target.key)) is not None:
            state, last_seen_at = loaded
            occasion = Transition(target=target, before=state, after=state, last_seen_at=last_seen_at, now=self._now())
            found = explained(occasion, seen) if seen is not None else given_up(state)
            if not found.detection.changed:
                return found.detection.state.sampled is None
            after, events = found.detection.state, found.detection.events
            beside = () if found.termination is None else (found.termination,)
            committed, told = await self._publisher.commit(Change(target=after), events, beside=beside)
            if not committed.stale:
                self._follow(msgspec.structs.replace(after, revision=after.revision + 1))
                self._report(ListedEndRecord(target, state.status, after, told, self._skew(target.key.account)))
                return True
        return True

    def _follow(self, state: TargetState) -> None:
        """Memory follows the store."""
        watched = self._targets.get(state.key)
        if watched is not None and watched.state.revision < state.revision:
            watched.state, watched.whole = state, True
