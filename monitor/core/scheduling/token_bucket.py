"""The rate limit: the generic cell rate algorithm (GCRA, ITU-T I.371), in whole ticks.

In any window of length `w`, its ends included, at most `burst + rate * w` permits are spent, and at most `burst` are
saved. The limit is exact: a tick is a small enough power of two of a second that a float of the loop's clock is a whole
number of ticks, and every remaining rounding allows fewer permits, never more.
"""

import math
from typing import Self

import msgspec

_SHIFT = 60
_TICKS = 2.0**_SHIFT
"""Ticks in a second. Multiplication by a power of two is exact, and a clock past its first 4 ms has no finer step."""
_GRACE = 2 ** (_SHIFT - 20)
"""Ticks, about a microsecond, so that rounding does not end a timer of `wait` too early."""


def ticks_before(seconds: float) -> int:
    return math.floor(seconds * _TICKS)


def ticks_after(seconds: float) -> int:
    return math.ceil(seconds * _TICKS)


def seconds_of(ticks: int) -> float:
    return ticks / _TICKS


def period_of(rate: float) -> int:
    """Ticks from permit to permit at `rate` per second, rounded up: the true rate is never exceeded."""
    numerator, denominator = rate.as_integer_ratio()
    return -(-(denominator << _SHIFT) // numerator)


class TokenBucket(msgspec.Struct, frozen=True, gc=False):
    """The permits that are left. Times are those of the loop's clock, in seconds."""

    period: int
    """Ticks from permit to permit if none is saved."""
    burst: int
    """The largest number of saved permits."""
    spent_until: int
    """The tick at which the bucket is full again; the algorithm's theoretical arrival time."""

    @classmethod
    def holding(cls, permits: int, rate: float, burst: int, now: float) -> Self:
        period = period_of(rate)
        return cls(period, burst, ticks_before(now) + (burst - permits) * period)

    @property
    def ready_at(self) -> int:
        """The tick from which on a permit can be spent."""
        return self.spent_until - (self.burst - 1) * self.period

    def wait(self, now: float, at_least: int = 0) -> float:
        """Seconds until a permit can be spent, and not before the tick `at_least`; 0.0: now."""
        ready, tick = max(self.ready_at, at_least), ticks_before(now)
        return 0.0 if tick >= ready else seconds_of(ready - tick + _GRACE)

    def spend(self, now: float) -> Self | None:
        """The bucket after one permit was spent; None if there is none."""
        if ticks_before(now) < self.ready_at:
            return None
        return type(self)(self.period, self.burst, max(self.spent_until, ticks_after(now)) + self.period)

    def resized(self, now: float, rate: float, burst: int, at_most: int | None = None) -> Self:
        """The same bucket under other limits: its permits stay, cut to the new burst (or to `at_most`).

        So a window across the change holds no more than its first burst and the permits of each rate.
        """
        period = period_of(rate)
        full = self.burst * self.period
        held = min(full + ticks_before(now) - self.spent_until, full)
        kept = min(held * period // self.period, period * (burst if at_most is None else min(at_most, burst)))
        return type(self)(period, burst, ticks_after(now) + burst * period - kept)


_WINDOW = 60.0
"""Seconds."""


class RateQuota(msgspec.Struct, frozen=True, gc=False):
    """No window of 60 s, its ends included, holds more than `per_minute` sends.

    A window holds at most the burst and the permits of the rate, so the burst is subtracted from the rate.
    """

    per_minute: int
    burst: int = 10
    """Sends that may go out at once after a quiet time; less than `per_minute`."""

    def begun(self, now: float) -> TokenBucket:
        """Without saved permits, since an earlier process may have sent a moment ago."""
        return TokenBucket.holding(0, (self.per_minute - self.burst) / _WINDOW, self.burst, now)
