"""Arms in the order of their times: a heap with lazy deletion. An item is one integer; dead items are bounded.

An arm has at most one time; a new one replaces it, and the old item stays in the heap, dead. Compacting a heap of a
million items at once would block the loop. So the heap is set aside, and each later change moves a few of its items to
a new one; removing items from the *end* of a heap leaves a heap.
"""

import heapq
import math
from array import array
from typing import Final

MOST_ARMS: Final = 1 << 24
_BITS, _MASK = 24, MOST_ARMS - 1
_PER_SECOND = 512
"""Ticks. An item takes 32 bytes for half a year of a clock, and 48 beyond."""
_TAGS = 8
NEVER: Final = 1 << 62
_FARTHEST = (1 << 62) / _PER_SECOND / _TAGS / 2
_GARBAGE = 64
"""Dead items that are allowed beyond one for two living ones."""
_CRUMB = 8
_FEW = 7


def tick(time: float) -> int:
    """The last tick that is not after a time in seconds."""
    return math.floor(time * _PER_SECOND)


def seconds(tick: int) -> float:
    """When the tick begins."""
    return tick / _PER_SECOND


class ArmHeap:
    """Arms are numbers from 0 to `MOST_ARMS`; times are seconds, which may be negative.

    Heaps may share `ticks` if each arm is in at most one of them; then each heap has its own `tag`, below 8.
    """

    __slots__ = ("_items", "_living", "_set_aside", "_tag", "_ticks")

    def __init__(self, ticks: "array[int]", tag: int = 0) -> None:
        self._ticks = ticks
        """When each arm is due, and in which heap; `NEVER`: it is in none."""
        self._tag = tag
        self._items: list[int] = []
        self._set_aside: list[int] = []
        """The heap that is being compacted; empty most of the time."""
        self._living = 0

    def __len__(self) -> int:
        return self._living

    def put(self, arm: int, time: float) -> None:
        """Make it due at `time`, instead of any time before; a time too far away drops it."""
        if time > _FARTHEST:
            self.drop(arm)
            return
        due, before = math.ceil(time * _PER_SECOND) * _TAGS + self._tag, self._ticks[arm]
        if due == before:
            return
        self._living += before == NEVER
        self._ticks[arm] = due
        heapq.heappush(self._items, due << _BITS | arm)
        self._compact()

    def drop(self, arm: int) -> None:
        if self._ticks[arm] != NEVER:
            self._ticks[arm] = NEVER
            self._living -= 1
            self._compact()

    def time(self, arm: int) -> float | None:
        """When it is due; None if it is in none of the heaps that share the ticks."""
        due = self._ticks[arm]
        return None if due == NEVER else seconds(due // _TAGS)

    def head(self) -> tuple[int, int] | None:
        """The arm that is due first, as (tick, arm)."""
        head = self._top(self._items)
        if self._set_aside:
            other = self._top(self._set_aside)
            if head is None or (other is not None and other < head):
                head = other
        return None if head is None else (head // _TAGS >> _BITS, head & _MASK)

    def first(self) -> list[int]:
        """The arm that is due first, and a few of those that are due next."""
        return [item & _MASK for items in (self._items, self._set_aside) for item in self._first_of(items)]

    def _first_of(self, items: list[int]) -> list[int]:
        first: list[int] = []
        while len(first) < _FEW and self._top(items) is not None:
            first.append(heapq.heappop(items))
        for item in first:
            heapq.heappush(items, item)
        return first

    def pop_due(self, now: int) -> int | None:
        """The arm that is due first, if its tick is not after `now`; it is removed."""
        head = self.head()
        if head is None or head[0] > now:
            return None
        self.drop(head[1])
        return head[1]

    def _top(self, items: list[int]) -> int | None:
        ticks = self._ticks
        while items:
            item = items[0]
            if ticks[item & _MASK] == item >> _BITS:
                return item
            heapq.heappop(items)
        return None

    def _alive(self, item: int) -> bool:
        return self._ticks[item & _MASK] == item >> _BITS

    def _compact(self) -> None:
        """One step of compaction; called after each operation that may leave a dead item."""
        old = self._set_aside
        if not old:
            if len(self._items) <= self._living * 3 // 2 + _GARBAGE:
                return
            old = self._set_aside = self._items
            self._items = []
        for _ in range(min(_CRUMB, len(old))):
            item = old.pop()
            if self._alive(item):
                heapq.heappush(self._items, item)
