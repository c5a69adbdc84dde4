"""The metrics of whole definitions: what has begun, what requests are for, what has not been looked at for long."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import msgspec
import pytest

from monitor.sim import script_builders
from monitor.sim.definitions import definition_id
from monitor.sim.faults import Fault, Trouble
from monitor.sim.population import Role
from monitor.sim.scenario_builders import ACME, role, scene
from tests.stories.house import House

pytestmark = pytest.mark.looptime

ORDERS = definition_id(ACME.id, "order-reminder")
LONG = script_builders.complete("order-reminder", 1e6)
PURPOSES = ("ends", "steps", "confirm", "explain", "definitions", "usage")


def fault(at: float) -> Any:
    return script_builders.fault("order-reminder", "fetch_order", "500 from the shop.", at)


def house_of(
    folder: Path, *roles: Role, faults: Sequence[Fault] = (), deploys: Sequence[float] = (), **wish: Any
) -> House:
    """Nothing is on the watchlist but the definition. `deploys`: when each of its versions is deployed, if not ever."""
    scenario = scene("night", *roles, faults=tuple(faults))
    if deploys:
        scenario = msgspec.structs.replace(scenario, deploys={"order-reminder": tuple(deploys)})
    house = House(folder, scenario, targets=[])
    house.discover = [{"definition": "*", "account": ACME.id, "interval": "10s", **wish}]
    return house


async def test_every_request_counts_for_one_purpose(tmp_path: Path) -> None:
    roles = [role("order-reminder", f"order-{n}", LONG) for n in range(5)]
    roles.append(role("order-reminder", "faulty", fault(200.0)))
    async with house_of(tmp_path, *roles) as house:
        for purpose in PURPOSES:
            assert looks(house, purpose) == 0
        await house.until(150.0)
        assert looks(house, "ends") > 10
        assert 6 <= looks(house, "steps") <= 6 * 150 / 20, "each at once, and then not sooner than is of use"
        assert looks(house, "confirm") == looks(house, "explain") == 0
        await house.until(300.0)
        assert looks(house, "confirm") == looks(house, "explain") == 1
        counted = [looks(house, purpose) for purpose in PURPOSES]
        under_way = len(house.sent) - sum(counted)
        assert 0 <= under_way <= 1


async def test_what_begins_is_counted_once_and_nothing_that_began_before_the_first_look(tmp_path: Path) -> None:
    old = [role("order-reminder", f"old-{n}", LONG, starts=-60.0 * n) for n in range(5)]
    new = [role("order-reminder", f"new-{n}", LONG, starts=100.0 + n) for n in range(3)]
    short = role("order-reminder", "short", fault(1.0), starts=203.0)
    late = role("order-reminder", "late", LONG, starts=700.0)
    async with house_of(tmp_path, *old, *new, short, late, definition=ORDERS, name="orders") as house:
        await house.until(60.0)
        assert begun(house) == 0
        await house.until(180.0)
        assert begun(house) == 3
        await house.until(400.0)
        assert begun(house) == 4
        assert house.metric("workflow_queue_delay_seconds_count", account=ACME.id, definition="orders") == 4
        await house.crash()
        await house.start()
        await house.until(600.0)
        assert begun(house) == 0
        await house.until(800.0)
        assert begun(house) == 1


async def test_a_retired_instance_is_not_counted_again(tmp_path: Path) -> None:
    house = house_of(
        tmp_path, role("order-reminder", "short", fault(1.0), starts=100.0), definition=ORDERS, name="orders"
    )
    house.settings["polling"] = {"retention": "1m"}
    async with house:
        await house.until(900.0)
        assert len(house.daemon.targets) == 0
        assert begun(house) == 1


async def test_an_api_whose_clock_is_ahead_makes_nothing_that_began_before_count(tmp_path: Path) -> None:
    ahead = Fault(trouble=Trouble.SKEW, begin=-7200.0, end=9000.0, accounts=(ACME.id,), seconds=120.0)
    old = role("order-reminder", "old", LONG, starts=-60.0)
    new = role("order-reminder", "new", LONG, starts=60.0)
    async with house_of(tmp_path, old, new, faults=[ahead], definition=ORDERS, name="orders") as house:
        await house.until(200.0)
        assert begun(house) == 1


def begun(house: House, definition: str = "orders") -> float | None:
    return house.metric("workflow_started_total", account=ACME.id, definition=definition)


def looks(house: House, purpose: str) -> float:
    return house.metric("workflow_monitor_looks_total", account=ACME.id, purpose=purpose) or 0.0


async def test_looks_that_are_not_made_grow_old(tmp_path: Path) -> None:
    dead = Fault(trouble=Trouble.STATUS, begin=300.0, end=9000.0, accounts=(ACME.id,), status=503)
    ended = role("order-reminder", "ended", fault(50.0))
    async with house_of(tmp_path, role("order-reminder", "order", LONG), ended, faults=[dead]) as house:
        await house.until(290.0)
        assert oldest(house, "end") < 90.0
        assert oldest(house, "step") < 290.0
        await house.until(2000.0)
        assert oldest(house, "end") > 1600.0
        assert oldest(house, "step") > 1600.0


async def test_what_was_never_looked_at_is_as_old_as_its_discovery(tmp_path: Path) -> None:
    dead = Fault(trouble=Trouble.STATUS, begin=20.0, end=9000.0, accounts=(ACME.id,), status=503)
    async with house_of(tmp_path, role("order-reminder", "order", LONG), faults=[dead], interval="1h") as house:
        await house.until(1000.0)
        assert 800.0 < oldest(house, "end") < 1000.0


async def test_an_account_without_discoveries_has_no_oldest_look_at_lists(tmp_path: Path) -> None:
    async with House(tmp_path, scene("night", role("order-reminder", "order", LONG))) as house:
        await house.until(200.0)
        assert house.metric("workflow_monitor_oldest_look_timestamp_seconds", account=ACME.id, kind="end") is None
        assert oldest(house, "step") < 100.0


def oldest(house: House, kind: str) -> float:
    """How old, in seconds."""
    at = house.metric("workflow_monitor_oldest_look_timestamp_seconds", account=ACME.id, kind=kind)
    assert at is not None
    return house.daemon.now().timestamp() - at


async def test_a_deploy_loses_no_start_of_its_first_minute(tmp_path: Path) -> None:
    old = role("order-reminder", "old", LONG, starts=-20.0, version=1)
    new = [role("order-reminder", f"new-{n}", LONG, starts=301.0 + 5.0 * n, version=2) for n in range(20)]
    async with house_of(tmp_path, old, *new, deploys=(-1e6, 300.0)) as house:
        await house.until(600.0)
        assert begun(house, ORDERS) == 20


async def test_a_definition_that_appears_later_loses_no_start_of_its_first_minute(tmp_path: Path) -> None:
    new = [role("order-reminder", f"new-{n}", LONG, starts=301.0 + 5.0 * n, version=1) for n in range(20)]
    async with house_of(tmp_path, *new, deploys=(300.0,)) as house:
        await house.until(290.0)
        assert begun(house, ORDERS) is None
        await house.until(600.0)
        assert begun(house, ORDERS) == 20


async def test_a_discovery_that_is_added_later_counts_from_then_on(tmp_path: Path) -> None:
    roles = [role("order-reminder", f"order-{n}", LONG, starts=100.0 * n) for n in range(10)]
    house = house_of(tmp_path, *roles, definition=definition_id(ACME.id, "onboarding-reply"))
    async with house:
        await house.until(450.0)
        house.discover.append({"definition": ORDERS, "account": ACME.id, "name": "orders"})
        assert await house.reload() == ()
        await house.until(470.0)
        assert begun(house) == 0
        await house.until(980.0)
        assert begun(house) == 5
