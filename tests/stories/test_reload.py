"""The configuration changes while the daemon runs: the difference is applied, and nothing else moves."""

import asyncio
from itertools import pairwise
from pathlib import Path

import pytest
import yaml

from monitor.core.model import Status, TargetKey
from monitor.sim import script_builders
from monitor.sim.faults import Fault, Trouble
from monitor.sim.scenario import Scenario
from monitor.sim.scenario_builders import ACME, GLOBEX, role, scene
from tests.stories.house import House

pytestmark = pytest.mark.looptime

LONG = script_builders.complete("order-reminder", 1e6)
CALL = script_builders.complete("appointment-call", 1e6)


def night(*faults: Fault) -> Scenario:
    """Six orders at acme, three calls at globex, none of which ends."""
    orders = [role("order-reminder", f"order-{n}", LONG) for n in range(6)]
    calls = [role("appointment-call", f"call-{n}", CALL) for n in range(3)]
    return scene("night", *orders, *calls, faults=faults)


def gaps(times: list[float], after: float) -> list[float]:
    """Between polls, from the first one after `after`."""
    times = [at for at in times if at >= after]
    return [later - earlier for earlier, later in pairwise(times)]


async def test_targets_come_and_go_and_the_others_keep_their_phase(tmp_path: Path) -> None:
    house = House(tmp_path, night())
    everybody = house.targets
    house.targets = everybody[:5]
    async with house:
        await house.until(300.0)
        house.targets = everybody[1:]
        assert await house.reload() == ()
        await house.until(600.0)
        house.targets = everybody
        stayed = [house.asked(target.name) for target in everybody[1:5]]
        left, came = house.asked("order-0"), house.asked("order-5")
        [reload] = [line for line in house.lines("config.loaded") if line["trigger"] == "http"]
    assert (reload["added"], reload["removed"], reload["changed"]) == (4, 1, 0)
    for times in stayed:
        assert gaps(times, 60.0) == pytest.approx([30.0] * len(gaps(times, 60.0)), abs=0.3)
    assert max(left) <= 300.0
    assert 300.0 <= came[0] <= 305.1, "what is new is looked at soon"
    assert house.told() == []


@pytest.mark.parametrize(
    ("file", "text", "says"),
    [
        pytest.param("watchlist.yaml", "targets: [{account: acme", "watchlist.yaml", id="no YAML"),
        pytest.param("watchlist.yaml", "target: []", "target", id="an unknown key"),
        pytest.param(
            "monitor.yaml", "accounts: [{id: acme, api_key_env: NOBODY}]", "accounts[0].api_key_env", id="no key"
        ),
        pytest.param("watchlist.yaml", None, "watchlist.yaml", id="no file"),
    ],
)
async def test_a_bad_file_changes_nothing(tmp_path: Path, file: str, text: str | None, says: str) -> None:
    async with House(tmp_path, night()) as house:
        await house.until(300.0)
        assert house.metric("workflow_monitor_config_last_reload_successful") == 1
        good = house.metric("workflow_monitor_config_last_reload_success_timestamp_seconds")
        if text is None:
            (tmp_path / file).unlink()
        else:
            (tmp_path / file).write_text(text, "utf-8")
        errors = await house.daemon.reload("http")
        assert errors
        assert says in " ".join(errors)
        assert house.metric("workflow_monitor_config_last_reload_successful") == 0
        assert house.metric("workflow_monitor_config_last_reload_success_timestamp_seconds") == good
        await house.until(600.0)
        for target in house.targets:
            times = house.asked(target.name)
            assert gaps(times, 60.0) == pytest.approx([30.0] * len(gaps(times, 60.0)), abs=0.3)
        assert await house.reload() == ()
        assert house.metric("workflow_monitor_config_last_reload_successful") == 1
        assert house.metric("workflow_monitor_config_last_reload_success_timestamp_seconds") != good
        [refused] = house.lines("config.refused")
    assert says in " ".join(refused["errors"])


async def test_duplicate_targets_name_both_places(tmp_path: Path) -> None:
    async with House(tmp_path, night()) as house:
        house.targets.append(house.targets[2])
        [error] = await house.reload()
        house.targets.pop()
    assert "targets[2]" in error
    assert "targets[9]" in error


async def test_an_account_comes_and_is_polled_goes_and_is_not(tmp_path: Path) -> None:
    house = House(tmp_path, night())
    everybody = house.targets
    house.accounts, house.targets = [ACME.id], everybody[:6]
    async with house:
        await house.until(300.0)
        assert {sent.account for sent in house.sent} == {ACME.id}
        assert house.metric("workflow_monitor_requests_total", **ok(GLOBEX.id)) is None
        house.accounts, house.targets = [ACME.id, GLOBEX.id], everybody
        assert await house.reload() == ()
        assert house.metric("workflow_monitor_requests_total", **ok(GLOBEX.id)) == 0
        await house.until(400.0)
        assert {sent.account for sent in house.sent} == {ACME.id, GLOBEX.id}
        assert "poll globex" in house.daemon.view.loops()
        house.accounts, house.targets = [GLOBEX.id], everybody[6:]
        assert await house.reload() == ()
        await house.until(800.0)
        assert {sent.account for sent in house.sent if sent.at > 401.0} == {GLOBEX.id}
        assert "poll acme" not in house.daemon.view.loops()
        assert all(health.turns for health in house.daemon.view.loops().values())
        assert house.metric("workflow_monitor_lane_open", account=ACME.id) is None
        house.targets = everybody
        assert gaps(house.asked("call-0"), 430.0) == pytest.approx([30.0] * 12, abs=0.3)
        house.targets = everybody[6:]


def ok(account: str) -> dict[str, str]:
    return {"account": account, "endpoint": "status", "outcome": "ok"}


async def test_an_account_that_leaves_and_comes_back_finds_its_lane_as_closed_as_it_was(tmp_path: Path) -> None:
    fault = Fault(trouble=Trouble.THROTTLED, begin=100.0, end=131.0, accounts=(ACME.id,), retry_after=900.0)
    house = House(tmp_path, night(fault))
    everybody = house.targets
    async with house:
        await house.until(140.0)
        refused = next(sent.at for sent in house.sent if sent.status == 429)
        house.accounts, house.targets = [GLOBEX.id], everybody[6:]
        assert await house.reload() == ()
        await house.until(200.0)
        house.accounts, house.targets = [ACME.id, GLOBEX.id], everybody
        assert await house.reload() == ()
        await house.until(1500.0)
        later = [sent.at for sent in house.sent if sent.account == ACME.id and sent.at > 140.0]
    assert later
    assert min(later) >= refused + 900.0


async def test_a_hanging_account_that_leaves_does_not_hold_up_the_reload_for_long(tmp_path: Path) -> None:
    hang = Fault(trouble=Trouble.HANG, begin=100.0, end=1e9, accounts=(ACME.id,))
    house = House(tmp_path, night(hang))
    async with house:
        await house.until(300.0)
        house.accounts, house.targets = [GLOBEX.id], house.targets[6:]
        assert await house.reload() == ()
        assert house.t < 306.0, "at most the timeout of what is under way"


async def test_another_interval_takes_effect(tmp_path: Path) -> None:
    async with House(tmp_path, night()) as house:
        await house.until(300.0)
        house.settings["polling"] = {"interval": "10s"}
        house.wishes["order-1"] = {"interval": "2m"}
        assert await house.reload() == ()
        await house.until(900.0)
        for name, interval in (("order-0", 10.0), ("order-1", 120.0), ("call-0", 10.0)):
            seen = gaps(house.asked(name), 430.0)
            assert seen == pytest.approx([interval] * len(seen), abs=0.3)
            assert len(seen) >= 2


async def test_names_labels_and_severities_change_without_telling_anything_again(tmp_path: Path) -> None:
    fault = script_builders.fault("onboarding-reply", "step1", "Invalid subaccount id.", 20.0)
    suspended = script_builders.suspended(script_builders.suspended(LONG, 20.0, 580.0), 900.0)
    roles = (
        role("onboarding-reply", "failed", fault),
        role("order-reminder", "lopez", suspended),
        role("order-reminder", "retried", script_builders.retried("order-reminder", "fetch_order", 20.0, 1e5)),
    )
    async with House(tmp_path, scene("night", *roles)) as house:
        await house.until(300.0)
        told = len(house.told())
        house.targets[1] = house.targets[1]._replace(name="diaz")
        house.wishes = {
            "diaz": {"labels": {"team": "night"}, "severities": {"workflow.suspended": "info"}},
            "failed": {"labels": {"team": "night"}},
        }
        assert await house.reload() == ()
        await house.until(550.0)
        assert len(house.told()) == told == 4
        await house.until(1200.0)
        resumed, again = house.about("diaz")
        assert await house.alerts("diaz") == [], "what is only info opens no alert"
        named = house.metric("workflow_target_status", **house.targets[1]._asdict(), status="Suspended")
    assert named == 1
    assert resumed["type"] == "workflow.resumed"
    assert (again["type"], again["data"]["severity"]) == ("workflow.suspended", "info")
    assert again["data"]["labels"] == {"team": "night"}
    assert len({event["id"] for event in house.told()}) == len(house.told())


async def test_reloads_that_change_nothing_change_nothing(tmp_path: Path) -> None:
    async with House(tmp_path, night()) as house:
        for turn in range(1, 40):
            await house.until(7.0 * turn)
            assert await house.reload() == ()
        await house.until(600.0)
        for target in house.targets:
            times = house.asked(target.name)
            assert gaps(times, 40.0) == pytest.approx([30.0] * len(gaps(times, 40.0)), abs=0.3)


async def test_a_target_that_leaves_and_comes_back_during_the_poll_that_sees_its_end_is_seen_to_have_ended(
    tmp_path: Path,
) -> None:
    fault = script_builders.fault("onboarding-reply", "step1", "Invalid subaccount id.", 101.0)
    slow = Fault(trouble=Trouble.SLOW, begin=100.0, end=200.0, seconds=4.0)
    roles = role("onboarding-reply", "failed", fault), role("order-reminder", "order", LONG)
    async with House(tmp_path, scene("night", *roles, faults=(slow,))) as house:
        everybody = house.targets
        await house.when(lambda: max(house.asked("failed"), default=0.0) > 100.0)
        house.targets = everybody[1:]
        assert await house.reload() == ()
        house.targets = everybody
        assert await house.reload() == ()
        await house.until(300.0)
        labels = {"account": ACME.id, "definition": everybody[0].definition}
        assert house.metric("workflow_targets", **labels, status="Terminated") == 1
        watched = house.daemon.targets[TargetKey(*everybody[0][:3])]
        assert watched.state.status is Status.TERMINATED
        assert watched.ended_at is not None
        assert [event["type"] for event in house.told()] == ["workflow.step_failed", "workflow.terminated"]
        asked = len(house.asked("failed"))
        await house.until(500.0)
        assert len(house.asked("failed")) == asked


async def test_a_reload_while_the_store_cannot_be_read_is_refused_and_succeeds_later(tmp_path: Path) -> None:
    house = House(tmp_path, night())
    everybody = house.targets
    house.accounts, house.targets = [ACME.id], everybody[:5]
    async with house:
        await house.until(300.0)
        house.accounts, house.targets = [ACME.id, GLOBEX.id], everybody[1:]
        house.lane["requests_per_second"] = 9
        with house.reading_fails():
            [error] = await house.reload()
        assert "disk I/O error" in error
        assert house.metric("workflow_monitor_config_last_reload_successful") == 0
        await house.until(400.0)
        assert {sent.account for sent in house.sent} == {ACME.id}
        assert house.metric("workflow_monitor_lane_requests_per_second", account=ACME.id) == 10
        assert await house.reload() == ()
        await house.until(500.0)
        assert {sent.account for sent in house.sent} == {ACME.id, GLOBEX.id}
        asked = {target.name: house.asked(target.name) for target in everybody[1:]}
        house.lane["requests_per_second"] = 10
    assert min(len(times) for times in asked.values()) >= 3


async def test_a_key_that_comes_a_minute_after_what_names_it_is_taken(tmp_path: Path) -> None:
    house = House(tmp_path, night())
    everybody, key = house.targets, tmp_path / "globex.key"
    house.accounts, house.targets, house.watch_files = [ACME.id], everybody[:6], True
    async with house:
        await house.until(100.0)
        house.accounts, house.targets = [ACME.id, GLOBEX.id], everybody
        house.write()
        settings = tmp_path / "monitor.yaml"
        tree = yaml.safe_load(settings.read_text("utf-8"))
        tree["accounts"][1] = {"id": GLOBEX.id, "api_key_file": str(key)}
        settings.write_text(yaml.safe_dump(tree), "utf-8")
        await house.until(400.0)
        assert len(house.lines("config.refused")) == 1, "the same again is no news"
        key.write_text("sim-key-globex\n", "utf-8")
        await house.until(500.0)
        assert house.metric("workflow_monitor_config_last_reload_successful") == 1
        assert house.asked("call-0")


async def test_a_good_file_is_tried_again_where_the_store_could_not_be_read(tmp_path: Path) -> None:
    house = House(tmp_path, night())
    everybody = house.targets
    house.targets, house.watch_files = everybody[:5], True
    async with house:
        await house.until(100.0)
        house.targets = everybody
        with house.reading_fails():
            house.write()
            await house.until(115.0)
        await house.until(200.0)
        assert house.asked("order-5")


async def test_the_monitor_ends_in_time_while_a_reload_waits(tmp_path: Path) -> None:
    away = Fault(trouble=Trouble.HANG, begin=50.0, end=1e9, accounts=(GLOBEX.id,))
    house = House(tmp_path, night(away), api={"base_url": "http://127.0.0.1:8", "timeout": "10m"})
    async with house:
        await house.until(100.0)
        house.accounts, house.targets = [ACME.id], house.targets[:6]
        reloading = asyncio.create_task(house.reload())  # it waits for the polls of globex
        await house.until(110.0)
        assert not reloading.done()
        await house.stop()
        assert house.t < 125.0
        assert await reloading == ("the monitor is shutting down",)


async def test_a_key_that_was_refused_is_tried_at_once_when_its_file_changes(tmp_path: Path) -> None:
    key = tmp_path / "acme.key"
    key.write_text("of-yesterday\n", "utf-8")
    house = House(
        tmp_path,
        night(),
        lane={"api_key_file": str(key), "api_key_env": None},
        polling={"max_backoff": "1h"},
    )
    house.accounts, house.targets, house.watch_files = [ACME.id], house.targets[:6], True
    async with house:
        await house.until(3000.0)
        before = len(house.sent)
        key.write_text(ACME.key + "\n", "utf-8")
        await house.until(3010.0)
        assert len(house.sent) > before
        await house.until(3060.0)
        asked = [[at for at in house.asked(target.name) if at >= 3000.0] for target in house.targets]
    assert min(map(len, asked)) >= 1, "all have their pace again"
    assert {event["type"] for event in house.told()} >= {"monitor.blind", "monitor.sighted"}


async def test_what_is_told_of_a_new_account_names_the_address_that_is_asked(tmp_path: Path) -> None:
    house = House(tmp_path, night(Fault(trouble=Trouble.RESET, begin=200.0, end=1e9, accounts=(GLOBEX.id,))))
    everybody = house.targets
    house.accounts, house.targets = [ACME.id], everybody[:6]
    async with house:
        await house.until(100.0)
        house.settings["api"] = {"base_url": "http://127.0.0.1:7", "timeout": "5s"}  # needs a restart
        house.accounts, house.targets = [ACME.id, GLOBEX.id], everybody
        assert await house.reload() == ()
        await house.until(600.0)
        [blind] = house.told()
    assert blind["data"]["detail"] == "Connection reset (127.0.0.1:8)"
