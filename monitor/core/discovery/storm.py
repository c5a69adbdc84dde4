"""Many ends at once: a few of each version are explained, as a sample of the others.

An explanation takes two requests. If not all ends can be explained within `api.timeout` at the current rate, a sample
of each version is chosen, spread evenly over the ends. Once the sample is explained, the events of the others come from
their rows: with the sample's cause if it agrees (`cause_from: sample`), else with cause `unknown`. No event waits
longer than the timeout. Each end is explained later, and has a second event only if that contradicts the first one.
"""

from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Final

import msgspec

from monitor.core.model import Cause, DefinitionVersion, TargetKey

COST: Final = 2
"""Requests to explain one end: its errors, and its steps."""
SAMPLE: Final = 30
"""The most ends of a version that are explained before the events of the others."""
LEAST: Final = 3
"""The least ends of each version in a sample, for any number of versions."""


class Ended(msgspec.Struct, frozen=True, gc=False):
    """An instance that a list shows as Terminated, without an explanation yet."""

    key: TargetKey
    version: DefinitionVersion
    ended_at: datetime | None


class SampleExplanation(msgspec.Struct, frozen=True, gc=False):
    """Why an instance has terminated."""

    cause: Cause
    group: str = ""
    """The same for instances with the same fault; only compared."""


class Choice(msgspec.Struct, frozen=True):
    """The ends to explain first, and those that wait for that. Without a storm none waits."""

    first: tuple[Ended, ...]
    waiting: tuple[Ended, ...] = ()

    @property
    def storm(self) -> bool:
        return bool(self.waiting)


class StormSample(msgspec.Struct, frozen=True):
    """The explained ends of a version."""

    wanted: int
    """How many explanations it is to have."""
    explained: tuple[SampleExplanation, ...]
    began_at: float = 0.0
    """Seconds on any clock."""

    def agreed(self) -> SampleExplanation | None:
        """The common explanation; None: they differ, they are too few, or the cause is unknown."""
        first = self.explained[0] if len(self.explained) >= LEAST else None
        if first is None or first.cause is Cause.UNKNOWN:
            return None
        return first if all(explanation == first for explanation in self.explained) else None

    def speaks(self, now: float, timeout: float) -> bool:
        """Whether the events of the others are due: the sample is explained, or an alert may not wait any longer.

        `now` on the clock of `began_at`.
        """
        return len(self.explained) >= max(1, self.wanted) or now - self.began_at >= timeout


class StormTold(msgspec.Struct, frozen=True, gc=False):
    """The cause in the event of an end that comes from its row."""

    cause: Cause
    group: str = ""
    """That of the sample, whose incident it joins; empty: none."""
    from_sample: bool = False


def explainable(rate: float, timeout: float, waiting: int = 0) -> int:
    """How many ends can be explained within `timeout` seconds at `rate` requests a second, after `waiting` others."""
    return max(0, int(rate * timeout / COST) - waiting)


def choose(ended: Iterable[Ended], room: int, sampled: Mapping[DefinitionVersion, int] | None = None) -> Choice:
    """The ends to explain first, at most `room`.

    `sampled`: how many ends of each version are explained, or being explained, already: a storm that goes on needs no
    larger sample.
    """
    everyone = tuple(ended)
    if len(everyone) <= room:
        return Choice(everyone)
    groups: dict[DefinitionVersion, list[Ended]] = {}
    for one in everyone:
        groups.setdefault(one.version, []).append(one)
    share = min(SAMPLE, max(LEAST, room // len(groups)))
    chosen: set[TargetKey] = set()
    for version, members in groups.items():
        wanted = max(0, share - (sampled or {}).get(version, 0))
        chosen.update([one.key for one in _spread(members, wanted)])
    return Choice(
        tuple([one for one in everyone if one.key in chosen]),
        tuple([one for one in everyone if one.key not in chosen]),
    )


def told_with(sample: StormSample) -> StormTold:
    """The cause for an end that was not explained, once its sample is complete."""
    agreed = sample.agreed()
    return StormTold(Cause.UNKNOWN) if agreed is None else StormTold(agreed.cause, agreed.group, from_sample=True)


def contradicts(told: StormTold, explanation: SampleExplanation) -> bool:
    """Whether it needs a second event. Neither an explanation without a cause nor an `unknown` contradicts anything."""
    if not told.from_sample or explanation.cause is Cause.UNKNOWN:
        return False
    return (told.cause, told.group) != (explanation.cause, explanation.group)


def sentence(listed: int, looked: int, *, same: bool) -> str:
    """For people: how many have ended by the lists, how many of them are explained, and whether these agree."""
    if not looked:
        return f"{listed:,} listed as Terminated, none looked at yet"
    if looked == 1:
        return f"{listed:,} listed as Terminated, 1 looked at"
    return f"{listed:,} listed as Terminated, {looked:,} looked at: {'all the same' if same else 'they differ'}"


def _spread(members: Sequence[Ended], wanted: int) -> list[Ended]:
    """Evenly over the order of their ends, including the first and the last."""
    ordered = sorted(members, key=lambda one: (one.ended_at is None, one.ended_at or _NEVER, one.key))
    if wanted >= len(ordered):
        return ordered
    if wanted <= 1:
        return ordered[:wanted]
    return [ordered[place * (len(ordered) - 1) // (wanted - 1)] for place in range(wanted)]


_NEVER: Final = datetime.max.replace(tzinfo=UTC)
