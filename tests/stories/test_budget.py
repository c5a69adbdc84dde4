"""One budget per account: promises are kept, and the rest goes where a look is worth most."""

import itertools
from collections.abc import Sequence
from datetime import datetime, timedelta
from math import inf
from pathlib import Path
from typing import Any

import pytest

from monitor.core.model import DefinitionVersion, TargetKey
from monitor.core.scheduling.hazard import HazardKey
from monitor.core.scheduling.instance_arms import ANY_STEP
from monitor.sim import script_builders
from monitor.sim.api_enums import Endpoint, StepStatus
from monitor.sim.definitions import definition_id
from monitor.sim.faults import Fault, Trouble
from monitor.sim.population import Role
from monitor.sim.scenario import watched
from monitor.sim.scenario_builders import ACME, role, scene
from monitor.sim.script import Script, StepRun
from tests.stories.house import House

pytestmark = pytest.mark.looptime

ORDERS, REPLIES = (definition_id(ACME.id, name) for name in ("order-reminder", "onboarding-reply"))
LONG = script_builders.complete("order-reminder", 1e6)
WAIT = 1800.0
"""Seconds that `wait_until_due` of order-reminder takes, as the definition declares."""


def house_of(folder: Path, *roles: Role, faults: Sequence[Fault] = (), rate: float = 10.0, **wish: Any) -> House:
    scenario = scene("night", *roles, faults=tuple(faults))
    house = House(folder, scenario, targets=[], lane={"requests_per_second": rate})
    house.discover = [{"definition": "*", "account": ACME.id, **wish}]
    return house


def statuses(house: House, definition: str, since: float = 0.0) -> list[float]:
    """When instances of this definition were polled."""
    about = f"/{definition}/workflows/"
    return [sent.at for sent in house.sent if about in sent.path and "errors" not in sent.path and sent.at >= since]


def lists(house: House, since: float = 0.0) -> list[float]:
    return [sent.at for sent in house.sent if sent.path.endswith("/workflows") and sent.at >= since]


def waits_then_fails(begin: float) -> Script:
    """A step fails three seconds after the declared wait is over; the instance goes on."""
    runs = (
        StepRun("fetch_order", 0.0, begin),
        StepRun("wait_until_due", begin, begin + WAIT, StepStatus.SLEEPING),
        StepRun("send_reminder", begin + WAIT, begin + WAIT + 3.0, ends_as=StepStatus.FAILED),
        StepRun("wait_for_reply", begin + WAIT + 3.0, inf, StepStatus.WAITING_FOR_EVENT),
    )
    return Script(runs=runs)


async def test_a_step_that_fails_after_a_declared_wait_is_told_soon_however_small_the_budget(tmp_path: Path) -> None:
    roles = [role("order-reminder", f"order-{n}", waits_then_fails(30.0 * n)) for n in range(20)]
    quiet = [role("order-reminder", f"quiet-{n}", LONG) for n in range(60)]
    async with house_of(tmp_path, *roles, *quiet, rate=1.0) as house:
        await house.until(WAIT + 30.0 * 20 + 300.0)
        failed = [event["data"] for event in house.told() if event["type"] == "workflow.step_failed"]
        assert len(failed) == 20
        delays = sorted(_seconds(one["observed_at"]) - _seconds(one["occurred_at"]) for one in failed)
        assert delays[10] < 15.0
        assert delays[-2] < 60.0


async def test_instances_of_a_definition_with_faults_are_looked_at_more_often(tmp_path: Path) -> None:
    failing = script_builders.looping("order-reminder", 300.0, failing="send_reminder")
    roles = [role("order-reminder", f"order-{n}", failing, starts=-10.0 * n) for n in range(30)]
    waiting = Script(runs=(StepRun("wait_for_reply", 0.0, inf, StepStatus.WAITING_FOR_EVENT),))
    roles += [role("onboarding-reply", f"quiet-{n}", waiting, starts=-10.0 * n) for n in range(30)]
    async with house_of(tmp_path, *roles, rate=1.0) as house:
        await house.until(3600.0)
        assert len(statuses(house, ORDERS, 1800.0)) > 2 * len(statuses(house, REPLIES, 1800.0)) > 0


async def test_promises_are_kept_beside_a_discovery_that_takes_all_that_is_left(tmp_path: Path) -> None:
    roles = [role("order-reminder", f"order-{n}", LONG) for n in range(100)]
    house = house_of(tmp_path, *roles, rate=5.0)
    house.targets = list(watched(house.world.scenario))[:30]
    async with house:
        await house.until(900.0)
        for target in house.targets:
            asked = [at for at in house.asked(target.name) if at > 100.0]
            assert 26 <= len(asked) <= 28
            assert max(later - earlier for earlier, later in itertools.pairwise(asked)) < 34.0
        assert len(statuses(house, ORDERS, 100.0)) > 900
        assert len(lists(house, 100.0)) > 100


async def test_lists_of_several_versions_are_read_at_once_if_they_answer_slowly(tmp_path: Path) -> None:
    names = ("order-reminder", "onboarding-reply", "two-way-survey")
    roles = [role(name, name, script_builders.complete(name, 1e6)) for name in names]
    slow = Fault(trouble=Trouble.SLOW, begin=60.0, end=inf, endpoints=(Endpoint.LIST,), seconds=2.0)
    async with house_of(tmp_path, *roles, faults=[slow], interval="10s") as house:
        await house.until(160.0)
        assert len(lists(house, 60.0)) > 75


async def test_slow_lists_delay_no_status_look(tmp_path: Path) -> None:
    roles = [role("order-reminder", f"order-{n}", LONG) for n in range(20)]
    slow = Fault(trouble=Trouble.SLOW, begin=60.0, end=inf, endpoints=(Endpoint.LIST,), seconds=4.5)
    async with house_of(tmp_path, *roles, faults=[slow], interval="10s") as house:
        house.daemon.accounts[ACME.id].queue.concurrency = 4
        await house.until(660.0)
        assert len(statuses(house, ORDERS, 60.0)) > 20 * 15


async def test_a_restart_keeps_what_was_learned(tmp_path: Path) -> None:
    failing = script_builders.looping("order-reminder", 300.0, failing="send_reminder")
    async with house_of(tmp_path, role("order-reminder", "order", failing)) as house:
        await house.until(3000.0)
        before = _rate(house)
        assert before > 5 / 86400.0
        await house.crash()
        await house.start()
        assert _rate(house) == pytest.approx(before, rel=0.1)
        await house.stop()
        await house.start()
        assert _rate(house) == pytest.approx(before, rel=0.1)


async def test_the_next_look_at_an_instance_without_a_promise_says_why(tmp_path: Path) -> None:
    async with house_of(tmp_path, role("order-reminder", "order", waits_then_fails(100.0))) as house:
        await house.until(160.0)
        [key] = list[TargetKey](house.daemon.targets)
        told = house.daemon.view.next_poll(key)
        assert told.reason == "no interval is promised: about then a look is worth most"
        assert told.at is not None
        assert house.now() <= told.at <= house.now() + timedelta(seconds=31)


def _rate(house: House) -> float:
    hazards = house.daemon.parts.hazard_writer.budget.hazards
    return hazards.rate(HazardKey(DefinitionVersion(ACME.id, ORDERS, 3), ANY_STEP), house.now())


def _seconds(text: str) -> float:
    return datetime.fromisoformat(text).timestamp()
