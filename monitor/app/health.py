"""Whether the daemon does its work: alive for the heartbeat and the Watchdog, ready for those that send it traffic."""

import asyncio
from collections.abc import Callable, Mapping

from monitor.app.loops import Loops
from monitor.core.liveness import unhealthy_reason
from monitor.store import Store, Writer


class Health:
    """Liveness: every loop turns and the store commits."""

    def __init__(self, loops: Loops, store: Store, writer: Writer) -> None:
        self._loops = loops
        self._store = store
        self._writer = writer

    def alive(self) -> bool:
        return self._keeps() and all(loop.turns for loop in self._loops.health().values())

    def unhealthy_reason(self, acknowledges: Callable[[], Mapping[str, bool]]) -> str | None:
        """Why the monitor must not say that all is well; None: it does its work."""
        return unhealthy_reason(self._loops.health(), self._keeps(), acknowledges())

    def _keeps(self) -> bool:
        """Whether what is committed is there after the next start."""
        return self._writer.available and self._store.lost is None


class Readiness:
    """Readiness: everything is loaded, and the first polls are sent."""

    def __init__(self, store: Store, writer: Writer, first_polls_sent: Callable[[], bool]) -> None:
        self.started = asyncio.Event()
        """Set when everything turns."""
        self.stopping = False
        self.waits_for: str | None = None
        """Why the store cannot be opened yet."""
        self._store = store
        self._writer = writer
        self._first_polls_sent = first_polls_sent

    def loaded(self) -> bool:
        return self.started.is_set()

    def reason(self) -> str | None:
        """Why it is not ready, for people; None: it is."""
        if self.stopping:
            return "shutting down"
        if not self.loaded():
            return self.waits_for or "loading the last known states"
        if not self._writer.available:
            return "the store does not take commits; the log says why"
        if self._store.lost is not None:
            return self._store.lost
        return None if self._first_polls_sent() else "the first polls were not sent yet"
