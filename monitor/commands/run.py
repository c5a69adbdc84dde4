"""`workflow-monitor run`: the daemon."""

import argparse
import asyncio
import signal
from concurrent.futures import ThreadPoolExecutor

from monitor import app
from monitor.commands.options import Adding, loader, with_config
from monitor.commands.process import lived, stop_on_signals

_LOOKUPS = 32
"""The most threads that resolve names; each lookup that hangs takes one."""


def add(command: Adding) -> None:
    with_config(command("run", _run, "run the monitor"))


def _run(options: argparse.Namespace) -> int:
    app.raise_limit()
    load = loader(options)
    settings = load()

    async def live() -> None:
        # Only names are resolved there. A lookup that hangs keeps its thread, and must not keep other hosts waiting.
        asyncio.get_running_loop().set_default_executor(ThreadPoolExecutor(_LOOKUPS, "resolve"))
        daemon = app.Daemon(settings, load)
        stop = stop_on_signals()
        reloads: set[asyncio.Task[object]] = set()

        def reload() -> None:
            task = asyncio.ensure_future(daemon.reload("sighup"))
            reloads.add(task)
            task.add_done_callback(reloads.discard)

        asyncio.get_running_loop().add_signal_handler(signal.SIGHUP, reload)
        await daemon.run(stop)

    return lived(live())
