"""A thousand successive instances of a flow: their starts, lives and fates, and those that have ended by a time."""

import enum
from array import array
from bisect import bisect_left, bisect_right
from collections.abc import Iterator, Mapping, Sequence
from math import inf

import msgspec

from monitor.sim.api_enums import Status

SIZE = 1024


class Oddity(enum.Enum):
    """Oddities of steps; see the fields of `Traffic`."""

    STUCK = "stuck"
    SUSPENDED = "suspended"
    RETRIED = "retried"
    FAILED_AT_WAKE = "failed_at_wake"
    LATE = "late"


class Fate(msgspec.Struct, frozen=True, gc=False):
    """The fate of an instance that does not simply run to Complete."""

    status: Status = Status.COMPLETE
    """Its last status."""
    message: str | None = None
    """Of the fault; None: no errors."""
    suspended_at: float = inf
    """Seconds since its start."""
    suspended_for: float = 0.0
    oddity: Oddity | None = None


class Chunk:
    """`lives`: running time of each until its end."""

    def __init__(self, starts: "array[float]", lives: "array[float]", fates: Mapping[int, Fate]) -> None:
        self.starts = starts
        self.lives = lives
        self.fates = fates
        ends = [start + life for start, life in zip(starts, lives, strict=True)]
        self._suspended = [index for index, fate in fates.items() if fate.suspended_for]
        for index in self._suspended:
            ends[index] = self.end(index)
        by_end = sorted(range(len(ends)), key=ends.__getitem__)
        self._ends = array("d", [ends[index] for index in by_end])
        self._by_end = array("H", by_end)
        self._terminated = [index for index, fate in fates.items() if fate.status is Status.TERMINATED]

    def end(self, index: int) -> float:
        """World time, by the same additions as in `playback.read`."""
        start, life, fate = self.starts[index], self.lives[index], self.fates.get(index)
        if fate is None or not fate.suspended_for:
            return start + life
        own = (start + fate.suspended_at) - start
        return (start + (fate.suspended_at + fate.suspended_for)) + (life - own)

    def status(self, index: int, t: float) -> Status:
        if self.end(index) <= t:
            fate = self.fates.get(index)
            return Status.COMPLETE if fate is None else fate.status
        return Status.SUSPENDED if self._is_suspended(index, t) else Status.RUNNABLE

    def between(self, earliest: float, latest: float, before: float) -> range:
        """Indexes of instances that start from `earliest` to `latest`, and before `before`."""
        end = min(bisect_right(self.starts, latest), bisect_left(self.starts, before))
        return range(bisect_left(self.starts, earliest), end)

    def having(self, status: str | None, t: float, within: range) -> Sequence[int]:
        """Those of `within` with that status at t, the latest start first. None: any."""
        if status is None:
            return within[::-1]
        return sorted((index for index in self._having(status, t) if index in within), reverse=True)

    def ended(self, begin: float, end: float) -> Iterator[int]:
        """Indexes of instances that end after `begin` and not after `end`, the earliest end first."""
        return iter(self._by_end[bisect_right(self._ends, begin) : bisect_right(self._ends, end)])

    def _having(self, status: str, t: float) -> Sequence[int]:
        match status:
            case Status.TERMINATED:
                return [index for index in self._terminated if self.end(index) <= t]
            case Status.SUSPENDED:
                return [index for index in self._suspended if self._is_suspended(index, t)]
            case Status.COMPLETE:
                done = self._by_end[: bisect_right(self._ends, t)]
                return self._without(done, self._terminated) if self._terminated else done
            case _:
                running = self._by_end[bisect_right(self._ends, t) :]
                return self._without(running, self._having(Status.SUSPENDED, t)) if self._suspended else running

    @staticmethod
    def _without(indices: Sequence[int], others: Sequence[int]) -> Sequence[int]:
        gone = set(others)
        return [index for index in indices if index not in gone]

    def _is_suspended(self, index: int, t: float) -> bool:
        fate = self.fates.get(index)
        if fate is None or not fate.suspended_for:
            return False
        start = self.starts[index]
        return start + fate.suspended_at <= t < start + (fate.suspended_at + fate.suspended_for)
