"""The configuration of the targets of one definition: those that a discovery finds share all of it but their key."""

from collections.abc import Callable
from typing import Final

import msgspec

from monitor.core.model import Target, TargetKey

_MOST: Final = 8
"""Configurations of one definition that are shared at a time: a change replaces one by another, target by target."""
OWN: Final = -1
"""The place of a configuration that is not shared."""


class SharedSettings:
    """Configurations by place. Each is counted, so that a place without a target is used again."""

    __slots__ = ("_counts", "_targets")

    def __init__(self) -> None:
        self._targets: list[Target] = []
        self._counts: list[int] = []

    def share(self, target: Target) -> int:
        """The place of a configuration like this one; `OWN` if there is no room for it."""
        free = OWN
        for place, known in enumerate(self._targets):
            if self._counts[place] and _alike(known, target):
                self._counts[place] += 1
                return place
            if not self._counts[place]:
                free = place
        if free == OWN:
            if len(self._targets) == _MOST:
                return OWN
            free = len(self._targets)
            self._targets.append(target)
            self._counts.append(0)
        self._targets[free], self._counts[free] = target, 1
        return free

    def take(self, place: int, key: TargetKey) -> Target:
        """The configuration at this place, for the target of this key."""
        return msgspec.structs.replace(self._targets[place], key=key)

    def release(self, place: int) -> None:
        """One target less has it."""
        self._counts[place] -= 1

    def change(self, change: Callable[[Target], Target]) -> None:
        self._targets = [change(target) for target in self._targets]


def _alike(one: Target, other: Target) -> bool:
    return one.place == other.place and msgspec.structs.replace(one, key=other.key) == other
