"""Moments at the edges of the calendar: they end no process, and make nobody late."""

import json
from datetime import timedelta
from email.utils import format_datetime
from pathlib import Path

import pytest

from monitor.sim import script_builders
from monitor.sim.responses import SimResponse
from monitor.sim.scenario_builders import role, scene
from tests.stories.house import House

pytestmark = pytest.mark.looptime

LAST, FIRST = "9999-12-31T23:59:00Z", "0001-01-01T00:00:00"


@pytest.mark.parametrize("ahead", [-90, 0, 90], ids=["the API is behind", "in step", "the API is ahead"])
@pytest.mark.parametrize("moment", [LAST, "0001-01-01T00:01:00Z", FIRST])
@pytest.mark.parametrize("status", ["Runnable", "Terminated"])
async def test_an_odd_moment_ends_nothing(tmp_path: Path, moment: str, ahead: int, status: str) -> None:
    orders = [role("order-reminder", f"o{n}", script_builders.complete("order-reminder", 1e6)) for n in range(3)]
    house = House(tmp_path, scene("night", *orders))
    house.wishes["o0"] = {"max_runtime": "20s", "step_timeouts": {"*": "20s"}}
    odd = next(one.workflow for one in house.targets if one.name == "o0")
    step = {"id": "s", "stepName": "s", "status": "Running", "startedAt": moment, "completedAt": moment}
    body = {
        "workflowId": odd,
        "version": 1,
        "status": status,
        "startedAt": moment,
        "completedAt": None if status == "Runnable" else moment,
        "data": {},
        "logs": [step],
    }

    def instead(path: str) -> SimResponse | None:
        if path.endswith(odd):
            date = format_datetime(house.now() + timedelta(seconds=ahead), usegmt=True)
            return SimResponse(200, {"Date": date}, json.dumps(body).encode())
        return None

    house.instead = instead
    async with house:
        await house.until(600.0)
        assert len(house.asked("o1")) > 15
        assert set(house.types()) <= ({"workflow.terminated"} if status == "Terminated" else set())
