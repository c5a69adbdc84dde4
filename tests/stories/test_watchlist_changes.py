"""Targets that leave the watchlist by accident, or for a while, and come back."""

from pathlib import Path
from typing import Any

import msgspec
import pytest

from monitor.core.commits import DeliveryKind
from monitor.core.detection.unwatched import unwatched
from monitor.sim import script_builders
from monitor.sim.scenario import Scenario
from monitor.sim.scenario_builders import role, scene
from tests.stories.house import House

pytestmark = pytest.mark.looptime

LONG = script_builders.complete("order-reminder", 1e6)
STORY = script_builders.fault("onboarding-reply", "step1", "Invalid subaccount id.", 60.0)
SUSPENDED = script_builders.suspended(LONG, 61.0)
KINDS = {"am": "alertmanager", "pager": "pagerduty", "hook": "webhook"}


def cast() -> Scenario:
    """One workflow that ends badly, one that is suspended for ever, and two that go on."""
    others = [role("order-reminder", f"other-{n}", LONG) for n in range(2)]
    return scene("night", role("onboarding-reply", "lopez", STORY), role("order-reminder", "diaz", SUSPENDED), *others)


def house_of(folder: Path, **alerts: Any) -> House:
    return House(folder, cast(), receivers=(*KINDS,), kinds=KINDS, alerts=alerts)


EVERYTHING = ["workflow.step_failed", "workflow.suspended", "workflow.terminated"]


async def test_a_list_that_is_empty_for_a_restart_silences_nothing(tmp_path: Path) -> None:
    async with house_of(tmp_path) as house:
        await house.until(150.0)
        assert sorted(await house.alerts()) == EVERYTHING
        rang = {name: len(phone.calls) for name, phone in house.phones.items()}
        await house.stop()
        everybody, house.targets = house.targets, []
        await house.start()
        await house.until(600.0)
        house.targets = everybody
        await house.stop()
        await house.start()
        await house.until(3000.0)
        assert sorted(await house.alerts()) == EVERYTHING
        assert {name: len(phone.calls) for name, phone in house.phones.items()} == rang, "nobody heard of it"
        assert house.lines("watchlist.targets_left")[0]["with_open_alerts"] == 2


@pytest.mark.parametrize("restarted", [False, True], ids=["the same process", "another process"])
async def test_what_still_holds_is_open_again_when_a_target_is_back_after_long(
    tmp_path: Path, *, restarted: bool
) -> None:
    async with house_of(tmp_path) as house:
        await house.until(150.0)
        everybody = house.targets
        house.targets = [one for one in everybody if one.name not in ("lopez", "diaz")]
        assert await house.reload() == ()
        await house.until(5000.0)
        assert await house.alerts() == []
        ends = {name: len(phone.calls) for name, phone in house.phones.items()}
        house.targets = everybody
        if restarted:
            await house.stop()
            await house.start()
        else:
            assert await house.reload() == ()
        await house.until(5200.0)
        assert sorted(await house.alerts()) == EVERYTHING
        await house.until(9000.0)
        assert sorted(await house.alerts()) == EVERYTHING
        again = house.told("hook")[ends["hook"] :]
        about = {name: {call.about for _, call in phone.calls[ends[name] :]} for name, phone in house.phones.items()}
    assert about["am"] == {DeliveryKind.ALERT_OPENED}
    assert DeliveryKind.INCIDENT_OPENED in about["pager"]
    assert sorted(event["type"] for event in again) == EVERYTHING, "each once"
    first = {event["type"]: event["id"] for event in house.told("hook")[: ends["hook"]]}
    for event in again:
        assert event["id"] != first[event["type"]], "a receiver takes it for no twin"
        assert event["data"].get("repeats") in (first[event["type"]], None)
        assert ("repeats" in event["data"]) is (event["type"] != "workflow.suspended")


async def test_a_target_may_leave_and_come_back_again_and_again(tmp_path: Path) -> None:
    async with house_of(tmp_path, unwatched_after="0s") as house:
        everybody = house.targets
        for start in (150.0, 300.0, 450.0):
            await house.until(start)
            assert sorted(await house.alerts()) == EVERYTHING
            house.targets = []
            assert await house.reload() == ()
            await house.until(start + 60.0)
            assert await house.alerts() == []
            house.targets = everybody
            assert await house.reload() == ()
        await house.until(700.0)
        assert sorted(await house.alerts()) == EVERYTHING
        told = [event for event in house.told("hook") if event["type"] == "workflow.terminated"]
    assert len({event["id"] for event in told}) == len(told) == 4
    assert {event["data"].get("repeats", told[0]["id"]) for event in told} == {told[0]["id"]}


async def test_what_a_person_closed_stays_closed_when_its_target_is_back(tmp_path: Path) -> None:
    async with house_of(tmp_path, unwatched_after="0s") as house:
        await house.until(150.0)
        for one in await house.daemon.view.alerts():
            await house.daemon.view.close_alert(one.alert.id)
        everybody, house.targets = house.targets, []
        assert await house.reload() == ()
        await house.until(200.0)
        house.targets = everybody
        assert await house.reload() == ()
        await house.until(400.0)
        assert await house.alerts() == []


async def test_a_target_that_is_back_while_its_alert_is_closed_has_it_again(tmp_path: Path) -> None:
    async with house_of(tmp_path, unwatched_after="0s") as house:
        await house.until(150.0)
        everybody, house.targets = house.targets, []
        with house.disk_fails():  # the closing waits for it
            assert await house.reload() == ()
            await house.until(160.0)
            house.targets = everybody
            assert await house.reload() == ()
        await house.until(400.0)
        assert "workflow.unwatched" in house.types("hook"), "it was under way"
        assert sorted(await house.alerts()) == EVERYTHING


async def test_alerts_end_at_once_whatever_triggered_the_reload(tmp_path: Path) -> None:
    house = house_of(tmp_path, unwatched_after="0s")
    house.watch_files = True
    async with house:
        await house.until(152.0)
        house.targets = []
        house.write()
        await house.until(160.0)
        assert await house.alerts() == []


async def test_a_list_that_loses_more_than_half_says_so(tmp_path: Path) -> None:
    async with house_of(tmp_path) as house:
        await house.until(150.0)
        everybody = house.targets
        house.targets = everybody[:2]
        assert await house.reload() == ()
        assert house.metric("workflow_monitor_watchlist_halved_total") == 0
        house.targets = []
        assert await house.reload() == ()
        assert house.metric("workflow_monitor_watchlist_halved_total") == 1
        assert house.lines("watchlist.halved")[0]["removed"] == 2
        house.targets = everybody
        assert await house.reload() == ()


# --- a file that was cut in the middle ---


def cut(house: House, behind: str, characters: int = 0) -> tuple[str, str]:
    """The text of the watchlist, whole, and as far as so many characters into what follows the first `behind`."""
    text = (house.folder / "watchlist.yaml").read_text("utf-8")
    return text, text[: text.index(behind) + len(behind) + characters]


@pytest.mark.parametrize(
    ("behind", "characters", "refused"),
    [
        pytest.param("name: diaz\n", 6, True, id="in a key"),
        pytest.param("name: diaz\n  workflow: ", 0, True, id="before a value"),
        pytest.param("name: diaz\n  workflow: ", 6, False, id="in an id, which is another one then"),
        pytest.param("name: lopez\n", 100, True, id="in an item that names no workflow yet"),
        pytest.param("targets:\n", 0, False, id="before the first item"),
    ],
)
async def test_a_list_that_is_cut_for_a_while_silences_nothing(
    tmp_path: Path, behind: str, characters: int, *, refused: bool
) -> None:
    async with house_of(tmp_path) as house:
        await house.until(150.0)
        rang = {name: len(phone.calls) for name, phone in house.phones.items()}
        whole, part = cut(house, behind, characters)
        (house.folder / "watchlist.yaml").write_text(part, "utf-8")
        assert bool(await house.daemon.reload("http")) is refused
        await house.until(170.0)
        assert sorted(await house.alerts()) == EVERYTHING
        assert bool(house.asked("other-1")[-1] > 150.0) is refused, "what is refused changes nothing"
        (house.folder / "watchlist.yaml").write_text(whole, "utf-8")
        assert await house.daemon.reload("http") == ()
        await house.until(1000.0)
        assert sorted(await house.alerts()) == EVERYTHING
        assert house.asked("other-1")[-1] > 900.0
        assert {name: len(phone.calls) for name, phone in house.phones.items()} == rang, "nobody heard of it"


async def test_a_list_that_is_cut_between_two_items_says_what_it_lost(tmp_path: Path) -> None:
    async with house_of(tmp_path) as house:
        await house.until(150.0)
        rang = {name: len(phone.calls) for name, phone in house.phones.items()}
        whole, part = cut(house, "name: lopez\n")
        part += whole[len(part) :].partition("- ")[0]  # the rest of this item
        (house.folder / "watchlist.yaml").write_text(part, "utf-8")
        assert await house.daemon.reload("http") == ()
        await house.until(600.0)
        assert house.lines("watchlist.halved")[0]["removed"] == 3
        assert house.lines("watchlist.targets_left")[0]["with_open_alerts"] == 1
        assert sorted(await house.alerts()) == EVERYTHING
        (house.folder / "watchlist.yaml").write_text(whole, "utf-8")
        assert await house.daemon.reload("http") == ()
        await house.until(1000.0)
        assert sorted(await house.alerts()) == EVERYTHING
        assert {name: len(phone.calls) for name, phone in house.phones.items()} == rang, "nobody heard of it"


# --- beliefs that somebody else wrote ---


@pytest.mark.parametrize("planned", [False, True], ids=["watched", "about to be watched"])
async def test_what_somebody_else_wrote_of_a_target_is_believed_of_it(tmp_path: Path, *, planned: bool) -> None:
    async with house_of(tmp_path) as house:
        await house.until(150.0)
        scheduler, targets = house.daemon.parts.scheduler, house.daemon.settings.watchlist.targets
        before = next(one.state for one in house.daemon.targets.values() if one.target.name == "diaz")
        written = msgspec.structs.replace(unwatched(before), revision=before.revision + 1)
        await scheduler.replace(targets if not planned else {})
        plan = await scheduler.plan(targets)
        scheduler.take_over(written)
        await scheduler.apply(plan)
        assert house.daemon.targets[before.key].state == written


# --- a step that failed, and its workflow goes on -------------------------------------------------------------

RETRIED = scene(
    "night",
    role("onboarding-reply", "lopez", script_builders.retried("onboarding-reply", "step1", 60.0, 6000.0)),
    role("order-reminder", "other", LONG),
)


async def test_what_is_open_again_ends_as_the_first_alert_would_have(tmp_path: Path) -> None:
    async with House(tmp_path, RETRIED, alerts={"unwatched_after": "0s"}) as house:
        await house.until(100.0)
        everybody, house.targets = house.targets, house.targets[1:]
        assert await house.reload() == ()
        await house.until(130.0)
        assert await house.alerts("lopez") == []
        house.targets = everybody
        assert await house.reload() == ()
        await house.until(180.0)
        assert await house.alerts("lopez") == ["workflow.step_failed"]
        await house.until(5900.0)
        assert await house.alerts("lopez") == [], "the step has completed after all"


async def test_what_was_over_while_the_target_was_away_is_not_told_again(tmp_path: Path) -> None:
    async with House(tmp_path, RETRIED, alerts={"unwatched_after": "0s"}) as house:
        await house.until(100.0)
        everybody, house.targets = house.targets, house.targets[1:]
        assert await house.reload() == ()
        await house.until(5900.0)
        house.targets = everybody
        assert await house.reload() == ()
        await house.until(5990.0)
        assert house.types().count("workflow.step_failed") == 1
