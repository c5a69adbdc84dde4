"""The difference between the API's clock and ours, as far as it is provable, and delays corrected by it."""

from datetime import datetime, timedelta

_RESOLUTION = timedelta(seconds=1)
"""`Date` counts whole seconds (RFC 9110, 5.6.7), cut, not rounded."""


def skew(date: datetime, sent_at: datetime, received_at: datetime) -> float:
    """Seconds that the API's clock is ahead of ours, as far as its `Date` header proves.

    The answer was dated between `sent_at` and `received_at` of our clock, by a clock of whole seconds; so the skew lies
    in [date - received_at, date + 1 s - sent_at]. 0.0 if that interval contains 0, else its bound nearest to 0.
    """
    least = (date - received_at).total_seconds()
    most = (date + _RESOLUTION - sent_at).total_seconds()
    return max(least, 0.0) + min(most, 0.0)


def detection_delay(occurred_at: datetime, observed_at: datetime, skew: float) -> float:
    """Seconds from the occurrence (the API's clock) to the observation (our clock); never negative."""
    return max(0.0, (observed_at - occurred_at).total_seconds() + skew)
