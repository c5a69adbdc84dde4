"""All targets, and the difference of two such lists."""

from collections.abc import Iterable, Mapping

import msgspec

from monitor.core.model import Target, TargetKey


class Watchlist(msgspec.Struct, frozen=True):
    """Every target that the configuration asks for, by its identity, in the order of the files."""

    targets: Mapping[TargetKey, Target] = {}


class Twins(msgspec.Struct, frozen=True, gc=False):
    """One target that is configured twice; the `place` of each names its file and key."""

    first: Target
    second: Target


class Difference(msgspec.Struct, frozen=True):
    """The difference between two watchlists."""

    added: tuple[Target, ...] = ()
    removed: tuple[TargetKey, ...] = ()
    changed: tuple[Target, ...] = ()
    """As they are now, with another interval, name, labels, severities or limits."""

    def __bool__(self) -> bool:
        return bool(self.added or self.removed or self.changed)


def build(targets: Iterable[Target]) -> tuple[Watchlist, tuple[Twins, ...]]:
    """The watchlist of these targets, and those that are configured twice, of which it holds the first."""
    known: dict[TargetKey, Target] = {}
    twins: list[Twins] = []
    for target in targets:
        first = known.setdefault(target.key, target)
        if first is not target:
            twins.append(Twins(first, target))
    return Watchlist(known), tuple(twins)


def difference(old: Mapping[TargetKey, Target], new: Mapping[TargetKey, Target]) -> Difference:
    """What was added, removed and changed. A target that only moved within the files is unchanged."""
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
