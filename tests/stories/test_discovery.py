"""Whole definitions are watched: instances are found by lists, and what they tell is that of plain polling, sooner."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from monitor.core.model import Status
from monitor.sim import script_builders
from monitor.sim.definitions import definition_id
from monitor.sim.faults import Fault, Trouble
from monitor.sim.population import Role
from monitor.sim.scenario_builders import ACME, role, scene
from tests.stories.house import House

pytestmark = pytest.mark.looptime

ORDERS = definition_id(ACME.id, "order-reminder")
LONG = script_builders.complete("order-reminder", 1e6)


def fault(at: float) -> Any:
    return script_builders.fault("order-reminder", "fetch_order", "500 from the shop.", at)


def house_of(folder: Path, *roles: Role, faults: Sequence[Fault] = (), **wish: Any) -> House:
    """Nothing is on the watchlist but the definition."""
    house = House(folder, scene("night", *roles, faults=tuple(faults)), targets=[])
    house.discover = [{"definition": "*", "account": ACME.id, "interval": "10s", **wish}]
    return house


def ends(house: House) -> list[str]:
    """Ids of the workflows whose end was published, in order."""
    types = ("workflow.terminated", "workflow.completed")
    return [event["data"]["workflow"] for event in house.told() if event["type"] in types]


async def test_the_instances_of_every_definition_are_found_and_their_faults_published_with_the_cause(
    tmp_path: Path,
) -> None:
    roles = [role("order-reminder", f"order-{n}", LONG) for n in range(5)]
    roles.append(role("onboarding-reply", "onboarding", script_builders.complete("onboarding-reply", 1e6)))
    roles.append(role("order-reminder", "faulty", fault(200.0)))
    async with house_of(tmp_path, *roles) as house:
        await house.until(120.0)
        assert len(house.daemon.targets) == 7
        assert house.told() == []
        await house.until(260.0)
        [event] = [event for event in house.told() if event["type"] == "workflow.terminated"]
        assert event["data"]["from_status"] == "Runnable"
        assert event["data"]["cause"] == "fault"
        assert "500 from the shop." in event["data"]["summary"]


async def test_an_instance_that_begins_and_fails_between_two_looks_is_published(tmp_path: Path) -> None:
    late = role("order-reminder", "late", fault(1.0), starts=303.0)
    async with house_of(tmp_path, role("order-reminder", "order", LONG), late, interval="60s") as house:
        await house.until(450.0)
        assert len(ends(house)) == 1


async def test_what_ended_before_the_look_back_of_the_first_start_is_known_and_not_published(tmp_path: Path) -> None:
    old = role("order-reminder", "old", fault(10.0), starts=-7200.0)
    new = role("order-reminder", "new", fault(10.0), starts=-600.0)
    async with house_of(tmp_path, old, new) as house:
        await house.until(600.0)
        assert len(ends(house)) == 1


async def test_what_ended_while_the_monitor_was_down_is_published_once_with_its_own_times(tmp_path: Path) -> None:
    roles = [role("order-reminder", f"order-{n}", fault(900.0 + 100.0 * n)) for n in range(10)]
    early = role("order-reminder", "early", fault(100.0))
    house = house_of(tmp_path, early, *roles)
    async with house:
        await house.until(800.0)
        await house.stop()
        await house.until(2800.0)
        await house.start()
        await house.until(3400.0)
        await house.crash()
        await house.start()
        await house.until(4200.0)
        assert len(ends(house)) == len(set(ends(house))) == 11
        times = sorted(event["time"] for event in house.told() if event["type"] == "workflow.terminated")
        assert len(set(times)) == 11


async def test_a_target_of_the_watchlist_wins_over_a_discovery_of_the_same_instance(tmp_path: Path) -> None:
    house = House(tmp_path, scene("night", role("order-reminder", "order", fault(300.0))))
    house.discover = [{"definition": ORDERS, "account": ACME.id, "name": "orders"}]
    async with house:
        await house.until(200.0)
        [watched] = house.daemon.targets.values()
        assert watched.target.name == "order"
        assert watched.target.interval == 30.0
        await house.until(400.0)
        assert len(ends(house)) == 1


async def test_a_reload_that_takes_the_discovery_away_takes_its_instances_too(tmp_path: Path) -> None:
    roles = [role("order-reminder", f"order-{n}", LONG) for n in range(3)]
    async with house_of(tmp_path, *roles) as house:
        await house.until(120.0)
        assert len(house.daemon.targets) == 3
        house.discover = []
        house.targets = []
        assert await house.reload() == ()
        await house.until(200.0)
        assert len(house.daemon.targets) == 0
        house.discover = [{"definition": ORDERS, "account": ACME.id}]
        assert await house.reload() == ()
        await house.until(300.0)
        assert len(house.daemon.targets) == 3


async def test_an_ended_instance_is_retired_after_the_retention_and_found_no_more(tmp_path: Path) -> None:
    house = house_of(tmp_path, role("order-reminder", "order", LONG), role("order-reminder", "faulty", fault(100.0)))
    house.settings["polling"] = {"retention": "5m"}
    async with house:
        await house.until(300.0)
        assert len(house.daemon.targets) == 2
        await house.until(900.0)
        assert len(house.daemon.targets) == 1
        asked = len(house.sent)
        await house.until(960.0)
        assert len(ends(house)) == 1
        assert len(house.sent) - asked < 70  # a list each second at most, and one instance twice a minute


TRUNCATED, COMPLETE = "monitor.discovery_truncated", "monitor.discovery_complete"


def brief(lasts: float, number: int) -> list[Role]:
    """Instances that complete after `lasts` seconds."""
    script = script_builders.complete("order-reminder", lasts)
    return [role("order-reminder", f"brief-{n}", script) for n in range(number)]


def of_discovery(house: House) -> list[dict[str, Any]]:
    return [event for event in house.told() if event["type"] in (TRUNCATED, COMPLETE)]


async def test_a_discovery_that_finds_too_many_has_one_alert_until_they_fit_again(tmp_path: Path) -> None:
    roles = [*brief(600.0, 4), *[role("order-reminder", f"order-{n}", LONG) for n in range(4)]]
    async with house_of(tmp_path, *roles, max_instances=5) as house:
        await house.until(400.0)
        [opened] = of_discovery(house)
        assert opened["subject"] == ACME.id
        assert (opened["data"]["definition"], opened["data"]["found"], opened["data"]["watched"]) == ("*", 8, 5)
        assert TRUNCATED in await house.alerts()
        await house.until(900.0)
        [_, ended] = of_discovery(house)
        assert (ended["type"], ended["data"]["found"]) == (COMPLETE, 4)
        assert TRUNCATED not in await house.alerts()


async def test_a_restart_neither_repeats_nor_ends_what_a_discovery_leaves_out(tmp_path: Path) -> None:
    roles = [role("order-reminder", f"order-{n}", LONG) for n in range(4)]
    roles += [role("onboarding-reply", f"o-{n}", script_builders.complete("onboarding-reply", 1e6)) for n in range(4)]
    async with house_of(tmp_path, *roles, max_instances=6) as house:
        await house.until(200.0)
        for later in (500.0, 800.0):
            await house.crash()
            await house.start()
            await house.until(later)
        assert [event["type"] for event in of_discovery(house)] == [TRUNCATED]
        assert TRUNCATED in await house.alerts()
        house.discover[0]["max_instances"] = 8
        assert await house.reload() == ()
        await house.until(1000.0)
        assert [event["type"] for event in of_discovery(house)] == [TRUNCATED, COMPLETE]


@pytest.mark.parametrize("down", [False, True], ids=["by a reload", "while nothing ran"])
async def test_a_discovery_that_leaves_the_configuration_leaves_no_alert(tmp_path: Path, down: bool) -> None:
    roles = [role("order-reminder", f"order-{n}", LONG) for n in range(4)]
    async with house_of(tmp_path, *roles, definition=ORDERS, name="orders", max_instances=2) as house:
        await house.until(200.0)
        assert of_discovery(house)[0]["data"]["summary"].startswith("The discovery of orders in account")
        if down:
            await house.stop()
        house.discover, house.targets = [], []
        if down:
            await house.start()
        else:
            assert await house.reload() == ()
        await house.until(500.0)
        [_, ended] = of_discovery(house)
        assert (ended["type"], ended["data"]["reason"]) == (COMPLETE, "unwatched")
        assert await house.alerts() == []


async def test_a_definition_is_summed_up_with_its_names_and_what_began_and_ended(tmp_path: Path) -> None:
    roles = [*brief(300.0, 3), role("order-reminder", "order", LONG)]
    async with house_of(tmp_path, *roles, definition=ORDERS, name="orders") as house:
        await house.until(600.0)
        [about] = house.daemon.parts.view.definitions()
        summary = house.daemon.parts.view.definition(about)
        assert summary is not None
        assert about == (ACME.id, ORDERS)
        assert (summary.alias, summary.name, summary.discovered) == ("orders", "order-reminder", True)
        assert summary.latest in summary.versions
        assert (summary.statuses[Status.RUNNABLE], summary.statuses[Status.COMPLETE]) == (1, 3)
        assert (summary.begun, summary.ended) == (4, 3)
        house.discover, house.targets = [], []
        assert await house.reload() == ()
        await house.until(5000.0)
        assert list(house.daemon.parts.view.definitions()) == [] or house.daemon.parts.view.definition(about) is None


async def test_a_throttled_account_is_swept_again_once_its_lane_opens(tmp_path: Path) -> None:
    shut = Fault(trouble=Trouble.THROTTLED, begin=100.0, end=160.0, accounts=(ACME.id,), retry_after=60.0)
    async with house_of(
        tmp_path, role("order-reminder", "order", LONG), role("order-reminder", "f", fault(120.0)), faults=[shut]
    ) as house:
        await house.until(500.0)
        assert len(ends(house)) == 1


async def test_an_account_with_discoveries_alone_that_does_not_answer_is_blind(tmp_path: Path) -> None:
    dead = Fault(trouble=Trouble.STATUS, begin=100.0, end=900.0, accounts=(ACME.id,), status=503)
    async with house_of(tmp_path, role("order-reminder", "order", LONG), faults=[dead]) as house:
        await house.until(1300.0)
        assert house.types().count("monitor.blind") == 1
        assert house.types().count("monitor.sighted") == 1


async def test_an_account_in_which_nothing_is_found_is_blind_only_as_long_as_it_is_silent(tmp_path: Path) -> None:
    shut = Fault(trouble=Trouble.THROTTLED, begin=308.0, end=503.0, retry_after=60.0)
    house = house_of(tmp_path, role("order-reminder", "order", LONG), faults=[shut])
    house.discover.append({"definition": "*", "account": "globex"})
    async with house:
        await house.until(900.0)
        assert house.types().count("monitor.blind") == 2
        assert house.types().count("monitor.sighted") == 2


async def test_the_alert_of_a_found_instance_outlives_its_retention(tmp_path: Path) -> None:
    house = house_of(tmp_path, role("order-reminder", "faulty", fault(50.0)))
    house.settings |= {"polling": {"retention": "1m"}, "alerts": {"unwatched_after": "1m"}}
    async with house:
        await house.until(1800.0)
        assert "workflow.terminated" in await house.alerts()
        assert "workflow.unwatched" not in house.types()


async def test_the_alias_of_a_discovery_stands_in_texts_and_metrics(tmp_path: Path) -> None:
    house = house_of(tmp_path, role("order-reminder", "faulty", fault(50.0)), definition=ORDERS, name="orders")
    async with house:
        await house.until(120.0)
        assert house.metric("workflow_targets", account=ACME.id, definition="orders", status="Terminated") == 1
        [event] = [event for event in house.told() if event["type"] == "workflow.terminated"]
        assert event["data"]["summary"].startswith("orders")


async def test_what_completes_is_published_from_the_list_without_a_request_of_its_own(tmp_path: Path) -> None:
    short = script_builders.complete("order-reminder", 200.0)
    roles = [role("order-reminder", f"order-{n}", short) for n in range(400)]
    async with house_of(tmp_path, *roles, lookback="1h") as house:
        await house.until(230.0)
        assert len(ends(house)) == 400
        assert not [sent for sent in house.sent if "/workflows/" in sent.path and sent.at > 205.0]
        completed = [event for event in house.told() if event["type"] == "workflow.completed"]
        listed = [event for event in completed if event["data"]["seen_by"] == "list"]
        assert len(listed) > 350
        event = listed[0]
        assert event["data"]["from_status"] == "Runnable"
        assert house.metric("workflow_targets", account=ACME.id, definition=ORDERS, status="Complete") == 400
        await house.until(800.0)
        assert len(ends(house)) == 400


async def test_of_an_older_version_only_what_is_known_is_followed_if_the_latest_is_wished_for(tmp_path: Path) -> None:
    old = role("order-reminder", "old", LONG, version=1)
    new = role("order-reminder", "new", LONG)
    async with house_of(tmp_path, old, new, versions="latest") as house:
        await house.until(300.0)
        assert [watched.state.version for watched in house.daemon.targets.values()] == [3]
