"""`workflow-monitor simulate`: only the simulated API."""

import argparse
import asyncio
import contextlib
import itertools
from collections.abc import Callable, Iterator

import msgspec

from monitor import app
from monitor.commands.options import Adding, UsageError, duration, port, say
from monitor.commands.process import lived, stop_on_signals
from monitor.sim import simulate
from monitor.sim.definitions import definition_id
from monitor.sim.scenario import Scenario, WatchedInstance, watched, watched_as
from monitor.sim.scenario_builders import limited, with_odd_lists
from monitor.sim.scenarios import SCENARIOS, traffic
from monitor.sim.traffic import Storm
from monitor.sim.world import World

_OF_TRAFFIC = (
    "definitions",
    "versions",
    "lifetime",
    "deploy_every",
    "wave",
    "zipf",
    "faults_per_hour",
    "late",
    "storm",
    "storm_at",
)
_STORM_AT = 60.0
_SHOWN = 5
_MOST_INSTANCES, _MOST_DEFINITIONS, _MOST_VERSIONS = 10_000_000, 2000, 100


def add(command: Adding) -> None:
    sub = command("simulate", _simulate, "only the simulated API")
    sub.add_argument("--port", type=port, required=True)
    what = sub.add_mutually_exclusive_group()
    what.add_argument("--scenario", choices=simulate.scenario_names(), default="demo_day")
    what.add_argument(
        "--population",
        type=_count(_MOST_INSTANCES),
        metavar="N",
        help="instead: about N running instances, new ones all day",
    )
    sub.add_argument("--seed", type=int, default=0, help="another one makes other ids, times and faults")
    sub.add_argument("--rate-limit", type=_positive, metavar="N", help="answer 429 to more than N requests a second")
    sub.add_argument("--gzip", action="store_true", help="compress long answers for clients that accept it")
    sub.add_argument(
        "--odd-lists",
        action="store_true",
        help="lists of instances lag by 20s, lose, repeat and reorder rows, tell old statuses, exclude both bounds, "
        "and take an offset for a number of pages",
    )
    _add_traffic(sub.add_argument_group("with --population"))


def _add_traffic(group: argparse._ArgumentGroup) -> None:
    group.add_argument("--definitions", type=_count(_MOST_DEFINITIONS), metavar="N", help="of the account (default: 5)")
    group.add_argument(
        "--versions", type=_count(_MOST_VERSIONS), metavar="N", help="of each definition; two are running (default: 2)"
    )
    group.add_argument("--lifetime", type=_seconds, metavar="TIME", help="mean, of most instances (default: 1h)")
    group.add_argument("--deploy-every", type=_seconds, metavar="TIME", help="each definition gets a new version")
    group.add_argument("--wave", type=_share, metavar="SHARE", help="by which starts rise and fall in a day")
    group.add_argument("--zipf", type=_positive, metavar="X", help="the n-th definition has 1/n**X of the first one")
    group.add_argument(
        "--faults-per-hour", type=_share, metavar="SHARE", help="of the running instances (default: 0.001)"
    )
    group.add_argument("--late", type=_share, metavar="SHARE", help="of the waits take twice what is declared")
    group.add_argument(
        "--storm", type=_count(_MOST_INSTANCES), metavar="N", help="about N instances fault within 10s, for one cause"
    )
    group.add_argument("--storm-at", type=duration, metavar="TIME", help="after the start (default: 1m)")


def _simulate(options: argparse.Namespace) -> int:
    scenario = _scenario(options)

    def ready(address: str, world: World) -> None:
        say(f"The simulated API is at {address} (scenario {scenario.name}). Accounts and their keys:")
        for account in scenario.accounts:
            say(f"  {account.id}: {account.key}")
        if scenario.traffic:
            say("Some of its definitions:")
            for line in itertools.islice(_definitions(scenario), _SHOWN):
                say(line)
        say("Some of its workflow instances:")
        for one in itertools.islice(_instances(world), _SHOWN):
            say(f"  {one.account} {one.definition} {one.workflow}  {one.name}")

    async def live() -> None:
        stop = stop_on_signals()
        serving = asyncio.ensure_future(
            simulate.simulate("127.0.0.1", options.port, scenario, now=app.utc_now, on_ready=ready, seed=options.seed)
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


def _scenario(options: argparse.Namespace) -> Scenario:
    scenario = SCENARIOS[options.scenario]() if options.population is None else _traffic(options)
    given = [name for name in _OF_TRAFFIC if getattr(options, name) is not None]
    if given and options.population is None:
        raise UsageError(f"--{given[0].replace('_', '-')}: only with --population N")
    scenario = msgspec.structs.replace(scenario, gzip=options.gzip)
    if options.rate_limit is not None:
        scenario = limited(scenario, options.rate_limit)
    return with_odd_lists(scenario) if options.odd_lists else scenario


def _traffic(options: argparse.Namespace) -> Scenario:
    wishes = {name: getattr(options, name) for name in _OF_TRAFFIC if not name.startswith("storm")}
    storms: tuple[Storm, ...] = ()
    if options.storm is not None:
        storms = (Storm(at=_STORM_AT if options.storm_at is None else options.storm_at, size=options.storm),)
    elif options.storm_at is not None:
        raise UsageError("--storm-at: only with --storm N")
    given = {name: wish for name, wish in wishes.items() if wish is not None}
    return traffic(options.population, storms=storms, **given)


def _definitions(scenario: Scenario) -> Iterator[str]:
    for one in scenario.traffic:
        for publication in one.publications:
            name = publication.definition.name
            yield f"  {one.account} {definition_id(one.account, name)}  {name}"


def _instances(world: World) -> Iterator[WatchedInstance]:
    yield from watched(world.scenario, world.seed)
    for one in world.scenario.traffic:
        for instance in world.traffic(one.account).running(0.0):
            yield watched_as(world.seed, instance)


def _count(most: int) -> Callable[[str], int]:
    def count(text: str) -> int:
        if not (text.isascii() and text.isdecimal()) or not 1 <= int(text) <= most:
            raise argparse.ArgumentTypeError(f"expected a number from 1 to {most}, got {text[:40]!r}")
        return int(text)

    return count


def _seconds(text: str) -> float:
    if (seconds := duration(text)) < 1.0:
        raise argparse.ArgumentTypeError(f"expected 1s or more, got {text[:40]!r}")
    return seconds


def _positive(text: str) -> float:
    with contextlib.suppress(ValueError):
        if 0.0 < float(text) < float("inf"):
            return float(text)
    raise argparse.ArgumentTypeError(f"expected a number above 0, got {text[:40]!r}")


def _share(text: str) -> float:
    with contextlib.suppress(ValueError):
        if 0.0 <= float(text) < 1.0:
            return float(text)
    raise argparse.ArgumentTypeError(f"expected a share from 0 to less than 1, got {text[:40]!r}")
