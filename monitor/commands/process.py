"""Start, stop by a signal and end of commands that run until a signal."""

import asyncio
import os
import signal
from collections.abc import Coroutine
from typing import Any

from monitor import app
from monitor.commands.options import CLEAN, FAILED


def stop_on_signals() -> asyncio.Event:
    """Set by the first SIGTERM or SIGINT; the second one ends the process at once."""
    stop = asyncio.Event()

    def asked() -> None:
        if stop.is_set():
            os._exit(FAILED)
        stop.set()

    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, asked)
    return stop


def lived(life: Coroutine[Any, Any, None]) -> int:
    """Run to the end. Raises StartError alone, without the group of its task."""
    try:
        asyncio.run(life)
    except* app.StartError as group:
        raise group.exceptions[0] from None
    return CLEAN
