"""The API's own clock: its reading and its timestamps at a world time."""

import math
from collections.abc import Sequence
from datetime import datetime

from monitor.sim.faults import Fault
from monitor.sim.timestamps import TICKS, ticks


class ApiClock:
    """The clock of one account. `skews`: faults SKEW, by which it is ahead while they last."""

    def __init__(self, epoch: datetime, skews: Sequence[Fault] = ()) -> None:
        self._epoch = ticks(epoch)
        self._skews = tuple(skews)
        self._most_ahead = sum(abs(skew.seconds) for skew in skews)

    def ticks(self, t: float) -> int:
        """Its reading at t."""
        if self._skews:
            t += sum(skew.seconds for skew in self._skews if skew.active(t))
        return self._epoch + math.floor(t * TICKS)

    def around(self, at: int) -> tuple[float, float]:
        """The earliest and the latest world time at which it may have shown `at`."""
        t = (at - self._epoch) / TICKS
        return t - self._most_ahead - _CUT, t + self._most_ahead + _CUT


_CUT = 0.02
"""Seconds: more than a timestamp with two digits of the second cuts off."""
