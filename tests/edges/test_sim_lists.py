"""The simulated list of instances, with the traps of the real one."""

import json

import msgspec
import pytest

from monitor.sim import script_builders
from monitor.sim.list_settings import Lists, Offset
from monitor.sim.scenario_builders import role, scene
from monitor.sim.scenarios import calm, many
from tests.edges.sim_caller import REMINDERS, Caller


def test_a_list_without_a_version_hides_older_ones() -> None:
    caller = Caller(calm())
    old = caller.named["calm-old"].workflow
    assert old not in caller.ids()
    assert caller.ids(version="1") == [old]
    assert caller.ids(version="9") == []


def test_a_list_is_newest_first_and_without_logs() -> None:
    runs = [
        role("order-reminder", f"run-{n}", script_builders.complete("order-reminder", 100.0), starts=float(-n))
        for n in (2, 1, 3)
    ]
    caller = Caller(scene("three", *runs, role("order-reminder", "to-come", runs[0].script, starts=5.0)))
    rows = caller.rows()
    assert [row["workflowId"] for row in rows] == [caller.named[f"run-{n}"].workflow for n in (1, 2, 3)]
    assert not any("logs" in row for row in rows)


@pytest.mark.parametrize(
    ("reading", "offset", "first"), [(Offset.ITEM, "10", 10), (Offset.PAGE, "1", 10), (Offset.PAGE, "10", 100)]
)
def test_an_offset_can_be_read_in_two_ways(reading: Offset, offset: str, first: int) -> None:
    scenario = msgspec.structs.replace(many(120), lists=Lists(offset=reading))
    caller = Caller(scenario)
    one = caller.named["crowd-0"]
    path = f"/api/v1/accounts/crowd-0/definitions/{one.definition}/workflows"
    answer = caller.get(path, 0.0, "sim-key-crowd-0", limit="10", offset=offset)
    expected = [caller.named[f"crowd-{n}"].workflow for n in range(first, first + 10)]
    assert [row["workflowId"] for row in json.loads(answer.body)] == expected


def test_a_filtered_list_shrinks_while_it_is_paged() -> None:
    caller = Caller(calm())
    everyone = caller.ids(0.0, status="Runnable")
    page, later = caller.ids(0.0, status="Runnable", limit="2"), caller.ids(30.0, status="Runnable", offset="2")
    assert len(everyone) == 4
    assert set(everyone) - set(page) - set(later)


@pytest.mark.parametrize(
    ("query", "count"),
    [
        ({"startTimeFrom": "2026-01-05T10:00:00Z"}, 1),
        ({"startTimeTo": "2026-01-05T11:00:00.1234567+01:00"}, 2),
        ({"startTimeFrom": "2026-01-05T09:59:50", "startTimeTo": "2026-01-05T09:59:58.00Z"}, 1),
    ],
)
def test_a_list_can_be_bounded_by_start(query: dict[str, str], count: int) -> None:
    script = script_builders.complete("order-reminder", 100.0)
    starts = (-60.0, -2.0, 3.0)
    caller = Caller(scene("three", *(role("order-reminder", str(t), script, starts=t) for t in starts)))
    assert len(caller.rows(10.0, **query)) == count


@pytest.mark.parametrize(
    "query",
    [
        {"limit": "0"},
        {"limit": "501"},
        {"limit": "ten"},
        {"offset": "-1"},
        {"version": "0"},
        {"status": "Sleepy"},
        {"startTimeFrom": "yesterday"},
    ],
    ids=str,
)
def test_a_malformed_filter_is_refused(query: dict[str, str]) -> None:
    answer = Caller(calm()).get(REMINDERS, 0.0, "sim-key-acme", **query)
    assert (answer.status, json.loads(answer.body)["code"]) == (400, 1000)


def test_a_page_holds_a_hundred_rows_unless_asked_and_five_hundred_at_most() -> None:
    caller = Caller(many(600))
    path = f"/api/v1/accounts/crowd-0/definitions/{caller.named['crowd-0'].definition}/workflows"

    def size(**query: str) -> int:
        return len(json.loads(caller.get(path, 0.0, "sim-key-crowd-0", **query).body))

    assert (size(), size(limit="500"), size(limit="500", offset="500")) == (100, 500, 100)
