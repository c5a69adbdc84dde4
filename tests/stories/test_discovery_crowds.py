"""Thousands of instances are watched through an outage of their API."""

from datetime import timedelta
from pathlib import Path

import msgspec
import pytest

from monitor.core.formats.timestamps import parse_timestamp
from monitor.sim.faults import Fault, Trouble
from monitor.sim.scenario import workflow_id
from monitor.sim.scenarios import traffic
from tests.stories.house import EPOCH, House

pytestmark = pytest.mark.looptime

LIVE = 2_000
WATCHED, DEAD, BACK, TOLD = 240.0, 300.0, 3_900.0, 4_500.0
"""When all are watched, when the outage begins and ends, and when all that ended before has been told."""
_SHOWN = timedelta(seconds=0.01)
"""A row shows two digits of the second."""


async def test_all_that_ended_in_an_outage_of_an_hour_is_told_once_with_its_own_times_and_within_the_budget(
    tmp_path: Path,
) -> None:
    dead = Fault(trouble=Trouble.STATUS, begin=DEAD, end=BACK, status=503)
    scenario = traffic(LIVE, lifetime=4 * 3600.0, faults_per_hour=0.05)
    house = House(tmp_path, msgspec.structs.replace(scenario, faults=(dead,)), targets=[])
    house.discover = [{"definition": "*", "account": house.accounts[0], "lookback": "1m"}]
    async with house:  # which holds all requests against the budget when it is left
        await house.until(TOLD)
        told = [event for event in house.told() if event["type"] in ("workflow.completed", "workflow.terminated")]
        by_id = {event["data"]["workflow"]: event for event in told}
        ended = {workflow_id(0, one): one for one in house.world.traffic(house.accounts[0]).ended(WATCHED, BACK)}
        assert len(by_id) == len(told)
        assert ended.keys() <= by_id.keys()
        assert sum(event["type"] == "workflow.terminated" for event in told) > LIVE * 0.03
        for workflow, one in ended.items():
            assert one.script.ending is not None
            end = EPOCH + timedelta(seconds=one.starts + one.script.ending.at)
            at = parse_timestamp(by_id[workflow]["time"])
            assert at is not None
            assert abs(at - end) <= _SHOWN
