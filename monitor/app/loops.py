"""Which loops of the daemon turn, by the event loop's clock."""

import asyncio
from collections.abc import Callable, Mapping
from functools import partial

from monitor.core.liveness import Liveness, LoopHealth


class Loops:
    """Made inside the running event loop; `health` and `idle` may be called on any thread."""

    def __init__(self, patience: float) -> None:
        """`patience`: seconds without a turn after which a loop counts as stuck."""
        self._liveness = Liveness(patience)
        self._time = asyncio.get_running_loop().time

    def turned(self, loop: str) -> None:
        self._liveness.beat(loop, self._time())

    def beat(self, loop: str) -> Callable[[], None]:
        """What the loop of this name calls at each of its turns."""
        return partial(self.turned, loop)

    def forget(self, loop: str) -> None:
        """The loop has ended as it should."""
        self._liveness.forget(loop)

    def health(self) -> Mapping[str, LoopHealth]:
        return self._liveness.loops(self._time())

    def idle(self) -> Mapping[str, float]:
        """Per loop the seconds since its last turn."""
        return {name: loop.idle for name, loop in self.health().items()}
