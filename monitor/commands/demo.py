"""`workflow-monitor demo`: simulator, monitor and console in one process."""

import argparse
import asyncio

from monitor import app, demo
from monitor.commands.options import Adding, duration, port
from monitor.commands.process import lived, stop_on_signals


def add(command: Adding) -> None:
    sub = command("demo", _demo, "simulator, monitor and console in one process, no configuration needed")
    sub.add_argument("--duration", type=duration, metavar="30s", help="end after this time with exit code 0")
    sub.add_argument("--port", type=port, default=8808, help="serves the page and /metrics (default %(default)s)")


def _demo(options: argparse.Namespace) -> int:
    async def live() -> None:
        stop = stop_on_signals()
        if options.duration is not None:
            asyncio.get_running_loop().call_later(options.duration, stop.set)
        await demo.run_demo(options.port, stop)

    try:
        return lived(live())
    except app.StartError as error:
        # The port of the demo is an option, not a setting.
        raise app.StartError(str(error).replace("server.port:", "--port:")) from error
