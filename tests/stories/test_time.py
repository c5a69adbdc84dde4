"""Hours, days and other people's clocks: what ended, what was seen when, and what is forgotten."""

from datetime import datetime, timedelta
from pathlib import Path

import pytest

from monitor.sim import script_builders
from monitor.sim.responses import SimResponse
from monitor.sim.scenario_builders import ACME, GLOBEX, role, scene
from monitor.sim.scenarios import skewed
from tests.stories.house import EPOCH, House

pytestmark = pytest.mark.looptime

HOUR, DAY = 3600.0, 86400.0
LONG = script_builders.complete("order-reminder", 1e9)
FAULT = script_builders.fault("onboarding-reply", "step1", "Invalid subaccount id.", 101.0)
TOLD = ["workflow.step_failed", "workflow.terminated", "workflow.completed"]


def since_epoch(text: str) -> float:
    return (datetime.fromisoformat(text) - EPOCH).total_seconds()


# --- what has ended -------------------------------------------------------------------------------------------


def ending(tmp_path: Path, interval: str = "30s") -> House:
    roles = (
        role("onboarding-reply", "faulted", FAULT),
        role("order-reminder", "complete", script_builders.complete("order-reminder", 101.0)),
        role("order-reminder", "long", LONG),
    )
    return House(tmp_path, scene("night", *roles), polling={"retention": "20m", "interval": interval})


def shown(house: House) -> dict[str, float | None]:
    return {
        status: house.metric("workflow_targets", account=ACME.id, definition=house.targets[0].definition, status=status)
        for status in ("Runnable", "Terminated")
    }


async def test_what_has_ended_is_not_polled_again_and_vanishes_after_the_retention(tmp_path: Path) -> None:
    async with ending(tmp_path) as house:
        await house.until(200.0)
        assert shown(house) == {"Runnable": 0, "Terminated": 1}
        assert len(house.daemon.targets) == 3
        await house.until(1200.0)
        assert max(house.asked("faulted") + house.asked("complete")) < 135.0
        assert len(house.daemon.targets) == 3
        await house.until(1500.0)
        assert [watched.target.name for watched in house.daemon.targets.values()] == ["long"]
        assert not any(shown(house).values())


@pytest.mark.parametrize("away", [60.0, 600.0, HOUR, DAY, 30 * DAY], ids=["1m", "10m", "1h", "1d", "30d"])
async def test_what_has_ended_is_not_told_again_after_a_restart(tmp_path: Path, away: float) -> None:
    async with ending(tmp_path, "10m") as house:
        await house.until(2 * HOUR)
        assert sorted(house.types()) == sorted(TOLD)
        await house.crash()
        await house.until(2 * HOUR + away)
        await house.start()
        assert [watched.target.name for watched in house.daemon.targets.values()] == ["long"]
        await house.until(4 * HOUR + away)  # twelve prunings
        assert len(house.told()) == 3
        assert max(house.asked("faulted") + house.asked("complete")) < HOUR
        await house.stop()
        await house.start()
        await house.until(5 * HOUR + away)
        assert len(house.told()) == 3
        assert max(house.asked("faulted") + house.asked("complete")) < HOUR
        assert [watched.target.name for watched in house.daemon.targets.values()] == ["long"]


async def test_what_has_ended_and_comes_back_to_the_watchlist_has_its_alerts_again_and_once(tmp_path: Path) -> None:
    async with ending(tmp_path, "10m") as house:
        await house.until(2 * HOUR)
        everybody = house.targets
        house.targets = everybody[2:]
        assert await house.reload() == ()
        await house.until(3 * HOUR)
        assert house.types()[3:] == ["workflow.unwatched"], "its alerts were open still"
        ids = {event["id"] for event in house.told()}
        house.targets = everybody
        assert await house.reload() == ()
        await house.until(4 * HOUR)
        repeats = [event for event in house.told() if event["id"] not in ids]
        assert {event["data"]["repeats"] for event in repeats} <= ids, "what still holds is open again"
        assert sorted(event["type"] for event in repeats) == ["workflow.step_failed", "workflow.terminated"]
        assert len(house.told()) == 6


async def test_a_failure_is_not_told_again_when_its_event_is_forgotten(tmp_path: Path) -> None:
    retried = script_builders.retried("order-reminder", "fetch_order", 101.0, 10 * DAY)
    async with House(tmp_path, scene("night", role("order-reminder", "lopez", retried))) as house:
        await house.until(HOUR)
        assert house.types() == ["workflow.step_failed"]
        await house.stop()
        await house.until(8 * DAY)
        await house.start()
        await house.until(8 * DAY + HOUR)
        events, _ = await house.daemon.store.events(0, None, 100)
        assert not events, "it was a week ago"
        [watched] = house.daemon.targets.values()
        assert len(watched.state.steps) > 2, "the log went on"
        assert house.types() == ["workflow.step_failed"]


# --- when it was seen -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("interval", ["10s", "30s", "10m", "2h"])
async def test_last_seen_is_honest_to_a_minute_across_a_crash(tmp_path: Path, interval: str) -> None:
    crash_at = 2 * HOUR + 1390.0
    fault = script_builders.fault("onboarding-reply", "step1", "Invalid subaccount id.", crash_at + 600.0)
    house = House(tmp_path, scene("night", role("onboarding-reply", "lopez", fault)), polling={"interval": interval})
    async with house:
        await house.until(crash_at)
        await house.crash()
        last = max(house.asked("lopez"))
        await house.until(6 * HOUR)
        await house.start()
        await house.until(6 * HOUR + 60.0)
        ended = house.about("lopez")[-1]["data"]
    assert ended["cause"] == "fault"
    assert last - 61.0 <= since_epoch(ended["last_seen_at"]) <= last + 1.0
    assert since_epoch(ended["occurred_at"]) == pytest.approx(crash_at + 599.0, abs=0.1)
    assert since_epoch(ended["observed_at"]) >= 6 * HOUR


async def test_last_seen_is_exact_within_one_life_and_after_a_stop(tmp_path: Path) -> None:
    faults = [
        role("onboarding-reply", name, script_builders.fault("onboarding-reply", "step1", "Invalid subaccount id.", at))
        for name, at in (("lopez", 801.0), ("diaz", 1501.0))
    ]
    async with House(tmp_path, scene("night", *faults), polling={"interval": "4m"}) as house:
        await house.when(lambda: max(house.asked("diaz"), default=0.0) > 1100.0, within=1500.0)
        await house.stop()
        last = max(house.asked("diaz"))
        await house.until(2000.0)
        await house.start()
        await house.until(2100.0)
        lopez, diaz = house.about("lopez")[-1]["data"], house.about("diaz")[-1]["data"]
    assert since_epoch(lopez["last_seen_at"]) == pytest.approx(house.asked("lopez")[-2], abs=0.1)
    assert since_epoch(diaz["last_seen_at"]) == pytest.approx(last, abs=0.1)


# --- other people's clocks ------------------------------------------------------------------------------------


async def test_a_skewed_clock_is_measured_and_spoils_no_delay(tmp_path: Path) -> None:
    async with House(tmp_path, skewed(), polling={"interval": "10s"}) as house:
        await house.until(900.0)
        skews = {
            account: house.metric("workflow_monitor_clock_skew_seconds", account=account)
            for account in (ACME.id, GLOBEX.id)
        }
        assert skews == {ACME.id: pytest.approx(90.0, abs=1.1), GLOBEX.id: pytest.approx(-45.0, abs=1.1)}
        assert house.types() == ["workflow.completed"] * 21
        for account in skews:
            count = house.metric("workflow_detection_delay_seconds_count", account=account, kind="end")
            total = house.metric("workflow_detection_delay_seconds_sum", account=account, kind="end")
            assert count
            assert total is not None
            late = house.metric("workflow_detection_delay_seconds_bucket", account=account, kind="end", le="60.0")
            assert late == count, "nothing is wrong by the skew; twenty seconds of it are a lagging replica's"
            assert 0.0 <= total / count <= 15.0
        delays = {
            event["data"]["name"]: since_epoch(event["data"]["observed_at"]) - since_epoch(event["time"])
            for event in house.told()
        }
    assert delays["calm-0"] < 0, "the API's word is told as it is"


# --- zeros ----------------------------------------------------------------------------------------------------


async def test_counters_are_there_before_the_first_failure(tmp_path: Path) -> None:
    roles = role("order-reminder", "order", LONG), role("appointment-call", "call", LONG)
    async with House(tmp_path, scene("night", *roles)) as house:
        await house.until(0.0)
        for target in house.targets:
            mine = {"account": target.account, "definition": target.definition}
            for kind, severity in (
                ("workflow.terminated", "critical"),
                ("workflow.terminated", "warning"),
                ("workflow.step_failed", "warning"),
                ("workflow.suspended", "warning"),
                ("workflow.not_found", "warning"),
                ("workflow.completed", "info"),
            ):
                assert house.metric("workflow_events_total", **mine, event=kind, severity=severity) == 0
            for to_status in ("Terminated", "Suspended", "Complete", "NotFound"):
                labels = {**mine, "from_status": "Runnable", "to_status": to_status}
                assert house.metric("workflow_transitions_total", **labels) == 0
            assert house.metric("workflow_targets", **mine, status="Unknown") == 1
        for account in house.accounts:
            for outcome in ("ok", "throttled", "unauthorized", "server_error", "timeout", "connection", "malformed"):
                for endpoint in ("status", "errors"):
                    labels = {"account": account, "endpoint": endpoint, "outcome": outcome}
                    assert house.metric("workflow_monitor_requests_total", **labels) == 0
            blind = {"account": account, "definition": "", "event": "monitor.blind", "severity": "critical"}
            assert house.metric("workflow_events_total", **blind) == 0
        for outcome in ("delivered", "retried", "dead"):
            assert house.metric("workflow_monitor_deliveries_total", receiver="oncall", outcome=outcome) == 0


# --- our own clock --------------------------------------------------------------------------------------------


class Jumpy(House):
    """Its machine's clock is set now and then."""

    ahead = 0.0

    def now(self) -> datetime:
        return super().now() + timedelta(seconds=self.ahead)


@pytest.mark.parametrize("ahead", [5 * HOUR, -5 * HOUR, 3000.0], ids=["5h", "-5h", "50m"])
async def test_a_clock_that_is_set_wrongly_for_a_while_ends_no_alert_and_makes_nothing_overdue(
    tmp_path: Path, ahead: float
) -> None:
    house = Jumpy(tmp_path, scene("night", role("onboarding-reply", "w", FAULT), role("order-reminder", "o", LONG)))
    house.wishes["o"] = {"max_runtime": "30m"}
    async with house:
        await house.until(300.0)
        house.ahead = ahead
        await house.until(900.0)
        house.ahead = 0.0
        await house.until(1200.0)
        assert sorted(await house.alerts()) == TOLD[:2]
        assert house.types() == TOLD[:2]
        assert [line["seconds"] for line in house.lines("clock.step_doubted")] == [pytest.approx(ahead)]
        assert len(house.lines("clock.step_undone")) == 1


async def test_a_machine_that_slept_believes_its_clock_once_the_api_says_the_same(tmp_path: Path) -> None:
    house = Jumpy(tmp_path, scene("night", role("order-reminder", "o", LONG)))
    house.wishes["o"] = {"max_runtime": "2h"}

    def three_hours_later(path: str) -> SimResponse | None:
        query = {"includeLogs": "true"}
        bearer = next(one.key for one in house.world.scenario.accounts if one.id == house.targets[0].account)
        return house.world.answer("GET", path, query, bearer, house.t + 3 * HOUR)

    async with house:
        await house.until(300.0)
        house.ahead, house.instead = 3 * HOUR, three_hours_later
        await house.until(400.0)
        assert len(house.lines("clock.step_believed")) == 1
        assert house.types() == ["workflow.overdue"], "it has run for all that time"
        assert since_epoch(house.told()[0]["data"]["observed_at"]) > 3 * HOUR


async def test_a_page_during_a_doubted_step_does_not_end_at_once_by_the_clock_of_alertmanager(tmp_path: Path) -> None:
    house = Jumpy(tmp_path, scene("night", role("order-reminder", "o", LONG)))
    house.instead = lambda _: SimResponse(503, {}, b"")
    async with house:
        await house.until(10.0)
        house.ahead = 5 * HOUR
        clock = house.daemon.parts.clock
        assert (clock.latest() - clock.now()).total_seconds() == pytest.approx(5 * HOUR)
        await house.until(3500.0)
        assert house.daemon.now() < house.now()
        await house.until(3700.0)
        assert house.daemon.now() == house.now(), "nobody has said anything against it for an hour"
