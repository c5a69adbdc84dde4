"""Targets in the order in which they are due: a heap with lazy deletion, whose dead items are bounded.

Compacting a heap of 100,000 items at once would block the loop. So the heap is set aside, and each later step moves a
few of its items to a new one; removing items from the *end* of a heap leaves a heap. Items are tuples of plain numbers,
which the garbage collector soon stops tracking.
"""

import heapq
import math

import msgspec

from monitor.core.model import TargetKey

_GARBAGE = 64
"""Dead items that are allowed beyond one for two living ones."""
_CRUMB = 8
"""Items moved per step: compaction ends well before as many dead items have gathered again."""


_Item = tuple[float, int]
"""When it is due, and the number of its entry."""


class Entry(msgspec.Struct, gc=False):
    """A target with its next poll; `due` is virtual time. While under way: when the poll was sent."""

    key: TargetKey
    interval: float
    fraction: float
    due: float = 0.0
    promised: float = 0.0
    """The offset when `due` was set: its growth since then is delay."""
    last: float = -math.inf
    """Its last poll, in virtual time."""
    under_way: bool = False
    number: int = -1
    """Its index in the queue."""


class DueQueue:
    """Entries by key, and the waiting ones by `due`. Only `reschedule` changes the `due` of a waiting entry."""

    __slots__ = ("_free", "_heap", "_places", "_set_aside", "entries")

    def __init__(self) -> None:
        self.entries: dict[TargetKey, Entry] = {}
        self._places: list[Entry | None] = []
        """Entries by number."""
        self._free: list[int] = []
        self._heap: list[_Item] = []
        self._set_aside: list[_Item] = []
        """The heap that is being compacted; empty most of the time."""

    def add(self, entry: Entry) -> None:
        """Register it; it waits from the first `reschedule` on."""
        self.entries[entry.key] = entry
        if self._free:
            entry.number = self._free.pop()
            self._places[entry.number] = entry
        else:
            entry.number = len(self._places)
            self._places.append(entry)

    def reschedule(self, entry: Entry, due: float) -> None:
        """Let it wait until `due`."""
        entry.due = due
        entry.under_way = False
        heapq.heappush(self._heap, (due, entry.number))

    def forget(self, key: TargetKey) -> None:
        number = self.entries.pop(key).number
        self._places[number] = None
        self._free.append(number)

    def head(self) -> Entry | None:
        """The waiting entry that is due first."""
        head = self._top(self._heap)
        if not self._set_aside:
            return head
        other = self._top(self._set_aside)
        return other if head is None or (other is not None and other.due < head.due) else head

    def start(self, head: Entry) -> None:
        """The head is under way from now on."""
        # Its item is dead now, on top of a heap; the search for the next head drops it.
        head.under_way = True

    def compact(self) -> None:
        """One step of compaction; call it after each operation that may leave a dead item."""
        old = self._set_aside
        if not old:
            if len(self._heap) <= len(self.entries) * 3 // 2 + _GARBAGE:
                return
            old = self._set_aside = self._heap
            self._heap = []
        for _ in range(min(_CRUMB, len(old))):
            item = old.pop()
            if self._alive(item) is not None:
                heapq.heappush(self._heap, item)

    def _top(self, heap: list[_Item]) -> Entry | None:
        places = self._places
        while heap:
            due, number = heap[0]
            entry = places[number]
            if entry is not None and entry.due == due and not entry.under_way:  # `_alive`, several times a poll
                return entry
            heapq.heappop(heap)
        return None

    def _alive(self, item: _Item) -> Entry | None:
        """The entry that waits for this item's time; None if the item is dead, because its entry has another time."""
        entry = self._places[item[1]]
        return entry if entry is not None and entry.due == item[0] and not entry.under_way else None
