"""The process is really killed, at every step: afterwards nothing is missing, and every id is one fact."""

import asyncio
import itertools
import random
from collections import Counter
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from monitor.sim import script_builders
from monitor.sim.faults import Fault, Trouble
from monitor.sim.scenario_builders import ACME, role, scene
from tests.crash.place import Graveyard, graveyard, place

_AT_ONCE = 6
"""Stories that are told at the same time; each is mostly waiting."""


@pytest.fixture
async def yard() -> AsyncIterator[Graveyard]:
    async with graveyard() as started:
        yield started


_ESSENTIAL = {
    "execute CREATE TABLE targets",
    "ask status",
    "use status",
    "ask errors",
    "use errors",
    "execute BEGIN IMMEDIATE",
    "execute INSERT INTO targets",
    "execute UPDATE targets SET",
    "execute INSERT INTO events",
    "execute INSERT INTO deliveries",
    "execute INSERT INTO alerts",
    "commit",
    "committed",
    "send",
    "sent",
    "execute UPDATE deliveries SET",
}
"""Every boundary between observation and mark; what else there is depends on what happens first."""
ONE_FAULT = scene(
    "one-fault", role("onboarding-reply", "lopez", script_builders.fault("onboarding-reply", "step1", "No.", 4))
)
A_DAY = scene(
    "a-day",
    role("onboarding-reply", "lopez", script_builders.fault("onboarding-reply", "step1", "No.", 30)),
    role("order-reminder", "order-1", script_builders.retried("order-reminder", "fetch_order", 20, 90, failures=3)),
    role(
        "order-reminder", "order-2", script_builders.suspended(script_builders.complete("order-reminder", 60), 20, 25)
    ),
    role("two-way-survey", "survey", script_builders.cancelled("two-way-survey", "wait_for_reply", 40, 80)),
    role("delivery-notice", "parcel", script_builders.fault("delivery-notice", "close_case", "HTTP 502", 70)),
    role("appointment-call", "call", script_builders.retried("appointment-call", "call", 30, 100, failures=2)),
)
A_BAD_DAY = scene(
    "a-bad-day",
    *A_DAY.cast.roles,
    faults=(
        Fault(trouble=Trouble.RESET, begin=25, end=55),
        Fault(trouble=Trouble.THROTTLED, begin=60, end=62, retry_after=0.2),
        Fault(trouble=Trouble.STATUS, begin=70, end=110, accounts=(ACME.id,)),
    ),
)


async def test_a_kill_at_any_step_loses_nothing_and_tells_nothing_twice_under_two_ids(
    yard: Graveyard, tmp_path: Path
) -> None:
    async with place(yard, tmp_path / "whole", ONE_FAULT) as here:
        whole = await here.life()
        assert not whole.killed
        here.check("oncall")
    waiting, deaths = asyncio.Semaphore(_AT_ONCE), Counter[str]()

    async def story(step: str, number: int) -> None:
        async with waiting, place(yard, tmp_path / f"{step}-{number}", ONE_FAULT) as here:
            if (await here.life(kill_at=number, step=step)).killed:
                deaths[step] += 1
                assert not (await here.life()).killed
            here.check("oncall")
            here.check_pages()
            here.check_database()

    times = Counter(whole.trail)
    await asyncio.gather(*(story(step, number + 1) for step, most in times.items() for number in range(most)))
    assert deaths.keys() >= _ESSENTIAL, "steps at which nobody died"


async def test_a_daemon_that_dies_again_and_again_tells_everything_in_the_end(yard: Graveyard, tmp_path: Path) -> None:
    """Each life on the same database gets one step further than the one before, until one survives."""
    async with place(yard, tmp_path / "place", A_DAY, receivers=("oncall", "archive")) as here:
        for steps in itertools.count(1):
            if not (await here.life(kill_at=steps)).killed:
                break
        here.check("oncall")
        here.check("archive")
        here.check_pages()
        here.check_database()


@pytest.mark.parametrize("seed", range(2))
async def test_a_kill_at_any_time_loses_nothing(yard: Graveyard, tmp_path: Path, seed: int) -> None:
    """Also within a write: the kill comes from another thread, whatever the daemon does at that time."""
    chance = random.Random(seed)  # noqa: S311 - no secret depends on it
    async with place(yard, tmp_path / "place", A_DAY, receivers=("oncall", "archive")) as here:
        deaths = sum([(await here.life(kill_after=chance.uniform(0.02, 0.5))).killed for _ in range(12)])
        assert deaths > 1
        assert not (await here.life()).killed
        here.check("oncall")
        here.check("archive")
        here.check_pages()
        here.check_database()


async def test_of_two_daemons_on_one_new_database_one_lives_and_one_is_refused(yard: Graveyard, tmp_path: Path) -> None:
    """Somebody started it twice, at the same moment."""
    async with place(yard, tmp_path / "place", A_DAY) as here:
        twins = await asyncio.gather(here.life(), here.life())
        assert not any(twin.killed for twin in twins)
        assert sorted(twin.refused for twin in twins) == [False, True]
        here.check("oncall")
        here.check_database()


async def test_a_daemon_that_died_leaves_its_database_to_the_next_at_once(yard: Graveyard, tmp_path: Path) -> None:
    chance = random.Random(7)  # noqa: S311 - no secret depends on it
    async with place(yard, tmp_path / "place", A_DAY) as here:
        for _ in range(8):
            pair = await asyncio.gather(*(here.life(kill_at=chance.randint(1, 60)) for _ in range(2)))
            assert sum(life.refused for life in pair) < len(pair)
        last = await here.life()
        assert not last.killed
        assert not last.refused
        here.check("oncall")
        here.check_database()


@pytest.mark.parametrize("seed", range(2))
async def test_a_kill_at_any_time_while_the_api_fails_loses_nothing(yard: Graveyard, tmp_path: Path, seed: int) -> None:
    chance = random.Random(seed)  # noqa: S311 - no secret depends on it
    async with place(yard, tmp_path / "place", A_BAD_DAY, blind_after="200ms") as here:
        for _ in range(12):
            await here.life(kill_at=chance.randint(5, 90))
        assert not (await here.life()).killed
        here.check("oncall")
        here.check_database()
        here.check_sight("oncall")
