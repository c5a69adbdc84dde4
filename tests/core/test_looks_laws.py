"""What the policy of the budget reaches, by discrete events, against a round robin that meets the same facts."""

from collections.abc import Callable

import pytest

from tests.core.looks_policies import by_index, round_robin
from tests.core.looks_world import (
    World,
    constant,
    daily_wave,
    deploy,
    halved,
    known_wakes,
    lognormal,
    run,
    storm,
    wrong_rates,
)

_SECONDS = 1200.0
CONSTANT = [
    pytest.param(constant("alike", lognormal(0.0), _SECONDS), id="all alike"),
    pytest.param(constant("lognormal", lognormal(1.0), _SECONDS), id="lognormal, sigma 1"),
    pytest.param(constant("lognormal", lognormal(2.0), _SECONDS), id="lognormal, sigma 2"),
    pytest.param(constant("Zipf", [1 / (n + 1) for n in range(200)], _SECONDS), id="Zipf"),
    pytest.param(constant("few", [1.0] * 10 + [0.01] * 190, _SECONDS), id="ten of 200 are a hundred times as frequent"),
]
LONG = 2000.0
HOSTILE = [
    pytest.param(lambda: wrong_rates(LONG, learns=False), id="rates ten times off, nothing is learned"),
    pytest.param(lambda: wrong_rates(LONG, learns=True), id="rates ten times off"),
    pytest.param(lambda: wrong_rates(LONG, learns=False, sigma=1.0), id="rates spread, and ten times off"),
    pytest.param(lambda: known_wakes(0.9, LONG, count=200, told="late"), id="wakes are told a minute late"),
    pytest.param(lambda: known_wakes(0.9, LONG, count=200, told="never"), id="nothing happens at wakes"),
    pytest.param(lambda: known_wakes(0.9, LONG, count=200, told="half"), id="wakes of those in which nothing happens"),
    pytest.param(lambda: known_wakes(1.4, LONG, count=200), id="more wakes than requests"),
    pytest.param(lambda: halved(LONG), id="the budget is halved"),
    pytest.param(lambda: daily_wave(LONG), id="a daily wave"),
    pytest.param(lambda: deploy(LONG), id="a deploy"),
    pytest.param(lambda: storm(LONG), id="a storm"),
]


@pytest.mark.parametrize("world", CONSTANT)
def test_with_constant_rates_no_policy_is_better_by_more_than_five_percent(world: World) -> None:
    assert run(world, by_index(world)).delay <= 1.05 * world.best


@pytest.mark.parametrize("load", [0.1, 0.3, 0.5, 0.7, 0.9])
def test_what_happens_at_known_moments_is_seen_ten_times_sooner_than_by_a_round_robin(load: float) -> None:
    world = known_wakes(load, 1000.0, count=400)
    assert 10 * run(world, by_index(world)).delay <= run(world, round_robin()).delay


@pytest.mark.parametrize("make", HOSTILE)
def test_nothing_makes_it_worse_than_a_round_robin_by_more_than_five_percent(make: Callable[[], World]) -> None:
    world = make()
    result = run(world, by_index(world))
    assert result.delay <= 1.05 * run(world, round_robin()).delay
    alive = max(sum(arm.born <= at < arm.ends for arm in world.arms) for at in (0.0, LONG / 2, LONG - 1))
    assert result.age <= 6.5 * alive / world.rate(LONG)
