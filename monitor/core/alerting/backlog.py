"""The pending deliveries of one receiver: the oldest in memory, the rest in the store only.

The rules: no delivery is forgotten, none is in memory twice, and a subject's deliveries keep their order, in whatever
order commits are offered and pages of the store are read. Deliveries enter in the order of `seq`, in two ways: `offer`
right after a commit, and `loaded`, a page of the store. While the store may hold some that are not in memory, newer
ones stay in the store, too, and come with a later page. Deliveries that were given up come back by `requeue`.

Urgent deliveries go first only among those in memory: beyond the window, the store is read in the order of `seq`, and a
critical delivery waits there until half of the window has ended. Failed deliveries, and those behind them, do not count
towards the window: the store is read past them. Since they may be many, beyond half of the window their bodies stay in
the store.
"""

import math
from collections import OrderedDict
from collections.abc import Sequence
from datetime import datetime, timedelta

import msgspec

from monitor.core.alerting.delivery_queue import DeliveryQueue
from monitor.core.backoff import LONGEST, LONGEST_ASKED
from monitor.core.commits import Delivery, DeliveryKind

_FARTHEST = timedelta(seconds=LONGEST + LONGEST_ASKED)
"""A next try further ahead was computed before the clock was set back."""


_MOST_STUCK = 20
"""Windows of deliveries that memory holds in all, most of them without bodies; the rest waits in the store."""


class Backlog:
    def __init__(self, window: int, page: int = 500, *, urgent_first: bool = False) -> None:
        """`window`: about how many deliveries without a failure memory holds; `page`: how many are read at a time."""
        self.turns = DeliveryQueue(urgent_first=urgent_first)
        self._window = window
        self._most = window * _MOST_STUCK
        self._page = min(page, window)
        self._newest = 0
        """Seq of the newest delivery that was in memory; the store is read from there on."""
        self._oldest_revived: float = math.inf
        """Seq from which the store is to be read again."""
        self._complete = False
        """Whether all pending deliveries are in memory."""
        self._left_out = False
        """Whether an offered delivery was left in the store since the last page was requested."""
        self._beyond = 0
        self._ended: OrderedDict[int, None] = OrderedDict()
        """The last deliveries that ended, so that a late offer does not bring them back."""
        self._ending: dict[int, Delivery] = {}
        """Requeued deliveries whose end is in the store and was not reported here yet."""

    @property
    def pending(self) -> int:
        """Including those in the store, as far as they are counted."""
        return len(self.turns) + self._beyond

    def count(self, pending: int) -> None:
        """Set how many the store holds, before the first page."""
        self._beyond = max(self._beyond, pending)

    def offer(self, delivery: Delivery, now: float, delay: float = 0.0) -> None:
        """A commit made it pending; it can be sent `delay` seconds from now."""
        if self._known(delivery):
            return
        if self._has_room or delivery.seq < self._newest:
            self._take_in(delivery, now + delay)
        else:
            self._leave_out()

    def requeue(self, delivery: Delivery, now: float) -> None:
        """It was given up, and is pending again, also in the store; it can be sent at once, behind its subject."""
        if delivery.seq in self.turns:
            self._ending[delivery.seq] = delivery
            return
        self._ended.pop(delivery.seq, None)
        if self._has_room:
            self._take_in(delivery, now)
        else:
            self._oldest_revived = min(self._oldest_revived, delivery.seq)
            self._leave_out()

    @property
    def needs_page(self) -> bool:
        """Whether a page of the store should be read."""
        return not self._complete and self._eligible <= self._window // 2 and len(self.turns) < self._most

    def next_page(self) -> tuple[int, int]:
        """The next page to read from the store, as (after_seq, limit)."""
        self._left_out = False
        if self._oldest_revived <= self._newest:
            self._newest = int(self._oldest_revived) - 1
        self._oldest_revived = math.inf
        return self._newest, self._page

    def loaded(self, page: Sequence[Delivery], now: float, moment: datetime) -> None:
        """Take in the requested page, in the order of `seq`. `moment` is `now` on the clock of the store."""
        new = [delivery for delivery in page if not self._known(delivery)]
        for delivery in new:
            self._take_in(delivery, now + seconds_until(delivery.not_before, moment))
        if page:
            self._newest = max(self._newest, page[-1].seq)
        self._complete = len(page) < self._page and not self._left_out
        self._beyond = 0 if self._complete else max(0, self._beyond - len(new))

    def again(self, delivery: Delivery, ready_at: float) -> None:
        """It failed, and is sent again at `ready_at`."""
        self.turns.retry_at(bodiless(delivery) if self._crowded else delivery, ready_at)

    def reread(self) -> None:
        """The store holds more than was loaded: read it again from its beginning, without the known deliveries."""
        self._oldest_revived = 0
        self._complete = False

    def ended(self, delivery: Delivery, now: float = 0.0, *, dead: bool = False) -> None:
        """Delivered, or given up: `dead`."""
        self.turns.done(delivery)
        self._ended[delivery.seq] = None
        if len(self._ended) > self._window:
            self._ended.popitem(last=False)
        again = self._ending.pop(delivery.seq, None)
        if again is not None and dead:
            self.requeue(again, now)

    @property
    def _has_room(self) -> bool:
        return self._complete and self._eligible < self._window and len(self.turns) < self._most

    @property
    def _eligible(self) -> int:
        return len(self.turns) - self.turns.stuck

    @property
    def _crowded(self) -> bool:
        """Whether so many have failed that their bodies stay in the store."""
        return self.turns.stuck > self._window // 2

    def _leave_out(self) -> None:
        """The store has it, and a later page brings it."""
        self._complete = False
        self._left_out = True
        self._beyond += 1

    def _known(self, delivery: Delivery) -> bool:
        return delivery.seq in self.turns or delivery.seq in self._ended

    def _take_in(self, delivery: Delivery, ready_at: float) -> None:
        if self._crowded and (delivery.attempts or self.turns.is_stuck(delivery.subject)):
            delivery = bodiless(delivery)
        self.turns.add(delivery, ready_at)
        self._newest = max(self._newest, delivery.seq)


def bodiless(delivery: Delivery) -> Delivery:
    """Without its body, while it waits for a distant try: the body is read from the store again. See `needs_body`."""
    return msgspec.structs.replace(delivery, body=b"") if delivery.about is DeliveryKind.EVENT else delivery


def needs_body(delivery: Delivery) -> bool:
    """Whether its body was left in the store."""
    return delivery.about is DeliveryKind.EVENT and not delivery.body


def seconds_until(not_before: datetime | None, moment: datetime) -> float:
    """Until the next try; both times are of the store's clock."""
    if not_before is None:
        return 0.0
    return min(max(not_before - moment, timedelta()), _FARTHEST).total_seconds()
