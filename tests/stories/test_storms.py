"""Thousands end at once: a few are looked at, the others are told from the list with the cause of these."""

from collections import Counter
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest

from monitor.core.alerts import Incident
from monitor.core.commits import DeliveryKind
from monitor.core.model import Cause
from monitor.core.text.alert_text import incident_body
from monitor.sim import script_builders
from monitor.sim.api_enums import Endpoint
from monitor.sim.faults import Fault, Trouble
from monitor.sim.population import Role
from monitor.sim.scenario import watched
from monitor.sim.scenario_builders import ACME, role, scene
from monitor.sim.script import Script
from tests.stories.house import House

pytestmark = pytest.mark.looptime

STORM = 204.0
MESSAGE = "500 from the shop for order {n}."
LANE = {"requests_per_second": 10, "burst": 10, "max_concurrency": 20}


def faulty(number: int, at: float) -> Script:
    return script_builders.fault("order-reminder", "fetch_order", MESSAGE.format(n=number), at)


def other(_number: int, at: float) -> Script:
    return script_builders.fault("order-reminder", "wait_until_due", "The clock has stopped.", at)


def by_hand(_number: int, at: float) -> Script:
    return script_builders.terminated("order-reminder", at)


def storm(count: int, script: Callable[[int, float], Script], *, first: int = 0, within: float = 5.0) -> list[Role]:
    """Instances that started within an hour and end `within` seconds."""
    roles = []
    for number in range(first, first + count):
        starts = -3000.0 + 3000.0 * (number - first) / count
        ends = STORM + within * ((number * 7919) % count + 0.5) / count
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
        await house.until(STORM + 35.0)
        [incident] = await incidents(house)
        assert incident.members == 5000
        looked = incident.members - incident.listed
        assert 30 <= looked <= 120  # the sample, and what was due or worth a look meanwhile
        assert f"5,000 listed as Terminated, {looked} looked at: all the same" in text(incident)
        [about, *_] = [one for _, one in house.phones["pager"].calls]
        assert about.event_id == incident.id
        assert max(one.members for at, one in house.phones["pager"].calls if at < STORM + 30.0) >= 4096
        assert len({event["id"] for event in ends(house)}) == len(ends(house)) == 5000
        early = [event for event in ends(house) if event["data"].get("cause_from") == "sample"]
        assert Counter(event["data"]["seen_by"] for event in ends(house)) == {"list": len(early), "status": looked}
        assert all(event["data"]["cause"] == "fault" and "errors" not in event["data"] for event in early)
        assert all(event["time"] < event["data"]["observed_at"] for event in early), "each has its own time"


async def test_what_the_sample_did_not_know_is_told_again_with_its_own_cause(tmp_path: Path) -> None:
    roles = [*storm(398, faulty, within=0.4), *storm(2, other, first=400, within=0.4)]
    async with house_of(tmp_path, roles) as house:
        await house.until(STORM + 60.0)
        assert len(ends(house)) == 400
        assert not [event for event in ends(house) if "corrects" in event["data"]]
        await house.until(STORM + 900.0)
        again = [event for event in ends(house) if "corrects" in event["data"]]
        first = {event["id"]: event for event in ends(house)[:400]}
        assert len(ends(house)) == 402
        assert {event["data"]["errors"][0]["message"] for event in again} == {"The clock has stopped."}
        for event in again:
            told = first[event["data"]["corrects"]]
            assert told["data"]["workflow"] == event["data"]["workflow"]
            assert (told["data"]["cause_from"], told["data"]["cause"]) == ("sample", "fault")
            assert told["id"] != event["id"]
            assert told["time"] == event["time"]
        [many, few] = await incidents(house)
        assert (many.members, many.open, few.members, few.open) == (400, 398, 2, 2)
        failed = [event for event in house.told() if event["type"] == "workflow.step_failed"]
        assert len({event["data"]["workflow"] for event in failed}) == len(failed) == 400
        begun = [one for _, one in house.phones["pager"].calls if one.about is DeliveryKind.INCIDENT_OPENED]
        assert len(begun) == 2, "the failed steps, told later, are of the same faults"


async def test_a_storm_of_two_causes_says_what_was_seen(tmp_path: Path) -> None:
    roles = [*storm(300, faulty), *storm(300, other, first=300)]
    async with house_of(tmp_path, roles) as house:
        await house.until(STORM + 35.0)
        assert len(ends(house)) == 600
        unknown, *known = await incidents(house)
        assert unknown.event.cause is Cause.UNKNOWN
        assert unknown.members + sum(one.members for one in known) == 600
        assert len(known) == 2
        said = text(unknown)
        assert " listed as Terminated, " in said
        assert "looked at: they differ (" in said
        assert "with fetch_order: 500 from the shop" in said
        assert "with wait_until_due: The clock has stopped." in said
        await house.until(STORM + 900.0)
        assert len(ends(house)) == 600, "what was told without a cause is not told again"
        causes = Counter(watched.state.cause for watched in house.daemon.targets.values())
        assert causes == {Cause.FAULT: 600}


async def test_a_deliberate_bulk_termination_pages_nobody(tmp_path: Path) -> None:
    house = house_of(tmp_path, storm(3000, by_hand))
    house.kinds["pager"] = "critical pager"
    async with house:
        await house.until(STORM + 40.0)
        assert len(ends(house)) == 3000
        assert {(event["data"]["cause"], event["data"]["severity"]) for event in ends(house)} == {("manual", "warning")}
        assert house.phones["pager"].calls == []


@pytest.mark.parametrize("after", [2.0, 9.0, 10.0, 12.0, 60.0])
async def test_a_restart_in_the_middle_of_a_storm_neither_repeats_nor_loses(tmp_path: Path, after: float) -> None:
    roles = [*storm(300, faulty, within=0.4), *storm(2, other, first=300, within=0.4)]
    async with house_of(tmp_path, roles) as house:
        await house.until(STORM + after)
        before = {event["id"] for event in ends(house)}
        await house.crash()
        await house.until(STORM + after + 5.0)
        await house.start()
        await house.until(STORM + 120.0)
        first = [event for event in ends(house) if "corrects" not in event["data"]]
        assert {event["data"]["workflow"] for event in first} == workflows(house)
        assert len({event["id"] for event in first}) == 302
        assert before <= {event["id"] for event in first}
        await house.until(STORM + 1200.0)
        failed = [event for event in house.told() if event["type"] == "workflow.step_failed"]
        assert {event["data"]["workflow"] for event in failed} == workflows(house)
        assert len({event["id"] for event in failed}) == 302
        wrong = {e["id"] for e in first if e["data"].get("cause_from") and e["data"]["workflow"] in others(house)}
        assert {e["data"]["corrects"] for e in ends(house) if "corrects" in e["data"]} == wrong
        assert await house.daemon.store.owed_explanations() == []


async def test_if_no_explanation_comes_all_are_told_all_the_same(tmp_path: Path) -> None:
    mute = Fault(
        trouble=Trouble.STATUS, begin=STORM - 1.0, end=STORM + 600.0, endpoints=(Endpoint.STATUS, Endpoint.ERRORS)
    )
    async with house_of(tmp_path, storm(300, faulty), mute) as house:
        await house.until(STORM + 45.0)
        assert len(ends(house)) == 300
        assert {event["data"]["cause"] for event in ends(house)} == {"unknown"}
        assert {event["data"]["seen_by"] for event in ends(house)} == {"list"}
        await house.until(STORM + 2500.0)
        assert len(ends(house)) == 300
        failed = [event for event in house.told() if event["type"] == "workflow.step_failed"]
        assert len({event["data"]["workflow"] for event in failed}) == len(failed) == 300


def workflows(house: House) -> set[str]:
    return {one.workflow for one in watched(house.world.scenario)}


def others(house: House) -> set[str]:
    """Those with the rare cause."""
    return {one.workflow for one in watched(house.world.scenario) if int(one.name[1:]) >= 300}
