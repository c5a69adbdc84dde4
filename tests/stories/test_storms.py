"""Thousands end at once: a few are looked at, the others are told from the list with the cause of these."""

from collections import Counter
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest

from monitor.core.alerts import Incident
from monitor.core.commits import DeliveryKind
from monitor.core.text.alert_text import incident_body
from monitor.sim import script_builders
from monitor.sim.faults import Fault
from monitor.sim.population import Role
from monitor.sim.scenario_builders import ACME, role, scene
from monitor.sim.script import Script
from tests.stories.house import House

pytestmark = pytest.mark.looptime

STORM = 200.0
MESSAGE = "500 from the shop for order {n}."
LANE = {"requests_per_second": 10, "burst": 10, "max_concurrency": 20}


def faulty(number: int, at: float) -> Script:
    return script_builders.fault("order-reminder", "fetch_order", MESSAGE.format(n=number), at)


def other(_number: int, at: float) -> Script:
    return script_builders.fault("order-reminder", "wait_until_due", "The clock has stopped.", at)


def by_hand(_number: int, at: float) -> Script:
    return script_builders.terminated("order-reminder", at)


def storm(count: int, script: Callable[[int, float], Script], *, first: int = 0) -> list[Role]:
    """Instances that started within an hour and end within five seconds."""
    roles = []
    for number in range(first, first + count):
        starts = -3000.0 + 3000.0 * (number - first) / count
        ends = STORM + 5.0 * ((number * 7919) % count) / count
        roles.append(role("order-reminder", f"w{number}", script(number, ends - starts), starts=starts))
    return roles


def house_of(folder: Path, roles: Sequence[Role], *faults: Fault, **settings: Any) -> House:
    scenario = scene("night", *roles, faults=tuple(faults))
    kinds = {"pager": "pagerduty"}
    house = House(
        folder, scenario, receivers=["oncall", "pager"], kinds=kinds, targets=[], lane=LANE,
        **{"api": {"base_url": "http://127.0.0.1:8", "timeout": "10s"}, **settings},
    )  # fmt: skip
    house.accounts = [ACME.id]
    house.discover = [{"definition": "*", "account": ACME.id, "interval": "10s", "step_interval": "1h"}]
    return house


def ends(house: House) -> list[dict[str, Any]]:
    return [event for event in house.told() if event["type"] == "workflow.terminated"]


async def incidents(house: House) -> list[Incident]:
    """Those of terminations that the pager was told of, the largest first."""
    ids = {one.event_id for _, one in house.phones["pager"].calls if one.about is DeliveryKind.INCIDENT_OPENED}
    found = [one for id_ in ids if (one := await house.daemon.store.incident(id_)) is not None]
    return sorted([one for one in found if one.event.cause is not None], key=lambda one: -one.members)


def text(incident: Incident) -> str:
    return incident_body(incident, tolls=(), external_url="http://localhost:8808")


async def test_a_storm_of_one_cause_is_one_incident_within_half_a_minute(tmp_path: Path) -> None:
    async with house_of(tmp_path, storm(5000, faulty)) as house:
        await house.until(STORM)
        asked = len(house.sent)
        await house.until(STORM + 35.0)
        [incident] = await incidents(house)
        assert incident.members == 5000
        looked = incident.members - incident.listed
        assert 30 <= looked <= 60
        assert f"5,000 listed as Terminated, {looked} looked at: all the same" in text(incident)
        [about, *_] = [one for _, one in house.phones["pager"].calls]
        assert about.event_id == incident.id
        assert max(one.members for at, one in house.phones["pager"].calls if at < STORM + 30.0) >= 4096
        assert len({event["id"] for event in ends(house)}) == len(ends(house)) == 5000
        assert len(house.sent) - asked < 250
        early = [event for event in ends(house) if event["data"].get("cause_from") == "sample"]
        assert Counter(event["data"]["seen_by"] for event in ends(house)) == {"list": len(early), "status": looked}
        assert all(event["data"]["cause"] == "fault" and "errors" not in event["data"] for event in early)
        assert all(event["time"] < event["data"]["observed_at"] for event in early), "each has its own time"
