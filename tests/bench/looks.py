"""How the budget is spent, by discrete events: the policy against four others that meet the same facts."""

import time
import tracemalloc
from collections.abc import Callable, Iterator

from monitor.core.scheduling.arms import Terms
from monitor.core.scheduling.looks import Looks
from tests.bench.house import Figure, say
from tests.core.looks_policies import ByPriorityAndAge, by_index, proportional, round_robin, square_root
from tests.core.looks_world import (
    Policy,
    World,
    constant,
    daily_wave,
    deploy,
    halved,
    known_wakes,
    lognormal,
    storm,
    wrong_rates,
)
from tests.core.looks_world import (
    run as play,
)

_SECONDS = 4000.0
_BEST, _WORST, _TIMES = 1.05, 1.05, 10
_SIZES = (1_000, 100_000, 1_000_000)
_OTHERS: dict[str, Callable[[], Policy]] = {
    "proportional": proportional,
    "priority x age": ByPriorityAndAge,
    "square root": square_root,
}


def run() -> Iterator[Figure]:
    for world in _constant():
        yield from _compared(world)
    for load in (0.1, 0.3, 0.5, 0.7, 0.9, 1.1, 1.4):
        yield from _compared(known_wakes(load, _SECONDS, count=400), _TIMES if load < 1 else None)
    for world in _hostile():
        yield from _compared(world)
    for size in _SIZES:
        yield from _grown(size)


def _constant() -> Iterator[World]:
    for sigma in (0.0, 1.0, 2.0):
        yield constant(f"200, lognormal {sigma:g}", lognormal(sigma), _SECONDS)
    yield constant("400, Zipf 1", [1 / (number + 1) for number in range(400)], _SECONDS)
    yield constant("10 x 100, 190 x 1", [1.0] * 10 + [0.01] * 190, _SECONDS)


def _hostile() -> Iterator[World]:
    yield wrong_rates(_SECONDS, learns=False)
    yield wrong_rates(_SECONDS, learns=True)
    for told in ("late", "never", "half"):
        yield known_wakes(0.9, _SECONDS, count=400, told=told)
    yield from (halved(_SECONDS), daily_wave(_SECONDS), deploy(_SECONDS), storm(_SECONDS))


def _compared(world: World, times: int | None = None) -> Iterator[Figure]:
    ours, robin = play(world, by_index(world)), play(world, round_robin())
    others = {name: play(world, make()).delay for name, make in _OTHERS.items()}
    say(
        f"  looks: {world.name}: {ours.delay:.2f} s, round robin {robin.delay:.2f}"
        + "".join(f", {name} {delay:.2f}" for name, delay in others.items())
        + f"; p50 {ours.p50:.1f}, p99 {ours.p99:.1f}, longest {ours.longest:.0f}, oldest look {ours.age:.0f} s,"
        f" {ours.requests_per_fact:.1f} requests a fact"
    )
    name = f"looks: {world.name}: weighted mean delay"
    if world.best == world.best:
        ratio = ours.delay / world.best
        yield Figure(f"{name} / D*", f"{ratio:.3f}", f"<= {_BEST}", ratio <= _BEST)
    if times is not None:
        shorter = robin.delay / ours.delay
        yield Figure(f"{name}, shorter than round robin's", f"{shorter:.1f} x", f">= {times} x", shorter >= times)
    else:
        ratio = ours.delay / robin.delay
        yield Figure(f"{name} / round robin's", f"{ratio:.3f}", f"<= {_WORST}", ratio <= _WORST)


def _grown(size: int) -> Iterator[Figure]:
    """What an arm takes, each with a known moment, and what a decision does."""
    terms = Terms(rate=1e-6)
    tracemalloc.start()
    looks = Looks()
    for number in range(size):
        looks.expect(looks.add(terms, 0.0, -float(number % 3600)), number / 10, 0.1, 0.0)
    memory = tracemalloc.get_traced_memory()[0] / size
    tracemalloc.stop()
    began, decisions, now = time.process_time(), 20_000, 0.0
    for _ in range(decisions):
        now += 0.1
        arm = looks.next(now)
        if arm is not None:
            looks.looked(arm, now)
    yield Figure(f"looks: memory per arm of {size:,}", f"{memory:.0f} B", "<= 150 B", memory <= 150)
    yield Figure(f"looks: a decision among {size:,}", f"{(time.process_time() - began) / decisions * 1e6:.0f} us")
