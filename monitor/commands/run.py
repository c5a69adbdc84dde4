"""Commands that live until they are told to stop: `run`, `demo`, `simulate`."""

import argparse
import asyncio
import contextlib
import itertools
import os
import signal
from collections.abc import Coroutine
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from monitor import app, demo
from monitor.commands.options import CLEAN, FAILED, Adding, duration, loader, port, say, with_config
from monitor.sim import simulate
from monitor.sim.scenario import watched
from monitor.sim.world import World

_LOOKUPS = 32
"""Threads at most that resolve names at once; there are about as many as there are hosts that do not answer."""


def add(command: Adding) -> None:
    with_config(command("run", _run, "run the monitor"))
    sub = command("demo", _demo, "simulator, monitor and console in one process, no configuration needed")
    sub.add_argument("--duration", type=duration, metavar="30s", help="end after this time with exit code 0")
    sub.add_argument("--port", type=port, default=8808, help="serves the page and /metrics (default %(default)s)")
    sub = command("simulate", _simulate, "only the simulated API")
    sub.add_argument("--port", type=port, required=True)
    sub.add_argument("--scenario", choices=simulate.scenario_names(), default="demo_day")


def _run(options: argparse.Namespace) -> int:
    app.raise_limit()
    load = loader(options)
    settings = load()

    async def live() -> None:
        # Only names are resolved there. A lookup that hangs keeps its thread, and must not keep other hosts waiting.
        asyncio.get_running_loop().set_default_executor(ThreadPoolExecutor(_LOOKUPS, "resolve"))
        daemon = app.Daemon(settings, load)
        stop = _stop_on_signals()
        reloads: set[asyncio.Task[object]] = set()

        def reload() -> None:
            task = asyncio.ensure_future(daemon.reload("sighup"))
            reloads.add(task)
            task.add_done_callback(reloads.discard)

        asyncio.get_running_loop().add_signal_handler(signal.SIGHUP, reload)
        await daemon.run(stop)

    return _lived(live())


def _demo(options: argparse.Namespace) -> int:
    async def live() -> None:
        stop = _stop_on_signals()
        if options.duration is not None:
            asyncio.get_running_loop().call_later(options.duration, stop.set)
        await demo.run_demo(options.port, stop)

    try:
        return _lived(live())
    except app.StartError as error:
        # Here the port is no key of a file.
        raise app.StartError(str(error).replace("server.port:", "--port:")) from error


def _simulate(options: argparse.Namespace) -> int:
    def ready(address: str, world: World) -> None:
        say(f"The simulated API is at {address} (scenario {options.scenario}). Accounts and their keys:")
        for account in world.scenario.accounts:
            say(f"  {account.id}: {account.key}")
        say("Some of its workflow instances:")
        for one in itertools.islice(watched(world.scenario, world.seed), 5):
            say(f"  {one.account} {one.definition} {one.workflow}  {one.name}")

    async def live() -> None:
        stop = _stop_on_signals()
        serving = asyncio.ensure_future(
            simulate.simulate("127.0.0.1", options.port, options.scenario, now=app.utc_now, on_ready=ready)
        )
        stopping = asyncio.ensure_future(stop.wait())
        await asyncio.wait([serving, stopping], return_when=asyncio.FIRST_COMPLETED)
        stopping.cancel()
        serving.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await serving

    try:
        return _lived(live())
    except OSError as error:
        raise app.StartError(f"--port: cannot listen on port {options.port}: {error.strerror}") from error


def _stop_on_signals() -> asyncio.Event:
    """Set by the first SIGTERM or SIGINT; the second one ends the process at once."""
    stop = asyncio.Event()

    def asked() -> None:
        if stop.is_set():
            os._exit(FAILED)
        stop.set()

    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, asked)
    return stop


def _lived(life: Coroutine[Any, Any, None]) -> int:
    """Run to the end; a failure to start, alone in its group, is told as what it is."""
    try:
        asyncio.run(life)
    except* app.StartError as group:
        raise group.exceptions[0] from None
    return CLEAN
