"""The simulated API by its resources and traps, asked in process."""

import json
from datetime import UTC, datetime
from itertools import islice
from typing import Any
from urllib.parse import quote

import msgspec
import pytest

from monitor.sim.definitions import definition_id
from monitor.sim.demo_day import demo_day
from monitor.sim.fake_people import personal_words
from monitor.sim.scenario import Scenario, WatchedInstance, combined, watched
from monitor.sim.scenarios import SCENARIOS, calm, faults, many, odd, stuck, suspensions, throttling
from monitor.sim.world import World
from tests.edges.sim_caller import REMINDERS, Caller

# --- answers are a function of time -----------------------------------------------------------------------


@pytest.mark.parametrize("name", [name for name in SCENARIOS if name != "throttling"])
def test_the_same_question_at_the_same_time_gets_the_same_bytes(name: str) -> None:
    first, second = Caller(SCENARIOS[name]()), Caller(SCENARIOS[name]())
    for t in (0.0, 12.5, 40.0, 125.0):
        for one in islice(first.named, 8):
            path, key = first.path(one), f"sim-key-{first.named[one].account}"
            asked = first.get(path, t, key, includeLogs="true")
            assert asked == second.get(path, t, key, includeLogs="true")


def test_another_seed_is_another_world() -> None:
    assert not set(watched(calm(), 1)) & set(watched(calm(), 2))


def test_time_may_be_asked_backwards() -> None:
    caller = Caller(faults())
    late = caller.told("faulted-19s", 60.0)
    assert caller.status("faulted-19s", 5.0) == "Runnable"
    assert caller.told("faulted-19s", 60.0) == late


# --- the status resource and the errors -------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "t", "status", "errors"),
    [
        ("faulted-19s", 18.9, "Runnable", []),
        ("faulted-19s", 19.0, "Terminated", ["Invalid subaccount id."]),
        ("gateway-29s", 29.0, "Terminated", ["HTTP 502 from https://parcels.example/api/parcels"]),
        ("by-hand-49s", 49.0, "Terminated", []),
        ("retried-24s", 30.0, "Runnable", []),
        ("no-reply-44s", 50.0, "Runnable", []),
        ("calm-99s", 99.0, "Complete", []),
    ],
)
def test_terminated_is_two_things_and_only_errors_tell(name: str, t: float, status: str, errors: list[str]) -> None:
    caller = Caller(faults())
    assert caller.status(name, t) == status
    assert [error["message"] for error in caller.told(name, t, "/errors")] == errors


def test_a_failed_step_stays_in_the_log_after_the_retry() -> None:
    statuses = [run["status"] for run in Caller(faults()).told("retried-24s", 500.0)["logs"]]
    assert statuses[:2] == ["Failed", "Complete"]


@pytest.mark.parametrize(
    ("name", "step"),
    [("stuck-running", "Running"), ("stuck-sleeping", "Sleeping"), ("stuck-waiting", "WaitingForEvent")],
)
def test_a_stuck_instance_is_runnable_for_ever(name: str, step: str) -> None:
    told = Caller(stuck()).told(name, 1e6)
    assert (told["status"], told["logs"][-1]["status"], told["completedAt"]) == ("Runnable", step, None)


@pytest.mark.parametrize(
    ("name", "story"),
    [
        (
            "suspended-resumed",
            {8.9: "Runnable", 9.0: "Suspended", 38.9: "Suspended", 39.0: "Runnable", 89.0: "Complete"},
        ),
        ("suspended-forever", {9.0: "Suspended", 1e6: "Suspended"}),
        ("suspended-terminated", {9.0: "Suspended", 59.0: "Terminated"}),
    ],
)
def test_suspensions_happen_when_the_scenario_says(name: str, story: dict[float, str]) -> None:
    caller = Caller(suspensions())
    assert {t: caller.status(name, t) for t in story} == story


@pytest.mark.parametrize(
    ("name", "story"),
    [
        ("odd-status", {28.0: "Runnable", 29.0: "Paused", 59.0: "Runnable", 299.0: "Complete"}),
        ("vanishing", {18.0: "Runnable", 19.0: 404, 48.0: 404, 49.0: "Runnable"}),
        ("later", {119.9: 404, 120.0: "Runnable"}),
    ],
)
def test_odd_things_happen_when_the_scenario_says(name: str, story: dict[float, Any]) -> None:
    caller = Caller(odd())
    assert {t: caller.status(name, t) for t in story} == story


def test_stamps_carry_two_to_seven_digits_and_never_lie_ahead() -> None:
    caller = Caller(calm())
    logs = [run for name in caller.named for run in caller.told(name, 1000.0)["logs"]]
    digits = {len(run["completedAt"].partition(".")[2]) - 1 for run in logs}
    assert digits == {2, 3, 4, 5, 6, 7}
    assert caller.told("calm-0", 14.0)["completedAt"] == "2026-01-05T10:00:14.00Z"


def test_unknown_moments_can_be_absent_instead_of_null() -> None:
    scenario = msgspec.structs.replace(stuck(), omit_nulls=True)
    assert set(Caller(scenario).told("stuck-waiting", 50.0)["logs"][-1]) == {"id", "stepName", "startedAt", "status"}


def test_customers_words_are_in_data_and_nowhere_else() -> None:
    caller = Caller(faults())
    told = caller.told("faulted-19s", 60.0)
    payload = json.dumps(told.pop("data")["payload"], ensure_ascii=False)
    assert sum(word in payload for word in personal_words()) == 3
    rest = json.dumps([told, caller.told("faulted-19s", 60.0, "/errors")], ensure_ascii=False)
    assert not [word for word in personal_words() if word in rest]


# --- definitions ------------------------------------------------------------------------------------------


def test_versions_come_newest_first() -> None:
    answer = Caller(calm()).get(REMINDERS.removesuffix("/workflows"))
    assert [version["version"] for version in json.loads(answer.body)] == [3, 2, 1]


def test_definitions_are_listed_in_their_latest_version() -> None:
    answer = Caller(calm()).get("/api/v1/accounts/acme/definitions")
    found = {one["definition"]["name"]: one["version"] for one in json.loads(answer.body)}
    assert found == {"onboarding-reply": 1, "order-reminder": 3, "two-way-survey": 2}


# --- refusals ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("path", "key", "status", "code"),
    [
        ("{here}", None, 401, 4010),
        ("{here}", "wrong", 401, 4010),
        ("{here}", "sim-key-globex", 403, 4030),
        ("/api/v1/accounts/nobody/definitions", "sim-key-acme", 401, 4010),
        ("/api/v1/accounts/acme/definitions/nonsense/workflows/{workflow}", "sim-key-acme", 400, 1000),
        ("{list}/nonsense", "sim-key-acme", 400, 1000),
        ("{list}/60dbe307fe55d99fc083db61", "sim-key-acme", 404, 1300),
        ("{list}/60dbe307fe55d99fc083db61/errors", "sim-key-acme", 404, 1300),
        ("/api/v1/accounts/acme/definitions/{other}/workflows/{workflow}", "sim-key-acme", 404, 1300),
    ],
    ids=["no key", "wrong key", "another's key", "no account", "definition", "workflow", "unknown", "errors", "astray"],
)
def test_a_request_that_cannot_be_served_is_refused_in_the_apis_words(
    path: str, key: str | None, status: int, code: int
) -> None:
    caller = Caller(calm())
    other = definition_id("acme", "onboarding-reply")
    workflow = caller.named["calm-0"].workflow
    places = {"{here}": caller.path("calm-0"), "{list}": REMINDERS, "{other}": other, "{workflow}": workflow}
    for place, text in places.items():
        path = path.replace(place, text)
    answer = caller.get(path, 3.0, key)
    told = json.loads(answer.body)
    assert (answer.status, told["code"]) == (status, code)
    assert set(told) == {"code", "message", "errorId", "timestamp"}


def test_an_id_may_be_percent_encoded() -> None:
    caller = Caller(calm())
    path = caller.path("calm-0").replace("acme", quote("acme").replace("a", "%61"))
    assert caller.get(path).status == 200


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "HEAD"])
def test_other_methods_are_not_allowed(method: str) -> None:
    answer = Caller(calm()).world.answer(method, REMINDERS, {}, "sim-key-acme", 0.0)
    assert (answer.status, answer.headers["Allow"]) == (405, "GET, PATCH")


def test_a_path_outside_the_document_is_nothing() -> None:
    assert Caller(calm()).get("/api/v1/accounts/acme/secrets").status == 404


# --- PATCH ------------------------------------------------------------------------------------------------


def test_a_command_takes_effect_from_its_time_on() -> None:
    caller = Caller(stuck())
    for t, verb in ((50.0, "suspend"), (60.0, "resume"), (70.0, "terminate")):
        assert caller.patch("stuck-waiting", t, json.dumps({"status": verb}).encode()).status == 200
    story = {49.0: "Runnable", 50.0: "Suspended", 60.0: "Runnable", 70.0: "Terminated", 1e6: "Terminated"}
    assert {t: caller.status("stuck-waiting", t) for t in story} == story
    assert caller.told("stuck-waiting", 80.0, "/errors") == []


@pytest.mark.parametrize(
    ("name", "body"),
    [("stuck-waiting", b'{"status": "explode"}'), ("stuck-waiting", b"{"), ("calm-49s", b'{"status": "suspend"}')],
    ids=["unknown command", "no JSON", "already ended"],
)
def test_a_command_that_makes_no_sense_is_refused(name: str, body: bytes) -> None:
    assert Caller(stuck()).patch(name, 100.0, body).status == 400


def test_only_an_instance_takes_commands() -> None:
    answer = Caller(calm()).world.answer("PATCH", REMINDERS, {}, "sim-key-acme", 0.0, body=b'{"status": "suspend"}')
    assert (answer.status, answer.headers["Allow"]) == (405, "GET")


# --- watchlists and scenarios -----------------------------------------------------------------------------


@pytest.mark.parametrize("name", SCENARIOS)
def test_a_watchlist_names_instances_that_are_there(name: str) -> None:
    scenario = SCENARIOS[name]()
    world = World(msgspec.structs.replace(scenario, faults=()), 7)
    found = watched(scenario, 7)
    assert len({one.workflow for one in found}) == len({one.name for one in found}) == len(found)
    for one in islice(found, 100):
        path = f"/api/v1/accounts/{one.account}/definitions/{one.definition}/workflows/{one.workflow}"
        # A real limit may have its say; the time is one where every role has started.
        assert world.answer("GET", path, {}, f"sim-key-{one.account}", 0.0).status in (200, 429) or one.name == "later"


def test_the_demo_day_keeps_its_timetable_and_begins_again() -> None:
    scenario = demo_day()
    world = World(scenario)
    first, second = watched(scenario), watched(scenario, at=45.0)
    assert 40 <= len(first) <= 60
    assert not {one.workflow for one in first} & {one.workflow for one in second}

    def status(one: WatchedInstance, t: float) -> int | str:
        path = f"/api/v1/accounts/{one.account}/definitions/{one.definition}/workflows/{one.workflow}"
        answer = world.answer("GET", path, {}, f"sim-key-{one.account}", t)
        return json.loads(answer.body)["status"] if answer.status == 200 else answer.status

    for turn, cast in enumerate((first, second)):
        named = {one.name: one for one in cast}
        begin = 45.0 * turn
        assert {status(one, begin) for one in cast} == {"Runnable"}
        assert status(named["onboarding-lopez"], begin + 2.5) == "Terminated"
        assert status(named["order-4712"], begin + 6.0) == "Suspended"
        assert status(named["parcel-88"], begin + 25.0) == 429
        assert status(named["parcel-88"], begin + 35.0) == 503
        assert {status(one, begin + 44.5) for one in cast} <= {"Complete", "Terminated"}
        soon = sum(status(one, begin + 10.0) == "Complete" for one in cast)
        assert soon >= 5


def test_a_hundred_thousand_cost_nothing_until_asked() -> None:
    scenario = many(100_000, events_per_second=200.0)
    world = World(scenario)
    last = watched(scenario)[-1]
    path = f"/api/v1/accounts/crowd-0/definitions/{last.definition}/workflows/{last.workflow}"
    assert world.answer("GET", path, {}, "sim-key-crowd-0", 0.0).status == 200
    assert not world.overlay


def test_scenarios_can_be_combined() -> None:
    both = combined("both", faults(), stuck())
    assert len(watched(both)) == len(watched(faults())) + len(watched(stuck()))
    caller = Caller(both)
    assert caller.status("faulted-19s", 20.0) == "Terminated"
    assert caller.status("stuck-waiting", 20.0) == "Runnable"


@pytest.mark.parametrize("others", [(demo_day(), calm()), (calm(), throttling()), (many(1), many(2))], ids=str)
def test_scenarios_that_do_not_fit_together_are_refused(others: tuple[Scenario, ...]) -> None:
    with pytest.raises(ValueError, match="expected scenarios that"):
        combined("both", *others)


def test_the_epoch_is_the_callers() -> None:
    scenario = calm()
    world = World(scenario, epoch=datetime(2030, 2, 3, 4, 5, 6, tzinfo=UTC))
    one = watched(scenario)[0]
    path = f"/api/v1/accounts/{one.account}/definitions/{one.definition}/workflows/{one.workflow}"
    answer = world.answer("GET", path, {}, "sim-key-acme", 1.9)
    assert answer.headers["Date"] == "Sun, 03 Feb 2030 04:05:07 GMT"
    assert json.loads(answer.body)["startedAt"] == "2030-02-03T04:05:05.00Z"
