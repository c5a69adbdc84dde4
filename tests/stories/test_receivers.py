"""Receivers that are slow, down for a night, or refuse; and what is pending when the daemon stops."""

import json
from pathlib import Path
from typing import Any

import pytest

from monitor.core.alerting.verdict import Delivered, Refused, Retry, Verdict
from monitor.core.commits import Delivery
from monitor.sim import script_builders
from monitor.sim.scenario import Scenario
from monitor.sim.scenario_builders import role, scene
from tests.stories.house import House

pytestmark = pytest.mark.looptime

HOUR = 3600.0
LONG = script_builders.complete("order-reminder", 1e9)
DOWN = Retry("connection refused", receiver_down=True)
FAULT = script_builders.fault("onboarding-reply", "step1", "Invalid subaccount id.", 101.0)
TOLD = ["workflow.step_failed", "workflow.terminated"]


def one_fault() -> Scenario:
    return scene("night", role("onboarding-reply", "lopez", FAULT))


def distinct(events: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """As a receiver sees them that drops twins: the first of each id."""
    return list({event["id"]: event for event in events}.values())


# --- the stop -------------------------------------------------------------------------------------------------


async def test_a_stop_delivers_what_is_pending(tmp_path: Path) -> None:
    async with House(tmp_path, one_fault()) as house:
        phone = house.phones["oncall"]
        phone.takes = 3.0
        await house.when(lambda: phone.calls)
        began = house.t
        await house.stop()
        assert house.t - began <= 10.0
        assert [event["type"] for event in house.told()] == TOLD, "the second one was sent while stopping"
        assert house.lines("stopped")[-1]["deliveries_pending"] == 0
        await house.start()
        await house.until(house.t + 300.0)
        assert len(phone.calls) == 2, "both are marked"


async def test_a_slow_receiver_does_not_hold_up_the_stop_and_gets_the_same_text_after_the_next_start(
    tmp_path: Path,
) -> None:
    async with House(tmp_path, one_fault(), shutdown_timeout="5s") as house:
        phone = house.phones["oncall"]
        phone.takes = 3600.0
        await house.when(lambda: phone.calls)
        began = house.t
        await house.stop()
        assert house.t - began <= 5.0 + 2.5
        assert house.lines("stopped")[-1]["deliveries_pending"] == 2
        phone.takes = 0.0
        await house.until(house.t + HOUR)
        await house.start()
        await house.until(house.t + 10.0)
        assert [event["type"] for event in house.told()] == [TOLD[0], *TOLD]
        assert phone.calls[0][1].body == phone.calls[1][1].body


async def test_a_stop_lets_the_polls_under_way_end(tmp_path: Path) -> None:
    async with House(tmp_path, one_fault(), polling={"interval": "10s"}) as house:
        phone = house.phones["oncall"]
        await house.when(lambda: any(sent.path.endswith("/errors") for sent in house.sent), look_every=0.01)
        assert not phone.calls
        await house.stop()
        assert [event["type"] for event in house.told()] == TOLD


async def test_a_stop_while_the_receiver_is_down_does_not_wait_for_it(tmp_path: Path) -> None:
    async with House(tmp_path, one_fault()) as house:
        phone = house.phones["oncall"]
        phone.answer = lambda _: DOWN
        await house.until(2 * HOUR)
        began = house.t
        await house.stop()
        assert house.t - began <= 10.0 + 2.5
        phone.answer = lambda _: Delivered()
        await house.until(house.t + HOUR)
        await house.start()
        await house.until(house.t + 330.0)
        assert [event["type"] for event in distinct(house.told())] == TOLD
        assert house.metric("workflow_monitor_deliveries_pending", receiver="oncall") == 0


# --- down for a night -----------------------------------------------------------------------------------------


async def test_a_receiver_that_is_down_for_a_night_misses_nothing_and_holds_up_no_other(tmp_path: Path) -> None:
    roles = [
        role(
            "order-reminder",
            f"order-{n}",
            script_builders.retried("order-reminder", "fetch_order", 600.0 + n, 9 * HOUR),
        )
        for n in range(5)
    ]
    suspended = script_builders.suspended(script_builders.suspended(LONG, HOUR, HOUR), 3 * HOUR, HOUR)
    roles.append(role("order-reminder", "paused", suspended))
    roles += [
        role(
            "onboarding-reply",
            f"lopez-{n}",
            script_builders.fault("onboarding-reply", "step1", "Invalid subaccount id.", n * HOUR / 3),
        )
        for n in range(1, 18, 2)
    ]
    house = House(tmp_path, scene("night", *roles), receivers=("oncall", "archive"), polling={"interval": "30m"})
    async with house:
        oncall = house.phones["oncall"]
        oncall.answer = lambda _: DOWN
        await house.until(4 * HOUR)
        await house.crash()
        await house.start()
        await house.until(7 * HOUR)
        waiting = house.metric("workflow_monitor_deliveries_pending", receiver="oncall")
        tries = len(oncall.calls)
        assert waiting == len(house.told("archive")) == 5 + 4 + 2 * 9
        assert house.metric("workflow_monitor_deliveries_pending", receiver="archive") == 0
        oldest = house.metric("workflow_monitor_oldest_pending_delivery_timestamp_seconds", receiver="oncall")
        assert oldest == pytest.approx(house.now().timestamp() - 7 * HOUR + 600.0, abs=1830.0)
        assert len(house.lines("delivery.failing")) == 2, "when it begins, once per start"
        oncall.answer = lambda _: Delivered()
        await house.until(7 * HOUR + 600.0)
        recovered = [(at, delivery) for at, delivery in oncall.calls[tries:]]
        assert len(recovered) == waiting
        assert tries < 7 * HOUR / 100.0, "a probe now and then, not a storm"
        for target in house.targets:
            bodies = [json.loads(delivery.body) for _, delivery in recovered]
            mine = [body for body in bodies if body["data"].get("name") == target.name]
            assert mine == house.about(target.name, "archive"), "in their order"
    assert house.told("archive") == distinct(house.told("archive")), "the other one had each once, meanwhile"


# --- a refusal ------------------------------------------------------------------------------------------------


async def test_a_refused_event_is_given_up_once_and_later_ones_of_the_workflow_still_come(tmp_path: Path) -> None:
    def answer(delivery: Delivery) -> Verdict:
        return Refused("HTTP 422: no such routing key") if delivery.type == TOLD[0] else Delivered()

    async with House(tmp_path, one_fault()) as house:
        house.phones["oncall"].answer = answer
        assert dead(house) == 0
        await house.until(300.0)
        assert dead(house) == 1
        await house.crash()
        await house.start()
        await house.until(600.0)
        assert house.types() == TOLD, "each was tried once"
        [line] = house.lines("delivery.dead")
        assert house.metric("workflow_monitor_deliveries_pending", receiver="oncall") == 0
    assert "422" in line["detail"]
    assert line["id"] == house.told()[0]["id"]


async def test_what_waits_for_a_receiver_that_is_not_configured_any_more_is_said(tmp_path: Path) -> None:
    async with House(tmp_path, one_fault()) as house:
        house.phones["oncall"].answer = lambda _: DOWN
        await house.until(300.0)
        await house.stop()
        house.phones["night"] = house.phones.pop("oncall")
        await house.start()
        [line] = house.lines("deliveries.unconfigured")
        assert line["pending"] == {"oncall": 2}


def dead(house: House) -> float | None:
    return house.metric("workflow_monitor_deliveries_total", receiver="oncall", outcome="dead")
