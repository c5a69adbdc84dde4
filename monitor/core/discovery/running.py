"""The known running instances of one version, in the order of their start: those that a page should show.

16 bytes per instance besides its id, which the index holds anyway. An insertion costs O(log n) and a move of memory;
most instances are added at the end.
"""

from array import array
from bisect import bisect_left
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Final

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_US: Final = timedelta(microseconds=1)


class RunningIndex:
    """Pure: it starts nothing."""

    __slots__ = ("_ids", "_starts")

    def __init__(self) -> None:
        self._starts = array("q")
        """Microseconds since the epoch."""
        self._ids: list[str] = []

    def __len__(self) -> int:
        return len(self._ids)

    def add(self, workflow: str, started_at: datetime) -> None:
        """Add it; a known one does not change."""
        start = _micros(started_at)
        at = bisect_left(self._starts, start)
        if self._find(workflow, start, at) is not None:
            return
        self._starts.insert(at, start)
        self._ids.insert(at, workflow)

    def remove(self, workflow: str, started_at: datetime) -> None:
        """It has ended, or is not watched any more; unknown ones are ignored."""
        start = _micros(started_at)
        at = self._find(workflow, start, bisect_left(self._starts, start))
        if at is not None:
            del self._starts[at]
            del self._ids[at]

    def between(self, low: datetime, high: datetime | None) -> Sequence[str]:
        """Ids of those that started from `low` on, before `high`; oldest first."""
        first, last = self._bounds(low, high)
        return self._ids[first:last]

    def count(self, low: datetime, high: datetime | None) -> int:
        first, last = self._bounds(low, high)
        return max(0, last - first)

    def _bounds(self, low: datetime, high: datetime | None) -> tuple[int, int]:
        first = bisect_left(self._starts, _micros(low))
        return first, len(self._ids) if high is None else bisect_left(self._starts, _micros(high))

    def _find(self, workflow: str, start: int, at: int) -> int | None:
        while at < len(self._ids) and self._starts[at] == start:
            if self._ids[at] == workflow:
                return at
            at += 1
        return None


def _micros(moment: datetime) -> int:
    return (moment - _EPOCH) // _US
