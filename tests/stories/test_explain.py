"""Why there were alerts about a workflow, or none: what a person is told who asks."""

from pathlib import Path

import pytest

from monitor.core.detection.overdue import LimitSource
from monitor.core.event_types import EventType
from monitor.core.model import TargetKey
from monitor.sim import script_builders
from monitor.sim.scenario import Scenario
from monitor.sim.scenario_builders import role, scene
from monitor.web.explanation import Explanation
from tests.stories.house import House

pytestmark = pytest.mark.looptime

FAULT = script_builders.fault("onboarding-reply", "step1", "Invalid subaccount id.", 101.0)
LONG = script_builders.complete("order-reminder", 1e9)


def night() -> Scenario:
    return scene("night", role("onboarding-reply", "lopez", FAULT), role("order-reminder", "calm", LONG))


async def explained(house: House, name: str) -> Explanation:
    key = next(key for key, one in house.daemon.parts.targets.items() if one.target.name == name)
    found = await house.daemon.parts.view.explain(key)
    assert found is not None
    return found


async def test_who_was_notified_of_each_event_and_who_was_not_and_why(tmp_path: Path) -> None:
    async with House(tmp_path, night()) as house:
        await house.until(300.0)
        found = await explained(house, "lopez")
        assert [event.type for event in found.events] == [EventType.TERMINATED, EventType.STEP_FAILED]
        for event in found.events:
            assert event.open
            assert [one.receiver for one in event.notifications] == ["oncall"]
        assert found.next_poll.reason == "ended"
        assert "workflow.terminated" in found.looks[0].events
        assert found.notes == ()


async def test_nothing_was_told_of_a_workflow_that_runs_within_its_limits(tmp_path: Path) -> None:
    async with House(tmp_path, night()) as house:
        await house.until(3600.0)
        found = await explained(house, "calm")
        assert found.events == ()
        assert found.notes == ("nothing was told: it is Runnable, no step has failed, and no limit has passed",)
        assert len(found.looks) == 20
        assert found.looks[0].at > found.looks[1].at
        assert found.limits[0].step is None
        assert {limit.limit.source for limit in found.limits if limit.limit is not None} <= set(LimitSource)


async def test_a_receiver_of_critical_alerts_is_not_notified_of_a_failed_step(tmp_path: Path) -> None:
    only = {"name": "oncall", "type": "webhook", "url": "http://127.0.0.1:9/", "min_severity": "critical"}
    house = House(tmp_path, night())
    house.settings["receivers"] = [only]
    async with house:
        await house.until(300.0)
        found = await explained(house, "lopez")
        assert [event.refusals for event in found.events] == [
            (),
            (("oncall", "it gets critical and above, and this is warning"),),
        ]


async def test_a_target_that_is_not_watched_is_not_explained(tmp_path: Path) -> None:
    async with House(tmp_path, night()) as house:
        await house.until(60.0)
        assert await house.daemon.parts.view.explain(TargetKey("acme", "nothing", "here")) is None
