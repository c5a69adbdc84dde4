"""The order of one receiver's pending deliveries: within a subject by `seq`, across subjects by readiness.

A subject has at most one delivery under way; its next one waits until that one has ended. A delivery that failed and
waits for its next try delays its own subject only. It waits apart from deliveries that were never tried, so that
thousands of failed ones never delay a new one. A more severe delivery may overtake one that has failed several times:
see `make_way`.

With `urgent_first`, the most severe of the ready deliveries goes first, and of these the oldest; the severity of a
subject is that of its first delivery. Every operation is O(log n), amortised. Times are seconds on the loop's clock.
"""

import heapq
import math
from collections import OrderedDict, deque
from collections.abc import Callable
from typing import Final, NamedTuple

import msgspec

from monitor.core.commits import Delivery
from monitor.core.event_types import Severity

PATIENCE: Final = 3
"""Failed tries of a subject's first delivery after which a more severe one may overtake it."""


class _QueuedDelivery(msgspec.Struct, gc=False):
    delivery: Delivery
    ready_at: float


class _Turn(NamedTuple):
    key: float
    """The least goes first: the time at which it is ready; among ready ones, its severity, negated."""
    seq: int
    subject: str


class _Line:
    """The first deliveries of subjects, in the order of their turns. An outdated turn is dropped at the top."""

    def __init__(self, severity_of: Callable[[_Turn], Severity | None], *, urgent_first: bool) -> None:
        """`severity_of`: the severity of a valid turn; None for an outdated one."""
        self._severity_of = severity_of
        self._urgent_first = urgent_first
        self._heap: list[_Turn] = []
        self._ready: list[_Turn] = []
        """The ready ones, the most urgent first. Empty without `urgent_first`."""

    def push(self, turn: _Turn) -> None:
        heapq.heappush(self._heap, turn)

    def wait(self, now: float) -> float:
        """Seconds until one is ready; infinite if there is none."""
        if self._urgent_first:
            self._sort_out(now)
            if self._top(self._ready) is not None:
                return 0.0
        head = self._top(self._heap)
        return math.inf if head is None else max(0.0, head.key - now)

    def head(self) -> _Turn | None:
        """The next turn, as of the last `wait`; a ready one, if there is any."""
        return self._top(self._ready) or self._top(self._heap)

    def pop(self) -> _Turn:
        return heapq.heappop(self._ready if self._top(self._ready) is not None else self._heap)

    def _sort_out(self, now: float) -> None:
        """Move those that have become ready into the order of urgency; each once."""
        while self._heap and self._heap[0].key <= now:
            turn = heapq.heappop(self._heap)
            if (severity := self._severity_of(turn)) is not None:
                heapq.heappush(self._ready, _Turn(-severity.rank, turn.seq, turn.subject))

    def _top(self, heap: list[_Turn]) -> _Turn | None:
        while heap and self._severity_of(heap[0]) is None:
            heapq.heappop(heap)
        return heap[0] if heap else None


class DeliveryQueue:
    def __init__(self, *, urgent_first: bool = False) -> None:
        self.oldest: Delivery | None = None
        """The oldest pending delivery; an attribute, so that a scrape's thread may read it at any moment."""
        self.stuck = 0
        """Deliveries of subjects whose first one has failed, including that one."""
        self._queues: dict[str, deque[_QueuedDelivery]] = {}
        self._under_way: set[str] = set()
        self._fresh = _Line(self._severity_of, urgent_first=urgent_first)
        self._failed = _Line(self._severity_of, urgent_first=urgent_first)
        self._pending: OrderedDict[int, Delivery] = OrderedDict()

    def __len__(self) -> int:
        """Including those under way."""
        return len(self._pending)

    def __contains__(self, seq: int) -> bool:
        return seq in self._pending

    def is_stuck(self, subject: str) -> bool:
        """Whether its first delivery has failed."""
        queue = self._queues.get(subject)
        return queue is not None and _has_failed(queue)

    def add(self, delivery: Delivery, ready_at: float) -> None:
        """Add it behind all others of its subject."""
        self._pending[delivery.seq] = delivery
        self.oldest = self.oldest or delivery
        queue = self._queues.setdefault(delivery.subject, deque())
        queue.append(_QueuedDelivery(delivery, ready_at))
        self.stuck += _has_failed(queue)
        if len(queue) == 1:
            self._line_up(delivery.subject)

    def wait(self, now: float, *, fresh: bool = False) -> float:
        """Seconds until one is ready; infinite if none waits. `fresh`: only deliveries that were never tried."""
        return self._fresh.wait(now) if fresh else min(self._fresh.wait(now), self._failed.wait(now))

    def pop(self, *, fresh: bool = False) -> Delivery:
        """The most urgent of those that were ready at the last `wait`, or the one that has been ready longest.

        It is under way until `done` or `retry_at`. `fresh`: only deliveries that were never tried.
        """
        line = self._fresh if fresh else min(self._fresh, self._failed, key=lambda line: line.head() or _LAST)
        subject = line.pop().subject
        self._under_way.add(subject)
        return self._queues[subject][0].delivery

    def done(self, delivery: Delivery) -> None:
        """Delivered or dead; the next one of its subject follows."""
        del self._pending[delivery.seq]
        if self.oldest is not None and self.oldest.seq == delivery.seq:
            self.oldest = next(iter(self._pending.values()), None)
        self._under_way.discard(delivery.subject)
        queue = self._queues[delivery.subject]
        self.stuck -= _stuck_in(queue)
        queue.popleft()
        if queue:
            self.stuck += _stuck_in(queue)
            self._line_up(delivery.subject)
        else:
            del self._queues[delivery.subject]

    def retry_at(self, delivery: Delivery, ready_at: float) -> None:
        """Not delivered: the same delivery, with more attempts, is sent again at `ready_at`."""
        self._pending[delivery.seq] = delivery
        self._under_way.discard(delivery.subject)
        queue = self._queues[delivery.subject]
        self.stuck -= _stuck_in(queue)
        queue[0] = _QueuedDelivery(delivery, ready_at)
        self.stuck += _stuck_in(queue)
        self._line_up(delivery.subject)

    def make_way(self, subject: str) -> None:
        """Let the first more severe delivery of the subject overtake one that has failed several times and waits.

        Only for a receiver that takes other deliveries: if it is down, overtaking loses the order and gains nothing.
        """
        queue = self._queues.get(subject)
        if queue is None or subject in self._under_way or queue[0].delivery.attempts < PATIENCE:
            return
        rank = queue[0].delivery.severity.rank
        for place, entry in enumerate(queue):
            if entry.delivery.severity.rank > rank:
                self.stuck -= _stuck_in(queue)
                del queue[place]
                queue.appendleft(entry)
                self.stuck += _stuck_in(queue)
                self._line_up(subject)
                return

    def _line_up(self, subject: str) -> None:
        head = self._queues[subject][0]
        line = self._failed if head.delivery.attempts else self._fresh
        line.push(_Turn(head.ready_at, head.delivery.seq, subject))

    def _severity_of(self, turn: _Turn) -> Severity | None:
        queue = self._queues.get(turn.subject)
        if queue is None or turn.subject in self._under_way or queue[0].delivery.seq != turn.seq:
            return None
        return queue[0].delivery.severity


_LAST: Final = _Turn(math.inf, 0, "")


def _has_failed(queue: deque[_QueuedDelivery]) -> bool:
    return queue[0].delivery.attempts > 0


def _stuck_in(queue: deque[_QueuedDelivery]) -> int:
    return len(queue) if _has_failed(queue) else 0
