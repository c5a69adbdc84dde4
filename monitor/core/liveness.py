"""Whether the loops of the daemon turn: liveness counts turns, never successes."""

from collections.abc import Mapping

import msgspec


class LoopHealth(msgspec.Struct, frozen=True, gc=False):
    turns: bool
    idle: float
    """Seconds since it last turned."""


def unhealthy_reason(
    loops: Mapping[str, LoopHealth], store_available: bool, acknowledges: Mapping[str, bool]
) -> str | None:
    """Why the monitor must not report that all is well, for a log; None: it works.

    `acknowledges`: for every receiver, whether it acknowledges. One that does is enough: it brings the news about the
    others.
    """
    reasons = []
    if stuck := sorted(loop for loop, health in loops.items() if not health.turns):
        reasons.append(f"loops are stuck: {', '.join(stuck)}")
    if not store_available:
        reasons.append("the store does not take commits")
    if not acknowledges:
        reasons.append("there is no receiver")
    elif not any(acknowledges.values()):
        reasons.append(f"no receiver acknowledges: {', '.join(sorted(acknowledges))}")
    return "; ".join(reasons) or None


class Liveness:
    """The last turn of every loop, on the loop's clock."""

    def __init__(self, patience: float = 60.0) -> None:
        """`patience`: seconds without a turn after which a loop counts as stuck."""
        self._patience = patience
        self._last: dict[str, float] = {}

    def beat(self, loop: str, now: float) -> None:
        self._last[loop] = now

    def forget(self, loop: str) -> None:
        """The loop has ended on purpose."""
        self._last.pop(loop, None)

    def loops(self, now: float) -> dict[str, LoopHealth]:
        """Safe to call from another thread."""
        return {
            loop: LoopHealth(now - last <= self._patience, round(now - last, 3))
            for loop, last in self._last.copy().items()
        }
