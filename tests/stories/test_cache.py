"""Few beliefs are kept in memory, and the store has the rest: what is told is the same."""

from pathlib import Path
from typing import Any

import pytest

from monitor.sim import script_builders
from monitor.sim.definitions import definition_id
from monitor.sim.population import Role
from monitor.sim.scenario_builders import ACME, role, scene
from monitor.sim.script import Script
from tests.stories.house import House

pytestmark = pytest.mark.looptime

SURVEY = "order-reminder"
ORDERS = definition_id(ACME.id, SURVEY)
LONG = script_builders.complete(SURVEY, 1e6)
MANY = 200
LIMITS = {"send_reminder": "3m", "*": "365d"}


def script_of(number: int) -> Script:
    """Most go on; the others tell of each kind of trouble, at another time each."""
    at = 100.0 + 2.0 * number
    match number % 10:
        case 0:
            return script_builders.fault(SURVEY, "fetch_order", "500 from the shop.", at)
        case 1:
            return script_builders.suspended(LONG, at)
        case 2:
            return script_builders.stuck(SURVEY, "send_reminder", at - 90.0)
        case 3:
            return script_builders.retried(SURVEY, "fetch_order", at, 1000.0)
        case 4:
            return script_builders.complete(SURVEY, at)
        case _:
            return LONG


def cast() -> list[Role]:
    return [role(SURVEY, f"order-{number}", script_of(number)) for number in range(MANY)]


async def told(folder: Path, cached: int, *, found: bool) -> set[tuple[str, ...]]:
    """What is told with so many beliefs in memory, through reads that fail, a restart and a crash."""
    house = House(folder, scene("many", *cast()), lane={"requests_per_second": 50, "burst": 50})
    house.settings["polling"] = {"cache": cached, "interval": "60s"}
    if found:
        house.targets = []
        house.discover = [{"definition": ORDERS, "account": ACME.id, "step_interval": "60s", "step_timeouts": LIMITS}]
    else:
        house.defaults = {"step_timeouts": LIMITS}
    async with house:
        await house.until(150.0)
        with house.reading_fails("targets"):
            await house.until(200.0)
        await house.until(280.0)
        assert len(house.daemon.targets._cached) <= max(cached, 1) + house.lane["max_concurrency"]
        await house.stop()
        await house.start()
        await house.until(400.0)
        await house.crash()
        await house.until(420.0)
        await house.start()
        await house.until(800.0)
    return {facts(event) for event in house.told()}


def facts(event: dict[str, Any]) -> tuple[str, ...]:
    data = event["data"]
    return event["type"], event["id"], data.get("workflow", ""), data.get("cause", "")


@pytest.fixture
def folders(tmp_path: Path) -> tuple[Path, Path]:
    found = tmp_path / "few", tmp_path / "all"
    for folder in found:
        folder.mkdir()
    return found


@pytest.mark.parametrize("found", [True, False], ids=["found by a discovery", "named by the watchlist"])
async def test_what_is_told_does_not_depend_on_how_much_is_kept_in_memory(
    folders: tuple[Path, Path], found: bool
) -> None:
    few, all_ = await told(folders[0], 10, found=found), await told(folders[1], 50_000, found=found)
    assert few == all_
    assert {type_ for type_, *_ in all_} >= {
        "workflow.terminated",
        "workflow.suspended",
        "workflow.step_overdue",
        "workflow.step_failed",
        "workflow.completed",
    }
