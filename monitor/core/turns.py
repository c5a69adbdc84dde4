"""Whose turn it is among the pending deliveries of one receiver: a subject's own in order, the rest by readiness.

A subject has at most one delivery under way; its next one waits until that one has ended. What waits for another try
holds up its own subject only. Every operation is O(log n). Times are seconds on the loop's clock.
"""

import heapq
import math
from collections import deque
from typing import NamedTuple

import msgspec

from monitor.core.model import Delivery


class _Entry(msgspec.Struct, gc=False):
    delivery: Delivery
    ready_at: float


class _Turn(NamedTuple):
    ready_at: float
    seq: int
    subject: str


class Turns:
    def __init__(self) -> None:
        self._queues: dict[str, deque[_Entry]] = {}
        self._heap: list[_Turn] = []
        """One entry for the head of each subject that has nothing under way."""
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
        return max(0.0, self._heap[0].ready_at - now) if self._heap else math.inf

    def take(self) -> Delivery:
        """The one that is ready the longest. It is under way until `ended` or `again`."""
        return self._queues[heapq.heappop(self._heap).subject][0].delivery

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

    def _line_up(self, subject: str) -> None:
        head = self._queues[subject][0]
        heapq.heappush(self._heap, _Turn(head.ready_at, head.delivery.seq, subject))
