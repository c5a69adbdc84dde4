"""The definitions and versions that are followed, and the number of their instances.

| a discovery of | follows |
| --- | --- |
| one definition | it, whether the account lists it or not |
| `*` | every active definition of the account that is not excluded and has no discovery of its own |

A definition that the account does not list any more is retired after two complete answers in a row without it, since
one answer may lack a row. A superseded version is left once no instance of it runs and a later look shows none.
"""

import enum
from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Final

import msgspec

from monitor.core.discovery.cohorts import LAG, Sweep
from monitor.core.discovery.running import RunningIndex
from monitor.core.event_types import EventType, Severity
from monitor.core.listing import DefinitionList

EVERY: Final = "*"
_GONE_AFTER: Final = 2
"""Complete answers in a row without a definition, after which it counts as deleted."""


class Versions(enum.Enum):
    ALL = "all"
    LATEST = "latest"


class Discovery(msgspec.Struct, frozen=True, kw_only=True):
    """An entry under `discover` of the configuration. Durations are in seconds."""

    account: str
    definition: str
    """An id, or `EVERY`."""
    exclude: frozenset[str] = frozenset()
    name: str | None = None
    versions: Versions | tuple[int, ...] = Versions.ALL
    started_within: float = 7 * 86400.0
    interval: float = 30.0
    step_interval: float | None = None
    lookback: float = 3600.0
    max_instances: int = 200_000
    labels: Mapping[str, str] = {}
    severities: Mapping[EventType, Severity] = {}
    max_runtime: float | None = None
    step_timeouts: Mapping[str, float] = {}
    place: str = ""
    """Its place in the configuration, e.g. `watchlist.yaml: discover[0]`."""

    def covers(self, definition: str) -> bool:
        """Whether it follows this definition, if the account has it."""
        return definition == self.definition or (self.definition == EVERY and definition not in self.exclude)


# --- definitions --------------------------------------------------------------------------------------------


class Active(msgspec.Struct, frozen=True, gc=False):
    """A definition that an account lists, or listed a moment ago."""

    latest: int
    """Its newest version."""
    name: str = ""
    superseded_at: datetime | None = None
    """When the latest version was first seen, if it has replaced another one."""
    missing: int = 0
    """Complete answers in a row without it."""


def listed(before: Mapping[str, Active], answer: DefinitionList, now: datetime) -> dict[str, Active]:
    """The active definitions of an account, by id, after another answer."""
    after: dict[str, Active] = {}
    for row in answer.definitions:
        known = before.get(row.definition)
        latest = row.version if row.version is not None else known.latest if known is not None else None
        if latest is not None:
            after[row.definition] = _seen(known, latest, row.name, now)
    for definition, known in before.items():
        if definition not in after:
            missing = known.missing + 1 if answer.complete else known.missing
            if missing < _GONE_AFTER:
                after[definition] = msgspec.structs.replace(known, missing=missing)
    return after


def _seen(known: Active | None, latest: int, name: str, now: datetime) -> Active:
    if known is None:
        return Active(latest, name, now if latest > 1 else None)
    newer = latest > known.latest
    return Active(max(latest, known.latest), name or known.name, now if newer else known.superseded_at)


def followed(discoveries: Iterable[Discovery], active: Collection[str]) -> dict[str, Discovery]:
    """The discovery of each followed definition of one account. `active`: the ids that the account lists."""
    own = {wish.definition: wish for wish in discoveries if wish.definition != EVERY}
    found = dict(own)
    for wish in discoveries:
        if wish.definition == EVERY:
            for definition in active:
                if definition not in wish.exclude:
                    found.setdefault(definition, wish)
    return found


def following(discoveries: Iterable[Discovery], definition: str) -> Discovery | None:
    """The discovery of one account that follows this definition, if the account has it."""
    covering = [wish for wish in discoveries if wish.covers(definition)]
    return min(covering, key=lambda wish: wish.definition == EVERY, default=None)


class Changes(msgspec.Struct, frozen=True):
    """The changes of the followed definitions."""

    arrived: tuple[str, ...] = ()
    retired: tuple[str, ...] = ()
    changed: tuple[str, ...] = ()
    """Definitions with another discovery, or a changed one."""


def changes(before: Mapping[str, Discovery], after: Mapping[str, Discovery]) -> Changes:
    return Changes(
        tuple([id_ for id_ in after if id_ not in before]),
        tuple([id_ for id_ in before if id_ not in after]),
        tuple([id_ for id_, wish in after.items() if id_ in before and not _alike(before[id_], wish)]),
    )


def _alike(one: Discovery, other: Discovery) -> bool:
    """Also if its entry only moved within the files."""
    return one is other or msgspec.structs.replace(one, place=other.place) == other


# --- versions -----------------------------------------------------------------------------------------------


class Followed(msgspec.Struct, frozen=True):
    """The versions of a definition that are swept."""

    begins: tuple[int, ...]
    """Versions whose new instances are watched, newest first."""
    ends: tuple[int, ...] = ()
    """Versions whose known instances only are followed, to their end."""


def versions(latest: int, wish: Versions | tuple[int, ...], swept: Collection[int], over: Collection[int]) -> Followed:
    """Versions are counted from 1 without gaps. `swept`: swept now; `over`: left for good, see `is_over`."""
    begins = tuple([version for version in _wanted(latest, wish) if version not in over])
    ends = [version for version in sorted(swept, reverse=True) if version not in begins and version not in over]
    return Followed(begins, tuple(ends))


def _wanted(latest: int, wish: Versions | tuple[int, ...]) -> Sequence[int]:
    match wish:
        case Versions.ALL:
            return range(latest, 0, -1)
        case Versions.LATEST:
            return (latest,)
        case tuple():
            return sorted({version for version in wish if 1 <= version <= latest}, reverse=True)


def is_over(sweep: Sweep, running: RunningIndex, superseded_at: datetime | None) -> bool:
    """Whether a superseded version needs no looks any more.

    No instance of it runs, and all of it was requested after its last instance can have begun.
    """
    if superseded_at is None or len(running):
        return False
    for cohort in sweep.cohorts:
        asked_at = cohort.asked_at(None)
        if not cohort.closed and (cohort.alive or asked_at is None or asked_at < superseded_at + LAG):
            return False
    return True


# --- how many -----------------------------------------------------------------------------------------------


class Truncation(msgspec.Struct, frozen=True):
    """Whether a discovery finds more instances than it may watch."""

    found: int = 0
    """Running instances on lists."""
    newest_from: datetime | None = None
    """Instances that began before are not watched; None: all are watched."""

    @property
    def truncated(self) -> bool:
        return self.newest_from is not None


def truncation(sweeps: Iterable[Sweep], running: Sequence[RunningIndex], most: int) -> Truncation:
    """The truncation of a discovery with these versions to `most` instances, the newest ones.

    The sweeps still count the others, so that the end of the truncation is seen.
    """
    alive = sum([cohort.alive for sweep in sweeps for cohort in sweep.cohorts])
    found = max(alive, sum([len(index) for index in running]))
    if found <= most:
        return Truncation(found)
    return Truncation(found, newest_from(running, most))


def newest_from(running: Sequence[RunningIndex], most: int) -> datetime:
    """The earliest millisecond from which on no more than `most` of them started.

    If they are just as many, the start of the first: one that began before is one too many.
    """
    if sum([len(index) for index in running]) == most:
        return newest_from(running, most - 1) - _MS
    low, high = 0, 1 << 43
    while low < high:
        middle = (low + high) // 2
        start = _EPOCH + middle * _MS
        if sum([index.count(start, None) for index in running]) > most:
            low = middle + 1
        else:
            high = middle
    return _EPOCH + low * _MS


_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_MS: Final = timedelta(milliseconds=1)
