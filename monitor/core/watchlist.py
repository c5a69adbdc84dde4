"""All targets and discoveries, and the difference of two lists of targets."""

from collections.abc import Hashable, Iterable, Iterator, Mapping
from typing import TypeVar

import msgspec

from monitor.core.discovery.following import Discovery
from monitor.core.model import Target, TargetKey

_K = TypeVar("_K", bound=Hashable)
_E = TypeVar("_E", Target, Discovery)


class Watchlist(msgspec.Struct, frozen=True):
    """All that the configuration asks for, in the order of the files."""

    targets: Mapping[TargetKey, Target] = {}
    """By their identity."""
    discoveries: tuple[Discovery, ...] = ()
    """One at most of each account and definition."""

    def is_discovered(self, key: TargetKey) -> bool:
        """Whether a discovery follows its definition."""
        return any(wish.account == key.account and wish.covers(key.definition) for wish in self.discoveries)


class Twins(msgspec.Struct, frozen=True, gc=False):
    """A target or a discovery that is configured twice; the `place` of each names its file and key."""

    first: Target | Discovery
    second: Target | Discovery


class Difference(msgspec.Struct, frozen=True):
    """The difference between two watchlists."""

    added: tuple[Target, ...] = ()
    removed: tuple[TargetKey, ...] = ()
    changed: tuple[Target, ...] = ()
    """As they are now, with another interval, name, labels, severities or limits."""

    def __bool__(self) -> bool:
        return bool(self.added or self.removed or self.changed)


def build(targets: Iterable[Target], discoveries: Iterable[Discovery] = ()) -> tuple[Watchlist, tuple[Twins, ...]]:
    """The watchlist of these, and the pairs that are configured twice, of which it holds the first."""
    known: dict[TargetKey, Target] = {}
    followed: dict[tuple[str, str], Discovery] = {}
    twins = [
        *_join(known, ((target.key, target) for target in targets)),
        *_join(followed, (((each.account, each.definition), each) for each in discoveries)),
    ]
    return Watchlist(known, tuple(followed.values())), tuple(twins)


def _join(known: dict[_K, _E], entries: Iterable[tuple[_K, _E]]) -> Iterator[Twins]:
    for key, entry in entries:
        first = known.setdefault(key, entry)
        if first is not entry:
            yield Twins(first, entry)


def difference(old: Mapping[TargetKey, Target], new: Mapping[TargetKey, Target]) -> Difference:
    """The added, removed and changed targets. A target that only moved within the files is unchanged."""
    added: list[Target] = []
    changed: list[Target] = []
    for key, target in new.items():
        before = old.get(key)
        if before is None:
            added.append(target)
        elif not _alike(before, target):
            changed.append(target)
    return Difference(tuple(added), tuple(key for key in old if key not in new), tuple(changed))


def lost_half(before: int, removed: int) -> bool:
    """Whether a list of `before` targets lost more than half of them at once: more likely by accident than not."""
    return removed * 2 > before


def _alike(one: Target, other: Target) -> bool:
    return one is other or (
        one.interval == other.interval
        and one.name == other.name
        and one.labels == other.labels
        and one.severities == other.severities
        and one.max_runtime == other.max_runtime
        and one.step_timeouts == other.step_timeouts
    )
