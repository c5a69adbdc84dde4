"""The poll schedule of one account's targets: when each is due, and due again.

Every target has its slots, `k * interval + phase`, on a *virtual* clock; the phase is a stable hash of its key. Real
time is virtual time plus an offset. While the budget suffices, the offset is constant and no slot drifts. If it does
not suffice, the head of the queue becomes late; lateness beyond a small slack is added to the offset, which stops the
virtual clock. So all intervals stretch by the same factor; the order is always by due; no target starves; and no delay
(not even an hour of `Retry-After`) is followed by a burst of polls.

After a poll comes the first slot that is at least half an interval away, so that a first poll, or one after a back-off,
is followed by polls in phase within one and a half intervals.

A decision costs O(log n). Times are the loop's clock, in seconds.
"""

import math
from hashlib import blake2b

import msgspec

from monitor.core.model import TargetKey
from monitor.core.scheduling.due_queue import DueQueue, Entry

_SLACK = 1.0
"""Seconds that a poll may be late before the virtual clock stops; a quarter of the interval if that is less."""
_CLOSE_ENOUGH = 1e-6
"""Seconds; a poll that is due this soon is due now, since a timer's rounding would wake its owner too early."""


class DuePoll(msgspec.Struct, frozen=True, gc=False):
    """A target's turn to be polled."""

    key: TargetKey
    due: float
    """When it was due, without stretching."""
    delay: float
    """Seconds since then; never negative."""
    confirms: bool = False
    """A list called for it."""


class Schedule:
    """One account's targets. Pure: it reads no clock and starts nothing."""

    __slots__ = ("_agenda", "_backing_off", "_confirming", "_leaving", "_offset")

    def __init__(self) -> None:
        self._agenda = DueQueue()
        self._backing_off: dict[TargetKey, None] = {}
        """Targets that wait after a failure."""
        self._confirming: set[TargetKey] = set()
        """Targets whose next poll a list has called for."""
        self._leaving: set[TargetKey] = set()
        """Targets that were removed while under way; forgotten when that poll is done."""
        self._offset = 0.0

    def __len__(self) -> int:
        """Targets that are to be polled again, including those under way."""
        return len(self._agenda.entries) - len(self._leaving)

    def under_way(self, key: TargetKey) -> bool:
        entry = self._agenda.entries.get(key)
        return entry is not None and entry.under_way

    def interval(self, key: TargetKey) -> float | None:
        """Its interval in seconds; None for a target that is unknown or was removed."""
        entry = self._agenda.entries.get(key)
        return None if entry is None or key in self._leaving else entry.interval

    def next_due(self, key: TargetKey) -> float | None:
        """When it is due, at the present offset; None for a target that is under way or unknown."""
        entry = self._agenda.entries.get(key)
        return None if entry is None or entry.under_way else entry.due + self._offset

    # --- targets ---

    def add(self, key: TargetKey, interval: float, now: float, *, first_within: float | None = None) -> None:
        """Poll `key` every `interval`, first at its next slot, or spread alike within `first_within` seconds.

        A target that exists already is changed; one with a poll under way stays, and is polled at most once at a time.
        """
        if key in self._agenda.entries:
            self._leaving.discard(key)
            self.change(key, interval, now)
            return
        clock = self._clock(now)
        entry = Entry(key, interval, _fraction(key))
        self._agenda.add(entry)
        if first_within is not None and first_within < interval:
            self._put(entry, clock + entry.fraction * first_within)
        else:
            self._put(entry, _slot(entry, clock))

    def remove(self, key: TargetKey) -> None:
        """Stop polling it; unknown keys are ignored."""
        entry = self._agenda.entries.get(key)
        if entry is None:
            return
        if entry.under_way:
            self._leaving.add(key)
            return
        self._agenda.forget(key)
        self._backing_off.pop(key, None)
        self._confirming.discard(key)
        self._agenda.compact()

    def change(self, key: TargetKey, interval: float, now: float) -> None:
        """Another interval: due at its first new slot that is half an interval after the last poll.

        A back-off goes on, shorter in proportion to the interval. A first poll comes no later than before.
        Raises KeyError for an unknown target.
        """
        entry = self._agenda.entries[key]
        if interval == entry.interval:
            return
        before, entry.interval = entry.interval, interval
        if not entry.under_way and (due := self._changed(entry, before, self._clock(now))) != entry.due:
            self._put(entry, due)
            self._agenda.compact()

    def _changed(self, entry: Entry, before: float, clock: float) -> float:
        """When it is due, after its interval `before` was changed."""
        if entry.key in self._backing_off:
            return max(clock, entry.last + (entry.due - entry.last) * min(1.0, entry.interval / before))
        slot = _slot(entry, max(clock, entry.last + entry.interval / 2))
        return slot if entry.last > -math.inf else min(slot, entry.due)

    def poll_now(self, key: TargetKey, now: float, *, confirms: bool = False) -> bool:
        """Due now, before its next slot; False if it does not wait for one: unknown, under way or backing off.

        Targets that are due already go first, and its slots do not change. `confirms`: a list calls for it.
        """
        entry = self._agenda.entries.get(key)
        if entry is None or entry.under_way or key in self._backing_off:
            return False
        clock = self._clock(now)
        if entry.due > clock:
            self._put(entry, clock)
            self._agenda.compact()
        if confirms:
            self._confirming.add(key)
        return True

    # --- the next poll ---

    def wait(self, now: float) -> float | None:
        """Seconds until the next target is due; 0.0: now; None: no target waits."""
        head = self._agenda.head()
        if head is None:
            return None
        left = head.due + self._offset - now
        return left if left > _CLOSE_ENOUGH else 0.0

    def pop(self, now: float) -> DuePoll:
        """The target that has been due longest; under way until `done`. Raises LookupError if `wait(now)` is not 0."""
        entry = self._agenda.head()
        if entry is None or entry.due + self._offset - now > _CLOSE_ENOUGH:
            raise LookupError("nothing is due: pop only when wait() is 0")
        self._agenda.start(entry)
        clock = self._clock_before(entry, now)
        self._backing_off.pop(entry.key, None)
        promised = entry.due + entry.promised
        entry.due = max(clock, entry.due)
        confirms = entry.key in self._confirming
        self._confirming.discard(entry.key)
        return DuePoll(entry.key, promised, max(now - promised, 0.0), confirms)

    def done(self, key: TargetKey, now: float, failures: int, max_backoff: float, jitter: float) -> None:
        """The poll has ended. `failures` in a row, including this one, or 0. `jitter` in [0, 1)."""
        entry = self._agenda.entries.get(key)
        if entry is None or not entry.under_way:
            return
        if key in self._leaving:
            self._leaving.remove(key)
            self._agenda.forget(key)
            return
        clock = self._clock(now)
        entry.last = entry.due
        if failures:
            self._backing_off[key] = None
            self._put(entry, clock + backoff(entry.interval, failures, max_backoff, jitter))
        else:
            self._put(entry, _slot(entry, max(clock, entry.due + entry.interval / 2)))

    def try_one(self, now: float) -> None:
        """Make one target that backs off due now: its poll shows whether the others may go on, too."""
        if self._backing_off:
            entry = self._agenda.entries[self._backing_off.popitem()[0]]
            self._put(entry, min(entry.due, self._clock(now)))
            self._agenda.compact()

    def reset_backoff(self, now: float, limit: int) -> bool:
        """After an outage: make at most `limit` targets that back off due at their next slot.

        True if more remain: call it again after other tasks of the loop have run.
        """
        clock = self._clock(now)
        for _ in range(min(limit, len(self._backing_off))):
            entry = self._agenda.entries[self._backing_off.popitem()[0]]
            slot = _slot(entry, clock)
            if slot < entry.due:
                self._put(entry, slot)
                self._agenda.compact()
        return bool(self._backing_off)

    # --- the virtual clock ---

    def _clock(self, now: float) -> float:
        """Virtual time; it stops while the head is late beyond its slack."""
        head = self._agenda.head()
        return now - self._offset if head is None else self._clock_before(head, now)

    def _clock_before(self, head: Entry, now: float) -> float:
        offset = now - head.due - min(_SLACK, head.interval / 4)
        self._offset = max(self._offset, offset)
        return now - self._offset

    def _put(self, entry: Entry, due: float) -> None:
        entry.promised = self._offset
        self._agenda.reschedule(entry, due)


def _slot(entry: Entry, after: float) -> float:
    """The first slot later than `after`; counted in whole intervals, so that rounding errors do not accumulate."""
    interval, phase = entry.interval, entry.fraction * entry.interval
    count = math.floor((after - phase) / interval) + 1
    slot = count * interval + phase
    return slot if slot > after else (count + 1) * interval + phase


def backoff(interval: float, failures: int, max_backoff: float, jitter: float) -> float:
    """Seconds, spread between the interval and its back-off, so that targets that failed together return apart.

    A target with an interval above `max_backoff` is tried again after `max_backoff`: one lost answer must not leave it
    unseen for an hour.
    """
    interval = min(interval, max_backoff)
    longest = min(interval * 2.0 ** min(failures, 64), max(interval, max_backoff))
    return interval + jitter * (longest - interval)


def _fraction(key: TargetKey) -> float:
    """The phase of a target as a fraction of its interval, in [0, 1): the same in every process."""
    digest = blake2b("\x1f".join(key).encode(errors="surrogatepass"), digest_size=6).digest()
    return int.from_bytes(digest) / 2**48
