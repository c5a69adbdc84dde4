"""A discrete-event world for the policy of the budget: arms, facts and known moments, and the policies to compare.

A policy is asked for an arm at each request; the world tells it which facts the look found. Facts are drawn beforehand,
so that all policies meet the same ones.
"""

import itertools
import math
import random
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from typing import NamedTuple, Protocol

RATE = 10.0
"""Requests per second, unless a world says otherwise."""


class Moment(NamedTuple):
    """A known moment, as it is told."""

    time: float
    chance: float


class Arm(NamedTuple):
    """One thing that can be asked, and all that will ever happen in it."""

    facts: Sequence[float]
    """When something happens, seconds, sorted."""
    believed: float
    """Facts per second at unknown times, as the policy is told; what is true shows in `facts`."""
    weight: float = 1.0
    cost: float = 1.0
    moments: Sequence[Moment] = ()
    """In the order of time. The next is known once a look was made after the one before."""
    born: float = 0.0
    ends: float = math.inf
    group: int = 0
    """Whose evidence it shares."""
    version: int = 1


class World(NamedTuple):
    name: str
    arms: Sequence[Arm]
    seconds: float
    rate: Callable[[float], float] = lambda _: RATE
    """Requests per second at a time."""
    best: float = math.nan
    """`D*`, if rates are constant and nothing is known beforehand."""
    begin: float = 0.0
    """Facts from then on are counted."""
    learns: bool = False
    """Whether rates and chances are learned; else what is believed stays."""


class Result(NamedTuple):
    delay: float
    """Weighted mean, seconds. What is not found by the end counts as found then."""
    p50: float
    p99: float
    longest: float
    age: float
    """The longest time between two looks."""
    requests_per_fact: float


class Policy(Protocol):
    def add(self, number: int, arm: Arm, now: float) -> None: ...

    def remove(self, number: int) -> None: ...

    def next(self, now: float) -> int: ...

    def looked(self, number: int, now: float, facts: Sequence[float]) -> None: ...


# --- one run ----------------------------------------------------------------------------------------------


def run(world: World, policy: Policy) -> Result:
    changes = _changes(world.arms)
    last, at, requests, now = [arm.born for arm in world.arms], [0] * len(world.arms), 0.0, 0.0
    delays: list[tuple[float, float]] = []
    age = 0.0
    while now < world.seconds:
        while changes and changes[0][0] <= now:
            _, number, begins = changes.popleft()
            if begins:
                policy.add(number, world.arms[number], now)
            else:
                policy.remove(number)
        number = policy.next(now)
        arm = world.arms[number]
        now += arm.cost / world.rate(now)
        requests += arm.cost
        found = _facts(arm, at[number], now)
        at[number] += len(found)
        policy.looked(number, now, found)
        age, last[number] = max(age, now - last[number]), now
        delays += [(now - fact, arm.weight) for fact in found if fact >= world.begin]
    for arm, reached in zip(world.arms, at, strict=True):
        delays += [(now - fact, arm.weight) for fact in _facts(arm, reached, now) if fact >= world.begin]
    unseen = max(now - seen for arm, seen in zip(world.arms, last, strict=True) if arm.ends > now)
    return _result(delays, max(age, unseen), requests)


def _changes(arms: Sequence[Arm]) -> deque[tuple[float, int, bool]]:
    births = [(arm.born, number, True) for number, arm in enumerate(arms)]
    ends = [(arm.ends, number, False) for number, arm in enumerate(arms) if arm.ends < math.inf]
    return deque(sorted(births + ends))


def _facts(arm: Arm, reached: int, until: float) -> Sequence[float]:
    end = reached
    while end < len(arm.facts) and arm.facts[end] <= until:
        end += 1
    return arm.facts[reached:end]


def _result(delays: list[tuple[float, float]], age: float, requests: float) -> Result:
    weight = math.fsum(weight for _, weight in delays)
    mean = math.fsum(delay * weight for delay, weight in delays) / weight
    ordered = sorted(delay for delay, _ in delays)
    p50, p99 = ordered[len(ordered) // 2], ordered[len(ordered) * 99 // 100]
    return Result(mean, p50, p99, ordered[-1], age, requests / len(delays))


# --- the worlds -------------------------------------------------------------------------------------------


def poisson(rng: random.Random, rate: float, begin: float, end: float) -> Iterator[float]:
    now = begin
    while rate > 0 and (now := now + rng.expovariate(rate)) < end:
        yield now


def best_delay(arms: Sequence[Arm], rate: float = RATE) -> float:
    worth = [arm.believed * arm.weight for arm in arms]
    roots = math.fsum(math.sqrt(one * arm.cost) for one, arm in zip(worth, arms, strict=True))
    return roots**2 / (2 * rate * math.fsum(worth))


def constant(
    name: str, rates: Sequence[float], seconds: float, *, weights: Sequence[float] = (), seed: int = 1
) -> World:
    """What is believed is true, and nothing changes."""
    rng = random.Random(seed)  # noqa: S311 - no secrets
    arms = [
        Arm(tuple(poisson(rng, rate, 0.0, seconds)), rate, weight)
        for rate, weight in itertools.zip_longest(rates, weights, fillvalue=1.0)
    ]
    return World(name, arms, seconds, best=best_delay(arms), begin=seconds / 5)


def lognormal(sigma: float, count: int = 200, seed: int = 5, rate: float = 0.01) -> list[float]:
    rng = random.Random(seed)  # noqa: S311 - no secrets
    return [rate * math.exp(rng.gauss(0.0, sigma)) for _ in range(count)]


def known_wakes(load: float, seconds: float, *, count: int = 1000, seed: int = 1, told: str = "true") -> World:
    """Each arm changes at a known moment with a probability of a half; `load` such moments per request.

    `told`: "true"; "late" by a minute; "never" the moments at which anything changes, but as many others; or "half",
    that only of the arms in which nothing happens at them, with all that happens in the other half.
    """
    rng = random.Random(seed)  # noqa: S311 - no secrets
    period = count / (load * RATE)
    arms = [_waking(rng, number, period, seconds, told) for number in range(count)]
    return World(f"known wakes, load {load:g}" if told == "true" else f"wakes told wrong: {told}", arms, seconds)


def _waking(rng: random.Random, number: int, period: float, seconds: float, told: str) -> Arm:
    background, weight = 1e-5 * math.exp(rng.gauss(0.0, 1.0)), 10.0 if rng.random() < 0.1 else 1.0
    wakes = _wakes(rng, period, seconds)
    facts = [wake for wake in wakes if rng.random() < 0.5] + list(poisson(rng, background, 0.0, seconds))
    moments = [Moment(wake + (60.0 if told == "late" else 0.0), 0.5) for wake in wakes]
    if told == "never":
        moments = [Moment(wake, 0.5) for wake in _wakes(rng, period, seconds)]
    elif told == "half":
        facts, moments = (list(facts), []) if number % 2 else ([], moments)
    return Arm(tuple(sorted(facts)), background, weight, moments=tuple(moments))


def _wakes(rng: random.Random, period: float, seconds: float) -> list[float]:
    wakes, now = [], rng.uniform(0.0, period)
    while now < seconds:
        wakes.append(now)
        now += period * rng.uniform(0.5, 1.5)
    return wakes


def wrong_rates(seconds: float, *, learns: bool, sigma: float = 0.0, seed: int = 3) -> World:
    """Of each of 20 groups the rate is believed ten times too high or too low."""
    rng = random.Random(seed)  # noqa: S311 - no secrets
    arms = []
    for number, rate in enumerate(lognormal(sigma, 200, seed)):
        believed = rate * (10.0 if number % 2 else 0.1)
        arms.append(Arm(tuple(poisson(rng, rate, 0.0, seconds)), believed, group=number % 20))
    return World("rates 10x off" + (", learned" if learns else ""), arms, seconds, learns=learns)


def halved(seconds: float, *, sigma: float = 1.0) -> World:
    """After half of the time a 429 halves the budget."""
    world = constant("budget halved", lognormal(sigma), seconds)
    return world._replace(rate=lambda now: RATE if now < seconds / 2 else RATE / 2, best=math.nan, begin=0.0)


def daily_wave(seconds: float, *, count: int = 300, seed: int = 7) -> World:
    """What happens goes up and down by nine tenths; the mean is believed. Instances come and go."""
    rng = random.Random(seed)  # noqa: S311 - no secrets
    period, arms = seconds / 4, []
    for number, rate in enumerate(lognormal(1.0, count, seed)):
        born = 0.0 if number < count // 2 else rng.uniform(0.0, seconds * 0.8)
        ends = math.inf if number % 3 else born + rng.uniform(0.1, 0.5) * seconds
        peaks = poisson(rng, rate * 1.9, born, min(seconds, ends))
        facts = [now for now in peaks if rng.random() * 1.9 < 1 + 0.9 * math.sin(2 * math.pi * now / period)]
        arms.append(Arm(tuple(facts), rate, born=born, ends=ends))
    return World("daily wave", arms, seconds)


def deploy(seconds: float, *, seed: int = 9) -> World:
    """All instances are replaced by those of a new version, in which what was rare is frequent and the other way."""
    rng = random.Random(seed)  # noqa: S311 - no secrets
    arms, at = [], seconds / 3
    for number, rate in enumerate(lognormal(1.0, 200, seed)):
        new = 1e-4 / rate
        facts = tuple(poisson(rng, rate, 0.0, at))
        arms.append(Arm(facts, rate, ends=at, group=number % 20))
        facts = tuple(poisson(rng, new, at, seconds))
        arms.append(Arm(facts, rate, born=at, group=number % 20, version=2))
    return World("deploy", arms, seconds, learns=True)


def storm(seconds: float, *, seed: int = 11) -> World:
    """In the middle half of all arms fail within ten seconds, the rarest of them; then all is as before."""
    rng = random.Random(seed)  # noqa: S311 - no secrets
    rates = sorted(lognormal(1.0, 200, seed))
    arms = []
    for number, rate in enumerate(rates):
        facts = list(poisson(rng, rate, 0.0, seconds))
        if number < len(rates) // 2:
            facts += [seconds / 2 + rng.uniform(0.0, 10.0) for _ in range(5)]
        arms.append(Arm(tuple(sorted(facts)), rate))
    return World("storm", arms, seconds)
