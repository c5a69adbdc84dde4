"""`workflow-monitor simulate`: only the simulated API."""

import argparse
import asyncio
import contextlib
import itertools

from monitor import app
from monitor.commands.options import Adding, port, say
from monitor.commands.process import lived, stop_on_signals
from monitor.sim import simulate
from monitor.sim.scenario import watched
from monitor.sim.world import World


def add(command: Adding) -> None:
    sub = command("simulate", _simulate, "only the simulated API")
    sub.add_argument("--port", type=port, required=True)
    sub.add_argument("--scenario", choices=simulate.scenario_names(), default="demo_day")


def _simulate(options: argparse.Namespace) -> int:
    def ready(address: str, world: World) -> None:
        say(f"The simulated API is at {address} (scenario {options.scenario}). Accounts and their keys:")
        for account in world.scenario.accounts:
            say(f"  {account.id}: {account.key}")
        say("Some of its workflow instances:")
        for one in itertools.islice(watched(world.scenario, world.seed), 5):
            say(f"  {one.account} {one.definition} {one.workflow}  {one.name}")

    async def live() -> None:
        stop = stop_on_signals()
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
        return lived(live())
    except OSError as error:
        raise app.StartError(f"--port: cannot listen on port {options.port}: {error.strerror}") from error
