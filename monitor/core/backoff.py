"""Exponential back-off with equal jitter, half of it fixed.

M. Brooker, "Exponential Backoff And Jitter", AWS 2015.
"""

from typing import Final

FIRST: Final = 0.5
"""Seconds; the first retry waits at most this long, and at least half of it."""
LONGEST: Final = 300.0
"""Seconds; a back-off grows no further."""
LONGEST_ASKED: Final = 3600.0
"""Seconds; a longer `Retry-After` of a receiver is cut to this: an alert that comes a day late is lost."""


def backoff(attempts: int, jitter: float, *, at_least: float | None = None) -> float:
    """Seconds to wait after this many tries (from 1). `jitter` in [0, 1). `at_least`: seconds of a `Retry-After`."""
    ceiling = min(LONGEST, FIRST * 2.0 ** min(max(attempts, 1) - 1, 30))
    return max((1 + jitter) / 2 * ceiling, min(at_least or 0.0, LONGEST_ASKED))
