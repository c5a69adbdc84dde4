"""Whether the loops of the daemon turn: liveness counts turns, never successes."""

import msgspec


class LoopHealth(msgspec.Struct, frozen=True, gc=False):
    turns: bool
    idle: float
    """Seconds since it last turned."""


class Pulses:
    """The last turn of every loop, on the loop's clock."""

    def __init__(self, patience: float = 60.0) -> None:
        """`patience`: seconds after which a loop that did not turn counts as stuck."""
        self._patience = patience
        self._last: dict[str, float] = {}

    def beat(self, loop: str, now: float) -> None:
        self._last[loop] = now

    def forget(self, loop: str) -> None:
        """The loop has ended as it should."""
        self._last.pop(loop, None)

    def loops(self, now: float) -> dict[str, LoopHealth]:
        """May be asked on another thread than the one whose loops turn."""
        return {
            loop: LoopHealth(now - last <= self._patience, round(now - last, 3))
            for loop, last in self._last.copy().items()
        }
