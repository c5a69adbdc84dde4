"""The store cannot be written for a while: nothing is asked that could not be kept, and nothing is lost."""

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from monitor.core.model import Status, TargetKey
from monitor.sim import script_builders
from monitor.sim.faults import Fault, Trouble
from monitor.sim.scenario import Scenario
from monitor.sim.scenario_builders import role, scene
from tests.stories.house import House

pytestmark = pytest.mark.looptime

LONG = script_builders.complete("order-reminder", 1e6)
FAULT = script_builders.fault("onboarding-reply", "step1", "Invalid subaccount id.", 201.0)
TOLD = ["workflow.step_failed", "workflow.terminated"]


def night(*faults: Fault) -> Scenario:
    orders = [role("order-reminder", f"order-{n}", LONG) for n in range(10)]
    return scene("night", role("onboarding-reply", "lopez", FAULT), *orders, faults=faults)


def believed(house: House, name: str) -> Status:
    target = next(target for target in house.targets if target.name == name)
    return house.daemon.targets[TargetKey(*target[:3])].state.status


async def test_while_nothing_can_be_written_nothing_is_asked_and_then_all_goes_on_by_itself(tmp_path: Path) -> None:
    async with House(tmp_path, night()) as house:
        await house.until(199.0)
        await house.until(house.asked("lopez")[-1] + 29.8)  # the next poll sees the fault, and its commit is the first
        with house.disk_fails():
            await house.until(260.0)
            assert house.daemon.view.ready() == "the store does not take commits; the log says why"
            asked = len(house.sent)
            await house.until(500.0)
            assert len(house.sent) == asked, "what is seen could not be kept"
            assert house.told() == []
            assert believed(house, "lopez") is Status.RUNNABLE, "no belief is ahead of the disk"
            assert all(health.turns for health in house.daemon.view.loops().values())
            assert house.metric("workflow_monitor_store_available") == 0.0
            assert (house.metric("workflow_monitor_loop_idle_seconds", loop="commit") or 0.0) < 45.0
        await house.until(700.0)
        assert house.daemon.view.ready() is None
        assert house.metric("workflow_monitor_store_available") == 1.0
        assert [event["type"] for event in house.about("lopez")] == TOLD
        assert believed(house, "lopez") is Status.TERMINATED
        assert max(house.asked("order-0")) > 660.0
        [away], [back] = house.lines("store.unavailable"), house.lines("store.available")
    assert "disk I/O error" in away["detail"]
    assert away["timestamp"] < back["timestamp"]
    assert house.about("lopez")[0]["data"]["observed_at"] < "2026-01-05T02:05", "when it was seen, not when it was kept"


async def test_every_loop_turns_while_ends_of_alerts_wait_for_the_disk(tmp_path: Path) -> None:
    held = script_builders.suspended(LONG, 201.0)
    cast = scene("night", role("onboarding-reply", "lopez", FAULT), role("order-reminder", "order", held))
    async with House(tmp_path, cast, alerts={"hold": "5m", "unwatched_after": "1m"}) as house:
        await house.until(400.0)
        assert sorted(await house.alerts()) == sorted([*TOLD, "workflow.suspended"])
        with house.disk_fails():
            house.targets = [one for one in house.targets if one.name != "order"]
            assert await house.reload() == ()
            await house.until(800.0)
            assert [name for name, loop in house.daemon.view.loops().items() if not loop.turns] == []
        await house.until(900.0)
        assert await house.alerts() == []


async def test_a_crash_while_nothing_can_be_written_loses_nothing(tmp_path: Path) -> None:
    async with House(tmp_path, night()) as house:
        await house.until(190.0)
        with house.disk_fails():
            await house.until(300.0)
            await house.crash()
        assert house.told() == []
        await house.start()
        await house.until(400.0)
        assert [event["type"] for event in house.about("lopez")] == TOLD


async def test_a_commit_whose_answer_is_lost_is_not_told_twice_and_not_forgotten(tmp_path: Path) -> None:
    async with House(tmp_path, night()) as house:
        await house.until(190.0)
        with house.disk_fails(after_commit=True):
            await house.until(260.0)
            assert house.told() == []
        await house.until(400.0)
        assert [event["type"] for event in house.about("lopez")] == TOLD
        assert believed(house, "lopez") is Status.TERMINATED
        failures = house.metric(
            "workflow_step_failures_total", account="acme", definition=house.targets[0].definition, step="step1"
        )
        assert failures == 1
        await house.crash()
        await house.start()
        await house.until(600.0)
        assert [event["type"] for event in house.about("lopez")] == TOLD


async def test_a_crash_after_a_commit_whose_answer_was_lost_loses_nothing(tmp_path: Path) -> None:
    async with House(tmp_path, night()) as house:
        await house.until(190.0)
        with house.disk_fails(after_commit=True):
            await house.until(260.0)
            await house.crash()
        assert house.told() == []
        await house.start()
        await house.until(270.0)
        assert [event["type"] for event in house.about("lopez")] == TOLD, "it was durable: told at once"


async def test_a_delivery_whose_mark_cannot_be_written_is_not_repeated(tmp_path: Path) -> None:
    async with House(tmp_path, night()) as house:
        phone = house.phones["oncall"]
        phone.takes = 5.0
        await house.when(lambda: phone.calls)
        with house.disk_fails():
            await house.until(house.t + 120.0)
        await house.until(house.t + 120.0)
        assert [event["type"] for event in house.about("lopez")] == TOLD
        await house.crash()
        await house.start()
        await house.until(house.t + 60.0)
        assert len(phone.calls) == 2


async def test_a_delivery_whose_mark_was_lost_in_a_crash_is_repeated_to_the_letter(tmp_path: Path) -> None:
    async with House(tmp_path, night()) as house:
        phone = house.phones["oncall"]
        phone.takes = 5.0
        await house.when(lambda: phone.calls)
        with house.disk_fails():
            await house.until(house.t + 30.0)
            await house.crash()
        told = len(phone.calls)
        await house.start()
        await house.until(house.t + 60.0)
    assert told == 2
    assert [delivery.body for _, delivery in phone.calls[2:]] == [delivery.body for _, delivery in phone.calls[:2]]


async def test_loops_turn_while_the_disk_fails_and_the_api_hangs(tmp_path: Path) -> None:
    hang = Fault(trouble=Trouble.HANG, begin=100.0, end=5000.0)
    async with House(tmp_path, night(hang)) as house:
        await house.until(150.0)
        with house.disk_fails():
            for minute in range(3, 40):
                await house.until(60.0 * minute)
                assert all(health.turns for health in house.daemon.view.loops().values()), house.daemon.view.loops()
        await house.until(6000.0)
        assert [event["type"] for event in house.about("lopez")] == TOLD
        assert [kind for kind in house.types() if kind not in TOLD] == ["monitor.blind", "monitor.sighted"]
        assert len(house.lines("store.unavailable")) == len(house.lines("store.available")) == 1


async def test_loops_turn_while_all_polls_wait_for_the_disk(tmp_path: Path) -> None:
    house = House(tmp_path, suspended_at(201.0), lane={"max_concurrency": 2}, polling={"interval": "5s"})
    async with house:
        await house.until(190.0)
        with house.disk_fails():
            for minute in range(4, 15):
                await house.until(60.0 * minute)
                assert all(health.turns for health in house.daemon.view.loops().values()), house.daemon.view.loops()
        await house.until(1000.0)
        assert house.types() == ["workflow.suspended"] * 10


def suspended_at(at: float) -> Scenario:
    return scene(
        "night", *[role("order-reminder", f"order-{n}", script_builders.suspended(LONG, at)) for n in range(10)]
    )


async def test_loops_turn_after_an_hour_of_idleness(tmp_path: Path) -> None:
    async with House(tmp_path, night(), targets=[]) as house:
        await house.until(3600.0)
        assert house.daemon.view.ready() is None
        loops = {"commit", "deliver oncall", "housekeeping", "poll acme", "look globex"}
        assert set(house.daemon.view.loops()) >= loops
        assert max(health.idle for health in house.daemon.view.loops().values()) <= 30.0


async def test_a_start_needs_no_lock_where_there_is_nothing_to_introduce(tmp_path: Path) -> None:
    async with House(tmp_path, night()) as house:
        await house.until(60.0)
        await house.stop()
        with locked(tmp_path):
            await house.start()
            assert house.daemon.started.is_set()
        await house.until(400.0)
        assert [event["type"] for event in house.about("lopez")] == TOLD


@contextmanager
def locked(folder: Path) -> Iterator[None]:
    """As a backup does it: nobody else writes."""
    other = sqlite3.connect(folder / "monitor.db", isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    try:
        yield
    finally:
        other.execute("ROLLBACK")
        other.close()


@pytest.mark.parametrize("what", ["deleted", "replaced"])
async def test_a_database_whose_file_is_gone_is_said_while_alerts_still_go_out(tmp_path: Path, what: str) -> None:
    async with House(tmp_path, night()) as house:
        await house.until(190.0)
        take_away(tmp_path)
        if what == "replaced":
            (tmp_path / "monitor.db").touch()
        await house.until(400.0)
        assert [event["type"] for event in house.about("lopez")] == TOLD
        assert what in (house.daemon.view.ready() or "")
        [line] = house.lines("store.unavailable")
        assert "restart the monitor" in line["detail"]


def take_away(folder: Path) -> None:
    for file in folder.glob("monitor.db*"):
        file.rename(file.with_name("kept-" + file.name))
