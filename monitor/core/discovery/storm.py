"""Many ends at once: a few of each version are explained, and speak for the others.

To explain an end takes two requests. If all that have ended cannot be explained within `api.timeout` at the current
rate, some of each version are chosen, spread evenly over the time in which it happened. As soon as these are explained
the others are told from their rows: with the cause of the explained ones if they agree (`cause_from: sample`), else
with cause `unknown`. Nobody waits for longer than the timeout. Each is explained later, and told again only if that
contradicts what it was told with.
"""

from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Final

import msgspec

from monitor.core.model import Cause, DefinitionVersion, TargetKey

COST: Final = 2
"""Requests to explain one end: its errors, and its steps."""
SAMPLE: Final = 30
"""At most this many of a version are explained before the others are told."""
LEAST: Final = 3
"""Samples that are wanted of each version, however many versions there are."""


class Ended(msgspec.Struct, frozen=True, gc=False):
    """An instance that a list shows as Terminated, and that nobody has explained yet."""

    key: TargetKey
    version: DefinitionVersion
    ended_at: datetime | None


class Explanation(msgspec.Struct, frozen=True, gc=False):
    """Why an instance has terminated."""

    cause: Cause
    group: str = ""
    """What it has in common with others of the same fault; compared, never read."""


class Choice(msgspec.Struct, frozen=True):
    """Whom to explain first, and who waits for that. Without a storm nobody waits."""

    first: tuple[Ended, ...]
    waiting: tuple[Ended, ...] = ()

    @property
    def storm(self) -> bool:
        return bool(self.waiting)


class Sample(msgspec.Struct, frozen=True):
    """What the explained ones of a version say of the others."""

    listed: int
    """As Terminated, the explained ones among them."""
    wanted: int
    explained: tuple[Explanation, ...]
    began_at: datetime

    def agreed(self) -> Explanation | None:
        """What all explained ones have in common; None: they differ, or there is none, or nobody knows the cause."""
        first = self.explained[0] if self.explained else None
        if first is None or first.cause is Cause.UNKNOWN:
            return None
        return first if all(explanation == first for explanation in self.explained) else None

    def speaks(self, now: datetime, timeout: float) -> bool:
        """Whether the others are told now: all samples are explained, or waited for as long as an alert may wait."""
        return len(self.explained) >= self.wanted or now - self.began_at >= timedelta(seconds=timeout)


class Told(msgspec.Struct, frozen=True, gc=False):
    """With which cause an end is told from its row."""

    cause: Cause
    group: str = ""
    """Of the explained siblings, whose incident it joins; empty: of none."""
    from_sample: bool = False


def explainable(rate: float, timeout: float, waiting: int = 0) -> int:
    """How many ends can be explained within `timeout` seconds at `rate` requests a second, behind those that wait."""
    return max(0, int(rate * timeout / COST) - waiting)


def choose(ended: Iterable[Ended], room: int, sampled: Mapping[DefinitionVersion, int] | None = None) -> Choice:
    """Whom to explain first if there is `room` for so many.

    `sampled`: how many samples of each version are explained, or being explained, already: a storm that goes on needs
    no more of them.
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


def told_with(sample: Sample) -> Told:
    """What an end that was not explained is told with, once its sample speaks."""
    agreed = sample.agreed()
    return Told(Cause.UNKNOWN) if agreed is None else Told(agreed.cause, agreed.group, from_sample=True)


def contradicts(told: Told, explanation: Explanation) -> bool:
    """Whether it is to be told again. An explanation without a cause contradicts nothing, and `unknown` claims none."""
    if not told.from_sample or explanation.cause is Cause.UNKNOWN:
        return False
    return (told.cause, told.group) != (explanation.cause, explanation.group)


def sentence(sample: Sample) -> str:
    """For people: how many are known only from the list, and what the looks at the others said."""
    looked = len(sample.explained)
    agreement = "all the same" if sample.agreed() is not None else "they differ"
    if not looked:
        return f"{sample.listed:,} listed as Terminated, none looked at yet"
    if looked == 1:
        return f"{sample.listed:,} listed as Terminated, 1 looked at"
    return f"{sample.listed:,} listed as Terminated, {looked:,} looked at: {agreement}"


def _spread(members: Sequence[Ended], wanted: int) -> list[Ended]:
    """Evenly over the order in which they ended, the first and the last among them."""
    ordered = sorted(members, key=lambda one: (one.ended_at is None, one.ended_at or _NEVER, one.key))
    if wanted >= len(ordered):
        return ordered
    if wanted <= 1:
        return ordered[:wanted]
    return [ordered[place * (len(ordered) - 1) // (wanted - 1)] for place in range(wanted)]


_NEVER: Final = datetime.max.replace(tzinfo=UTC)
