"""The whole daemon while somebody answers and says nothing: an account is blind, or one target alone has no answer."""

from pathlib import Path

import pytest

from monitor.sim import script_builders
from monitor.sim.responses import SimResponse
from monitor.sim.scenario import Scenario
from monitor.sim.scenario_builders import role, scene
from tests.stories.house import House

pytestmark = pytest.mark.looptime

BLIND, SIGHTED = "monitor.blind", "monitor.sighted"
UNANSWERED, ANSWERED = "workflow.unanswered", "workflow.answered"
HTML = b"<html><h1>The plain HTTP request was sent to an HTTPS port</h1></html>"
REFUSED = b'{"code": 1000, "message": "Invalid definition id.", "errorId": "x", "timestamp": "y"}'


def night() -> Scenario:
    """Five workflows that go on for days."""
    return scene(
        "night", *(role("order-reminder", f"o{n}", script_builders.complete("order-reminder", 1e6)) for n in range(5))
    )


@pytest.mark.parametrize("body", [HTML, REFUSED], ids=["of a proxy", "of the API"])
async def test_an_account_whose_every_poll_is_a_400_is_blind(tmp_path: Path, body: bytes) -> None:
    async with House(tmp_path, night()) as house:
        await house.until(300.0)
        house.instead = lambda _path: SimResponse(400, {}, body)
        await house.until(1000.0)
        (blind,) = house.told()
        assert (blind["type"], blind["data"]["reason"]) == (BLIND, "bad_request")
        house.instead = lambda _path: None
        await house.until(2000.0)
        assert house.types() == [BLIND, SIGHTED]


async def test_a_gateway_without_its_backend_makes_no_workflow_vanish(tmp_path: Path) -> None:
    async with House(tmp_path, night()) as house:
        await house.until(300.0)
        house.instead = lambda _path: SimResponse(404, {}, b"default backend - 404")
        await house.until(1000.0)
        assert [(event["type"], event["data"]["reason"]) for event in house.told()] == [(BLIND, "malformed")]


async def test_one_workflow_that_alone_gets_no_answer_is_told_until_it_has_one(tmp_path: Path) -> None:
    async with House(tmp_path, night()) as house:
        await house.until(300.0)
        workflow = next(one.workflow for one in house.targets if one.name == "o3")
        house.instead = lambda path: SimResponse(500, {}, b"") if workflow in path else None
        await house.until(880.0)
        assert house.told() == []
        await house.until(1500.0)
        (told,) = house.told()
        assert (told["type"], told["data"]["name"], told["data"]["reason"]) == (UNANSWERED, "o3", "server_error")
        assert told["data"]["detail"] == "500 Internal Server Error from 127.0.0.1:8"
        assert await house.alerts() == [UNANSWERED]
        await house.stop()
        await house.start()
        await house.until(9000.0)
        assert house.types() == [UNANSWERED], "once, across a restart"
        house.instead = lambda _path: None
        await house.until(9500.0)
        assert house.types() == [UNANSWERED, ANSWERED]
        assert await house.alerts() == []


async def test_in_an_outage_of_all_no_target_is_told_alone(tmp_path: Path) -> None:
    async with House(tmp_path, night(), polling={"blind_after": "20m"}) as house:
        await house.until(300.0)
        house.instead = lambda _path: SimResponse(503, {}, b"")
        await house.until(4 * 3600.0)
        house.instead = lambda _path: None
        await house.until(5 * 3600.0)
        assert house.types() == [BLIND, SIGHTED]


async def test_polls_that_end_in_an_error_of_ours_are_no_answers(tmp_path: Path) -> None:
    async with House(tmp_path, night()) as house:
        await house.until(300.0)

        def broken(_path: str) -> None:
            raise ZeroDivisionError

        house.instead = broken
        await house.until(1000.0)
        assert [(event["type"], event["data"]["reason"]) for event in house.told()] == [(BLIND, "connection")]
        house.instead = lambda _path: None
        await house.until(2000.0)
        assert house.types() == [BLIND, SIGHTED]
        house.faults = 3  # the first and the tenth of the polls are logged, and the first that asks for the usage
