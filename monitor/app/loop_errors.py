"""What asyncio itself reports, such as an accept without descriptors: a line per kind and minute, not per attempt."""

import asyncio
from collections.abc import Callable
from typing import Any

from structlog.typing import FilteringBoundLogger

from monitor.core.log_limit import LogLimit


class LoopErrors:
    """An exception handler of the event loop."""

    def __init__(self, log: FilteringBoundLogger, time: Callable[[], float]) -> None:
        self._log = log
        self._time = time
        self._limit = LogLimit()

    def __call__(self, _loop: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
        message, error = str(context.get("message", "")), context.get("exception")
        name = type(error).__name__
        if times := self._limit.times((message, name), self._time()):
            self._log.error("loop.error", message=message, error=name, times=times, exc_info=error)
