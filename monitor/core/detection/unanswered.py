"""How long one target alone has had no usable answer, and when that makes an event.

An account that does not answer at all is blind, with one event for the account (`reachability.py`). So the time counts
only if the account answered about another target meanwhile. It is the time between failed polls, measured by the loop's
clock; after a restart it starts anew. A 429 is about the account, and changes nothing here.
"""

from typing import Final

import msgspec

from monitor.core.model import Outcome

_INTERVALS: Final = 10
_AT_LEAST: Final = 600.0
"""Seconds."""


class Silence(msgspec.Struct, frozen=True, gc=False):
    """The failed polls of a target since its last usable answer."""

    lasted: float = 0.0
    """Seconds."""
    failed_at: float | None = None
    """When the last of them ended, by the loop's clock; None: there is none."""


NO_SILENCE: Final = Silence()


def patience(interval: float) -> float:
    """Seconds after which a target that is polled each `interval` seconds is unanswered."""
    return max(_INTERVALS * interval, _AT_LEAST)


def heard(silence: Silence, outcome: Outcome, interval: float, clock: float, answered_at: float | None) -> Silence:
    """A poll of the target has ended at `clock`; at `answered_at` its account last answered about any target.

    A gap between two polls counts for at most half of the patience: the lane may have been closed, or the API down.
    """
    if outcome.answered:
        return NO_SILENCE
    if outcome is Outcome.THROTTLED:
        return silence
    before, gap = silence.failed_at, 0.0
    if before is not None and answered_at is not None and answered_at > before:
        gap = min(clock - before, patience(interval) / 2)
    return Silence(silence.lasted + gap, clock)
