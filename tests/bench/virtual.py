"""The whole daemon in virtual time, with the simulated API in its process: what it told and asked, and when."""

import asyncio
import json
import math
import tempfile
import time
from collections.abc import Awaitable, Callable, Iterator, Mapping
from datetime import datetime
from pathlib import Path
from typing import Any, NamedTuple

import looptime
import msgspec

from monitor.sim.scenario import Scenario, workflow_id
from monitor.sim.script import Script
from monitor.sim.traffic import Traffic
from monitor.sim.world import World
from tests.bench.house import Figure, say
from tests.bench.windows import excess
from tests.stories.house import EPOCH, House

RATE, BURST = 10.0, 10
_PARTS = 10
"""In which the time is said to pass."""


class Told(NamedTuple):
    """A line about an event, written once it is committed."""

    at: float
    """Seconds of the world, as all times here."""
    type: str
    workflow: str
    line: dict[str, Any]


class Observed(msgspec.Struct, frozen=True):
    """One run."""

    world: World
    told: tuple[Told, ...]
    rate: float
    arrivals: tuple[float, ...]
    """Of all requests."""
    lists: int
    """How many of them were for lists of instances."""
    bounds: Mapping[tuple[str, str], float]
    """(definition, kind) -> the worst delay by the plan, in seconds, after the warm-up."""
    seconds: float
    """CPU of the daemon and of the simulated API, after the warm-up."""

    def when_told(self, facts: Mapping[str, float], *types: str) -> dict[str, float]:
        """When the first event of these types was told of each instance, after its fact."""
        found: dict[str, float] = {}
        for told in self.told:
            if told.type in types and told.at >= facts.get(told.workflow, math.inf):
                found.setdefault(told.workflow, told.at)
        return found

    def bound(self, kind: str) -> float | None:
        """The longest of all definitions; None if the plan says nothing."""
        return max([seconds for (_, of), seconds in self.bounds.items() if of == kind], default=None)


def watch(
    scenario: Scenario,
    *,
    warm: float,
    until: float,
    rate: float = RATE,
    discover: Mapping[str, Any] | None = None,
    **settings: Any,
) -> Observed:
    """Watch every definition of the scenario from 0 to `until`; what is measured begins at `warm`.

    `rate`: requests per second. `discover`, `settings`: more keys of the watchlist and of monitor.yaml.
    """

    async def watched(folder: Path) -> Observed:
        house = _house(folder, scenario, rate, discover or {}, settings)
        async with house:
            began = time.process_time()
            await _pass(house, warm)
            say(f"  {scenario.name}: warm after {time.process_time() - began:.0f} s of CPU")
            bounds, began = dict(_bounds(house)), time.process_time()
            await _pass(house, until)
            seconds = time.process_time() - began
            await house.crash()
        house.keeps_its_budget()
        arrivals = tuple([sent.at for sent in house.sent])
        lists = sum(sent.path.endswith("/workflows") for sent in house.sent if sent.at >= warm)
        return Observed(house.world, tuple(_told(house)), rate, arrivals, lists, bounds, seconds)

    return in_virtual_time(watched)


def in_virtual_time(play: Callable[[Path], Awaitable[Observed]]) -> Observed:
    """In a folder in memory if there is one: virtual time does not pass while a disk is waited for."""
    memory = Path("/dev/shm")  # noqa: S108 - the folder below has a name of its own
    with tempfile.TemporaryDirectory(dir=memory if memory.is_dir() else None) as folder:
        loop = looptime.new_event_loop(noop_cycles=5)
        asyncio.set_event_loop(loop)
        try:
            return loop.run_until_complete(play(Path(folder)))
        finally:
            loop.close()
            asyncio.set_event_loop(None)


def _house(
    folder: Path, scenario: Scenario, rate: float, discover: Mapping[str, Any], settings: Mapping[str, Any]
) -> House:
    lane = {"requests_per_second": rate, "burst": BURST}
    house = House(folder, scenario, receivers=(), targets=[], lane=lane, log={"level": "warning"}, **settings)
    house.defaults = {}
    house.discover = [
        {"definition": "*", "account": account.id, "lookback": "1m", **discover} for account in scenario.accounts
    ]
    return house


async def _pass(house: House, until: float) -> None:
    step = (until - house.t) / _PARTS
    for part in range(_PARTS):
        began = time.process_time()
        await house.until(until - step * (_PARTS - 1 - part))
        spent = time.process_time() - began
        say(f"    {house.t:.0f} s: {len(house.daemon.targets):,} targets, {spent / step:.2f} s of CPU a second")


def _bounds(house: House) -> Iterator[tuple[tuple[str, str], float]]:
    for family in house.daemon.registry.collect():
        if family.name == "workflow_monitor_detection_bound_seconds":
            for sample in family.samples:
                yield (sample.labels["definition"], sample.labels["kind"]), sample.value


def _told(house: House) -> Iterator[Told]:
    for text in house.log.getvalue().splitlines():
        line = json.loads(text)
        if "event_id" in line and "workflow" in line:
            at = datetime.fromisoformat(line["timestamp"]) - EPOCH
            yield Told(at.total_seconds(), line["event"], line["workflow"], line)


# --- what is true -----------------------------------------------------------------------------------------


def terminated(world: World, traffic: Traffic, begin: float, end: float) -> dict[str, float]:
    """Which instances ended by a fault after `begin` and not after `end`, and when."""
    ended = world.traffic(traffic.account).ended(begin, end)
    return {workflow_id(world.seed, one): one.starts + one.script.ending.at for one in ended if faulty(one.script)}  # type: ignore[union-attr] # a fault has an ending


def faulty(script: Script) -> bool:
    return script.ending is not None and bool(script.ending.faults)


# --- what is said of it -----------------------------------------------------------------------------------


class Delays(NamedTuple):
    """Of all facts, in seconds."""

    untold: int
    """How many facts were not told until the end: they count as told then."""
    mean: float
    p50: float
    p99: float
    longest: float

    def __str__(self) -> str:
        untold = f", {self.untold} not told" if self.untold else ""
        return f"mean {self.mean:.1f}, p50 {self.p50:.1f}, p99 {self.p99:.1f}, longest {self.longest:.1f} s{untold}"


def delays(facts: Mapping[str, float], told: Mapping[str, float], end: float) -> Delays:
    late = sorted(told.get(workflow, end) - at for workflow, at in facts.items())
    untold = len(facts.keys() - told.keys())
    return Delays(untold, sum(late) / len(late), _of(late, 0.5), _of(late, 0.99), late[-1])


def _of(ordered: list[float], share: float) -> float:
    return ordered[min(len(ordered) - 1, math.ceil(share * len(ordered)) - 1)]


def within_budget(name: str, observed: Observed) -> Figure:
    most = excess(observed.arrivals, observed.rate, BURST)
    return Figure(f"{name}: most requests above burst + rate * window", f"{most:+.6f}", "<= 0", most <= 1e-6)
