"""What takes too long is told in time, by whose word, and no more once it is over."""

from pathlib import Path
from typing import Any

import msgspec
import pytest

from monitor.sim import script_builders
from monitor.sim.api_enums import StepStatus
from monitor.sim.definitions import definition_id
from monitor.sim.responses import Broken, SimResponse
from monitor.sim.scenario_builders import role, scene
from monitor.sim.script import Ending, Script, StepRun
from tests.stories.house import House

pytestmark = pytest.mark.looptime

LONG = script_builders.complete("order-reminder", 1e6)
STUCK = script_builders.stuck("order-reminder", "wait_until_due", 0.5)
"""From half a second before the world began on; declared are 30 minutes."""
SILENCE = SimResponse(0, {}, b"", broken=Broken.HANG)
SLACK = 120.0
OVERDUE = ["workflow.step_overdue"]


def house_of(folder: Path, *scripts: Script, definition: str = "order-reminder", **wishes: Any) -> House:
    """Looked at every quarter of an hour; the instances are `order-0` and so on."""
    roles = [role(definition, f"order-{n}", script) for n, script in enumerate(scripts)]
    house = House(folder, scene("night", *roles), polling={"interval": "15m"})
    house.defaults = wishes
    return house


def types(events: list[dict[str, Any]]) -> list[str]:
    return [event["type"] for event in events]


def first_types(house: House) -> list[str]:
    return types(house.about("order-0"))


def told_at(house: House) -> list[float]:
    return [at for at, _ in house.phones["oncall"].calls]


def asked(house: House, what: str) -> list[float]:
    """When the API was asked for `status` or `definition`."""
    about = [sent for sent in house.sent if not sent.path.endswith("/usage")]
    return [sent.at for sent in about if ("/workflows/" in sent.path) is (what == "status")]


# --- in time --------------------------------------------------------------------------------------------------


async def test_a_step_is_overdue_at_its_deadline_though_no_poll_falls_on_it(tmp_path: Path) -> None:
    async with house_of(tmp_path, STUCK, step_timeouts={"wait_until_due": "300s", "*": "30d"}) as house:
        await house.until(299.0)
        assert house.told() == []
        await house.until(302.0)
        [told] = house.about("order-0")
        assert len([at for at in asked(house, "status") if at > 10.0]) == 1, "looked at before judging, once"
    assert told["type"] == "workflow.step_overdue"
    assert told["data"]["step"]["name"] == "wait_until_due"
    assert told["data"]["reason"] == "configured"
    assert told_at(house)[0] == pytest.approx(299.5, abs=1.0)


async def test_an_instance_is_overdue_at_its_deadline(tmp_path: Path) -> None:
    async with house_of(tmp_path, LONG, step_timeouts={"*": "365d"}, max_runtime="400s") as house:
        await house.until(2000.0)
        [told] = house.about("order-0")
    assert told["type"] == "workflow.overdue"
    assert told_at(house)[0] == pytest.approx(399.0, abs=1.0)


async def test_a_step_that_ended_just_before_its_deadline_pages_nobody(tmp_path: Path) -> None:
    script = Script(runs=(StepRun("wait_until_due", 0.5, 295.0), StepRun("send_reminder", 295.0)))
    timeouts = {"wait_until_due": "300s", "*": "30d"}
    async with house_of(tmp_path, script, step_timeouts=timeouts) as house:
        await house.until(890.0)
        assert house.told() == []
        assert any(abs(at - 299.5) < 1.0 for at in asked(house, "status")), "it was looked at"


async def test_what_is_believed_is_told_where_the_api_is_silent_and_its_end_when_it_speaks(tmp_path: Path) -> None:
    script = Script(runs=(StepRun("wait_until_due", 0.5, 2000.0),), ending=Ending(2000.0))
    house = house_of(tmp_path, script, step_timeouts={"*": "300s"})
    async with house:
        await house.until(200.0)
        house.instead = lambda _path: SILENCE
        await house.until(320.0)
        assert first_types(house) == OVERDUE
        assert told_at(house)[0] == pytest.approx(299.5 + 5.0, abs=2.0), "after one timeout"
        house.instead = lambda _path: None
        await house.until(4000.0)
        assert first_types(house) == [*OVERDUE, "workflow.completed", "workflow.step_overdue_cleared"]


# --- by whose word --------------------------------------------------------------------------------------------


async def test_what_the_definition_declares_counts_where_nothing_is_configured(tmp_path: Path) -> None:
    async with house_of(tmp_path, STUCK) as house:
        await house.until(1800.0 + SLACK - 2.0)
        assert house.told() == []
        await house.until(1800.0 + SLACK + 2.0)
        [told] = house.about("order-0")
    assert (told["type"], told["data"]["reason"]) == ("workflow.step_overdue", "declared")


async def test_a_definition_is_asked_once_for_all_its_instances_also_across_a_restart(tmp_path: Path) -> None:
    house = house_of(tmp_path, *[STUCK] * 5)
    async with house:
        await house.until(1000.0)
        await house.crash()
        await house.start()
        await house.until(1800.0 + SLACK + 3.0)
        assert len(house.told()) == 5
        assert len(asked(house, "definition")) == 1
        path = next(sent.path for sent in house.sent if "/definitions/" in sent.path and "/workflows/" not in sent.path)
    assert path == f"/api/v1/accounts/acme/definitions/{definition_id('acme', 'order-reminder')}"


async def test_nobody_asks_for_a_definition_where_every_step_is_configured(tmp_path: Path) -> None:
    async with house_of(tmp_path, STUCK, step_timeouts={"*": "30d"}) as house:
        await house.until(4000.0)
        assert asked(house, "definition") == []


@pytest.mark.parametrize("answer", [SimResponse(500, {}, b""), SILENCE], ids=["500", "silence"])
async def test_a_definition_that_cannot_be_read_is_asked_for_later_and_later(
    tmp_path: Path, answer: SimResponse
) -> None:
    house = house_of(tmp_path, STUCK)
    house.instead = lambda path: None if "/workflows/" in path else answer
    async with house:
        await house.until(900.0)
        tries = asked(house, "definition")
        assert 4 <= len(tries) <= 8
        house.instead = lambda _path: None
        await house.until(1800.0 + SLACK + 3.0)
        assert types(house.told()) == OVERDUE


@pytest.mark.parametrize(
    ("answer", "until"),
    [
        pytest.param(SimResponse(404, {}, b""), 100.0, id="404 once"),
        pytest.param(SimResponse(500, {}, b""), 5 * 3600.0, id="500"),
    ],
)
async def test_who_is_stuck_gets_its_limit_however_late_the_definition_can_be_read(
    tmp_path: Path, answer: SimResponse, until: float
) -> None:
    house = house_of(tmp_path, STUCK)
    house.instead = lambda path: None if "/workflows/" in path or house.t >= until else answer
    async with house:
        await house.until(until + 3 * 3600.0)
        assert types(house.told()) == OVERDUE


async def test_nobody_is_overdue_because_of_a_wild_date(tmp_path: Path) -> None:
    """What an edge node or a proxy makes of `Date` is a figure, not a reason to wake somebody."""
    wild = {"Date": "Fri, 31 Dec 9999 23:59:59 GMT"}
    house = house_of(tmp_path, STUCK, max_runtime="30d")

    def dated(path: str) -> SimResponse | None:
        world, account = house.world, house.world.scenario.accounts[0]
        answer = world.answer("GET", path, {"includeLogs": "true"}, account.key, house.t)
        return msgspec.structs.replace(answer, headers={**answer.headers, **wild})

    house.instead = dated
    async with house:
        await house.until(1200.0)
        assert house.lines("fault") == []
        assert house.told() == []


UNKNOWN = b'{"code": 1300, "message": "Definition d not found."}'


async def test_a_definition_that_is_not_there_is_asked_for_at_most_hourly(tmp_path: Path) -> None:
    house = house_of(tmp_path, script_builders.looping("order-reminder", 600.0))
    house.instead = lambda path: None if "/workflows/" in path else SimResponse(404, {}, UNKNOWN)
    async with house:
        await house.until(3 * 3600.0)
        tries = asked(house, "definition")
        assert 2 <= len(tries) <= 3


async def test_a_templated_limit_is_learned_from_past_executions(tmp_path: Path) -> None:
    waits = tuple(
        StepRun("wait_for_reply", 20.0 * n + 1, 20.0 * n + 19, StepStatus.WAITING_FOR_EVENT) for n in range(60)
    )
    script = Script(runs=(*waits, StepRun("wait_for_reply", 1201.0, busy=StepStatus.WAITING_FOR_EVENT)))
    house = house_of(tmp_path, script, definition="two-way-survey")
    house.settings["polling"] = {"interval": "30s"}
    async with house:
        await house.until(700.0)
        await house.stop()
        await house.start()
        await house.until(1200.0 + 18.0 + SLACK - 2.0)
        assert house.told() == []
        await house.until(1200.0 + 22.0 + SLACK + 2.0)
        [told] = house.about("order-0")
    assert (told["type"], told["data"]["reason"]) == ("workflow.step_overdue", "learned")


async def test_a_limit_that_somebody_was_told_by_survives_a_crash_right_after_it_was_learned(tmp_path: Path) -> None:
    waits = tuple(
        StepRun("wait_for_reply", 20.0 * n + 1, 20.0 * n + 19, StepStatus.WAITING_FOR_EVENT) for n in range(51)
    )
    stuck = Script(runs=(StepRun("wait_for_reply", 1.0, busy=StepStatus.WAITING_FOR_EVENT),))
    house = house_of(tmp_path, stuck, Script(runs=waits), definition="two-way-survey")
    house.settings["polling"] = {"interval": "10s"}
    async with house:
        await house.when(house.told, within=2000.0)
        assert types(house.told()) == OVERDUE
        assert 990.0 < house.t < 1030.0, "at the fiftieth execution"
        await house.crash()
        await house.start()
        await house.until(house.t + 600.0)
        assert first_types(house) == OVERDUE


# --- once -----------------------------------------------------------------------------------------------------


async def test_what_is_overdue_across_restarts_is_told_once_and_cleared_at_its_end(tmp_path: Path) -> None:
    script = script_builders.terminated_by_hand(STUCK, 2000.0)
    async with house_of(tmp_path, script, step_timeouts={"*": "300s"}, max_runtime="400s") as house:
        await house.until(600.0)
        for _ in range(3):
            await house.crash()
            await house.start()
            await house.until(house.t + 100.0)
        assert types(house.about("order-0")) == ["workflow.step_overdue", "workflow.overdue"]
        await house.until(3000.0)
        told = types(house.about("order-0"))
    assert sorted(told[2:]) == ["workflow.overdue_cleared", "workflow.step_overdue_cleared", "workflow.terminated"]


async def test_what_became_overdue_while_nothing_ran_is_looked_at_before_it_is_told(tmp_path: Path) -> None:
    ended = Script(runs=(StepRun("wait_until_due", 0.5, 500.0), StepRun("send_reminder", 500.0)))
    async with house_of(tmp_path, ended, STUCK, step_timeouts={"wait_until_due": "300s", "*": "30d"}) as house:
        await house.until(100.0)
        await house.crash()
        await house.until(800.0)
        await house.start()
        await house.until(870.0)
        assert house.about("order-0") == []
        assert types(house.about("order-1")) == OVERDUE


async def test_a_limit_that_is_raised_ends_what_is_overdue_and_tells_nothing_again(tmp_path: Path) -> None:
    house = house_of(tmp_path, LONG, step_timeouts={"*": "365d"}, max_runtime="100s")
    async with house:
        await house.until(200.0)
        house.defaults["max_runtime"] = "1000s"
        assert await house.reload() == ()
        await house.until(203.0)
        assert first_types(house) == ["workflow.overdue", "workflow.overdue_cleared"], "without waiting for a poll"
        house.defaults["labels"] = {"team": "night"}
        assert await house.reload() == ()
        await house.until(900.0)
        assert len(house.told()) == 2
        await house.until(1100.0)
        told = house.about("order-0")
    assert types(told) == ["workflow.overdue", "workflow.overdue_cleared", "workflow.overdue"]
    assert told[0]["id"] != told[2]["id"], "another episode"


async def test_another_slack_moves_the_deadlines(tmp_path: Path) -> None:
    house = house_of(tmp_path, STUCK)
    house.settings["alerts"] = {"step_slack": "1h"}
    async with house:
        await house.until(2400.0)
        assert house.told() == []
        house.settings["alerts"] = {"step_slack": "1m"}
        assert await house.reload() == ()
        await house.until(2420.0)
        assert types(house.told()) == OVERDUE


async def test_many_deadlines_at_once_keep_the_budget_and_are_told_in_time(tmp_path: Path) -> None:
    house = house_of(tmp_path, *[LONG] * 300, step_timeouts={"*": "365d"}, max_runtime="400s")
    house.lane["requests_per_second"] = 2
    house.lane["burst"] = 2
    async with house:
        await house.until(410.0)
        assert types(house.told()) == ["workflow.overdue"] * 300
        assert max(told_at(house)) < 399.0 + 5.0 + 2.0
        labels = {"definition": house.targets[0].definition, "event": "workflow.overdue", "severity": "warning"}
        assert house.metric("workflow_events_total", account="acme", **labels) == 300
        assert len(house.lines("workflow.overdue")) == 300


# --- what people call a definition ----------------------------------------------------------------------------


async def test_a_title_shows_the_definitions_own_name_also_after_a_restart_and_metrics_its_id(tmp_path: Path) -> None:
    house = house_of(tmp_path, STUCK)
    house.wishes["order-0"] = {"name": None}
    async with house:
        await house.until(100.0)
        before = len(asked(house, "definition"))
        await house.stop()
        await house.start()
        await house.until(2000.0)
        assert len(asked(house, "definition")) == before == 1
        [told] = house.told()
        place = {"account": told["data"]["account"], "definition": told["data"]["definition"]}
        info = house.metric("workflow_definition_info", **place, name="order-reminder")
        counted = house.metric("workflow_targets", **place, status="Runnable")
    assert told["data"]["summary"].startswith("order-reminder/")
    assert (info, counted) == (1, 1)
