"""The whole daemon while somebody answers and says nothing: an account is blind, or one target alone has no answer."""

from pathlib import Path

import pytest

from monitor.sim import plots
from monitor.sim.answers import Answer
from monitor.sim.scenario import Scenario
from monitor.sim.stage import role, scene
from tests.stories.house import House

pytestmark = pytest.mark.looptime

BLIND, SIGHTED = "monitor.blind", "monitor.sighted"
HTML = b"<html><h1>The plain HTTP request was sent to an HTTPS port</h1></html>"
REFUSED = b'{"code": 1000, "message": "Invalid definition id.", "errorId": "x", "timestamp": "y"}'


def night() -> Scenario:
    """Five workflows that go on for days."""
    return scene("night", *(role("order-reminder", f"o{n}", plots.complete("order-reminder", 1e6)) for n in range(5)))


@pytest.mark.parametrize("body", [HTML, REFUSED], ids=["of a proxy", "of the API"])
async def test_an_account_whose_every_poll_is_a_400_is_blind(tmp_path: Path, body: bytes) -> None:
    async with House(tmp_path, night()) as house:
        await house.until(300.0)
        house.instead = lambda _path: Answer(400, {}, body)
        await house.until(1000.0)
        (blind,) = house.told()
        assert (blind["type"], blind["data"]["reason"]) == (BLIND, "bad_request")
        house.instead = lambda _path: None
        await house.until(2000.0)
        assert house.types() == [BLIND, SIGHTED]


async def test_a_gateway_without_its_backend_makes_no_workflow_vanish(tmp_path: Path) -> None:
    async with House(tmp_path, night()) as house:
        await house.until(300.0)
        house.instead = lambda _path: Answer(404, {}, b"default backend - 404")
        await house.until(1000.0)
        assert [(event["type"], event["data"]["reason"]) for event in house.told()] == [(BLIND, "malformed")]
