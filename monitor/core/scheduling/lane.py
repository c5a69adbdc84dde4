"""The budget of one account: when a request may be sent, and what its answer teaches about the next.

The ceiling is law: the bucket keeps it in every window (`token_bucket.py`). Below it the lane learns a usable rate:
halved once per closing, raised in step with time back to the ceiling (additive increase, multiplicative decrease: Chiu
and Jain, 1989).

    OPEN --429--> CLOSED --Retry-After has passed, one probe is let through--> PROBING
    PROBING --429--> CLOSED
    PROBING --anything else--> OPEN, at the learned rate, nothing saved

A probe that times out opens the lane too: it says nothing about throttling, and at the learned rate it floods nobody.
"""

import enum
from typing import Self

import msgspec

from monitor.core.formats.units import format_duration
from monitor.core.model import Outcome
from monitor.core.scheduling.token_bucket import TokenBucket, seconds_of, ticks_after, ticks_before

DECREASE = 0.5
FLOOR = 0.01
"""Share of the ceiling below which no closing pushes the rate."""
CLIMB = 60.0
"""Seconds from nothing to the ceiling, for a lane that is used to its limit."""
FIRST_PAUSE, LONGEST_PAUSE = 1.0, 300.0
"""Seconds that a 429 without `Retry-After` closes: doubled for each closing in a row, up to the longest."""
PROBE_PATIENCE = 300.0
"""Seconds after which a probe whose answer never came to us no longer bars the next."""
_LONGEST_RETRY_AFTER = 366 * 86400.0
"""Seconds; to ask for more is nonsense."""


class LaneLimits(msgspec.Struct, frozen=True, gc=False):
    """The ceiling of a lane."""

    requests_per_second: float
    burst: int

    def __post_init__(self) -> None:
        if not 0 < self.requests_per_second < float("inf") or self.burst < 1:
            raise ValueError(f"expected a finite rate above 0 and a burst of at least 1, got {self}")


class Phase(enum.Enum):
    OPEN = "open"
    CLOSED = "closed"
    PROBING = "probing"
    """Closed, and its probe is out."""


class Lane(msgspec.Struct, frozen=True, gc=False):
    """What is known of a lane. Every decision gives the next value, with its `reason`; times are the loop's clock."""

    limits: LaneLimits
    bucket: TokenBucket
    rate: float
    """Requests per second that are usable now; never above the ceiling."""
    phase: Phase = Phase.OPEN
    until: int = 0
    """The tick before which nothing is let through; heeded unless open."""
    closings: int = 0
    """How often it closed. A request carries the count it was sent under: an answer from before a closing is stale."""
    streak: int = 0
    """Closings since the last good answer."""
    reason: str = "started"
    """Why it is as it is: the last thing that changed it."""

    @classmethod
    def started(cls, limits: LaneLimits, now: float, permits: int = 0, learned_rate: float | None = None) -> Self:
        """A new lane holds nothing: another process may have spent all until a moment ago.

        `learned_rate`: what that process had learned, in requests per second; None: nothing.
        """
        ceiling = float(limits.requests_per_second)
        lane = cls(limits, TokenBucket.holding(permits, ceiling, limits.burst, now), ceiling)
        if learned_rate is None or learned_rate >= ceiling:
            return lane
        rate = max(learned_rate, ceiling * FLOOR)
        return msgspec.structs.replace(lane, rate=rate, bucket=lane._bucket(now, rate))

    @property
    def at_ceiling(self) -> bool:
        return self.rate >= self.limits.requests_per_second

    def wait(self, now: float) -> float:
        """Seconds until a request may be sent, as far as is known; 0.0: now."""
        return self.bucket.wait(now) if self.phase is Phase.OPEN else self.bucket.wait(now, self.until)

    def closed_for(self, now: float) -> float:
        """Seconds that the closing still lasts; 0.0 once its probe may go."""
        return seconds_of(max(self.until - ticks_before(now), 0)) if self.phase is Phase.CLOSED else 0.0

    def take(self, now: float) -> Self | None:
        """The lane after one request was sent; None where none may be."""
        if self.phase is not Phase.OPEN:
            return self._probed(now)
        bucket = self.bucket.spend(now)
        return None if bucket is None else msgspec.structs.replace(self, bucket=bucket)

    def answered(self, now: float, closings: int, outcome: Outcome, retry_after: float | None, jitter: float) -> Self:
        """The lane after the answer to a request that was sent under `closings`; itself where that changes nothing."""
        if outcome is Outcome.THROTTLED:
            return self._throttled(now, retry_after, jitter, fresh=closings == self.closings)
        if closings != self.closings:
            return self
        if self.phase is Phase.OPEN:
            return self if self.at_ceiling or not outcome.answered else self._climbed(now)
        return self._reopened(now, outcome) if self.phase is Phase.PROBING else self

    def closed(self, now: float, seconds: float, reason: str) -> Self:
        """Closed from now on at the rate below; what is answered to requests sent before is stale."""
        return msgspec.structs.replace(
            self,
            phase=Phase.CLOSED,
            until=ticks_after(now) + ticks_after(seconds),
            closings=self.closings + 1,
            reason=reason,
        )

    def slowed(self, now: float) -> Self:
        rate = max(self.rate * DECREASE, self.limits.requests_per_second * FLOOR)
        return msgspec.structs.replace(self, rate=rate, bucket=self._bucket(now, rate))

    def reconfigured(self, now: float, limits: LaneLimits) -> Self:
        """Under other limits: a rate that was learned stays where it can, and nothing is given on top."""
        if limits == self.limits:
            return self
        ceiling = float(limits.requests_per_second)
        rate = ceiling if self.at_ceiling else min(max(self.rate, ceiling * FLOOR), ceiling)
        lane = msgspec.structs.replace(self, limits=limits, rate=rate, reason="limits changed")
        return msgspec.structs.replace(lane, bucket=lane._bucket(now, rate))  # noqa: SLF001 - a Lane itself

    def _probed(self, now: float) -> Self | None:
        if self.wait(now) > 0:
            return None
        bucket = self._bucket(now, self.rate, at_most=1).spend(now)
        until = ticks_after(now) + ticks_after(PROBE_PATIENCE)
        return (
            None if bucket is None else msgspec.structs.replace(self, bucket=bucket, phase=Phase.PROBING, until=until)
        )

    def _throttled(self, now: float, retry_after: float | None, jitter: float, *, fresh: bool) -> Self:
        asked = retry_after if retry_after is not None and 0 <= retry_after <= _LONGEST_RETRY_AFTER else None
        if self.phase is Phase.CLOSED:
            return self if asked is None else self._extended(now, asked)
        lane = self
        if fresh:
            lane = msgspec.structs.replace(self.slowed(now), streak=self.streak + 1)
        seconds = asked if asked is not None else _pause(lane.streak, jitter)
        what = "429 on the probe" if fresh and self.phase is Phase.PROBING else "429"
        header = "Retry-After" if asked is not None else "no Retry-After, closed for"
        return lane.closed(now, seconds, f"{what}, {header} {format_duration(seconds)}")

    def _extended(self, now: float, asked: float) -> Self:
        until = ticks_after(now) + ticks_after(asked)
        if until <= self.until:
            return self
        return msgspec.structs.replace(self, until=until, reason=f"429, Retry-After {format_duration(asked)}")

    def _reopened(self, now: float, outcome: Outcome) -> Self:
        spoke = outcome not in (Outcome.TIMEOUT, Outcome.CONNECTION)
        return msgspec.structs.replace(
            self,
            bucket=self._bucket(now, self.rate, at_most=1),
            phase=Phase.OPEN,
            streak=0 if spoke else self.streak,
            reason="probe answered" if spoke else f"probe ended without 429 ({outcome.value})",
        )

    def _climbed(self, now: float) -> Self:
        """Raised by what a lane in full use climbs from one answer to the next; at most doubled."""
        ceiling = float(self.limits.requests_per_second)
        rate = min(self.rate + min(ceiling / (CLIMB * self.rate), self.rate), ceiling)
        reason = "rate is back at its ceiling" if rate >= ceiling else "rate climbs"
        return msgspec.structs.replace(self, rate=rate, bucket=self._bucket(now, rate), streak=0, reason=reason)

    def _bucket(self, now: float, rate: float, at_most: int | None = None) -> TokenBucket:
        """The burst shrinks and grows with the rate: who throttles a rate likes its bursts no better."""
        limits = self.limits
        burst = max(int(limits.burst * rate / limits.requests_per_second), 1)
        return self.bucket.resized(now, rate, min(burst, limits.burst), at_most)


def _pause(streak: int, jitter: float) -> float:
    pause = min(FIRST_PAUSE * 2.0 ** min(max(streak - 1, 0), 16), LONGEST_PAUSE)
    return min(pause * (1 + jitter / 4), LONGEST_PAUSE)
