"""The API's clock beside ours: how far apart they provably are, and what that means for a delay."""

from datetime import datetime, timedelta

_RESOLUTION = timedelta(seconds=1)
"""`Date` counts whole seconds (RFC 9110, 5.6.7), cut, not rounded."""


def skew(date: datetime, sent_at: datetime, received_at: datetime) -> float:
    """Seconds that the API's clock is ahead of ours, as far as its `Date` header proves.

    The answer was dated between `sent_at` and `received_at` of our clock, by a clock of whole seconds; so the skew lies
    in [date - received_at, date + 1 s - sent_at]. 0.0 where that holds 0, else the bound nearest to it.
    """
    least = (date - received_at).total_seconds()
    most = (date + _RESOLUTION - sent_at).total_seconds()
    return max(least, 0.0) + min(most, 0.0)


def detection_delay(occurred_at: datetime, observed_at: datetime, skew: float) -> float:
    """Seconds from what happened (the API's clock) to when we saw it (ours); never negative."""
    return max(0.0, (observed_at - occurred_at).total_seconds() + skew)
