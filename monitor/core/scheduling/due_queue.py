"""Turns in the order in which they are due: a heap with lazy deletion, whose garbage is bounded and swept in crumbs.

Sweeping a whole heap of 100,000 would hold the loop. So it is set aside instead, and each later step moves a few of its
items over; taking items off the *end* of a heap leaves a heap. Items are tuples of plain numbers, which the garbage
collector soon stops looking at.
"""

import heapq
import math

import msgspec

from monitor.core.model import TargetKey

_GARBAGE = 64
"""Dead items that may lie about beyond one for two living."""
_CRUMB = 8
"""Items moved per step: the sweep is over well before as much garbage has gathered again."""


_Item = tuple[float, int]
"""When, and the number of the entry."""


class Entry(msgspec.Struct, gc=False):
    """A target with its next turn; `due` is virtual time. While under way: when the poll was sent."""

    key: TargetKey
    interval: float
    fraction: float
    due: float = 0.0
    promised: float = 0.0
    """The offset when `due` was set: what came on top since is delay."""
    last: float = -math.inf
    """When its last turn was, in virtual time."""
    under_way: bool = False
    number: int = -1
    """Its place in the agenda."""


class DueQueue:
    """Entries by key, and those that wait by `due`. A waiting entry's `due` is changed by `put` alone."""

    __slots__ = ("_free", "_heap", "_places", "_set_aside", "entries")

    def __init__(self) -> None:
        self.entries: dict[TargetKey, Entry] = {}
        self._places: list[Entry | None] = []
        """Entries by number."""
        self._free: list[int] = []
        self._heap: list[_Item] = []
        self._set_aside: list[_Item] = []
        """The heap that is being swept; empty most of the time."""

    def add(self, entry: Entry) -> None:
        """Make it known; it waits from the first `put` on."""
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
        # Its item lies on top of a heap, dead as of now, and is dropped there when the next head is looked for.
        head.under_way = True

    def compact(self) -> None:
        """A crumb of tidying; due after each step that may have left something dead."""
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
        """The entry that waits for this item's time; an item that outlived its entry's plans is dead."""
        entry = self._places[item[1]]
        return entry if entry is not None and entry.due == item[0] and not entry.under_way else None
