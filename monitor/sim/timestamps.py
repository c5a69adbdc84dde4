"""Timestamps in the API's formats: ISO 8601 with 2 to 7 fractional digits, and HTTP dates."""

import re
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from functools import lru_cache

TICKS = 10_000_000
"""The vendor's clock counts steps of 100 ns."""
_START = datetime(1970, 1, 1, tzinfo=UTC)
_FRACTION = re.compile(r"(\.\d{6})\d+")


def ticks(moment: datetime) -> int:
    """100 ns since 1970."""
    return (moment - _START) // timedelta(microseconds=1) * 10


def stamp(at: int, digits: int) -> str:
    """Ticks as text, cut and never rounded up, so that no timestamp lies in the future.

    >>> stamp(16_250_232_394_900_000, 2)
    '2021-06-30T03:20:39.49Z'
    """
    whole, rest = divmod(at, TICKS)
    return f"{_second(whole)}.{rest:07d}"[: 20 + digits] + "Z"


def http_date(at: int) -> str:
    """The `Date` header: whole seconds, cut."""
    return _http_second(at // TICKS)


def parse(text: str) -> int | None:
    """Ticks of a filter such as `startTimeFrom`; None if it is invalid. Without an offset it is UTC."""
    try:
        moment = datetime.fromisoformat(_FRACTION.sub(r"\1", text))
    except ValueError:
        return None
    return ticks(moment if moment.tzinfo else moment.replace(tzinfo=UTC))


@lru_cache(maxsize=65_536)
def _second(whole: int) -> str:
    return (_START + timedelta(seconds=whole)).strftime("%Y-%m-%dT%H:%M:%S")


@lru_cache(maxsize=64)
def _http_second(whole: int) -> str:
    return format_datetime(_START + timedelta(seconds=whole), usegmt=True)
