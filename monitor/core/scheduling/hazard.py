"""The rates of facts, learned per definition, version and step, and the moments at which facts are likely.

A look shows all facts since the look before, so a rate is events over watched seconds, with a Gamma prior; nothing is
missed that would need a model. A known moment that has passed shows whether something changed at it: hits over tries,
with a Beta prior. Both priors are the evidence of the definition's other versions for the same step, with the weight of
a few observations: a new version starts with their rates, and its own observations soon outweigh them. Evidence fades
with a half-life of weeks.
"""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Final, NamedTuple

import msgspec

from monitor.core.model import DefinitionVersion

HALF_LIFE: Final = timedelta(days=14)
"""Evidence of this age counts half."""
VERSIONS: Final = 16
"""Versions of a definition whose evidence is kept for a step; the version with the newest evidence is kept longest."""
MOST_STEPS: Final = 500
"""Steps of a definition of which something is learned; their names come from outside, and must not fill the memory."""
_STRONGEST = 4.0
"""Events or tries that a prior is worth at most."""
_FIRST_EVENTS, _FIRST_SECONDS = 0.5, 0.5 * 86400.0
"""The prior of a rate without any evidence, and its weight: one event a day."""
_FIRST_HITS, _FIRST_TRIES = 0.5, 1.0


class HazardKey(NamedTuple):
    """The key of a rate: a step of one version of a definition; the step is "" for the instance as a whole."""

    version: DefinitionVersion
    step: str


class Evidence(msgspec.Struct, frozen=True, gc=False):
    """Observations as they count at the time `at`; they are stored and restored."""

    at: datetime
    events: float = 0.0
    """Facts at unknown times."""
    seconds: float = 0.0
    """Instances times the seconds for which each was watched."""
    hits: float = 0.0
    """Known moments at which something changed."""
    tries: float = 0.0
    """Known moments that have passed."""

    def faded(self, now: datetime) -> "Evidence":
        """As it counts at `now`; a time before `at` changes nothing."""
        if now <= self.at:
            return self
        left = 0.5 ** ((now - self.at) / HALF_LIFE)
        return Evidence(now, self.events * left, self.seconds * left, self.hits * left, self.tries * left)

    def plus(self, other: "Evidence") -> "Evidence":
        now = max(self.at, other.at)
        one, two = self.faded(now), other.faded(now)
        return Evidence(
            now,
            one.events + two.events,
            one.seconds + two.seconds,
            one.hits + two.hits,
            one.tries + two.tries,
        )


def rate(own: Evidence, others: Iterable[Evidence] = ()) -> float:
    """Facts per second, by the evidence of one version and of the other versions, all as of one time."""
    events, seconds = _FIRST_EVENTS, _FIRST_SECONDS
    for other in others:
        events, seconds = events + other.events, seconds + other.seconds
    share = min(1.0, _STRONGEST / events)
    return (events * share + own.events) / (seconds * share + own.seconds)


def chance(own: Evidence, others: Iterable[Evidence] = ()) -> float:
    """The probability that something changes at a known moment."""
    hits, tries = _FIRST_HITS, _FIRST_TRIES
    for other in others:
        hits, tries = hits + other.hits, tries + other.tries
    share = min(1.0, _STRONGEST / tries)
    return (hits * share + own.hits) / (tries * share + own.tries)


class Hazards:
    """The evidence of all definitions. `take_changed` returns each change once, for the store."""

    __slots__ = ("_changed", "_known", "_steps")

    def __init__(self, known: Mapping[HazardKey, Evidence] | None = None) -> None:
        """`known`: the stored evidence."""
        self._known: dict[tuple[str, str, str], dict[int, Evidence]] = {}
        """By account, definition and step, then by version, in the order of learning."""
        self._changed: dict[HazardKey, Evidence] = {}
        self._steps: Counter[tuple[str, str]] = Counter()
        """How many are known by account and definition."""
        self.restore(known or {})

    def restore(self, known: Mapping[HazardKey, Evidence]) -> None:
        """What was stored, in a store that is empty."""
        for key, evidence in sorted(known.items(), key=lambda item: item[1].at):
            self._keep(key, evidence)

    def learn(self, key: HazardKey, seen: Evidence) -> None:
        """Add what a look at `seen.at` found. Of more than `MOST_STEPS` steps of a definition only the first count."""
        if _place(key) not in self._known and self._steps[key.version[:2]] >= MOST_STEPS:
            return
        before = self._versions(key).get(key.version.version)
        after = seen if before is None else before.plus(seen)
        self._keep(key, after)
        self._changed[key] = after

    def rate(self, key: HazardKey, now: datetime) -> float:
        return rate(*self._evidence(key, now))

    def chance(self, key: HazardKey, now: datetime) -> float:
        return chance(*self._evidence(key, now))

    def forget(self, account: str, definition: str) -> None:
        """Forget a definition; the owner deletes the stored evidence."""
        self._known = {key: kept for key, kept in self._known.items() if key[:2] != (account, definition)}
        self._steps.pop((account, definition), None)
        self._changed = {key: kept for key, kept in self._changed.items() if key.version[:2] != (account, definition)}

    def take_changed(self) -> dict[HazardKey, Evidence]:
        """The evidence that changed since the last call."""
        changed, self._changed = self._changed, {}
        return changed

    def _evidence(self, key: HazardKey, now: datetime) -> tuple[Evidence, list[Evidence]]:
        versions = self._versions(key)
        own = versions.get(key.version.version, Evidence(now)).faded(now)
        return own, [other.faded(now) for version, other in versions.items() if version != key.version.version]

    def _versions(self, key: HazardKey) -> dict[int, Evidence]:
        return self._known.get(_place(key), {})

    def _keep(self, key: HazardKey, evidence: Evidence) -> None:
        if (place := _place(key)) not in self._known:
            self._steps[key.version[:2]] += 1
        versions = self._known.setdefault(place, {})
        versions.pop(key.version.version, None)
        versions[key.version.version] = evidence
        if len(versions) > VERSIONS:
            del versions[next(iter(versions))]


def step_moments(durations: Sequence[tuple[float, int]], age: float, chance: float) -> tuple[tuple[float, float], ...]:
    """When a step that has run for `age` seconds is likely over: seconds from its start, each with a probability.

    `durations`: seconds and how many executions took at most that, each counted once, the shortest first (see
    `core/detection/step_durations.py`); endless ones are infinite. `chance`: the probability that its end is a
    fact. At most four moments, of equal weight as far as the counts allow; none if no execution took longer than `age`.
    """
    left = [(seconds, count) for seconds, count in durations if seconds > age]
    total = sum(count for _, count in left)
    moments: list[tuple[float, float]] = []
    gathered = 0
    for number, (seconds, count) in enumerate(left):
        gathered += count
        last = number + 1 == len(left) or left[number + 1][0] == float("inf")
        if seconds < float("inf") and (last or gathered * _PARTS >= total):
            moments.append((seconds, chance * gathered / total))
            gathered = 0
    return tuple(moments)


_PARTS = 4


def _place(key: HazardKey) -> tuple[str, str, str]:
    return key.version.account, key.version.definition, key.step
