"""The arms in the order of a round robin, with the requests that were spent since the last look at each.

A round is the cost of one look at every arm. It is counted in requests, not in seconds, so that it follows the rate
that the API allows, also through outages.
"""

import math
from array import array
from bisect import bisect_right

_OUT = -2
"""Not in the order: under way, resting, or free."""
_END = -1
_ROUNDING = 1e-9
_MARKS_PER_ROUND, _MARKS = 16, 256

_LOOKS = 64
"""The pace is averaged over about this many looks."""


class Rounds:
    """The arms in the order of their last looks, as a linked list in flat arrays. Arms are numbers from 0."""

    __slots__ = ("_after", "_before", "_marks", "_newest", "_now", "_oldest", "_stamps", "_times", "cost", "count")

    def __init__(self) -> None:
        self.cost = 0.0
        """Requests that one round takes."""
        self.count = 0.0
        """Rounds so far. Requests for a promise do not count."""
        self._stamps = array("d")
        """The count at the last look at each arm."""
        self._before = array("i")
        self._after = array("i")
        self._oldest = self._newest = _END
        self._now = 0.0
        self._times: list[float] = []
        self._marks: list[float] = []
        """The counts at `_times`."""

    def make_room(self, arms: int) -> None:
        """For this many more arms."""
        self._stamps.extend(array("d", [0.0]) * arms)
        self._before.extend(array("i", [_OUT]) * arms)
        self._after.extend(array("i", [_OUT]) * arms)

    def spend(self, cost: float, now: float) -> None:
        """Count a look that is not for a promise; `now`, in seconds, never decreases."""
        times, marks = self._times, self._marks
        if not times or self.count - marks[-1] >= 1 / _MARKS_PER_ROUND:
            times.append(now)
            marks.append(self.count)
            if len(times) > _MARKS:
                del times[: _MARKS // 2], marks[: _MARKS // 2]
        self.count += cost / self.cost
        self._now = now

    def append(self, arm: int) -> None:
        """Put an arm that is looked at now behind all others. It must not be in the order yet."""
        self._stamps[arm] = self.count
        self._before[arm], self._after[arm] = self._newest, _END
        if self._newest == _END:
            self._oldest = arm
        else:
            self._after[self._newest] = arm
        self._newest = arm

    def come_back(self, arm: int) -> None:
        """Put it before all others, unless it is in the order: an arm that was out of it for a while is old."""
        if self._before[arm] != _OUT:
            return
        self._before[arm], self._after[arm] = _END, self._oldest
        if self._oldest == _END:
            self._newest = arm
        else:
            self._before[self._oldest] = arm
        self._oldest = arm

    def drop(self, arm: int) -> None:
        before, after = self._before[arm], self._after[arm]
        if before == _OUT:
            return
        if before == _END:
            self._oldest = after
        else:
            self._after[before] = after
        if after == _END:
            self._newest = before
        else:
            self._before[after] = before
        self._before[arm] = self._after[arm] = _OUT

    def oldest(self) -> int | None:
        return None if self._oldest == _END else self._oldest

    def passed_over(self, arm: int, cost: float) -> float:
        """Rounds from its last look to the end of one that costs as much and begins now."""
        return (self.count - self._stamps[arm] + cost / self.cost) * (1 + _ROUNDING)

    def at(self, moment: float) -> float:
        """The count at `moment`, in seconds; for a moment long ago, the oldest known count."""
        times, marks = self._times, self._marks
        after = bisect_right(times, moment)
        if after == 0:
            return marks[0] if marks else self.count
        begin, first = times[after - 1], marks[after - 1]
        end, last = (times[after], marks[after]) if after < len(times) else (self._now, self.count)
        share = min((moment - begin) / (end - begin), 1.0) if end > begin else 1.0
        return first + share * (last - first)


class Pace:
    """Requests per second, over the last ones that were sent while something waited."""

    __slots__ = ("_cost", "_last", "_time")

    def __init__(self) -> None:
        self._cost = self._time = 0.0
        self._last: float | None = None

    @property
    def rate(self) -> float:
        """Infinite before anything is known."""
        return self._cost / self._time if self._time > 0.0 else math.inf

    def spend(self, cost: float, now: float) -> None:
        if self._last is not None:
            self._cost += cost - self._cost / _LOOKS
            self._time += now - self._last - self._time / _LOOKS
        self._last = now

    def pause(self) -> None:
        """Nothing waits: the time until the next request does not count."""
        self._last = None
