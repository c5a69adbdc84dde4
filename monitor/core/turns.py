"""Whose turn it is among the pending deliveries of one receiver: a subject's own in order, the rest by readiness.

A subject has at most one delivery under way; its next one waits until that one has ended. What waits for another try
holds up its own subject only. With `urgent_first`, of those that are ready the most severe has its turn first, and of
these the oldest; a subject is as severe as the first of its deliveries. Every operation is O(log n), amortised. Times
are seconds on the loop's clock.
"""

import heapq
import math
from collections import deque
from typing import NamedTuple

import msgspec

from monitor.core.commits import Delivery


class _Entry(msgspec.Struct, gc=False):
    delivery: Delivery
    ready_at: float


class _Turn(NamedTuple):
    key: float
    """The least first: when it is ready; of what is ready, how severe it is, negated."""
    seq: int
    subject: str


class Turns:
    def __init__(self, *, urgent_first: bool = False) -> None:
        self._urgent_first = urgent_first
        self._queues: dict[str, deque[_Entry]] = {}
        self._heap: list[_Turn] = []
        """One entry for the head of each subject that has nothing under way, unless that is in `_ready`."""
        self._ready: list[_Turn] = []
        """Heads that are ready, the most urgent one first. Empty without `urgent_first`."""
        self._pending: dict[int, Delivery] = {}

    def __len__(self) -> int:
        """Those under way included."""
        return len(self._pending)

    def __contains__(self, seq: int) -> bool:
        return seq in self._pending

    @property
    def oldest(self) -> Delivery | None:
        return next(iter(self._pending.values()), None)

    def add(self, delivery: Delivery, ready_at: float) -> None:
        """Behind everything of its subject."""
        self._pending[delivery.seq] = delivery
        queue = self._queues.setdefault(delivery.subject, deque())
        queue.append(_Entry(delivery, ready_at))
        if len(queue) == 1:
            self._line_up(delivery.subject)

    def wait(self, now: float) -> float:
        """Seconds until one is ready; infinite where none waits."""
        if self._urgent_first:
            self._sort_out(now)
        if self._ready:
            return 0.0
        return max(0.0, self._heap[0].key - now) if self._heap else math.inf

    def take(self) -> Delivery:
        """The most urgent of those that were ready at the last `wait`, or the one that is ready the longest.

        It is under way until `ended` or `again`.
        """
        return self._queues[heapq.heappop(self._ready or self._heap).subject][0].delivery

    def ended(self, delivery: Delivery) -> None:
        """Delivered or dead; the next of its subject has its turn."""
        del self._pending[delivery.seq]
        queue = self._queues[delivery.subject]
        queue.popleft()
        if queue:
            self._line_up(delivery.subject)
        else:
            del self._queues[delivery.subject]

    def again(self, delivery: Delivery, ready_at: float) -> None:
        """Not delivered: the same one (by now with more attempts) has its turn again at `ready_at`."""
        self._pending[delivery.seq] = delivery
        head = self._queues[delivery.subject][0]
        head.delivery, head.ready_at = delivery, ready_at
        self._line_up(delivery.subject)

    def _sort_out(self, now: float) -> None:
        """Those that have become ready line up by urgency; each does so once."""
        while self._heap and self._heap[0].key <= now:
            _, seq, subject = heapq.heappop(self._heap)
            severity = self._queues[subject][0].delivery.severity
            heapq.heappush(self._ready, _Turn(-severity.rank, seq, subject))

    def _line_up(self, subject: str) -> None:
        head = self._queues[subject][0]
        heapq.heappush(self._heap, _Turn(head.ready_at, head.delivery.seq, subject))
