"""The daemon, as `workflow-monitor run` runs it, with a watch inside: `python -m tests.bench.observed CONFIG NOTES`.

It notes how long the loop was held and when permits were taken; twice a second the notes are written by a thread.
SIGUSR1 begins another phase: the longest holds of the one before are in `lags`.
"""

import asyncio
import gc
import json
import os
import signal
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from monitor import app
from monitor.settings import load_settings
from monitor.upstream.rate_limiter import Permit

_TICK = 0.002
_WRITE_EVERY = 0.5
_MOST_PERMITS = 200_000


class Ticker:
    """Asks to be called each 2 ms, and sees how much later it was: by the clock, and in CPU of the loop's thread."""

    def __init__(self) -> None:
        self.held = (0.0, 0.0)
        self._loop = asyncio.get_running_loop()
        self._asked = self._cpu = 0.0
        self._ask()

    def _ask(self) -> None:
        self._asked, self._cpu = time.monotonic(), time.thread_time()
        self._loop.call_later(_TICK, self._called)

    def _called(self) -> None:
        late = time.monotonic() - self._asked - _TICK
        cpu = time.thread_time() - self._cpu
        # Many short callbacks between two ticks hold nobody: what is ready runs in one turn of the loop, and so does
        # this. A turn longer than a tick is a hold.
        self.held = max(self.held[0], late), max(self.held[1], cpu if late > _TICK else 0.0)
        self._ask()


class Notes:
    def __init__(self, path: Path, daemon: app.Daemon) -> None:
        self._path = path
        self._daemon = daemon
        self._ticker = Ticker()
        self._phase = 0
        self._lags = (0.0, 0.0)
        self.permits: list[float] = []

    def next_phase(self) -> None:
        self._phase += 1
        self._lags, self._ticker.held = self._ticker.held, (0.0, 0.0)

    def record_permits(self) -> None:
        for member in self._daemon.accounts.values():
            gate = member.gate
            gate._take = self._recorded(gate._take)  # type: ignore[method-assign] # where every permit is made

    def _recorded(self, take: Callable[[], Permit | None]) -> Callable[[], Permit | None]:
        def recorded() -> Permit | None:
            permit = take()
            if permit is not None and len(self.permits) < _MOST_PERMITS:
                self.permits.append(permit.taken_at)
            return permit

        return recorded

    def write_on(self, ended: threading.Event) -> None:
        while not ended.wait(_WRITE_EVERY):
            self.write()

    def write(self, **more: Any) -> None:
        notes = {"port": self._daemon.port, "phase": self._phase, "lags": self._lags, **more}
        scratch = self._path.with_suffix(".new")
        scratch.write_text(json.dumps(notes), "utf-8")
        scratch.replace(self._path)


async def main(config: Path, path: Path) -> None:
    loop = asyncio.get_running_loop()
    daemon = app.Daemon(load_settings(config, os.environ), lambda: load_settings(config, os.environ))
    notes = Notes(path, daemon)
    stop, ended = asyncio.Event(), threading.Event()
    reloads: set[asyncio.Task[tuple[str, ...]]] = set()
    loop.add_signal_handler(signal.SIGUSR1, notes.next_phase)
    loop.add_signal_handler(signal.SIGTERM, stop.set)
    loop.add_signal_handler(signal.SIGHUP, lambda: reloads.add(asyncio.ensure_future(daemon.reload("sighup"))))
    writing = threading.Thread(target=notes.write_on, args=(ended,))
    writing.start()
    running = asyncio.create_task(daemon.run(stop))
    if "BENCH_PERMITS" in os.environ:
        while not daemon.accounts and not running.done():  # noqa: ASYNC110 - nobody tells us
            await asyncio.sleep(0)
        notes.record_permits()
    try:
        await running
    finally:
        ended.set()
        writing.join()
        notes.write(permits=notes.permits, garbage=gc.get_stats())


if __name__ == "__main__":
    asyncio.run(main(Path(sys.argv[1]), Path(sys.argv[2])))
