"""`Retry-After` (RFC 9110, 10.2.3), and the dates of HTTP (5.6.7)."""

import re
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

_SECONDS = re.compile(r"[0-9]{1,15}(?:\.[0-9]{1,15})?")
_LONGEST_DATE = 64


def parse_http_date(text: str) -> datetime | None:
    """The moment in UTC of a `Date` or `Retry-After` header, in any of the three formats; None if it is not one."""
    if len(text) > _LONGEST_DATE:
        return None
    try:
        moment = parsedate_to_datetime(text)
        return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)
    except (ValueError, TypeError, IndexError, OverflowError):
        return None


def parse_retry_after(text: str | None, now: datetime | None) -> float | None:
    """Seconds to wait; None if the header is absent or nonsense.

    `text` is whole or fractional seconds, or a date. A date is relative to `now`, which should be the answer's own
    `Date`, so that a difference of clocks does not matter; without `now` a date is nonsense. So are negative numbers,
    dates in the past and anything else. The caller bounds the value.
    """
    stripped = (text or "").strip()
    if _SECONDS.fullmatch(stripped):
        return float(stripped)
    moment = parse_http_date(stripped)
    if moment is None or now is None:
        return None
    seconds = (moment - now).total_seconds()
    return seconds if seconds >= 0 else None
