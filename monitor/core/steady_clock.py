"""The time of day while the system's clock is set: by an operator, by a bad step of NTP, by a machine's suspension.

The rules:

1.  The loop's clock measures the time between two readings. A wall clock that differs by less than `STEP` is followed
    at once, since clocks are adjusted all the time.
2.  A larger step is doubted: time goes on as before, so no hold or limit ends because of it.
3.  The step is believed once the `Date` of an answer has taken the same step, or agrees with the wall clock as it is
    now (which was being corrected); without any such answer, after `PATIENCE`. An answer whose `Date` took no such step
    is evidence against it.
"""

from typing import Final

import msgspec

STEP: Final = 60.0
"""Seconds. Also the largest difference between a step and the `Date` of an answer that confirms it."""
PATIENCE: Final = 3600.0
"""Seconds that a step is doubted without evidence from the API."""


class Steady(msgspec.Struct, frozen=True, gc=False):
    """The offset of the believed time from the loop's clock."""

    offset: float
    """Seconds: the believed time less the loop's clock."""
    step: float = 0.0
    """Seconds that the wall clock is ahead of the believed time, while the step is doubted; 0.0: no step is doubted."""
    since: float = 0.0
    """Loop time: the start of the doubt, or the last evidence against the step."""


def read(before: Steady, wall: float, loop: float) -> Steady:
    """After a look at both clocks, in seconds."""
    ahead = wall - loop - before.offset
    if abs(ahead) < STEP:
        return before if not before.step and not ahead else Steady(before.offset + ahead)
    if not before.step or abs(ahead - before.step) >= STEP:
        return Steady(before.offset, ahead, loop)
    return _stepped(before) if loop - before.since >= PATIENCE else before


def heard(before: Steady, moved: float, loop: float, ahead: float) -> Steady:
    """After an answer of the API.

    `moved`: seconds that its clock has moved against the believed time; `ahead`: seconds that it is ahead of it.
    """
    if before.step and min(abs(moved - before.step), abs(ahead - before.step)) < STEP:
        return _stepped(before)
    if before.step and abs(moved) < STEP:
        return Steady(before.offset, before.step, loop)
    return before


def _stepped(before: Steady) -> Steady:
    return Steady(before.offset + before.step)
