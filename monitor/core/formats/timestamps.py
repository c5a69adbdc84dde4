"""Timestamps: reads those of the API leniently, writes RFC 3339."""

from datetime import UTC, datetime

_SHORTEST = len("20260105T100002")
"""A date without a time of day is not accepted."""


def parse_timestamp(text: str) -> datetime | None:
    """A moment in UTC from RFC 3339 or similar ISO 8601 text; None for other text. Never raises.

    Any number of fractional digits (the API writes 0 to 7, truncated to microseconds); `Z`, an offset, or nothing,
    which means UTC.
    """
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        return _parse_lower(text)
    if moment.tzinfo is UTC:
        return moment if len(text) >= _SHORTEST else None
    return _in_utc(moment) if len(text) >= _SHORTEST else None


def format_timestamp(moment: datetime) -> str:
    """RFC 3339 in UTC with `Z` and microseconds: `2026-01-05T10:00:02.500000Z`."""
    return moment.astimezone(UTC).isoformat(timespec="microseconds")[:-6] + "Z"


def _parse_lower(text: str) -> datetime | None:
    """RFC 3339 also allows a lower-case `z`, Python's parser does not."""
    return parse_timestamp(text[:-1] + "Z") if text.endswith("z") else None


def _in_utc(moment: datetime) -> datetime | None:
    if moment.tzinfo is None:
        return moment.replace(tzinfo=UTC)
    try:
        return moment.astimezone(UTC)
    except OverflowError:  # an offset at the edge of year 1 or 9999
        return None
