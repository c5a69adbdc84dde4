"""How many targets each definition has in each version and status, and how many began and ended in the last hour.

The counts follow each change, so that a question about 100,000 targets counts none of them. A target keeps the group
that it is counted in (`Watched.counted`), which all targets of one definition, version and status share.
"""

from collections import Counter
from collections.abc import Callable, Collection, Mapping
from datetime import datetime
from typing import Final

from monitor.core.model import Cause, Status, Target, TargetKey, TargetState
from monitor.polling.watched import CountedGroup, Watched, WatchedTargets
from monitor.store.step_limits import DefinitionKey

_MINUTE: Final = 60.0
_HOUR: Final = 60
"""Minutes."""


class LastHour:
    """How often something happened in the last hour, to the minute."""

    __slots__ = ("_minutes",)

    def __init__(self) -> None:
        self._minutes: Counter[int] = Counter()

    def add(self, at: datetime, now: datetime, number: int = 1) -> None:
        """It happened at `at`; a time after `now`, by another clock, counts as `now`. -1: it did not happen."""
        minute = min(_minute(at), _minute(now))
        if minute > _minute(now) - _HOUR:
            self._minutes[minute] += number
            if len(self._minutes) > _HOUR:
                self._forget(now)

    def count(self, now: datetime) -> int:
        self._forget(now)
        return max(0, self._minutes.total())

    def minutes(self, now: datetime) -> tuple[int, ...]:
        """How often in each minute, oldest first."""
        last = _minute(now)
        return tuple(max(0, self._minutes.get(minute, 0)) for minute in range(last - _HOUR + 1, last + 1))

    def _forget(self, now: datetime) -> None:
        for minute in [minute for minute in self._minutes if minute <= _minute(now) - _HOUR]:
            del self._minutes[minute]


def _minute(at: datetime) -> int:
    return int(at.timestamp() // _MINUTE)


class DefinitionCount:
    """The watched targets of one definition."""

    __slots__ = ("alias", "begun", "ended", "failed", "groups")

    def __init__(self) -> None:
        self.alias: str | None = None
        self.groups: dict[tuple[int | None, Status, bool], CountedGroup] = {}
        self.begun, self.ended, self.failed = LastHour(), LastHour(), LastHour()

    @property
    def statuses(self) -> Mapping[Status, int]:
        """Targets by status; each status is there."""
        counts = dict.fromkeys(Status, 0)
        for group in self.groups.values():
            counts[group.status] += group.number
        return counts

    @property
    def versions(self) -> tuple[int, ...]:
        """Of the targets, ascending."""
        return tuple(sorted({g.version for g in self.groups.values() if g.number and g.version is not None}))

    def is_over(self, now: datetime) -> bool:
        """Whether there is nothing to say about it any more."""
        return not (any(self.statuses.values()) or self.begun.count(now) or self.ended.count(now))


class DefinitionCounts:
    """A `TargetObserver`."""

    def __init__(self, targets: WatchedTargets, now: Callable[[], datetime]) -> None:
        self._targets = targets
        self._now = now
        self._counts: dict[DefinitionKey, DefinitionCount] = {}

    def keys(self) -> Collection[DefinitionKey]:
        """The definitions with targets, now or within the last hour, in any order."""
        return self._counts.keys()

    def get(self, about: DefinitionKey) -> DefinitionCount | None:
        """None if it has had no target for an hour."""
        found = self._counts.get(about)
        if found is not None and found.is_over(self._now()):
            del self._counts[about]
            return None
        return found

    # --- observes what is watched ---

    def target_added(self, target: Target, _state: TargetState) -> None:
        self._of(target.key).alias = target.definition_alias
        self._count(self._targets[target.key])

    def target_changed(self, target: Target, _state: TargetState) -> None:
        self._of(target.key).alias = target.definition_alias

    def target_removed(self, key: TargetKey) -> None:
        """Its end stays counted. A beginning without an end is taken back: it may be found again."""
        watched = self._targets[key]
        group, watched.counted = watched.counted, None
        if group is None:
            return
        group.number -= 1
        if group.begun and not group.status.ended and watched.state.started_at is not None:
            self._of(key).begun.add(watched.state.started_at, self._now(), -1)

    def target_polled(self, key: TargetKey) -> None:
        self._count(self._targets[key])

    def _count(self, watched: Watched) -> None:
        state, before = watched.state, watched.counted
        place = state.version, state.status, state.started_at is not None
        if before is not None and place == (before.version, before.status, before.begun):
            return
        count, now = self._of(state.key), self._now()
        group = count.groups.get(place)
        if group is None:
            group = count.groups[place] = CountedGroup(*place)
        group.number += 1
        if before is not None:
            before.number -= 1
        watched.counted = group
        if state.started_at is not None and not (before is not None and before.begun):
            count.begun.add(state.started_at, now)
        ended_at = state.completed_at or state.since
        if state.status.ended and ended_at is not None and not (before is not None and before.status.ended):
            count.ended.add(ended_at, now)
            if state.status is Status.TERMINATED and state.cause is not Cause.MANUAL:
                count.failed.add(ended_at, now)

    def _of(self, key: TargetKey) -> DefinitionCount:
        about = DefinitionKey(key.account, key.definition)
        found = self._counts.get(about)
        if found is None:
            found = self._counts[about] = DefinitionCount()
        return found
