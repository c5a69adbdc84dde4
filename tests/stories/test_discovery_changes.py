"""Whole definitions are watched while they, the configuration and the monitor itself change."""

from datetime import timedelta
from pathlib import Path
from typing import Any

import msgspec
import pytest

from monitor.sim import script_builders
from monitor.sim.api_enums import Endpoint
from monitor.sim.definitions import CATALOGUE, definition_id
from monitor.sim.faults import Fault, Trouble
from monitor.sim.population import Role
from monitor.sim.scenario import Scenario
from monitor.sim.scenario_builders import ACME, role, scene
from tests.stories.house import House

pytestmark = pytest.mark.looptime

ORDERS = definition_id(ACME.id, "order-reminder")
LATEST = CATALOGUE["order-reminder"].latest
LONG = script_builders.complete("order-reminder", 1e6)


def fault(at: float) -> Any:
    return script_builders.fault("order-reminder", "fetch_order", "500 from the shop.", at)


def house_of(folder: Path, scenario: Scenario, **wish: Any) -> House:
    """Nothing is on the watchlist but the definitions of one account."""
    house = House(folder, scenario, targets=[])
    house.discover = [{"definition": "*", "account": ACME.id, "interval": "10s", **wish}]
    return house


def night(*roles: Role, **changes: Any) -> Scenario:
    return msgspec.structs.replace(scene("night", *roles), **changes)


def ends(house: House) -> list[str]:
    types = ("workflow.terminated", "workflow.completed")
    return [event["data"]["workflow"] for event in house.told() if event["type"] in types]


def watched(house: House) -> list[Any]:
    return [one.target for one in house.daemon.targets.values()]


async def test_a_new_version_hides_no_instance_of_the_old_one(tmp_path: Path) -> None:
    old = role("order-reminder", "old", fault(900.0), starts=-10.0, version=1)
    new = role("order-reminder", "new", fault(100.0), starts=400.0, version=2)
    steady = role("order-reminder", "steady", LONG, starts=-20.0, version=1)
    async with house_of(tmp_path, night(old, new, steady, deploys={"order-reminder": (-1e6, 300.0)})) as house:
        await house.until(700.0)
        assert len(ends(house)) == 1
        assert len(house.daemon.targets) == 3
        await house.until(1200.0)
        assert len(set(ends(house))) == len(ends(house)) == 2


async def test_a_definition_that_appears_later_is_found(tmp_path: Path) -> None:
    late = role("order-reminder", "late", fault(200.0), starts=500.0, version=1)
    async with house_of(tmp_path, night(late, deploys={"order-reminder": (400.0,)})) as house:
        await house.until(390.0)
        assert house.daemon.parts.sweeper.sweeps(ACME.id) == 0
        await house.until(900.0)
        assert len(ends(house)) == 1


async def test_a_deleted_definition_is_swept_no_more_and_the_others_go_on(tmp_path: Path) -> None:
    orders = [role("order-reminder", f"order-{n}", LONG) for n in range(3)]
    other = role("onboarding-reply", "other", script_builders.fault("onboarding-reply", "step3", "It broke.", 900.0))
    async with house_of(tmp_path, night(*orders, other, deletions={"order-reminder": 300.0})) as house:
        await house.until(290.0)
        before = house.daemon.parts.sweeper.sweeps(ACME.id)
        await house.until(600.0)
        assert house.daemon.parts.sweeper.sweeps(ACME.id) == before - LATEST
        await house.until(1200.0)
        assert len(ends(house)) == 1


async def test_lists_that_are_throttled_alone_hide_nothing_for_long(tmp_path: Path) -> None:
    account = msgspec.structs.replace(ACME, list_limit_rps=0.2)
    roles = [role("order-reminder", f"order-{n}", fault(300.0 + 40 * n)) for n in range(5)]
    scenario = night(*roles)
    scenario = msgspec.structs.replace(scenario, accounts=(account, *scenario.accounts[1:]))
    async with house_of(tmp_path, scenario) as house:
        await house.until(2000.0)
        assert len(set(ends(house))) == len(ends(house)) == 5


async def test_an_outage_of_an_hour_delays_ends_and_loses_none(tmp_path: Path) -> None:
    dead = Fault(trouble=Trouble.STATUS, begin=300.0, end=3900.0, status=503)
    roles = [role("order-reminder", f"order-{n}", fault(200.0 + 200.0 * n)) for n in range(15)]
    young = [role("order-reminder", f"young-{n}", fault(50.0), starts=400.0 + 300.0 * n) for n in range(10)]
    async with house_of(tmp_path, night(*roles, *young, faults=(dead,))) as house:
        await house.until(5200.0)
        assert len(set(ends(house))) == len(ends(house)) == 25


async def test_an_instance_three_days_old_that_fails_is_told_within_a_minute(tmp_path: Path) -> None:
    old = role("order-reminder", "old", fault(3 * 86400.0 + 600.0), starts=-3 * 86400.0)
    others = [role("order-reminder", f"other-{n}", LONG, starts=-1000.0 * n - 5) for n in range(40)]
    async with house_of(tmp_path, night(old, *others)) as house:
        await house.until(660.0)
        assert len(ends(house)) == 1


async def test_a_crash_in_a_storm_loses_no_end_and_repeats_none(tmp_path: Path) -> None:
    roles = [role("order-reminder", f"order-{n}", fault(300.0)) for n in range(300)]
    async with house_of(tmp_path, night(*roles)) as house:
        await house.until(315.0)
        await house.crash()
        await house.until(330.0)
        await house.start()
        await house.until(345.0)
        await house.stop()
        await house.until(360.0)
        await house.start()
        await house.until(900.0)
        assert len(set(ends(house))) == 300
        ids = {event["id"] for event in house.told() if event["type"] == "workflow.terminated"}
        assert len(ids) == 300


async def test_what_was_known_is_followed_to_its_end_after_a_restart_however_old_it_is(tmp_path: Path) -> None:
    old = role("order-reminder", "old", fault(9000.0), starts=-3000.0)
    async with house_of(tmp_path, night(old), started_within="1h") as house:
        await house.until(500.0)
        assert len(house.daemon.targets) == 1
        await house.until(3000.0)
        await house.stop()
        await house.start()
        await house.until(3600.0)
        assert len(house.daemon.targets) == 1
        await house.until(7000.0)
        assert len(ends(house)) == 1


async def test_an_open_alert_of_a_found_instance_ends_after_a_restart_with_its_condition(tmp_path: Path) -> None:
    script = script_builders.suspended(script_builders.complete("order-reminder", 5000.0), 100.0, 900.0)
    async with house_of(tmp_path, night(role("order-reminder", "held", script))) as house:
        await house.until(300.0)
        assert await house.alerts() == ["workflow.suspended"]
        await house.stop()
        await house.until(700.0)
        await house.start()
        await house.until(900.0)
        assert await house.alerts() == ["workflow.suspended"]
        await house.until(1300.0)
        assert await house.alerts() == []
        assert house.types().count("workflow.suspended") == 1
        assert "workflow.unwatched" not in house.types()


async def test_a_target_of_the_watchlist_becomes_a_found_one_and_back(tmp_path: Path) -> None:
    scenario = night(role("order-reminder", "order", fault(900.0)))
    house = House(tmp_path, scenario)
    named = list(house.targets)
    house.discover = [{"definition": ORDERS, "account": ACME.id, "name": "orders", "interval": "10s"}]
    async with house:
        await house.until(100.0)
        house.targets = []
        await house.reload()
        await house.until(200.0)
        [target] = watched(house)
        assert target.name is None
        assert target.definition_alias == "orders"
        house.targets = named
        await house.reload()
        [target] = watched(house)
        assert target.name == "order"
        assert target.interval == 30.0
        house.targets = []
        await house.reload()
        await house.until(300.0)
        assert len(watched(house)) == 1
        await house.until(1000.0)
        assert len(ends(house)) == 1
        assert "workflow.unwatched" not in house.types()


async def test_a_reload_gives_found_instances_their_new_configuration(tmp_path: Path) -> None:
    roles = [role("order-reminder", f"order-{n}", LONG) for n in range(3)]
    async with house_of(tmp_path, night(*roles, role("order-reminder", "faulty", fault(400.0)))) as house:
        await house.until(200.0)
        house.discover[0] |= {"step_interval": "20s", "labels": {"team": "night"}, "max_runtime": "2h"}
        house.discover.append({"definition": ORDERS, "account": ACME.id, "name": "orders", "labels": {"team": "day"}})
        await house.reload()
        await house.until(260.0)
        assert {(one.definition_alias, one.labels["team"], one.interval) for one in watched(house)} == {
            ("orders", "day", 600.0)
        }
        house.discover.pop()
        await house.reload()
        await house.until(320.0)
        assert {(one.definition_alias, one.labels["team"], one.interval) for one in watched(house)} == {
            (None, "night", 20.0)
        }
        await house.until(500.0)
        [event] = [event for event in house.told() if event["type"] == "workflow.terminated"]
        assert event["data"]["labels"] == {"team": "night"}


async def test_a_reload_leaves_the_configuration_of_targets_of_the_watchlist(tmp_path: Path) -> None:
    house = House(tmp_path, night(role("order-reminder", "order", LONG)))
    house.discover = [{"definition": ORDERS, "account": ACME.id}]
    async with house:
        await house.until(100.0)
        house.discover[0] |= {"step_interval": "20s", "name": "orders"}
        await house.reload()
        await house.until(200.0)
        [target] = watched(house)
        assert (target.name, target.interval) == ("order", 30.0)


async def test_an_account_that_leaves_and_returns_is_swept_again(tmp_path: Path) -> None:
    scenario = night(role("order-reminder", "order", fault(900.0)), role("order-reminder", "gone", fault(400.0)))
    async with house_of(tmp_path, scenario) as house:
        await house.until(200.0)
        wishes, accounts = house.discover, house.accounts
        house.discover, house.accounts = [], [one for one in accounts if one != ACME.id]
        await house.reload()
        await house.until(500.0)
        assert len(house.daemon.targets) == 0
        house.discover, house.accounts = wishes, accounts
        await house.reload()
        await house.until(1200.0)
        assert len(set(ends(house))) == len(ends(house)) == 2


@pytest.mark.parametrize(("chosen", "found"), [("latest", {2}), ([1], {1}), ([2, 7], {2}), ("all", {1, 2})])
async def test_the_chosen_versions_are_watched(tmp_path: Path, chosen: Any, found: set[int]) -> None:
    old = role("order-reminder", "old", LONG, starts=-600.0, version=1)
    new = role("order-reminder", "new", LONG, starts=-100.0, version=2)
    scenario = night(old, new, deploys={"order-reminder": (-1e6, -300.0)})
    async with house_of(tmp_path, scenario, versions=chosen) as house:
        await house.until(300.0)
        assert {one.state.version for one in house.daemon.targets.values()} == found


async def test_without_a_retention_an_ended_instance_is_told_once_and_dropped(tmp_path: Path) -> None:
    short = script_builders.complete("order-reminder", 200.0)
    roles = [role("order-reminder", "faulty", fault(200.0)), role("order-reminder", "short", short)]
    house = house_of(tmp_path, night(*roles, role("order-reminder", "order", LONG)))
    house.settings["polling"] = {"retention": "0s"}
    async with house:
        await house.until(1200.0)
        assert len(set(ends(house))) == len(ends(house)) == 2
        assert len(house.daemon.targets) == 1


async def test_a_disk_that_fails_during_a_sweep_loses_nothing(tmp_path: Path) -> None:
    short = script_builders.complete("order-reminder", 300.0)
    roles = [role("order-reminder", f"short-{n}", short) for n in range(50)]
    roles += [role("order-reminder", f"faulty-{n}", fault(310.0)) for n in range(20)]
    roles += [role("order-reminder", f"young-{n}", LONG, starts=300.0) for n in range(20)]
    async with house_of(tmp_path, night(*roles)) as house:
        await house.until(295.0)
        with house.disk_fails():
            await house.until(400.0)
        house.faults = len(house.lines("fault"))
        await house.until(900.0)
        assert len(set(ends(house))) == len(ends(house)) == 70
        assert len(house.daemon.targets) == 90


@pytest.mark.parametrize("step", [-3600.0, 3600.0])
async def test_a_clock_that_is_set_does_not_stop_the_sweep(tmp_path: Path, step: float) -> None:
    early = role("order-reminder", "early", fault(500.0))
    young = role("order-reminder", "young", fault(100.0), starts=450.0)
    house = house_of(tmp_path, night(early, young))
    turned = 0.0
    real = house.now

    def now() -> Any:
        return real() + timedelta(seconds=turned)

    house.now = now  # type: ignore[method-assign]  # the clock of the daemon alone
    async with house:
        await house.until(400.0)
        turned = step
        await house.until(700.0)
        assert len(ends(house)) == 2


async def test_a_vanished_instance_is_told_as_by_plain_polling(tmp_path: Path) -> None:
    script = script_builders.vanishing(LONG, 200.0, 1500.0)
    async with house_of(tmp_path, night(role("order-reminder", "order", script))) as house:
        await house.until(1400.0)
        assert house.types().count("workflow.not_found") == 1
        asked = len([one for one in house.sent if "/workflows/" in one.path])
        assert asked < 200
        await house.until(3000.0)
        assert house.types().count("workflow.found") == 1


async def test_an_end_that_is_listed_is_told_though_no_look_is_answered_and_once_whatever_comes_after(
    tmp_path: Path,
) -> None:
    mute = Fault(trouble=Trouble.STATUS, begin=200.0, end=4000.0, status=503, endpoints=(Endpoint.STATUS,))
    seen = role("order-reminder", "seen", fault(300.0))
    unseen = role("order-reminder", "unseen", fault(50.0), starts=400.0)
    async with house_of(tmp_path, night(seen, unseen, faults=(mute,))) as house:
        await house.until(3900.0)
        assert len(ends(house)) == 2
        await house.crash()
        await house.until(4100.0)
        await house.start()
        await house.until(4500.0)
        assert len(set(ends(house))) == len(ends(house)) == 2


async def test_more_instances_than_may_be_watched_are_told_once_and_the_newest_are_watched(tmp_path: Path) -> None:
    roles = [role("order-reminder", f"order-{n}", LONG, starts=-100.0 * n - 1) for n in range(8)]
    late = role("order-reminder", "late", fault(100.0), starts=600.0)
    async with house_of(tmp_path, night(*roles, late), definition=ORDERS, max_instances=3) as house:
        await house.until(500.0)
        assert len(house.daemon.targets) == 3
        await house.until(1000.0)
        assert house.types().count("monitor.discovery_truncated") <= 1
        assert len(ends(house)) == 1


async def test_a_superseded_version_is_left_after_a_restart_although_lists_show_what_ended_before(
    tmp_path: Path,
) -> None:
    old = role("order-reminder", "old", fault(350.0), version=1)
    new = role("order-reminder", "new", LONG, starts=400.0, version=2)
    async with house_of(tmp_path, night(old, new, deploys={"order-reminder": (-1e6, 300.0)})) as house:
        await house.until(500.0)
        await house.stop()
        await house.start()
        await house.until(2500.0)
        assert house.daemon.parts.sweeper.sweeps(ACME.id) == 1
        assert len(ends(house)) == 1
