"""What the budget of an account promises, and that what happens is told within it."""

from datetime import datetime
from pathlib import Path
from typing import Any

import msgspec
import pytest

from monitor.sim import script_builders
from monitor.sim.definitions import definition_id
from monitor.sim.population import Role
from monitor.sim.scenario import Scenario
from monitor.sim.scenario_builders import ACME, GLOBEX, role, scene
from tests.stories.house import House

pytestmark = pytest.mark.looptime

ORDERS = definition_id(ACME.id, "order-reminder")
LONG = script_builders.complete("order-reminder", 1e6)
DAY = 86400.0


def fault(at: float) -> Any:
    return script_builders.fault("order-reminder", "fetch_order", "500 from the shop.", at)


def house_of(folder: Path, *roles: Role, list_limit: float | None = None, **scenario: Any) -> House:
    """Nothing is on the watchlist but every definition. `list_limit`: requests per second, of lists alone."""
    night: Scenario = msgspec.structs.replace(scene("night", *roles), **scenario)
    if list_limit is not None:
        night = msgspec.structs.replace(
            night, accounts=(msgspec.structs.replace(ACME, list_limit_rps=list_limit), GLOBEX)
        )
    house = House(folder, night, targets=[])
    house.discover = [{"definition": "*", "account": ACME.id, "interval": "10s"}]
    return house


def bound(house: House, definition: str, kind: str) -> float | None:
    name = "workflow_monitor_detection_bound_seconds"
    return house.metric(name, account=ACME.id, definition=definition, kind=kind)


def delays(house: House) -> list[float]:
    """Seconds from each end to its detection."""
    ends = [event["data"] for event in house.told() if event["type"] == "workflow.terminated"]
    return [(_moment(end["observed_at"]) - _moment(end["occurred_at"])).total_seconds() for end in ends]


def _moment(text: str) -> datetime:
    return datetime.fromisoformat(text)


async def test_the_bounds_of_a_definition_are_there_while_it_is_followed(tmp_path: Path) -> None:
    orders = [role("order-reminder", f"order-{n}", LONG) for n in range(30)]
    async with house_of(tmp_path, *orders, deletions={"order-reminder": 300.0}) as house:
        await house.until(120.0)
        end, step = bound(house, ORDERS, "end"), bound(house, ORDERS, "step")
        assert end is not None
        assert step is not None
        assert 0.0 < end <= 10.0
        assert step >= end
        (plan,) = [plan for account, plan in house.daemon.parts.plans.plans.items() if account == ACME.id]
        assert plan.feasible
        await house.until(600.0)
        assert bound(house, ORDERS, "end") is None


async def test_the_interval_of_a_target_bounds_its_ends_and_its_steps(tmp_path: Path) -> None:
    async with House(tmp_path, scene("night", role("order-reminder", "order", LONG))) as house:
        await house.until(30.0)
        assert bound(house, ORDERS, "end") == bound(house, ORDERS, "step") == pytest.approx(30.0)


async def test_what_cannot_be_promised_is_said_and_the_bound_is_longer(tmp_path: Path) -> None:
    orders = [role("order-reminder", f"order-{n}", LONG) for n in range(300)]
    house = house_of(tmp_path, *orders)
    house.discover = [{"definition": ORDERS, "account": ACME.id, "name": "orders", "step_interval": "10s"}]
    async with house:
        await house.until(120.0)
        plan = house.daemon.parts.plans.plans[ACME.id]
        assert not plan.feasible
        step = bound(house, "orders", "step")
        assert step is not None
        assert step > 10.0


async def test_an_instance_three_days_old_that_fails_is_told_within_the_bound(tmp_path: Path) -> None:
    old = role("order-reminder", "old", fault(3 * DAY + 600.0), starts=-3 * DAY)
    others = [role("order-reminder", f"other-{n}", LONG, starts=-1000.0 * n - 5) for n in range(40)]
    async with house_of(tmp_path, old, *others) as house:
        await house.until(590.0)
        promised = bound(house, ORDERS, "end")
        assert promised is not None
        await house.until(700.0)
        (delay,) = delays(house)
        assert delay <= promised + EXPLAINED


EXPLAINED = 5.0
"""Seconds for the status and its errors, which are asked before the event is published."""


async def test_lists_that_are_throttled_alone_leave_statuses_their_share_and_nothing_is_lost(tmp_path: Path) -> None:
    faulty = [role("order-reminder", f"order-{n}", fault(300.0 + 60 * n)) for n in range(10)]
    async with house_of(tmp_path, *faulty, list_limit=0.2) as house:
        await house.until(1500.0)
        throttled = [sent for sent in house.sent if sent.status == 429]
        assert throttled
        assert all("/status" not in sent.path and "/errors" not in sent.path for sent in throttled)
        assert len(delays(house)) == 10
        statuses = house.metric("workflow_monitor_looks_total", account=ACME.id, purpose="steps")
        assert statuses
        assert statuses > 10
        house.keeps_its_budget()


async def test_a_definition_that_is_edited_keeps_the_bound_for_both_versions(tmp_path: Path) -> None:
    old = role("order-reminder", "old", fault(900.0), starts=-10.0, version=1)
    new = role("order-reminder", "new", fault(400.0), starts=400.0, version=2)
    async with house_of(tmp_path, old, new, deploys={"order-reminder": (-1e6, 300.0)}) as house:
        await house.until(700.0)
        promised = bound(house, ORDERS, "end")
        assert promised is not None
        await house.until(1200.0)
        assert len(delays(house)) == 2
        assert max(delays(house)) <= promised + EXPLAINED
