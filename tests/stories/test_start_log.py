"""What a log begins with."""

from pathlib import Path

import pytest

from monitor import __version__
from monitor.sim import script_builders
from monitor.sim.scenario import Scenario
from monitor.sim.scenario_builders import role, scene
from tests.stories.house import House

pytestmark = pytest.mark.looptime


def calm() -> Scenario:
    return scene("calm", role("order-reminder", "diaz", script_builders.complete("order-reminder", 1e9)))


async def test_a_log_begins_with_what_runs_whom_it_watches_and_whom_it_tells(tmp_path: Path) -> None:
    async with House(tmp_path, calm()) as house:
        [line] = house.lines("starting")
        assert line["version"] == __version__
        assert line["base_url"] == "http://127.0.0.1:8"
        assert line["targets"] == 1
        assert line["receivers"] == ["oncall (webhook)"]
        assert line["store"].startswith("sqlite:///")


async def test_who_starts_without_receivers_and_with_links_to_itself_is_warned(tmp_path: Path) -> None:
    async with House(tmp_path, calm(), receivers=()) as house:
        warned = [line["warning"].split(": ")[0] for line in house.lines("config.warning")]
        assert warned == ["receivers", "server.external_url"]


async def test_who_forgot_nothing_is_not_warned(tmp_path: Path) -> None:
    async with House(tmp_path, calm(), server={"external_url": "https://watch.example"}) as house:
        assert house.lines("config.warning") == []
