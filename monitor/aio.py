"""What asyncio leaves out and more than one loop needs."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from typing import Final, TypeVar

T = TypeVar("T")
TURN: Final = 10.0
"""Seconds; a loop beats at least this often."""
CHUNK: Final = 500
"""Items per slice, before yielding to the event loop."""
_SHORTEST: Final = 1e-6
"""Seconds; the rounding of a moment may leave less than the clock can show, and a loop would turn until it moves."""


async def beating(waited_for: Awaitable[T], beat: Callable[[], None]) -> T:
    """The result of what may take long because of the writer, with a beat per turn meanwhile.

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


async def at_most(seconds: float, waiting: Awaitable[object]) -> None:
    """Wait for it this many seconds at most; then it is cancelled."""
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(seconds):
            await waiting


async def sleep(seconds: float, wakeup: asyncio.Event) -> None:
    """Until `wakeup` is set, at most this long; afterwards it is set in either case.

    The caller clears it before it looks at what may have changed: then no change is missed.
    """
    timer = asyncio.get_running_loop().call_later(max(seconds, _SHORTEST), wakeup.set)
    try:
        await wakeup.wait()
    finally:
        timer.cancel()


async def chunks(items: Sequence[T], size: int = CHUNK) -> AsyncIterator[Sequence[T]]:
    """Slices of a list; after each the loop does other things."""
    for start in range(0, len(items), size):
        yield items[start : start + size]
        await asyncio.sleep(0)


async def in_chunks(items: Sequence[T], take: Callable[[T], None]) -> None:
    """However many there are, the loop is not held."""
    async for some in chunks(items):
        for item in some:
            take(item)
