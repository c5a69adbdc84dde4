"""The simulator as a program: a scenario served until somebody ends it."""

import asyncio
from collections.abc import Callable
from datetime import datetime
from typing import NoReturn

from monitor.sim.scenario import Scenario
from monitor.sim.scenarios import SCENARIOS
from monitor.sim.server import base_url, serve
from monitor.sim.world import World


def scenario_names() -> list[str]:
    return list(SCENARIOS)


async def simulate(
    host: str,
    port: int,
    scenario: str | Scenario,
    *,
    now: Callable[[], datetime],
    on_ready: Callable[[str, World], None],
    seed: int = 0,
) -> NoReturn:
    """Serves until cancelled. The world starts now; `on_ready` gets the base URL and the world.

    Raises KeyError if no scenario has that name, OSError if the port is in use.
    """
    made = SCENARIOS[scenario]() if isinstance(scenario, str) else scenario
    loop = asyncio.get_running_loop()
    started, world = loop.time(), World(made, seed, epoch=now())
    runner = await serve(world, host, port, lambda: loop.time() - started)
    try:
        on_ready(base_url(runner), world)
        for traffic in made.traffic:
            for _ in world.traffic(traffic.account).warming(0.0):
                await asyncio.sleep(0)
        while True:
            await asyncio.Event().wait()
    finally:
        await runner.cleanup()
