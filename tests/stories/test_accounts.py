"""An account that throttles, goes away, hangs, or has too small a budget."""

import asyncio
from itertools import pairwise
from pathlib import Path

import msgspec
import pytest

from monitor.core.alerting.verdict import Retry
from monitor.core.model import TargetKey
from monitor.sim import script_builders
from monitor.sim.faults import Fault, RetryAfter, Trouble
from monitor.sim.responses import SimResponse
from monitor.sim.scenario_builders import ACME, GLOBEX, role, scene
from monitor.sim.scenarios import many
from tests.stories.house import House

pytestmark = pytest.mark.looptime

FOREVER = script_builders.complete("order-reminder", 1e6)
CALL = script_builders.complete("appointment-call", 1e6)


def throttled(begin: float, end: float, form: RetryAfter = RetryAfter.SECONDS, seconds: float = 60.0) -> Fault:
    return Fault(
        trouble=Trouble.THROTTLED, begin=begin, end=end, accounts=(ACME.id,), retry_after=seconds, retry_form=form
    )


@pytest.mark.parametrize("form", [RetryAfter.SECONDS, RetryAfter.DATE])
async def test_a_429_closes_the_lane_for_retry_after_and_one_probe_opens_it(tmp_path: Path, form: RetryAfter) -> None:
    roles = [role("order-reminder", f"order-{n}", FOREVER) for n in range(30)]
    fault = throttled(100.0, 101.5, form)
    async with House(tmp_path, scene("night", *roles, faults=(fault,))) as house:
        await house.until(99.0)
        rate = house.metric("workflow_monitor_lane_requests_per_second", account=ACME.id)
        await house.until(110.0)
        assert house.metric("workflow_monitor_lane_open", account=ACME.id) == 0
        refused = [sent for sent in house.sent if sent.status == 429]
        await house.until(600.0)
        after = [sent.at for sent in house.sent if sent.at > refused[-1].at]
        assert house.metric("workflow_monitor_lane_open", account=ACME.id) == 1
        assert house.metric("workflow_monitor_lane_requests_per_second", account=ACME.id) == rate == 10
    assert after[0] >= refused[0].at + 60.0
    assert after[1] > after[0], "the probe goes alone, the next waits for its answer"
    assert not house.types().count("workflow.terminated")


async def test_without_retry_after_the_lane_closes_for_a_growing_while(tmp_path: Path) -> None:
    roles = [role("order-reminder", f"order-{n}", FOREVER) for n in range(30)]
    fault = throttled(100.0, 140.0, RetryAfter.ABSENT)
    async with House(tmp_path, scene("night", *roles, faults=(fault,))) as house:
        await house.until(200.0)
        refused = [sent.at for sent in house.sent if sent.status == 429]
    pauses = [later - earlier for earlier, later in pairwise(refused) if later - earlier > 0.5]
    assert pauses == sorted(pauses)
    assert 1.0 <= pauses[0] <= 2.0
    assert len(refused) < 12


async def test_retry_after_holds_across_a_restart(tmp_path: Path) -> None:
    roles = [role("order-reminder", f"order-{n}", FOREVER) for n in range(10)]
    fault = throttled(50.0, 61.0, seconds=600.0)
    async with House(tmp_path, scene("night", *roles, faults=(fault,))) as house:
        await house.until(90.0)
        first = next(sent.at for sent in house.sent if sent.status == 429)
        await house.crash()
        await house.start()
        await house.until(700.0)
        later = [sent.at for sent in house.sent if sent.at > first + 5]
    assert later, "the lane opened again"
    assert later[0] >= first + 600.0


@pytest.mark.parametrize(
    ("trouble", "reason"),
    [
        pytest.param(Trouble.RESET, "connection", id="reset"),
        pytest.param(Trouble.HANG, "timeout", id="hang"),
        pytest.param(Trouble.STATUS, "server_error", id="503"),
        pytest.param(Trouble.UNAUTHORIZED, "unauthorized", id="401"),
        pytest.param(Trouble.THROTTLED, "throttled", id="429"),
    ],
)
async def test_a_blind_account_speaks_once_and_what_happened_meanwhile_is_told(
    tmp_path: Path, trouble: Trouble, reason: str
) -> None:
    roles = [role("order-reminder", f"order-{n}", FOREVER) for n in range(8)]
    suspended = script_builders.suspended(FOREVER, 61.0)
    fault = script_builders.fault("onboarding-reply", "step1", "Invalid subaccount id.", 401.0)
    cast = *roles, role("order-reminder", "paused", suspended), role("onboarding-reply", "lopez", fault)
    outage = Fault(trouble=trouble, begin=300.0, end=900.0, accounts=(ACME.id,), retry_after=30.0)
    async with House(tmp_path, scene("night", *cast, faults=(outage,))) as house:
        await house.until(299.0)
        assert house.types() == ["workflow.suspended"]
        await house.until(899.0)
        blind = house.told()[1:]
        assert [event["type"] for event in blind] == ["monitor.blind"]
        assert blind[0]["data"]["reason"] == reason
        assert blind[0]["data"]["detail"]
        assert blind[0]["data"]["workflows"] == len(cast)
        assert blind[0]["subject"] == ACME.id
        assert await house.alerts() == ["monitor.blind", "workflow.suspended"]
        runnable = house.metric(
            "workflow_targets", account=ACME.id, definition=house.targets[0].definition, status="Runnable"
        )
        assert runnable == 8, "a failed poll changes no belief"
        await house.until(1500.0)
    told_at = house.phones["oncall"].calls[1][0]
    assert 420.0 <= told_at <= 460.0
    assert sorted(house.types()[2:]) == ["monitor.sighted", "workflow.step_failed", "workflow.terminated"]


async def test_an_account_that_is_blind_across_a_restart_speaks_once(tmp_path: Path) -> None:
    outage = Fault(trouble=Trouble.RESET, begin=60.0, end=900.0, accounts=(ACME.id,))
    async with House(tmp_path, scene("night", role("order-reminder", "order", FOREVER), faults=(outage,))) as house:
        await house.until(400.0)
        assert house.types() == ["monitor.blind"]
        await house.crash()
        await house.until(500.0)
        await house.start()
        await house.until(880.0)
        assert house.types() == ["monitor.blind"]
        await house.until(1300.0)
    assert house.types() == ["monitor.blind", "monitor.sighted"]
    assert house.told()[1]["data"]["summary"]


async def test_a_hanging_account_slows_no_other(tmp_path: Path) -> None:
    sick = [role("order-reminder", f"order-{n}", FOREVER) for n in range(50)]
    well = [role("appointment-call", f"call-{n}", CALL) for n in range(10)]
    hang = Fault(trouble=Trouble.HANG, begin=60.0, end=1e9, accounts=(ACME.id,))
    async with House(tmp_path, scene("night", *sick, *well, faults=(hang,)), lane={"max_concurrency": 2}) as house:
        await house.until(1000.0)
        for n in range(10):
            asked = house.asked(f"call-{n}")
            gaps = [later - earlier for earlier, later in pairwise(asked[2:])]
            assert max(gaps) < 31.0
            assert min(gaps) > 29.0


async def test_under_too_small_a_budget_all_targets_stretch_alike_and_the_budget_is_used(tmp_path: Path) -> None:
    scenario = many(120)
    house = House(tmp_path, scenario, lane={"requests_per_second": 2, "burst": 1}, polling={"interval": "15s"})
    async with house:
        await house.until(2000.0)
        used = sum(200.0 <= sent.at < 2000.0 for sent in house.sent) / (2 * 1800.0)
        gaps = []
        for target in house.targets:
            asked = [at for at in house.asked(target.name) if at > 200.0]
            gaps += [later - earlier for earlier, later in pairwise(asked)]
    assert used >= 0.95
    assert 60.0 * 0.85 <= min(gaps) <= max(gaps) <= 60.0 * 1.15, "8 requests a second are wanted, 2 allowed"


async def test_the_real_limit_of_an_api_is_learned(tmp_path: Path) -> None:
    scenario = scene("night", *[role("appointment-call", f"call-{n}", CALL) for n in range(100)])
    limited = msgspec.structs.replace(GLOBEX, limit_rps=2.0)
    scenario = msgspec.structs.replace(scenario, accounts=(ACME, limited))
    async with House(tmp_path, scenario, polling={"interval": "10s"}) as house:
        await house.until(1800.0)
    answered = [sent for sent in house.sent if sent.at > 600 and sent.status == 200]
    refused = [sent for sent in house.sent if sent.at > 600 and sent.status == 429]
    assert len(answered) / 1200 > 1.0, "more than half of what the API allows is used"
    assert len(refused) < len(answered) / 5


async def test_who_is_ready_stays_ready_while_a_slow_lane_earns_its_first_permit(tmp_path: Path) -> None:
    scenario = scene("slow", role("order-reminder", "o", script_builders.complete("order-reminder", 1e6)))
    async with House(tmp_path, scenario, lane={"requests_per_second": 0.05, "burst": 1}) as house:
        said: list[bool] = []
        while house.t < 60.0:
            said.append(house.daemon.view.ready() is None)
            await house.until(house.t + 0.5)
        assert said == sorted(said)
        assert said[-1]


@pytest.mark.parametrize("disk", ["well", "away for a while"])
async def test_a_429_that_comes_while_it_stops_is_heeded_after_the_restart(tmp_path: Path, disk: str) -> None:
    scenario = scene("last", role("order-reminder", "o", script_builders.complete("order-reminder", 1e6)))
    async with House(tmp_path, scenario) as house:
        await house.until(100.0)
        asked = len(house.sent)
        house.instead = lambda _path: SimResponse(429, {"Retry-After": "600"}, b"", delay=1.0)
        await house.when(lambda: len(house.sent) > asked, look_every=0.1)
        if disk == "well":
            await house.stop()
        else:
            with house.disk_fails():
                await house.until(house.t + 20.0)
            await house.until(house.t + 60.0)
            await house.crash()
        until = house.sent[-1].at + 601.0
        house.instead = lambda _path: None
        await house.start()
        await house.until(until + 60.0)
        assert min(sent.at for sent in house.sent[asked + 1 :]) >= until


async def test_the_longest_retry_after_holds_if_the_first_is_still_being_written_when_it_stops(tmp_path: Path) -> None:
    roles = [role("order-reminder", f"order-{n}", FOREVER) for n in range(3)]
    async with House(tmp_path, scene("last", *roles), shutdown_timeout="60s") as house:
        await house.until(100.0)
        last = await refuse_all_at_once(house)
        with house.disk_fails():
            stopping = asyncio.ensure_future(house.stop())
            await asyncio.sleep(5.0)
        await stopping
        house.instead = lambda _path: None
        await house.start()
        await house.until(1200.0)
    assert min(sent.at for sent in house.sent if sent.at > last + 10.0) >= last + 900.0


async def refuse_all_at_once(house: House) -> float:
    """Ask about every target; the first answer is a 429 for a minute, the later ones for 900 s. When the last is sent.

    The answers come 0.5 s and 2 s after it.
    """
    asked = len(house.sent)
    house.instead = lambda _path: (
        SimResponse(429, {"Retry-After": "60"}, b"", delay=0.5)
        if len(house.sent) == asked
        else SimResponse(429, {"Retry-After": "900"}, b"", delay=2.0)
    )
    for one in house.targets:
        assert house.daemon.parts.scheduler.poll_now(TargetKey(one.account, one.definition, one.workflow))
    await house.when(lambda: len(house.sent) == asked + len(house.targets), look_every=0.05)
    return house.sent[-1].at


@pytest.mark.parametrize(("stopped_at", "told"), [(200.0, []), (400.0, ["monitor.blind"])], ids=["well", "blind"])
async def test_an_account_goes_neither_blind_nor_sighted_while_the_monitor_stops(
    tmp_path: Path, stopped_at: float, told: list[str]
) -> None:
    call = role("appointment-call", "call", script_builders.complete("appointment-call", stopped_at - 50.0))
    scenario = scene("last", role("order-reminder", "order", FOREVER), call)
    async with House(tmp_path, scenario, shutdown_timeout="10m") as house:
        house.phones["oncall"].answer = lambda _: Retry("busy")  # so that stopping takes its time
        await house.until(100.0)
        house.instead = lambda path: SimResponse(500, {}, b"") if f"/accounts/{ACME.id}/" in path else None
        await house.until(stopped_at)
        stopping = asyncio.ensure_future(house.stop())
        await asyncio.sleep(200.0)
        assert not stopping.done()
        await stopping
    assert set(house.types()) == {*told, "workflow.completed"}
