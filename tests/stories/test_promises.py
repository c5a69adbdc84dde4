"""The promises, as stories: each runs the whole daemon through hours of virtual time."""

from datetime import datetime, timedelta
from pathlib import Path

import pytest

from monitor.sim import script_builders
from monitor.sim.scenario_builders import role, scene
from tests.stories.house import EPOCH, House

pytestmark = pytest.mark.looptime

MINUTE, HOUR = 60.0, 3600.0


def moment(text: str) -> datetime:
    return datetime.fromisoformat(text)


async def test_a_fault_at_0214_is_told_once_with_its_cause(tmp_path: Path) -> None:
    at = 14 * MINUTE
    fault = script_builders.fault("onboarding-reply", "step1", "Invalid subaccount id.", at + 1)
    async with House(tmp_path, scene("night", role("onboarding-reply", "lopez", fault))) as house:
        await house.until(2 * HOUR)
        failed, ended = house.about("lopez")
    assert [failed["type"], ended["type"]] == ["workflow.step_failed", "workflow.terminated"]
    assert ended["data"]["summary"] == "lopez terminated: step1: Invalid subaccount id."
    assert ended["data"]["cause"] == "fault"
    assert ended["data"]["errors"][0]["message"] == "Invalid subaccount id."
    occurred, observed = moment(ended["data"]["occurred_at"]), moment(ended["data"]["observed_at"])
    assert occurred == EPOCH + timedelta(seconds=at)
    assert occurred < observed < occurred + timedelta(seconds=31)
    seen = moment(ended["data"]["last_seen_at"])
    assert observed - timedelta(seconds=31) < seen < occurred
    assert [t for t, _ in house.phones["oncall"].calls] == pytest.approx(
        [observed.timestamp() - EPOCH.timestamp()] * 2, abs=1
    )


@pytest.mark.parametrize("ending", ["stop", "crash"])
async def test_a_failure_during_six_hours_of_downtime_is_told_after_the_restart_with_honest_times(
    tmp_path: Path, ending: str
) -> None:
    at = 3 * HOUR
    fault = script_builders.fault("delivery-notice", "locate_parcel", "HTTP 502", at + 1)
    early = script_builders.fault("onboarding-reply", "step1", "Invalid subaccount id.", 5 * MINUTE)
    roles = role("delivery-notice", "parcel", fault), role("onboarding-reply", "early", early)
    async with House(tmp_path, scene("night", *roles)) as house:
        await house.until(10 * MINUTE)
        assert len(house.about("early")) == 2
        await getattr(house, ending)()
        await house.until(6 * HOUR)
        assert not house.about("parcel")
        await house.start()
        await house.until(6 * HOUR + MINUTE)
        ended = house.about("parcel")[-1]
    assert [event["type"] for event in house.about("parcel")] == ["workflow.step_failed", "workflow.terminated"]
    assert len(house.about("early")) == 2, "what was told is not told again"
    assert moment(ended["data"]["occurred_at"]) == EPOCH + timedelta(seconds=at)
    assert moment(ended["data"]["observed_at"]) > EPOCH + timedelta(hours=6)
    last_seen = moment(ended["data"]["last_seen_at"]) - EPOCH
    assert timedelta(minutes=9) <= last_seen <= timedelta(minutes=10)
