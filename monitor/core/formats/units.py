"""Durations and sizes of the configuration: `250ms`, `30s`, `5m`, `2h`, `7d`; `8MiB`."""

import re

_SECONDS = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0}
_SECOND = 1000
"""Milliseconds."""
_BYTES = {"B": 1, "KiB": 1024, "MiB": 1024**2, "GiB": 1024**3}
_DURATION = re.compile(r"(\d+(?:\.\d+)?)(ms|s|m|h|d)")
_SIZE = re.compile(r"(\d+)(B|KiB|MiB|GiB)")


def parse_duration(text: str) -> float:
    """Seconds; raises ValueError with the expected form."""
    match = _DURATION.fullmatch(text.strip())
    if match is None:
        raise ValueError(f"expected a duration such as 250ms, 30s, 5m, 2h or 7d, got {text[:40]!r}")
    return float(match[1]) * _SECONDS[match[2]]


def parse_size(text: str) -> int:
    """Bytes; raises ValueError with the expected form."""
    match = _SIZE.fullmatch(text.strip())
    if match is None:
        raise ValueError(f"expected a size such as 512KiB or 8MiB, got {text[:40]!r}")
    return int(match[1]) * _BYTES[match[2]]


def format_duration(seconds: float) -> str:
    """The two largest units that are not zero, for people: `2h 5m`, `31s`, `250ms`.

    >>> format_duration(7505)
    '2h 5m'
    """
    milliseconds = round(max(seconds, 0) * 1000)
    if milliseconds < _SECOND:
        return f"{milliseconds}ms"
    whole = round(seconds)
    parts: list[str] = []
    for unit in ("d", "h", "m", "s"):
        count, whole = divmod(whole, round(_SECONDS[unit]))
        if count:
            parts.append(f"{count}{unit}")
        elif parts:
            break
    return " ".join(parts[:2])
