"""What the budgets of all accounts are spent on: the arms of `core/scheduling/looks.py`, and what is learned for them.

Every look says how much time it has covered and which facts fell into that. It is gathered for a few seconds, since
rates change slowly, and then learned; `hazard_writer.py` stores it.
"""

import asyncio
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Final, NamedTuple, Protocol
from zlib import crc32

from monitor.core.discovery.list_looks import ListLook
from monitor.core.event_types import EventType, FactKind
from monitor.core.model import DefinitionVersion, Event, Status, TargetKey, TargetState
from monitor.core.scheduling.arms import Terms
from monitor.core.scheduling.hazard import Evidence, HazardKey, Hazards
from monitor.core.scheduling.instance_arms import (
    ANY_STEP,
    SHORTEST,
    current_step,
    hazard_key,
    instance_moments,
    instance_terms,
)
from monitor.core.scheduling.list_arms import ENDS, list_terms, wanted_interval
from monitor.core.scheduling.plan import ArmGroup
from monitor.core.scheduling.turns import InstanceNews
from monitor.polling.poller import Polled
from monitor.polling.swept_version import SweptVersion
from monitor.polling.watched import Watched

_LEARN_EVERY: Final = 10.0
_OLDEST: Final = 600.0
"""Seconds; an instance counts as looked at this long ago at most, or many old ones would hold up all lists."""
_LEAST_CHANCE: Final = 0.01
"""That a known moment is worth a look: also what is not told makes known when the next look is due."""
_FIRST_LOOK: Final = 2.0
"""Seconds after it was found at which the steps of an instance are looked at for the first time."""
_MISSED: Final = 30.0
"""Seconds after which an instance that was not found is looked for again."""
_SHOWN_BY_STATUS: Final = (EventType.STEP_FAILED, EventType.STEP_CANCELLED, EventType.STEP_OVERDUE, EventType.OVERDUE)
_SPREAD: Final = 1009


class StepFacts(Protocol):
    """What is known of how long steps take."""

    def declared(self, key: TargetKey, version: int | None, step: str) -> float | None: ...
    def durations(self, key: TargetKey, version: int | None, step: str) -> Sequence[tuple[float, int]]: ...


class _GatheredFacts:
    """Evidence that is gathered."""

    __slots__ = ("events", "hits", "seconds", "tries")

    def __init__(self) -> None:
        self.events = self.seconds = self.hits = self.tries = 0.0


class _Learned(NamedTuple):
    rate: float
    chance: float


class LookBudget:
    """Runs in the loop's thread and never waits."""

    def __init__(
        self, hazards: Hazards, steps: StepFacts, *, now: Callable[[], datetime], skew: Callable[[str], float]
    ) -> None:
        """`skew`: seconds that an account's API is ahead of us."""
        self.hazards = hazards
        """Shared by all accounts; its keys name them."""
        self._steps = steps
        self._now = now
        self._skew = skew
        self._time = asyncio.get_running_loop().time
        self._seen: dict[HazardKey, _GatheredFacts] = {}
        self._known: dict[HazardKey, _Learned] = {}
        """As of the last time that something was learned."""
        self._learn_at = 0.0
        self._gone: set[tuple[str, str]] = set()

    # --- instances ---

    def news(self, watched: Watched) -> InstanceNews | None:
        """What an instance is worth as it is known now; None if it has a promise, which is kept anyway."""
        target, state = watched.target, watched.state
        if target.promised:
            return None
        now = self._clock(target.key.account)
        learned = self._learned(hazard_key(state))
        terms = instance_terms(learned.rate, target.severities)
        if not watched.whole:
            return InstanceNews(terms, None, self._last(watched))
        moments = self._moments(watched, state, now, learned.chance)
        return InstanceNews(
            terms, tuple([(self._loop(at, now), chance) for at, chance in moments]), self._last(watched)
        )

    def polled(self, watched: Watched, polled: Polled, *, confirms: bool) -> tuple[float, ...]:
        """Learn from a poll; when each fact happened that only it has shown, in loop time.

        `confirms`: a list has called for it, so it says nothing about when to look.
        """
        before, account = polled.before, watched.target.key.account
        self._ends(before, polled.events)
        if polled.failed or confirms:
            return ()
        facts = [event for event in polled.events if event.type in _SHOWN_BY_STATUS]
        key, now = hazard_key(before), self._clock(account)
        if polled.last_seen_at is None:
            seen = self._gathered(key)
            seen.tries, seen.hits = seen.tries + 1.0, seen.hits + bool(facts)
            return ()
        self._covered(key, before, polled.last_seen_at, now, facts=len(facts))
        return tuple([self._loop(event.occurred_at or now, now) for event in facts])

    def ended(self, state: TargetState) -> None:
        """An instance has ended, by a list."""
        version = DefinitionVersion(state.key.account, state.key.definition, state.version or 0)
        if (step := ENDS.get(state.status)) is not None:
            self._gathered(HazardKey(version, step)).events += 1.0

    def _covered(self, key: HazardKey, before: TargetState, since: datetime, now: datetime, *, facts: int) -> None:
        seconds = max((self._now() - since).total_seconds(), 0.0)
        seen, any_step = self._gathered(key), self._gathered(HazardKey(key.version, ANY_STEP))
        seen.seconds, any_step.seconds = seen.seconds + seconds, any_step.seconds + seconds
        any_step.events += facts
        then = now - timedelta(seconds=seconds)
        if any(at <= now for at, _ in self._step_moments(before, then, 1.0)):
            seen.tries, seen.hits = seen.tries + 1.0, seen.hits + bool(facts)
        else:
            seen.events += facts

    def _ends(self, before: TargetState, events: Iterable[Event]) -> None:
        version = DefinitionVersion(before.key.account, before.key.definition, before.version or 0)
        for event in events:
            if (step := _STEP_OF.get(event.type)) is not None:
                self._gathered(HazardKey(version, step)).events += 1.0

    def _moments(
        self, watched: Watched, state: TargetState, now: datetime, chance: float
    ) -> Sequence[tuple[datetime, float]]:
        chance = max(chance, _LEAST_CHANCE)
        if state.misses and state.status is not Status.NOT_FOUND:
            return ((now + timedelta(seconds=_MISSED), 1.0),)
        if watched.last_seen_at is None:
            return ((now + timedelta(seconds=_FIRST_LOOK), chance),)
        return self._step_moments(state, now, chance)

    def _step_moments(self, state: TargetState, now: datetime, chance: float) -> Sequence[tuple[datetime, float]]:
        if (step := current_step(state)) is None:
            return ()
        declared = self._steps.declared(state.key, state.version, step.step)
        durations = self._steps.durations(state.key, state.version, step.step)
        return instance_moments(state, {step.step: declared}, {step.step: durations} if durations else {}, chance, now)

    def _last(self, watched: Watched) -> float:
        """When it was looked at, in loop time; spread, since many are found at once."""
        key, state = watched.target.key, watched.state
        age = _OLDEST * (1.0 + crc32(key.workflow.encode(errors="surrogatepass")) % _SPREAD / _SPREAD) / 2
        seen = watched.last_seen_at
        if seen is None and state.started_at is not None:
            seen = state.started_at - timedelta(seconds=self._skew(key.account))
        if seen is not None:
            age = min(age, max((self._now() - seen).total_seconds(), 0.0))
        return self._time() - age

    # --- lists ---

    def list_terms(self, version: SweptVersion, look: ListLook, longest: float) -> Terms:
        """What a look is worth. `longest`: seconds between two of them that can be promised."""
        wish = version.wish
        return list_terms(
            look,
            version.running.count(look.started_from, look.started_to),
            {status: self._learned(HazardKey(version.version, ENDS[status])).rate for status in look.reveals},
            wish.severities,
            interval=wish.interval,
            longest=longest,
        )

    def walked(self, version: SweptVersion, look: ListLook) -> None:
        """A look at a list is over: its window was watched since the one before."""
        if look.asked_at is None:
            return
        seconds = max((self._clock(version.version.account) - look.asked_at).total_seconds(), 0.0)
        living = version.running.count(look.started_from, look.started_to) + 1
        for status in look.reveals:
            self._gathered(HazardKey(version.version, ENDS[status])).seconds += seconds * living

    # --- what is learned ---

    def take_gone(self) -> set[tuple[str, str]]:
        """Account and definition of those that are gone since the last call, so that they are deleted."""
        gone, self._gone = self._gone, set()
        return gone

    def forget(self, account: str, definition: str) -> None:
        """The definition is gone."""
        self._gone.add((account, definition))
        self._seen = {key: seen for key, seen in self._seen.items() if key.version[:2] != (account, definition)}
        self._known.clear()
        self.hazards.forget(account, definition)

    def learn(self) -> None:
        """All that was gathered."""
        now, seen = self._now(), self._seen
        self._seen, self._learn_at = {}, self._time() + _LEARN_EVERY
        self._known.clear()
        for key, one in seen.items():
            self.hazards.learn(key, Evidence(now, one.events, one.seconds, one.hits, one.tries))

    def _learned(self, key: HazardKey) -> _Learned:
        if self._time() >= self._learn_at:
            self.learn()
        if (known := self._known.get(key)) is None:
            now = self._now()
            known = self._known[key] = _Learned(self.hazards.rate(key, now), self.hazards.chance(key, now))
        return known

    def _gathered(self, key: HazardKey) -> _GatheredFacts:
        if (seen := self._seen.get(key)) is None:
            seen = self._seen[key] = _GatheredFacts()
        return seen

    def _clock(self, account: str) -> datetime:
        """The time as the account's API tells it."""
        return self._now() + timedelta(seconds=self._skew(account))

    def _loop(self, moment: datetime, now: datetime) -> float:
        """Loop time of a moment; `now` is on the same clock."""
        return self._time() + (moment - now).total_seconds()

    # --- the plan ---

    def arm_groups(
        self, versions: Iterable[SweptVersion], *, crowd: bool
    ) -> Mapping[DefinitionVersion, tuple[ArmGroup, ...]]:
        """What there is to look at in each version: its lists (`END`) and its running instances (`STEP`).

        `versions`: those that are swept in one account; `Sweeper.arm_groups` asks for them. Targets of the watchlist,
        whose intervals are promises that come first, are not among them. `crowd`: see `list_arms.is_crowd`.
        """
        return {one.version: (*self._lists(one, crowd=crowd), *self._instances(one)) for one in versions}

    def _lists(self, version: SweptVersion, *, crowd: bool) -> Iterable[ArmGroup]:
        wish = version.wish
        alike: dict[tuple[Status | None, bool, float], list[ListLook]] = {}
        for look in version.looks(self._clock(version.version.account)):
            wanted = wanted_interval(look, wish.severities, wish.interval, crowd=crowd)
            alike.setdefault((look.question, look.begins, wanted), []).append(look)
        for (_, _, wanted), looks in alike.items():
            terms = [self.list_terms(version, look, wanted) for look in looks]
            rate = sum(one.rate for one in terms)
            yield ArmGroup(
                definition=version.version.definition,
                kind=FactKind.END,
                count=len(terms),
                rate=rate / len(terms),
                weight=sum(one.rate * one.weight for one in terms) / rate if rate else 0.0,
                cost=sum(one.cost for one in terms) / len(terms),
                longest=wanted,
                shortest=terms[0].shortest,
            )

    def _instances(self, version: SweptVersion) -> Iterable[ArmGroup]:
        wish = version.wish
        terms = instance_terms(self._learned(HazardKey(version.version, ANY_STEP)).rate, wish.severities)
        if len(version.running):
            yield ArmGroup(
                definition=version.version.definition,
                kind=FactKind.STEP,
                count=len(version.running),
                rate=terms.rate,
                weight=terms.weight,
                longest=wish.step_interval or float("inf"),
                shortest=min(SHORTEST, wish.step_interval or SHORTEST),
            )


_STEP_OF: Final[Mapping[EventType, str]] = {
    EventType.TERMINATED: ENDS[Status.TERMINATED],
    EventType.SUSPENDED: ENDS[Status.SUSPENDED],
    EventType.COMPLETED: ENDS[Status.COMPLETE],
}
