"""What asyncio itself reports, such as an accept without descriptors: a line per kind and minute, not per attempt."""

import asyncio
from collections.abc import Callable
from typing import Any

from structlog.typing import FilteringBoundLogger

_EVERY = 60.0
"""Seconds between two lines of one kind."""
_MOST_KINDS = 100


class LoopErrors:
    """An exception handler of the event loop."""

    def __init__(self, log: FilteringBoundLogger, time: Callable[[], float]) -> None:
        self._log = log
        self._time = time
        self._kinds: dict[tuple[str, str], tuple[float, int]] = {}
        """When each kind was logged last, and how many came since."""

    def __call__(self, _loop: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
        message, error = str(context.get("message", "")), context.get("exception")
        kind = message, type(error).__name__
        now = self._time()
        last, since = self._kinds.get(kind, (None, 0))
        if last is not None and now - last < _EVERY:
            self._kinds[kind] = last, since + 1
            return
        if len(self._kinds) >= _MOST_KINDS:
            self._kinds.clear()
        self._kinds[kind] = now, 0
        self._log.error("loop.error", message=message, error=kind[1], times=since + 1, exc_info=error)
