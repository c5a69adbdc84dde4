"""The daemon's clock: it advances steadily, even if the machine's clock is set."""

from collections.abc import Callable
from datetime import datetime, timedelta

from structlog.typing import FilteringBoundLogger

from monitor.core.steady_clock import Steady, heard, read


class Clock:
    """Gives moments, by the law of `core/steady_clock.py`. May be read on any thread."""

    def __init__(self, wall: Callable[[], datetime], loop_time: Callable[[], float]) -> None:
        self.wall = wall
        self._loop_time = loop_time
        self._steady = Steady(wall().timestamp() - loop_time())
        self._skews: dict[str, float] = {}
        """How far accounts were ahead before the step that is doubted."""
        self.log: FilteringBoundLogger | None = None

    def now(self) -> datetime:
        """The time, corrected for a step of the machine's clock that is doubted."""
        wall, loop = self.wall(), self._loop_time()
        seconds = wall.timestamp()
        self._turn(read(self._steady, seconds, loop))
        if not self._steady.step:
            return wall
        return wall - timedelta(seconds=seconds - loop - self._steady.offset)

    def latest(self) -> datetime:
        """The later of `now()` and the machine's clock: for deadlines that other machines measure."""
        return max(self.now(), self.wall())

    def heard(self, account: str, skew: float) -> float:
        """Seconds that an account is ahead, as an answer proved; returns how many by what is believed now."""
        before = self._steady
        if not before.step:
            self._skews[account] = skew
            return skew
        self._turn(heard(before, skew - self._skews.get(account, 0.0), self._loop_time(), skew))
        return skew - (self._steady.offset - before.offset)

    def _turn(self, after: Steady) -> None:
        before, self._steady = self._steady, after
        if self.log is None:
            return
        if after.step and after.step != before.step:
            self.log.warning("clock.step_doubted", seconds=round(after.step, 3))
        elif before.step and not after.step:
            stepped = abs(after.offset - before.offset) >= abs(before.step) / 2
            self.log.info("clock.step_believed" if stepped else "clock.step_undone", seconds=round(before.step, 3))
