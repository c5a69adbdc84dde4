"""The life of alerts in the whole daemon: who is told of them when, and when they end; over restarts and reloads."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from monitor.core.alerting.verdict import Delivered, Retry, Verdict
from monitor.core.alerts import AlertEnd
from monitor.core.commits import Delivery, DeliveryKind
from monitor.sim import script_builders
from monitor.sim.scenario import Scenario
from monitor.sim.scenario_builders import role, scene
from tests.stories.house import House, Phone

pytestmark = pytest.mark.looptime

HOUR = 3600.0
KINDS = {"am": "alertmanager", "pager": "pagerduty"}
LONG = script_builders.complete("order-reminder", 1e6)
OPENED, CLOSED = DeliveryKind.ALERT_OPENED, DeliveryKind.ALERT_CLOSED
BEGUN, GREW, OVER = DeliveryKind.INCIDENT_OPENED, DeliveryKind.INCIDENT_GREW, DeliveryKind.INCIDENT_CLOSED


def night(folder: Path, scenario: Scenario, alerts: Mapping[str, Any] | None = None, **settings: Any) -> House:
    """A house with one receiver of each kind; steps take their time."""
    alerts = {"step_slack": "7d", **(alerts or {})}
    return House(folder, scenario, receivers=("hook", *KINDS), kinds=KINDS, alerts=alerts, **settings)


def one_suspension(*, flaps: int = 0) -> Scenario:
    script = (
        script_builders.flapping(LONG, 40.0, flaps, begin=101.0)
        if flaps
        else script_builders.suspended(LONG, 101.0, 600.0)
    )
    return scene("night", role("order-reminder", "lopez", script))


def one_fault() -> Scenario:
    fault = script_builders.fault("onboarding-reply", "step1", "Invalid subaccount id.", 101.0)
    return scene("night", role("onboarding-reply", "lopez", fault))


def rang(phone: Phone) -> list[DeliveryKind]:
    return [delivery.about for _, delivery in phone.calls]


# --- how they end ---------------------------------------------------------------------------------------------


async def test_a_condition_resolves_once_it_has_settled(tmp_path: Path) -> None:
    async with night(tmp_path, one_suspension(), polling={"interval": "10s"}) as house:
        await house.until(700.0)
        assert await house.alerts() == ["workflow.suspended"]
        await house.until(900.0)
        am, pager = house.phones["am"], house.phones["pager"]
        assert rang(am) == [OPENED, CLOSED]
        assert rang(pager) == [BEGUN, OVER]
        resumed = next(at for at, one in house.phones["hook"].calls if one.type.value == "workflow.resumed")
        assert resumed + 60.0 <= am.calls[1][0] <= resumed + 60.0 + 6.0


async def test_what_flaps_is_one_alert(tmp_path: Path) -> None:
    async with night(tmp_path, one_suspension(flaps=10), polling={"interval": "5s"}) as house:
        await house.until(1200.0)
        assert rang(house.phones["am"]) == [OPENED, CLOSED]
        assert rang(house.phones["pager"]) == [BEGUN, OVER]
        assert house.types("hook").count("workflow.suspended") == 10, "who wants facts gets every one"


async def test_an_event_alert_expires_after_its_hold_and_nobody_is_told_that_it_is_resolved(tmp_path: Path) -> None:
    async with night(tmp_path, one_fault(), alerts={"hold": "1h"}) as house:
        await house.until(HOUR)
        assert sorted(await house.alerts()) == ["workflow.step_failed", "workflow.terminated"]
        await house.until(HOUR + 200.0)
        assert await house.alerts() == []
        assert rang(house.phones["am"]) == [OPENED, OPENED, CLOSED, CLOSED]
        assert rang(house.phones["pager"]) == [BEGUN], "one fault is one page, and time resolves nothing"
        ended = await house.daemon.store.alert(house.phones["am"].calls[-1][1].event_id)
        assert ended is not None
        assert ended.end is AlertEnd.EXPIRED


@pytest.mark.parametrize("crash", [False, True], ids=["Alertmanager is away", "and the monitor"])
async def test_an_alert_stays_until_alertmanager_was_told_of_it_and_could_tell_people(
    tmp_path: Path, crash: bool
) -> None:
    async with night(tmp_path, one_fault(), alerts={"hold": "1h"}) as house:
        am = house.phones["am"]
        am.answer = lambda _: Retry("cannot connect", receiver_down=True)
        await house.until(160.0)
        if crash:
            await house.crash()
        await house.until(5 * HOUR)
        am.calls.clear()
        am.answer = lambda _: Delivered()
        if crash:
            await house.start()
        await house.until(5.2 * HOUR)
        assert [one.about for at, one in am.calls if at >= 5 * HOUR][-2:] == [OPENED, OPENED]
        assert sorted(await house.alerts()) == ["workflow.step_failed", "workflow.terminated"]
        await house.until(5.6 * HOUR)
        assert rang(am)[-2:] == [CLOSED, CLOSED]


async def test_a_hold_counts_from_when_the_first_receiver_was_told(tmp_path: Path) -> None:
    async with House(tmp_path, one_fault(), receivers=["pager"], kinds=KINDS, alerts={"hold": "1h"}) as house:
        pager = house.phones["pager"]
        pager.answer = lambda _: Retry("cannot connect", receiver_down=True)
        await house.until(5 * HOUR)
        pager.answer = lambda _: Delivered()
        await house.until(5.9 * HOUR)
        assert "workflow.terminated" in await house.alerts()
        await house.until(6.5 * HOUR)
        assert await house.alerts() == []


async def test_a_person_closes_an_alert(tmp_path: Path) -> None:
    async with night(tmp_path, one_fault()) as house:
        await house.until(200.0)
        view = house.daemon.view
        ids = [one.alert.id for one in await view.alerts()]
        assert [await view.close_alert(id_) for id_ in [*ids, ids[0], "nobody"]] == [True, True, False, False]
        await house.until(210.0)
        assert await house.alerts() == []
        assert rang(house.phones["am"])[-2:] == [CLOSED, CLOSED]
        assert rang(house.phones["pager"]) == [BEGUN, OVER]


async def test_a_person_closes_an_incident_with_all_its_alerts(tmp_path: Path) -> None:
    async with night(tmp_path, storm(360)) as house:
        await house.until(300.0)
        view, pager = house.daemon.view, house.phones["pager"]
        alerts = await view.alerts()
        incidents = {one.alert.incident for one in alerts}
        assert len(alerts) >= 360 > 100 * len(incidents) / 2
        assert sum([await view.close_alert(id_) for id_ in incidents]) == len(alerts)
        assert await house.alerts() == []
        assert [await view.close_alert(id_) for id_ in incidents] == [0] * len(incidents)
        await house.until(320.0)
        assert rang(pager).count(OVER) == rang(pager).count(BEGUN) > 0


async def test_a_target_that_leaves_the_watchlist_closes_its_alerts_and_may_come_back(tmp_path: Path) -> None:
    forever = script_builders.suspended(LONG, 101.0)
    cast = scene("night", role("order-reminder", "lopez", forever), role("order-reminder", "diaz", LONG))
    async with night(tmp_path, cast) as house:
        await house.until(200.0)
        everybody = list(house.targets)
        house.targets = [one for one in everybody if one.name != "lopez"]
        assert await house.reload() == ()
        await house.until(790.0)
        assert await house.alerts() == ["workflow.suspended"], "the list may have lost it by accident"
        await house.until(810.0)
        assert await house.alerts() == []
        assert house.types("hook") == ["workflow.suspended", "workflow.unwatched"]
        assert rang(house.phones["am"]) == [OPENED, CLOSED]
        assert rang(house.phones["pager"]) == [BEGUN, OVER]
        house.targets = everybody
        assert await house.reload() == ()
        await house.until(900.0)
        assert await house.alerts() == ["workflow.suspended"]
        ids = [event["id"] for event in house.told("hook") if event["type"] == "workflow.suspended"]
        assert len(set(ids)) == len(ids) == 2
        assert rang(house.phones["pager"]) == [BEGUN, OVER, BEGUN]


async def test_a_target_that_left_while_nothing_ran_closes_its_alerts(tmp_path: Path) -> None:
    async with night(tmp_path, one_suspension()) as house:
        await house.until(200.0)
        await house.stop()
        house.targets = []
        await house.start()
        await house.until(790.0)
        assert house.types("hook") == ["workflow.suspended"], "the grace counts from the start"
        assert house.metric("workflow_monitor_targets_leaving") == 1
        await house.until(810.0)
        assert house.types("hook") == ["workflow.suspended", "workflow.unwatched"]
        assert house.metric("workflow_monitor_targets_leaving") == 0
        assert rang(house.phones["pager"]) == [BEGUN, OVER]


@pytest.mark.parametrize("interval", ["10s", "5m"], ids=["seen one after the other", "seen at once"])
async def test_a_step_that_is_retried_and_succeeds_resolves_its_alert_everywhere(tmp_path: Path, interval: str) -> None:
    retried = script_builders.retried("order-reminder", "fetch_order", 101.0, 10 * HOUR)
    cast = scene("night", role("order-reminder", "lopez", retried))
    async with night(tmp_path, cast, polling={"interval": interval}) as house:
        await house.until(100.0)
        await house.until(9 * HOUR)
        assert await house.alerts() == []
        am, pager = house.phones["am"], house.phones["pager"]
        assert (rang(am), rang(pager)) == ([OPENED, CLOSED], [BEGUN, OVER])
        ended = await house.daemon.store.alert(am.calls[0][1].event_id)
        assert ended is not None
        assert ended.end is AlertEnd.RESOLVED


async def test_a_workflow_that_completes_resolves_the_alerts_of_its_steps(tmp_path: Path) -> None:
    failed_and_done = script_builders.retried("order-reminder", "fetch_order", 101.0, 900.0)
    async with night(tmp_path, scene("night", role("order-reminder", "lopez", failed_and_done))) as house:
        await house.until(1200.0)
        assert await house.alerts() == []
        assert (rang(house.phones["am"]), rang(house.phones["pager"])) == ([OPENED, CLOSED], [BEGUN, OVER])


# --- restarts -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("ends", ["stop", "crash"])
async def test_after_a_restart_without_a_change_nobody_is_told_anything(tmp_path: Path, ends: str) -> None:
    async with night(tmp_path, one_fault()) as house:
        await house.until(200.0)
        before = {name: len(phone.calls) for name, phone in house.phones.items()}
        for _ in range(3):
            await getattr(house, ends)()
            await house.start()
            await house.until(house.t + 100.0)
        assert {name: len(phone.calls) for name, phone in house.phones.items()} == before
        assert sorted(await house.alerts()) == ["workflow.step_failed", "workflow.terminated"]


async def test_what_changed_while_nothing_ran_is_told(tmp_path: Path) -> None:
    async with night(tmp_path, one_fault()) as house:
        await house.until(50.0)
        await house.crash()
        await house.until(HOUR)
        await house.start()
        await house.until(HOUR + 60.0)
        assert rang(house.phones["pager"]) == [BEGUN]
        assert rang(house.phones["am"]) == [OPENED, OPENED]


async def test_a_condition_that_ended_while_nothing_ran_is_resolved_after_it(tmp_path: Path) -> None:
    async with night(tmp_path, one_suspension()) as house:
        await house.until(200.0)
        await house.crash()
        await house.until(HOUR)
        await house.start()
        await house.until(HOUR + 200.0)
        assert rang(house.phones["pager"]) == [BEGUN, OVER]
        assert rang(house.phones["am"]) == [OPENED, CLOSED]


async def test_a_receiver_that_comes_later_gets_what_is_open_once(tmp_path: Path) -> None:
    async with night(tmp_path, one_suspension()) as house:
        await house.until(200.0)
        await house.stop()
        for name, kind in (("am2", "alertmanager"), ("pager2", "pagerduty"), ("hook2", "webhook")):
            house.phones[name], house.kinds[name] = Phone(house, name), kind
        for _ in range(2):
            await house.start()
            await house.until(house.t + 60.0)
            await house.stop()
        assert rang(house.phones["am2"]) == [OPENED]
        assert rang(house.phones["pager2"]) == [BEGUN]
        assert house.types("hook2") == ["workflow.suspended"]
        await house.start()
        await house.until(900.0)
        assert rang(house.phones["am2"]) == [OPENED, CLOSED]
        assert rang(house.phones["pager2"]) == [BEGUN, OVER]
        assert [len(house.phones[name].calls) for name in ("am", "pager")] == [2, 2]


async def test_an_edit_of_the_configuration_neither_repeats_nor_orphans_an_open_alert(tmp_path: Path) -> None:
    async with night(tmp_path, one_suspension()) as house:
        await house.until(200.0)
        house.wishes["lopez"] = {
            "labels": {"team": "night", "runbook": "https://wiki.example/x"},
            "severities": {"workflow.suspended": "critical"},
            "interval": "20s",
        }
        house.settings["alerts"] = {"settle": "2m", "group_window": "2h", "storm_threshold": 7, "step_slack": "7d"}
        assert await house.reload() == ()
        await house.stop()
        await house.start()
        await house.until(600.0)
        assert [len(house.phones[name].calls) for name in ("am", "pager")] == [1, 1]
        await house.until(1000.0)
        assert rang(house.phones["am"]) == [OPENED, CLOSED]
        assert rang(house.phones["pager"]) == [BEGUN, OVER]


# --- doubt ----------------------------------------------------------------------------------------------------


async def test_a_pager_that_took_it_and_seemed_not_to_hears_twice_under_one_key(tmp_path: Path) -> None:
    async with night(tmp_path, one_fault()) as house:
        pager = house.phones["pager"]
        verdicts: list[Verdict] = [Retry("no answer within 10s", receiver_down=True)]
        pager.answer = lambda _: verdicts.pop() if verdicts else Delivered()
        await house.until(300.0)
        assert [delivery.event_id for _, delivery in pager.calls] == [pager.calls[0][1].event_id] * 2


async def test_a_commit_whose_answer_was_lost_tells_nobody_twice_and_nobody_nothing(tmp_path: Path) -> None:
    async with night(tmp_path, one_fault(), alerts={"hold": "10m"}) as house:
        with house.disk_fails(after_commit=True):
            await house.until(130.0)
        await house.until(600.0)
        with house.disk_fails(after_commit=True):
            await house.until(770.0)
        await house.until(900.0)
        keys = [(one.about, one.event_id) for _, one in house.phones["am"].calls]
        assert sorted(about for about, _ in keys) == sorted([OPENED, OPENED, CLOSED, CLOSED])
        assert rang(house.phones["pager"]) == [BEGUN]


# --- a storm --------------------------------------------------------------------------------------------------

CAUSES = (
    ("onboarding-reply", "step1", "Invalid subaccount id {n}."),
    ("order-reminder", "fetch_order", "HTTP 503 from 'orders-{n}.example'"),
    ("two-way-survey", "ask", "Template {n} was rejected"),
)


def storm(count: int) -> Scenario:
    roles = []
    for number in range(count):
        definition, step, message = CAUSES[number % 3]
        at = 100.0 + 10.0 * number / count
        roles.append(
            role(definition, f"w{number}", script_builders.fault(definition, step, message.format(n=number), at))
        )
    return scene("storm", *roles)


async def test_many_faults_with_three_causes_are_three_pages(tmp_path: Path) -> None:
    lane = {"requests_per_second": 1000, "burst": 1000, "max_concurrency": 100}
    house = night(tmp_path, storm(600), lane=lane, polling={"interval": "5s"})
    house.targets = [one for one in house.targets if one.account == "acme"]
    async with house:
        mild = {"severities": {"workflow.terminated": "warning"}}
        house.wishes = {one.name: mild for one in house.targets if _is(one.name, 0)}
        assert await house.reload() == ()
        await house.until(200.0)
        pager, am, hook = (house.phones[name] for name in ("pager", "am", "hook"))
        begun = [(at, one) for at, one in pager.calls if one.about is BEGUN]
        assert len(begun) == 3
        assert len(pager.calls) <= 3 * 10
        assert [one.members for _, one in pager.calls[-3:]] == [200] * 3, "its size is told once it has calmed down"
        assert {event["id"] for event in house.told("hook")} == {one.event_id for _, one in hook.calls}
        assert house.types("hook").count("workflow.terminated") == 600
        singles = [one for _, one in am.calls if one.about is OPENED]
        storms = [one for _, one in am.calls if one.about is BEGUN]
        assert (len(singles), len(storms)) == (6 * 50, 6), "steps and workflows, each of three causes"
        assert [one.members for one in storms] == [200] * 6


def _is(name: str, cause: int) -> bool:
    return int(name[1:]) % 3 == cause


async def test_the_most_severe_incident_goes_first(tmp_path: Path) -> None:
    by_hand = script_builders.terminated("order-reminder", 101.0)
    fault = script_builders.fault("onboarding-reply", "step1", "Invalid subaccount id.", 102.0)
    roles = role("order-reminder", "lopez", by_hand), role("onboarding-reply", "diaz", fault)
    async with night(tmp_path, scene("night", *roles)) as house:
        pager = house.phones["pager"]

        def away(_: Delivery) -> Verdict:
            return Retry("down", receiver_down=True) if house.t < 300.0 else Delivered()

        pager.answer = away
        await house.until(900.0)
        taken = [delivery.severity.value for at, delivery in pager.calls if at >= 300.0]
    assert taken == ["critical", "warning"]
