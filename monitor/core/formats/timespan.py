"""The API's spans of time: `d.HH:mm:ss(.fff)`, `HH:mm:ss`, or a bare number, whose unit depends on the field."""

import math
import re
from typing import Final

DAY: Final = 86_400.0
_SPAN = re.compile(r"(?:([0-9]{1,8})\.)?([0-9]{1,2}):([0-9]{1,2}):([0-9]{1,2}(?:\.[0-9]{1,7})?)")
_DIGITS = re.compile(r"[0-9]{1,15}")
_HOURS, _SIXTY = 24, 60


def parse_timespan(value: object, *, bare: float) -> float | None:
    """Seconds; `bare` is the unit of a bare number, in seconds.

    None if the value is known at run time only (`{{...}}`), or is no span: negative, not finite, 25 hours of a day,
    another type.
    """
    if isinstance(value, str):
        return _parse_text(value.strip(), bare)
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    try:
        seconds = float(value) * bare
    except OverflowError:
        return None
    return seconds if math.isfinite(seconds) and seconds >= 0 else None


def _parse_text(text: str, bare: float) -> float | None:
    if _DIGITS.fullmatch(text):
        return float(text) * bare
    match = _SPAN.fullmatch(text)
    if match is None:
        return None
    days, hours, minutes, seconds = int(match[1] or 0), int(match[2]), int(match[3]), float(match[4])
    if hours >= _HOURS or minutes >= _SIXTY or seconds >= _SIXTY:
        return None
    return days * DAY + hours * 3600.0 + minutes * 60.0 + seconds
