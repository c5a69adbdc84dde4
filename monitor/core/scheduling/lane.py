"""The rate limit of one account: when a request may be sent, and how its answer changes the rate.

The ceiling is never exceeded: the bucket keeps it in every window (`token_bucket.py`). Below it the lane learns a
usable rate: halved once per closing, raised in proportion to time back to the ceiling (additive increase,
multiplicative decrease: Chiu and Jain, 1989).

    OPEN --429--> CLOSED --Retry-After has passed, one probe is let through--> PROBING
    PROBING --429--> CLOSED
    PROBING --anything else--> OPEN, at the learned rate, nothing saved

A probe that times out opens the lane, too: it says nothing about throttling, and the learned rate is harmless.
"""

import enum
from typing import Self

import msgspec

from monitor.core.formats.units import format_duration
from monitor.core.model import Outcome
from monitor.core.scheduling.token_bucket import TokenBucket, seconds_of, ticks_after, ticks_before

DECREASE = 0.5
FLOOR = 0.01
"""Share of the ceiling; no closing makes the rate lower."""
CLIMB = 60.0
"""Seconds from zero to the ceiling, for a lane in full use."""
FIRST_PAUSE, LONGEST_PAUSE = 1.0, 300.0
"""Seconds that a 429 without `Retry-After` closes the lane: doubled for each closing in a row, up to the longest."""
PROBE_PATIENCE = 300.0
"""Seconds after which a probe without an answer no longer prevents the next."""
_LONGEST_RETRY_AFTER = 366 * 86400.0
"""Seconds; a longer `Retry-After` is nonsense."""


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
    """Closed, and its probe is under way."""


class Lane(msgspec.Struct, frozen=True, gc=False):
    """The state of a lane. Every decision returns the next state with its `reason`; times are the loop's clock."""

    limits: LaneLimits
    bucket: TokenBucket
    rate: float
    """Requests per second that are usable now; never above the ceiling."""
    phase: Phase = Phase.OPEN
    until: int = 0
    """The tick before which nothing is sent; ignored if open."""
    closings: int = 0
    """How often it closed. A request carries this count, so that an answer from before a closing is seen as stale."""
    streak: int = 0
    """Closings since the last good answer."""
    reason: str = "started"
    """The cause of its last change."""

    @classmethod
    def started(cls, limits: LaneLimits, now: float, permits: int = 0, learned_rate: float | None = None) -> Self:
        """A new lane holds no permits: another process may have spent them a moment ago.

        `learned_rate`: requests per second, as that process had learned; None: it had learned nothing.
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
        """Seconds until a request may be sent, by this state; 0.0: now."""
        return self.bucket.wait(now) if self.phase is Phase.OPEN else self.bucket.wait(now, self.until)

    def closed_for(self, now: float) -> float:
        """Seconds that the closing still lasts; 0.0 once its probe may go."""
        return seconds_of(max(self.until - ticks_before(now), 0)) if self.phase is Phase.CLOSED else 0.0

    def take(self, now: float) -> Self | None:
        """The lane after one request was sent; None if none may be sent."""
        if self.phase is not Phase.OPEN:
            return self._probed(now)
        bucket = self.bucket.spend(now)
        return None if bucket is None else msgspec.structs.replace(self, bucket=bucket)

    def answered(self, now: float, closings: int, outcome: Outcome, retry_after: float | None, jitter: float) -> Self:
        """The lane after the answer to a request that carried `closings`; itself if that changes nothing."""
        if outcome is Outcome.THROTTLED:
            return self._throttled(now, retry_after, jitter, fresh=closings == self.closings)
        if closings != self.closings:
            return self
        if self.phase is Phase.OPEN:
            return self if self.at_ceiling or not outcome.answered else self._climbed(now)
        return self._reopened(now, outcome) if self.phase is Phase.PROBING else self

    def closed(self, now: float, seconds: float, reason: str) -> Self:
        """Closed from now on, at a lower rate; answers to earlier requests are stale."""
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
        """Under other limits: a learned rate stays if the ceiling allows it, and no permits are added."""
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
        """Raised by the climb of a lane in full use from one answer to the next; at most doubled."""
        ceiling = float(self.limits.requests_per_second)
        rate = min(self.rate + min(ceiling / (CLIMB * self.rate), self.rate), ceiling)
        reason = "rate is back at its ceiling" if rate >= ceiling else "rate climbs"
        return msgspec.structs.replace(self, rate=rate, bucket=self._bucket(now, rate), streak=0, reason=reason)

    def _bucket(self, now: float, rate: float, at_most: int | None = None) -> TokenBucket:
        """The burst shrinks and grows with the rate, since an API that throttles would refuse the burst as well."""
        limits = self.limits
        burst = max(int(limits.burst * rate / limits.requests_per_second), 1)
        return self.bucket.resized(now, rate, min(burst, limits.burst), at_most)


def _pause(streak: int, jitter: float) -> float:
    pause = min(FIRST_PAUSE * 2.0 ** min(max(streak - 1, 0), 16), LONGEST_PAUSE)
    return min(pause * (1 + jitter / 4), LONGEST_PAUSE)
