"""Who gives a workflow no name of its own reads what its definition is called, in alerts and on pages."""

from pathlib import Path
from typing import Any

import pytest

from monitor.core.model import TargetKey
from monitor.sim import script_builders
from monitor.sim.responses import Broken, SimResponse
from monitor.sim.scenario_builders import ACME, role, scene
from monitor.sim.script import Script
from tests.stories.house import House

pytestmark = pytest.mark.looptime

LONG = script_builders.complete("order-reminder", 1e6)
FAULT = script_builders.fault("order-reminder", "fetch_order", "500 from the shop.", 0.5)
"""Terminated before the world began."""
SERVER_ERROR = SimResponse(500, {}, b"")
SILENCE = SimResponse(0, {}, b"", broken=Broken.HANG)


def house_of(folder: Path, *scripts: Script, **settings: Any) -> House:
    """The instances of order-reminder have no name of their own, and a limit for every step."""
    roles = [role("order-reminder", f"order-{n}", script) for n, script in enumerate(scripts)]
    house = House(folder, scene("night", *roles), **settings)
    house.wishes = {f"order-{n}": {"name": None} for n in range(len(scripts))}
    return house


def is_of_a_definition(path: str) -> bool:
    return "/definitions/" in path and "/workflows/" not in path


def asked(house: House) -> list[float]:
    """When the API was asked for a definition."""
    return [sent.at for sent in house.sent if is_of_a_definition(sent.path)]


def labels(house: House) -> list[str]:
    """What the titles of terminated workflows call their definition."""
    told = [event["data"]["summary"] for event in house.told() if event["type"] == "workflow.terminated"]
    return [summary.partition("/")[0].rstrip("…") for summary in told]


def shown(house: House, number: int = 0) -> str | None:
    """The definition's name on the page of a target."""
    target = house.targets[number]
    watched = house.daemon.view.target(TargetKey(target.account, target.definition, target.workflow))
    return watched.target.definition_name if watched is not None else None


def info(house: House) -> float | None:
    place = {"account": ACME.id, "definition": house.targets[0].definition}
    return house.metric("workflow_definition_info", **place, name="order-reminder")


async def test_the_first_alert_shows_it_though_its_workflow_had_ended_before_the_start(tmp_path: Path) -> None:
    async with house_of(tmp_path, FAULT) as house:
        await house.until(10.0)
        assert labels(house) == ["order-reminder"]
        assert (shown(house), info(house)) == ("order-reminder", 1)
        await house.until(7200.0)
        assert len(asked(house)) == 1


async def test_a_restart_knows_it_at_once(tmp_path: Path) -> None:
    async with house_of(tmp_path, FAULT, LONG) as house:
        await house.until(10.0)
        await house.crash()
        before = len(asked(house))
        await house.start()
        assert (shown(house, 0), shown(house, 1)) == ("order-reminder", "order-reminder")
        await house.until(600.0)
        assert len(asked(house)) == before


async def test_first_alerts_show_it_though_the_lane_is_full_of_polls(tmp_path: Path) -> None:
    lane = {"requests_per_second": 2, "burst": 1}
    async with house_of(tmp_path, *[FAULT] * 3, *[LONG] * 60, lane=lane) as house:
        await house.until(120.0)
        assert labels(house) == ["order-reminder"] * 3
        assert len(asked(house)) <= 2


@pytest.mark.parametrize("answer", [SERVER_ERROR, SILENCE, SimResponse(404, {}, b"")], ids=["500", "silence", "404"])
async def test_an_alert_is_held_back_for_it_no_longer_than_for_its_cause(tmp_path: Path, answer: SimResponse) -> None:
    house = house_of(tmp_path, *[FAULT] * 3)
    house.instead = lambda path: answer if is_of_a_definition(path) else None
    async with house:
        await house.until(60.0)
        assert [at for at, _ in house.phones["oncall"].calls if at > 12.0] == []
        assert labels(house) == [house.targets[0].definition[:8]] * 3
        assert {event["data"].get("cause") for event in house.told()} == {"fault", None}


async def test_who_gets_no_cause_does_not_wait_for_it(tmp_path: Path) -> None:
    house = house_of(tmp_path, FAULT)
    house.instead = lambda path: (
        SILENCE if is_of_a_definition(path) else SERVER_ERROR if path.endswith("/errors") else None
    )
    async with house:
        await house.when(house.told, within=6.0)


async def test_a_page_shows_it_once_it_is_known_also_of_what_has_ended_since(tmp_path: Path) -> None:
    house = house_of(tmp_path, FAULT)
    house.instead = lambda path: SERVER_ERROR if is_of_a_definition(path) and house.t < 300.0 else None
    async with house:
        await house.until(290.0)
        assert shown(house) is None
        await house.until(1200.0)
        assert shown(house) == "order-reminder"


async def test_a_target_that_loses_its_own_name_gets_that_of_its_definition(tmp_path: Path) -> None:
    house = house_of(tmp_path, FAULT)
    wishes, house.wishes = house.wishes, {}
    async with house:
        await house.until(100.0)
        assert asked(house) == []
        house.wishes = wishes
        assert await house.reload() == ()
        await house.until(200.0)
        assert (shown(house), len(asked(house))) == ("order-reminder", 1)


async def test_its_series_ends_with_the_definitions_last_target_and_comes_back_with_one(tmp_path: Path) -> None:
    async with house_of(tmp_path, LONG, LONG) as house:
        await house.until(60.0)
        everybody = house.targets
        house.targets = everybody[:1]
        assert await house.reload() == ()
        assert info(house) == 1
        house.targets = []
        assert await house.reload() == ()
        house.targets = everybody
        assert info(house) is None
        assert await house.reload() == ()
        assert info(house) == 1
