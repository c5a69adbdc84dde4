"""What the simulated lists may do that the document does not rule out: bounds, order, lag, odd rows, throttling."""

import json
from math import inf
from typing import Any

import msgspec
import pytest

from monitor.sim import script_builders
from monitor.sim.api_enums import Endpoint
from monitor.sim.faults import Fault, Trouble
from monitor.sim.list_settings import ListOrder, Lists
from monitor.sim.scenario import Scenario
from monitor.sim.scenario_builders import role, scene
from tests.edges.sim_caller import REMINDERS, Caller

LONG = script_builders.complete("order-reminder", 1e6)


def reminders(*starts: float, faults: tuple[Fault, ...] = (), **options: Any) -> Scenario:
    """Long-running instances that are called by their order; what else a scenario has."""
    roles = (role("order-reminder", str(order), LONG, starts=t) for order, t in enumerate(starts))
    return msgspec.structs.replace(scene("reminders", *roles, faults=faults), **options)


def names(caller: Caller, t: float = 0.0, **query: str) -> list[str]:
    """Of the rows, in their order."""
    by_id = {one.workflow: name for name, one in caller.named.items()}
    return [by_id[workflow] for workflow in caller.ids(t, **query)]


def rows_trouble(trouble: Trouble, **options: Any) -> Fault:
    return Fault(trouble=trouble, begin=0.0, end=1e6, **options)


# --- bounds and order -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("lists", "found"),
    [
        (Lists(), ["1", "2", "3"]),
        (Lists(from_inclusive=False), ["1", "2"]),
        (Lists(to_inclusive=False), ["2", "3"]),
        (Lists(from_inclusive=False, to_inclusive=False), ["2"]),
    ],
    ids=["both", "not from", "not to", "neither"],
)
def test_the_bounds_of_a_list_may_belong_to_it_or_not(lists: Lists, found: list[str]) -> None:
    caller = Caller(reminders(-10.0, -20.0, -30.0, -40.0, -50.0, lists=lists))
    between = {"startTimeFrom": "2026-01-05T09:59:20Z", "startTimeTo": "2026-01-05T09:59:40Z"}
    assert names(caller, 0.0, **between) == found


@pytest.mark.parametrize(
    ("whole", "found"), [(False, ["0", "1"]), (True, ["1"])], ids=["the stamp counts", "the start counts"]
)
def test_a_row_may_lie_outside_of_the_bound_that_its_own_stamp_makes(whole: bool, found: list[str]) -> None:
    caller = Caller(reminders(-9.995, -10.0, lists=Lists(whole_starts=whole)))
    (stamp,) = {row["startedAt"] for row in caller.rows()}
    assert names(caller, startTimeTo=stamp) == found


def test_newest_first_may_mean_by_creation() -> None:
    starts = tuple(-float(n) for n in range(60))
    orders = {}
    for order in ListOrder:
        caller = Caller(reminders(*starts, lists=Lists(order=order), queueing=20.0))
        rows = caller.rows()
        assert len({row["workflowId"] for row in rows}) == 60
        assert all(row["data"]["triggeredAt"] < row["startedAt"] for row in rows)
        orders[order] = rows
    by_start, by_creation = orders[ListOrder.STARTED], orders[ListOrder.CREATED]
    assert [row["startedAt"] for row in by_start] == sorted((row["startedAt"] for row in by_start), reverse=True)
    assert by_creation == sorted(by_start, key=lambda row: row["data"]["triggeredAt"], reverse=True)
    assert by_creation != by_start


# --- lag and odd rows -------------------------------------------------------------------------------------


def test_a_list_may_lag_behind_the_statuses() -> None:
    ended = role("order-reminder", "ended", script_builders.complete("order-reminder", 41.0))
    late = role("order-reminder", "late", LONG, starts=50.0)
    lag = Fault(trouble=Trouble.STALE, begin=0.0, end=inf, seconds=30.0, endpoints=(Endpoint.LIST,))
    caller = Caller(scene("lag", ended, late, faults=(lag,)))
    assert [caller.status(name, 60.0) for name in ("ended", "late")] == ["Complete", "Runnable"]
    assert [row["status"] for row in caller.rows(60.0)] == ["Runnable"]
    assert [row["status"] for row in caller.rows(85.0)] == ["Runnable", "Complete"]


def test_a_look_may_lack_rows_and_the_next_one_others() -> None:
    caller = Caller(reminders(*(-float(n) for n in range(40)), faults=(rows_trouble(Trouble.LOST_ROWS, rows=0.3),)))
    first, second = (set(names(caller, t)) for t in (1.0, 2.0))
    assert 10 < len(first) < 40
    assert first - second
    assert second - first
    assert first == set(names(caller, 1.0))


def test_a_repeated_row_counts_for_the_page() -> None:
    caller = Caller(reminders(-1.0, -2.0, -3.0, faults=(rows_trouble(Trouble.REPEATED_ROWS, rows=1.0),)))
    assert names(caller, limit="3") == ["0", "0", "1"]
    assert names(caller, limit="3", offset="3") == ["1", "2", "2"]


def test_a_row_may_be_lost_for_long() -> None:
    lost = rows_trouble(Trouble.LOST_ROWS, rows=0.5, lasting=60.0)
    caller = Caller(reminders(*(-float(n) for n in range(40)), faults=(lost,)))
    assert names(caller, 1.0) == names(caller, 59.0) != names(caller, 61.0)
    for_ever = rows_trouble(Trouble.LOST_ROWS, rows=0.5, lasting=inf)
    caller = Caller(reminders(*(-float(n) for n in range(40)), faults=(for_ever,)))
    assert names(caller, 1.0) == names(caller, 1e5)


def test_a_row_with_an_old_status_is_in_the_list_of_that_status() -> None:
    fault = script_builders.fault("order-reminder", "fetch_order", "Invalid subaccount id.", 11.0)
    stale = rows_trouble(Trouble.STALE_ROWS, rows=0.5, seconds=15.0, lasting=inf)
    roles = (role("order-reminder", str(n), fault, starts=-1.0) for n in range(40))
    late = (role("order-reminder", f"late-{n}", LONG, starts=15.0) for n in range(40))
    caller = Caller(scene("stale", *roles, *late, faults=(stale,)))
    terminated, runnable = (names(caller, 20.0, status=status) for status in ("Terminated", "Runnable"))
    assert 10 < len(terminated) < 30
    assert sorted(one for one in (*terminated, *runnable) if "late" not in one) == sorted(str(n) for n in range(40))
    assert 10 < sum("late" in one for one in runnable) < 30
    assert len(names(caller, 20.0)) == len(terminated) + len(runnable)
    assert {caller.status(one, 20.0) for one in runnable if "late" not in one} == {"Terminated"}
    assert len(names(caller, 45.0, status="Terminated")) == 40


# --- throttling -------------------------------------------------------------------------------------------


def test_lists_may_be_throttled_and_statuses_not() -> None:
    fault = Fault(trouble=Trouble.THROTTLED, begin=0.0, end=10.0, endpoints=(Endpoint.LIST,))
    caller = Caller(reminders(-1.0, faults=(fault,)))
    assert [caller.get(REMINDERS, t).status for t in (5.0, 10.0)] == [429, 200]
    assert caller.status("0", 5.0) == "Runnable"


@pytest.mark.parametrize("endpoint", Endpoint)
def test_a_trouble_may_meet_one_kind_of_request(endpoint: Endpoint) -> None:
    fault = Fault(trouble=Trouble.STATUS, begin=0.0, end=9.0, endpoints=(endpoint,))
    caller = Caller(reminders(-1.0, faults=(fault,)))
    paths = {
        Endpoint.STATUS: caller.path("0"),
        Endpoint.ERRORS: caller.path("0", "/errors"),
        Endpoint.LIST: REMINDERS,
        Endpoint.DEFINITIONS: REMINDERS.removesuffix("/workflows"),
        Endpoint.USAGE: "/api/v1/accounts/acme/usage",
    }
    statuses = {kind: caller.get(path, 1.0).status for kind, path in paths.items()}
    assert statuses == {kind: 503 if kind is endpoint else 200 for kind in paths}


def test_lists_may_have_a_limit_of_their_own() -> None:
    scenario = reminders(-1.0)
    accounts = tuple(msgspec.structs.replace(one, list_limit_rps=1.0) for one in scenario.accounts)
    caller = Caller(msgspec.structs.replace(scenario, accounts=accounts))
    assert [caller.get(REMINDERS, t).status for t in (0.0, 0.5, 1.0)] == [200, 429, 200]
    assert [caller.status("0", t) for t in (1.1, 1.2, 1.3)] == ["Runnable"] * 3


# --- deploys and deletions --------------------------------------------------------------------------------


def test_a_new_version_hides_the_instances_of_the_old_one_from_then_on() -> None:
    runs = [role("order-reminder", f"v{n}", LONG, starts=at, version=n) for n, at in ((2, -5.0), (3, 65.0))]
    caller = Caller(msgspec.structs.replace(scene("deploy", *runs), deploys={"order-reminder": (-1e4, -100.0, 60.0)}))
    assert [names(caller, t) for t in (59.0, 60.0, 70.0)] == [["v2"], [], ["v3"]]
    assert names(caller, 70.0, version="2") == ["v2"]

    def versions(t: float) -> list[int]:
        answer = caller.get(REMINDERS.removesuffix("/workflows"), t)
        return [version["version"] for version in json.loads(answer.body)]

    assert [versions(t) for t in (59.0, 60.0)] == [[2, 1], [3, 2, 1]]
    told = json.loads(caller.get(REMINDERS.removesuffix("/workflows"), 60.0).body)[0]
    assert told["createdAt"] == "2026-01-05T10:01:00.00Z"


def test_a_definition_comes_and_goes() -> None:
    scenario = reminders(-1.0, deploys={"order-reminder": (10.0, 10.0, 10.0)}, deletions={"order-reminder": 20.0})
    caller = Caller(scenario)

    def seen(t: float) -> tuple[Any, ...]:
        account = json.loads(caller.get("/api/v1/accounts/acme/definitions", t).body)
        history = json.loads(caller.get(REMINDERS.removesuffix("/workflows"), t).body)
        return len(account), len(history), caller.get(REMINDERS, t).status, caller.status("0", t)

    gone = (0, 0, 404, 404)
    assert [seen(t) for t in (9.0, 15.0, 20.0)] == [gone, (1, 3, 200, "Runnable"), gone]
