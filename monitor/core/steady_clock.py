"""Which moment it is when somebody sets the clock: an operator, a bad step of NTP, a machine that was suspended.

The law:

1.  Between two readings as much time has passed as the loop's clock says. A wall clock that is off by less than `STEP`
    is followed at once: so clocks are kept right.
2.  A larger step is doubted: time goes on from where it was. Nothing that lasts ends because of it.
3.  It is believed once an answer of the API has taken the same step, by its `Date`, or agrees with the wall clock as it
    is now (which is being put right); and where no answer said anything about it, after `PATIENCE`. An answer whose
    `Date` took no such step speaks against it.
"""

from typing import Final

import msgspec

STEP: Final = 60.0
"""Seconds. Also how far the `Date` of an answer and a step may differ and still tell of the same."""
PATIENCE: Final = 3600.0
"""Seconds that a step is doubted of which the API says nothing."""


class Steady(msgspec.Struct, frozen=True, gc=False):
    """How the believed time follows from the loop's."""

    offset: float
    """Seconds: what is believed, less the loop's clock."""
    step: float = 0.0
    """Seconds that the wall clock is ahead of what is believed, while that is doubted; 0.0: it is not."""
    since: float = 0.0
    """Loop time: since when the step is doubted and nothing was said of it."""


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

    `moved`: seconds that its clock has moved against what is believed; `ahead`: seconds that it is ahead of that.
    """
    if before.step and min(abs(moved - before.step), abs(ahead - before.step)) < STEP:
        return _stepped(before)
    if before.step and abs(moved) < STEP:
        return Steady(before.offset, before.step, loop)
    return before


def _stepped(before: Steady) -> Steady:
    return Steady(before.offset + before.step)
