"""Moments at which something changes with some probability, for each arm in the order of time: 20 bytes each.

The caller adds them: the end of a wait, a deadline, the usual end of a step, a retry.
"""

from array import array
from collections.abc import Iterator

_END = -1


class KnownMoments:
    """A pool of moments in flat arrays; those of an arm are a linked list. Arms are numbers from 0."""

    __slots__ = ("_chances", "_first", "_free", "_next", "_times")

    def __init__(self) -> None:
        self._first = array("i")
        """The earliest moment of each arm."""
        self._times = array("d")
        self._chances = array("f")
        self._next = array("i")
        self._free = array("i")

    def make_room(self, arms: int) -> None:
        """For this many more arms."""
        self._first.extend(array("i", [_END]) * arms)

    def add(self, arm: int, time: float, chance: float) -> None:
        """At `time`, in seconds, something changes with the probability `chance`."""
        before, after = _END, self._first[arm]
        while after != _END and self._times[after] <= time:
            before, after = after, self._next[after]
        number = self._allot(time, chance, after)
        if before == _END:
            self._first[arm] = number
        else:
            self._next[before] = number

    def clear(self, arm: int, until: float) -> None:
        """Forget those up to and including `until`; `math.inf`: all."""
        number = self._first[arm]
        while number != _END and self._times[number] <= until:
            self._free.append(number)
            number = self._next[number]
        self._first[arm] = number

    def of(self, arm: int) -> Iterator[tuple[float, float]]:
        """Time and chance, the earliest first."""
        number = self._first[arm]
        while number != _END:
            yield self._times[number], self._chances[number]
            number = self._next[number]

    def _allot(self, time: float, chance: float, after: int) -> int:
        if self._free:
            number = self._free.pop()
            self._times[number], self._chances[number], self._next[number] = time, chance, after
            return number
        self._times.append(time)
        self._chances.append(chance)
        self._next.append(after)
        return len(self._times) - 1
