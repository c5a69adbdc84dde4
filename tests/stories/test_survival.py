"""What else may befall a daemon: errors of its own, a second one beside it, files that change under its feet."""

import asyncio
from pathlib import Path

import pytest

from monitor.core.alerting.verdict import Delivered, Retry
from monitor.sim import script_builders
from monitor.sim.responses import SimResponse
from monitor.sim.scenario import Scenario
from monitor.sim.scenario_builders import ACME, role, scene
from tests.stories.house import House

pytestmark = pytest.mark.looptime

LONG = script_builders.complete("order-reminder", 1e9)


def faults(count: int) -> Scenario:
    """One each minute."""
    message = "Invalid subaccount id."
    return scene(
        "night",
        *[
            role(
                "onboarding-reply", f"w{n}", script_builders.fault("onboarding-reply", "step1", message, 60.0 * (n + 1))
            )
            for n in range(count)
        ],
    )


async def test_an_error_of_our_own_in_one_poll_ends_no_other_and_is_logged_now_and_then(tmp_path: Path) -> None:
    async with House(tmp_path, faults(4)) as house:
        cursed = house.targets[0].workflow

        def answer(path: str) -> SimResponse | None:
            if path.endswith(cursed) and 30.0 < house.t < 600.0:
                raise ZeroDivisionError
            return None

        house.instead = answer
        await house.until(600.0)
        *told, last = house.told()
        assert {event["data"]["name"] for event in told} == {"w1", "w2", "w3"}
        assert last["type"] == "monitor.blind", "nobody else is left to ask about"
        assert all(health.turns for health in house.daemon.view.loops().values())
        assert house.metric("workflow_monitor_faults_total", loop="poll acme")
        assert house.metric("workflow_monitor_lane_open", account=ACME.id) == 1
        await house.until(1000.0)
        assert [event["type"] for event in house.about("w0")] == ["workflow.step_failed", "workflow.terminated"]
        house.faults = 1
        [line] = house.lines("fault")
    assert line["error"] == "ZeroDivisionError"
    assert "Traceback" in line["exception"]


async def test_a_second_daemon_on_one_database_is_refused_and_delivers_what_the_first_left(tmp_path: Path) -> None:
    one, other = House(tmp_path, faults(6)), House(tmp_path, faults(6))
    await one.start()
    await other.start()
    assert other.refused.is_set()
    one.phones["oncall"].answer = lambda _: Retry("down", receiver_down=True)
    await one.until(600.0)
    assert other.sent == [], "it polls nothing"
    await one.crash()
    assert one.phones["oncall"].calls
    await other.until(700.0)
    facts = sorted((event["data"]["name"], event["type"]) for event in other.told())
    await other.close()
    kinds = ("workflow.step_failed", "workflow.terminated")
    assert facts == [(f"w{n}", kind) for n in range(6) for kind in kinds]


async def test_files_that_change_are_read_again_and_bad_ones_are_survived(tmp_path: Path) -> None:
    roles = [role("order-reminder", f"order-{n}", LONG) for n in range(4)]
    house = House(tmp_path, scene("night", *roles))
    house.watch_files = True
    everybody = house.targets
    house.targets = everybody[:2]
    async with house:
        await house.until(100.0)
        house.targets = everybody[1:3]
        house.write()
        await house.until(110.0)
        assert len(house.lines("config.loaded")) == 2
        await house.until(150.0)
        (tmp_path / "watchlist.yaml").write_bytes(b"\xff\xfe\x00targets")
        await house.until(160.0)
        (tmp_path / "monitor.yaml").unlink()
        await house.until(170.0)
        assert house.metric("workflow_monitor_config_last_reload_successful") == 0
        assert len(house.lines("config.refused")) == 2
        await house.until(250.0)
        house.targets = everybody
        house.write()
        await house.until(300.0)
        assert house.metric("workflow_monitor_config_last_reload_successful") == 1
        asked = {target.name: house.asked(target.name) for target in everybody}
    assert not [at for at in asked["order-0"] if 105.0 < at < 250.0]
    assert len([at for at in asked["order-1"] if 105.0 < at < 250.0]) in (4, 5), "the old list holds"
    assert 100.0 < min(asked["order-2"]) < 115.0
    assert 250.0 < min(asked["order-3"]) < 265.0


async def test_restarts_in_a_row_spend_no_more_than_the_budget(tmp_path: Path) -> None:
    lane = {"requests_per_second": 0.05, "burst": 1}
    async with House(tmp_path, faults(20), lane=lane) as house:
        for number in range(1, 13):
            await house.until(number * 5.0)
            await house.crash()
            await house.start()
        await house.until(200.0)
        assert len(house.sent) >= 5, "left alone, it polls"


async def test_a_long_wait_for_a_receiver_at_the_end_makes_no_loop_look_stuck(tmp_path: Path) -> None:
    faulty = role("order-reminder", "faulty", script_builders.fault("order-reminder", "fetch_order", "500.", 100.0))
    async with House(tmp_path, scene("last", faulty), shutdown_timeout="10m") as house:
        await house.until(90.0)
        house.phones["oncall"].answer = lambda _: Retry("away", receiver_down=True)
        await house.until(150.0)
        stopping = asyncio.create_task(house.stop())
        await asyncio.sleep(300.0)
        assert not stopping.done()
        assert [name for name, loop in house.daemon.view.loops().items() if not loop.turns] == []
        house.phones["oncall"].answer = lambda _: Delivered()
        await stopping
