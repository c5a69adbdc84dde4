"""What happens to a workflow, and what is told of it."""

from pathlib import Path

import pytest

from monitor.sim import script_builders
from monitor.sim.responses import Broken, SimResponse
from monitor.sim.scenario_builders import role, scene
from monitor.sim.scenarios import suspensions
from tests.stories.house import House

pytestmark = pytest.mark.looptime

LONG = script_builders.complete("order-reminder", 1e6)
SERVER_ERROR = SimResponse(500, {}, b"")
SILENCE = SimResponse(0, {}, b"", broken=Broken.HANG)


def types(events: list[dict[str, object]]) -> list[object]:
    return [event["type"] for event in events]


# --- why it is Terminated -------------------------------------------------------------------------------------


async def test_a_termination_by_hand_is_told_as_such_and_pages_nobody(tmp_path: Path) -> None:
    by_hand = script_builders.terminated("order-reminder", 100.0)
    async with House(tmp_path, scene("night", role("order-reminder", "lopez", by_hand))) as house:
        await house.until(200.0)
        [ended] = house.about("lopez")
    assert ended["type"] == "workflow.terminated"
    assert ended["data"]["cause"] == "manual"
    assert ended["data"]["severity"] == "warning"
    assert "errors" not in ended["data"]


@pytest.mark.parametrize("answer", [pytest.param(SERVER_ERROR, id="500"), pytest.param(SILENCE, id="silence")])
async def test_an_alert_is_not_held_back_for_its_explanation(tmp_path: Path, answer: SimResponse) -> None:
    by_hand = script_builders.terminated("order-reminder", 101.0)
    fault = script_builders.fault("onboarding-reply", "step1", "Invalid subaccount id.", 101.0)
    roles = role("order-reminder", "lopez", by_hand), role("onboarding-reply", "diaz", fault)
    async with House(tmp_path, scene("night", *roles)) as house:
        house.instead = lambda path: answer if path.endswith("/errors") else None
        await house.until(200.0)
        [lopez], diaz = house.about("lopez"), house.about("diaz")
        asked = [sent for sent in house.sent if sent.path.endswith("/errors")]
        told_at = [at for at, _ in house.phones["oncall"].calls]
    assert lopez["data"]["cause"] == "unknown"
    assert lopez["data"]["severity"] == "critical"
    assert types(diaz) == ["workflow.step_failed", "workflow.terminated"]
    assert diaz[1]["data"]["cause"] == "fault", "the step log says so"
    assert len(asked) == 4, "each is asked once more"
    assert max(told_at) < 100.0 + 30.0 + 5.0 + 1.0, "an interval and one timeout"


async def test_an_explanation_that_comes_at_the_second_try_is_told(tmp_path: Path) -> None:
    fault = script_builders.fault("onboarding-reply", "step1", "Invalid subaccount id.", 101.0)
    async with House(tmp_path, scene("night", role("onboarding-reply", "lopez", fault))) as house:
        answers = iter([SERVER_ERROR])
        house.instead = lambda path: next(answers, None) if path.endswith("/errors") else None
        await house.until(200.0)
        ended = house.about("lopez")[-1]
    assert ended["data"]["errors"][0]["message"] == "Invalid subaccount id."


# --- steps ----------------------------------------------------------------------------------------------------


async def test_a_step_that_fails_again_is_told_again_under_another_id(tmp_path: Path) -> None:
    retried = script_builders.retried("order-reminder", "fetch_order", 101.0, 900.0, failures=3)
    async with House(tmp_path, scene("night", role("order-reminder", "lopez", retried))) as house:
        await house.until(2000.0)
        told = house.about("lopez")
        failures = house.metric(
            "workflow_step_failures_total", account="acme", definition=house.targets[0].definition, step="fetch_order"
        )
    assert types(told) == ["workflow.step_failed"] * 3 + ["workflow.completed"]
    assert len({event["id"] for event in told}) == 4
    assert len({event["data"]["step"]["id"] for event in told[:3]}) == 3
    assert failures == 3


async def test_failures_between_two_polls_are_all_told_in_their_order(tmp_path: Path) -> None:
    retried = script_builders.retried("order-reminder", "fetch_order", 10.0, 500.0, failures=4)
    house = House(tmp_path, scene("night", role("order-reminder", "lopez", retried)), polling={"interval": "15m"})
    async with house:
        await house.until(3600.0)
        told = house.about("lopez")
    assert types(told) == ["workflow.step_failed"] * 4 + ["workflow.completed"]
    times = [event["time"] for event in told]
    assert times == sorted(times)
    assert len({event["data"]["observed_at"] for event in told}) == 1


async def test_a_cancelled_step_is_told_once_and_nobody_is_called(tmp_path: Path) -> None:
    cancelled = script_builders.cancelled("two-way-survey", "wait_for_reply", 101.0, 1e5)
    async with House(tmp_path, scene("night", role("two-way-survey", "lopez", cancelled))) as house:
        await house.until(300.0)
        assert await house.alerts() == []
        await house.crash()
        await house.start()
        await house.until(600.0)
        [told] = house.about("lopez")
    assert told["type"] == "workflow.step_cancelled"
    assert told["data"]["severity"] == "info"
    assert told["data"]["step"]["name"] == "wait_for_reply"


# --- suspension -----------------------------------------------------------------------------------------------


async def test_a_suspension_opens_an_alert_and_its_end_closes_it(tmp_path: Path) -> None:
    async with House(tmp_path, suspensions(), polling={"interval": "10s"}) as house:
        await house.until(25.0)
        for name in ("suspended-resumed", "suspended-forever", "suspended-terminated"):
            assert await house.alerts(name) == ["workflow.suspended"]
        await house.until(55.0)
        assert await house.alerts("suspended-resumed") == []
        await house.until(200.0)
        assert await house.alerts("suspended-forever") == ["workflow.suspended"]
        assert await house.alerts("suspended-terminated") == ["workflow.terminated"]
        resumed, ended = house.about("suspended-resumed"), house.about("suspended-terminated")
    assert types(resumed) == ["workflow.suspended", "workflow.resumed", "workflow.completed"]
    assert types(ended) == ["workflow.suspended", "workflow.terminated"]
    assert ended[1]["data"]["from_status"] == "Suspended"


async def test_each_episode_of_a_flapping_workflow_has_its_own_id_and_alerts_do_not_pile_up(tmp_path: Path) -> None:
    flapping = script_builders.flapping(LONG, 20.0, 60)
    house = House(tmp_path, scene("night", role("order-reminder", "lopez", flapping)), polling={"interval": "2s"})
    async with house:
        for minute in range(1, 21):
            await house.until(60.0 * minute)
            assert len(await house.alerts()) <= 1
            if minute % 7 == 0:
                await house.crash()
                await house.start()
        await house.until(1300.0)
        assert await house.alerts() == []
        told = house.about("lopez")
    by_id = {event["id"]: event["type"] for event in told}
    assert list(by_id.values()) == ["workflow.suspended", "workflow.resumed"] * 60


async def test_a_suspension_that_lasts_across_a_restart_is_told_once(tmp_path: Path) -> None:
    suspended = script_builders.suspended(LONG, 101.0, 800.0)
    async with House(tmp_path, scene("night", role("order-reminder", "lopez", suspended))) as house:
        await house.until(200.0)
        await house.crash()
        await house.until(500.0)
        await house.start()
        await house.until(1000.0)
        told = house.about("lopez")
    assert types(told) == ["workflow.suspended", "workflow.resumed"]


# --- gone, and odd --------------------------------------------------------------------------------------------


async def test_three_times_not_found_is_believed_and_an_answer_ends_it(tmp_path: Path) -> None:
    vanishing = script_builders.vanishing(LONG, 101.0, 401.0)
    async with House(tmp_path, scene("night", role("order-reminder", "lopez", vanishing))) as house:
        await house.until(150.0)
        assert house.about("lopez") == [], "twice may be a hiccup"
        await house.until(300.0)
        assert await house.alerts("lopez") == ["workflow.not_found"]
        assert types(house.told()) == ["workflow.not_found"], "the account is not blind: it speaks"
        await house.until(401.0 + 300.0)
        assert await house.alerts("lopez") == []
        gone, found = house.about("lopez")
        misses = [sent.at for sent in house.sent if sent.status == 404][:3]
        told_at = house.phones["oncall"].calls[0][0]
    assert told_at == pytest.approx(misses[2], abs=1.0)
    assert (gone["type"], gone["data"]["from_status"], gone["data"]["to_status"]) == (
        "workflow.not_found",
        "Runnable",
        "NotFound",
    )
    assert (found["type"], found["data"]["to_status"]) == ("workflow.found", "Runnable")


async def test_404s_are_counted_across_a_restart_and_not_across_an_answer(tmp_path: Path) -> None:
    hiccups = script_builders.vanishing(script_builders.vanishing(LONG, 101.0, 156.0), 190.0, 245.0)
    gone = script_builders.vanishing(LONG, 101.0, 1e9)
    roles = role("order-reminder", "hiccups", hiccups), role("order-reminder", "gone", gone)
    async with House(tmp_path, scene("night", *roles)) as house:
        await house.until(132.0)
        await house.crash()
        await house.start()
        await house.until(600.0)
        assert house.about("hiccups") == []
        assert types(house.about("gone")) == ["workflow.not_found"]


async def test_a_word_that_nobody_knows_is_told_once_ever_and_is_not_the_end(tmp_path: Path) -> None:
    odd = script_builders.odd(script_builders.odd(LONG, 61.0, 181.0), 601.0, 701.0)
    later = script_builders.odd(script_builders.terminated("order-reminder", 1000.0), 601.0, 701.0)
    roles = role("order-reminder", "lopez", odd), role("order-reminder", "diaz", later)
    async with House(tmp_path, scene("night", *roles)) as house:
        await house.until(150.0)
        lopez = house.targets[0]
        unknown = house.metric("workflow_targets", account="acme", definition=lopez.definition, status="Unknown")
        assert unknown == 1
        await house.until(400.0)
        await house.crash()
        await house.start()
        await house.until(1200.0)
        assert house.types() == ["monitor.schema_drift", "workflow.terminated"]
        assert "Paused" in house.told()[0]["data"]["summary"]
        assert house.told()[0]["data"]["reason"] == "status:Paused"


# --- first sight ----------------------------------------------------------------------------------------------


async def test_what_is_found_at_first_sight_is_told_without_where_it_came_from(tmp_path: Path) -> None:
    house = House(
        tmp_path,
        scene(
            "night",
            role(
                "onboarding-reply",
                "failed",
                script_builders.fault("onboarding-reply", "step1", "Invalid subaccount id.", 20.0),
            ),
            role("order-reminder", "complete", script_builders.complete("order-reminder", 20.0)),
            role("order-reminder", "suspended", script_builders.suspended(LONG, 20.0)),
            role("order-reminder", "runnable", LONG),
            role("order-reminder", "retried", script_builders.retried("order-reminder", "fetch_order", 20.0, 1e5)),
            role("order-reminder", "not-there", LONG, starts=1e6),
        ),
    )
    await house.until(600.0)
    async with house:
        await house.until(800.0)
        told = {target.name: house.about(target.name) for target in house.targets}
    assert types(told["failed"]) == ["workflow.step_failed", "workflow.terminated"]
    assert types(told["complete"]) == ["workflow.completed"]
    assert types(told["suspended"]) == ["workflow.suspended"]
    assert types(told["retried"]) == ["workflow.step_failed"]
    assert types(told["not-there"]) == ["workflow.not_found"]
    assert told["runnable"] == []
    for event in house.told():
        assert "from_status" not in event["data"]
        assert "last_seen_at" not in event["data"]


async def test_a_workflow_that_cannot_be_read_for_good_is_told_once_as_drift_and_once_as_unanswered(
    tmp_path: Path,
) -> None:
    roles = [role("order-reminder", f"order-{n}", script_builders.complete("order-reminder", 1e6)) for n in range(3)]
    async with House(tmp_path, scene("night", *roles)) as house:
        broken = next(target.workflow for target in house.targets if target.name == "order-1")
        await house.until(100.0)
        house.instead = lambda path: SimResponse(200, {}, b'{"status": 5}') if broken in path else None
        await house.until(3600.0)
        assert [event["type"] for event in house.told()] == ["monitor.schema_drift", "workflow.unanswered"]
        assert house.told()[0]["data"]["reason"] == "type:status"
