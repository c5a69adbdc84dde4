"""What asyncio leaves out and more than one loop needs."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Final, TypeVar

T = TypeVar("T")
TURN: Final = 10.0
"""Seconds; a loop says at least so often that it turns."""


async def beating(waited_for: Awaitable[T], beat: Callable[[], None]) -> T:
    """The result of what may take long because somebody else does, with a beat per turn meanwhile.

    For what waits for the writer, which says itself whether it turns: a full disk must not look like a loop that is
    stuck. Cancelled, it cancels what it waits for.
    """
    task = asyncio.ensure_future(waited_for)
    try:
        while not (await asyncio.wait({task}, timeout=TURN))[0]:
            beat()
    finally:
        task.cancel()
    return task.result()
