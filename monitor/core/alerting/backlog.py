"""What one receiver has not had yet: the oldest of it in memory, the rest in the store only.

The law: nothing is forgotten, nothing is in here twice, and a subject's deliveries keep their order, whatever the
order in which a commit is offered and the store is read. Deliveries enter in the order of `seq`, by two doors: `offer`
right after a commit, and `loaded`, a page of the store. While the store may hold some that are not here, newer ones
are left in the store, too, and come with a later page. A third door is for those that were given up: `revived`.

What is urgent goes first among those in memory only: beyond the window, the store is read in the order of `seq`, and a
critical delivery waits there until half of the window has ended. What failed, and what waits behind it, does not count:
the store is read past it. So that it may be much, its bodies are left in the store beyond half of the window.
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
"""A next try that is further away was written by a clock that has been set back since."""


_MOST_STUCK = 20
"""Windows: so many deliveries in all are held in memory, most of them without their bodies; the rest waits."""


class Backlog:
    def __init__(self, window: int, page: int = 500, *, urgent_first: bool = False) -> None:
        """At most about `window` deliveries that have not failed are in memory; `page` are asked for at a time."""
        self.turns = DeliveryQueue(urgent_first=urgent_first)
        self._window = window
        self._most = window * _MOST_STUCK
        self._page = min(page, window)
        self._newest = 0
        """Seq of the newest delivery that was in memory; the store is read from there on."""
        self._oldest_revived: float = math.inf
        """Seq from which the store is to be read again."""
        self._complete = False
        """Whether everything that is pending is in memory."""
        self._left_out = False
        """Whether something was offered and left in the store since the last page was asked for."""
        self._beyond = 0
        self._ended: OrderedDict[int, None] = OrderedDict()
        """The last ones that ended, so that a late offer does not bring them back."""
        self._ending: dict[int, Delivery] = {}
        """Revived ones whose end is in the store, and was not told here yet."""

    @property
    def pending(self) -> int:
        """Those in the store included, as far as they are known."""
        return len(self.turns) + self._beyond

    def count(self, pending: int) -> None:
        """The store holds so many, before any page was loaded."""
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
        """The answer to what was asked, in the order of `seq`. `moment` is `now` on the clock of the store."""
        new = [delivery for delivery in page if not self._known(delivery)]
        for delivery in new:
            self._take_in(delivery, now + seconds_until(delivery.not_before, moment))
        if page:
            self._newest = max(self._newest, page[-1].seq)
        self._complete = len(page) < self._page and not self._left_out
        self._beyond = 0 if self._complete else max(0, self._beyond - len(new))

    def again(self, delivery: Delivery, ready_at: float) -> None:
        """It failed, and has its turn again at `ready_at`."""
        self.turns.retry_at(bodiless(delivery) if self._crowded else delivery, ready_at)

    def reread(self) -> None:
        """The store holds what is not here: read it again from its beginning; what is known is passed over."""
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
        """Whether so much has failed that its bodies stay in the store."""
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
    """As it waits for a far try: what is sent is read from the store again. See `needs_body`."""
    return msgspec.structs.replace(delivery, body=b"") if delivery.about is DeliveryKind.EVENT else delivery


def needs_body(delivery: Delivery) -> bool:
    """Whether its body was left in the store."""
    return delivery.about is DeliveryKind.EVENT and not delivery.body


def seconds_until(not_before: datetime | None, moment: datetime) -> float:
    """Until the next try; both are of the store's clock."""
    if not_before is None:
        return 0.0
    return min(max(not_before - moment, timedelta()), _FARTHEST).total_seconds()
