"""A target keeps its interval, however few others there are to wake its lane."""

import itertools
from pathlib import Path

import pytest

from monitor.sim import script_builders
from monitor.sim.scenario_builders import role, scene
from tests.stories.house import House

pytestmark = pytest.mark.looptime


async def test_a_lone_target_with_a_short_interval_is_polled_at_each_interval(tmp_path: Path) -> None:
    calm = role("onboarding-reply", "lopez", script_builders.complete("onboarding-reply", 3600.0))
    async with House(tmp_path, scene("calm", calm), polling={"interval": "1s"}) as house:
        await house.until(60.0)
        asked = house.asked("lopez")
    assert 59 <= len(asked) <= 61
    assert max(later - earlier for earlier, later in itertools.pairwise(asked)) < 1.5
