"""Simulated traffic: what its index says in a list is what each instance's own script says, however it is asked."""

import json
import math
from collections import Counter
from datetime import timedelta
from functools import lru_cache
from itertools import pairwise
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from monitor.sim.api_enums import Status
from monitor.sim.definitions import definition_id
from monitor.sim.list_settings import ListOrder, Lists
from monitor.sim.playback import InstanceState, read
from monitor.sim.population import Instance
from monitor.sim.scenario import Scenario, workflow_id
from monitor.sim.scenarios import traffic
from monitor.sim.traffic import Storm, Traffic
from monitor.sim.world import World

LIVELY = traffic(
    300,
    definitions=2,
    versions=3,
    lifetime=600.0,
    deploy_every=900.0,
    wave=0.5,
    faults_per_hour=1.0,
    suspended=0.2,
    retried=0.2,
    stuck=0.02,
    failed_at_wake=0.1,
    late=0.1,
    storms=(
        Storm(at=300.0, size=60, within=30.0, definitions=1),
        Storm(at=200.0, size=20, every=500.0, by_hand=True),
    ),
)
ALL = [None, *Status]
moments = st.floats(0.0, 3000.0)


def answer(world: World, t: float, rest: str, **query: str) -> Any:
    """As JSON; the status where that is not 200."""
    account = world.scenario.accounts[0]
    told = world.answer("GET", f"/api/v1/accounts/{account.id}{rest}", query, account.key, t)
    return json.loads(told.body) if told.status == 200 else told.status


def of(order: int = 0) -> str:
    return f"/definitions/{definition_id('traffic', f'journey-{order:03d}')}"


def everyone(world: World, t: float, order: int = 0, **query: str) -> list[Any]:
    """All pages of a list."""
    rows: list[Any] = []
    while page := answer(world, t, f"{of(order)}/workflows", limit="500", offset=str(len(rows)), **query):
        rows.extend(page)
    return rows


def asked(status: Status | None) -> dict[str, str]:
    return {} if status is None else {"status": status.value}


@lru_cache(maxsize=1)
def lively() -> tuple[World, list[Instance]]:
    """With all instances that have started by 3000 s: those that run by then, and those that ended before."""
    world = World(LIVELY)
    index = world.traffic("traffic")
    return world, [*index.running(3000.0), *index.ended(-math.inf, 3000.0)]


def state(instance: Instance, t: float) -> InstanceState | None:
    return read(instance.script, instance.starts, (), t)


@settings(max_examples=60, deadline=None)
@given(
    t=moments,
    status=st.sampled_from(ALL),
    window=st.none() | st.tuples(st.integers(-40_000, 3000), st.integers(0, 40_000)),
)
def test_a_list_holds_what_the_scripts_say(t: float, status: Status | None, window: tuple[int, int] | None) -> None:
    world, instances = lively()
    query = asked(status)
    begin, end = -(10**9), 10**9
    if window is not None:
        begin, end = window[0], window[0] + window[1]
        query["startTimeFrom"] = (world.epoch + timedelta(seconds=begin)).isoformat()
        query["startTimeTo"] = (world.epoch + timedelta(seconds=end)).isoformat()
    expected = {
        workflow_id(0, one): (now.status, one.version)
        for one in instances
        if begin <= math.floor(one.starts * 100) / 100 <= end
        and (now := state(one, t)) is not None
        and status in (None, now.status)
    }
    lists = [everyone(world, t, order, version=str(version), **query) for order in (0, 1) for version in range(1, 8)]
    told = {row["workflowId"]: (row["status"], row["version"]) for rows in lists for row in rows}
    assert told == expected
    assert len(told) == sum(map(len, lists))
    for rows in lists:
        assert [row["startedAt"] for row in rows] == sorted((row["startedAt"] for row in rows), reverse=True)


@settings(max_examples=20, deadline=None)
@given(t=moments, status=st.sampled_from(ALL), pick=st.integers(0, 10_000))
def test_a_row_says_what_the_instance_itself_says(t: float, status: Status | None, pick: int) -> None:
    world, _ = lively()
    rows = everyone(world, t, 0, **asked(status))
    for row in rows[pick % 50 :: 50]:
        own = answer(world, t, f"{of()}/workflows/{row['workflowId']}", includeLogs="true")
        assert {field: value for field, value in own.items() if field != "logs"} == row
        errors = answer(world, t, f"{of()}/workflows/{row['workflowId']}/errors")
        assert not errors or (row["status"] == "Terminated" and errors[0]["step"] == own["logs"][-1]["stepName"])


def terminated(instance: Instance) -> bool:
    """Sooner or later."""
    now = state(instance, 1e9)
    return now is not None and now.status is Status.TERMINATED


def test_each_way_to_end_is_there() -> None:
    _, instances = lively()
    states = [(one, now) for one in instances if (now := state(one, 3000.0)) is not None]
    ways = Counter((now.status, bool(now.faults), bool(one.script.commands)) for one, now in states)
    assert {way for way, count in ways.items() if count >= 5} == {
        (Status.RUNNABLE, False, False),
        (Status.RUNNABLE, False, True),
        (Status.SUSPENDED, False, True),
        (Status.COMPLETE, False, False),
        (Status.COMPLETE, False, True),
        (Status.TERMINATED, True, False),
        (Status.TERMINATED, False, True),
    }


@pytest.mark.parametrize("count", [200, 5000])
def test_about_so_many_are_running_at_any_time(count: int) -> None:
    index = World(traffic(count)).traffic("traffic")
    for t in (0.0, 2000.0, 10_000.0):
        assert sum(1 for _ in index.running(t)) == pytest.approx(count, rel=0.15)


def test_starts_come_in_daily_waves() -> None:
    index = World(traffic(3000, definitions=1, wave=0.8)).traffic("traffic")
    started = [index.started(3600.0 * hour) for hour in range(25)]
    an_hour = [after - before for before, after in pairwise(started)]
    assert max(an_hour) == max(an_hour[4:8])
    assert min(an_hour) == min(an_hour[16:20])
    assert max(an_hour) > 4 * min(an_hour)


def test_many_may_start_at_one_moment() -> None:
    world = World(traffic(3000, definitions=1, batch=700))
    starts = Counter(row["startedAt"] for row in everyone(world, 0.0, status="Runnable"))
    assert max(starts.values()) > 500
    assert sum(starts.values()) == sum(one.version == 2 for one in world.traffic("traffic").running(0.0))


def test_starts_are_not_evenly_spaced() -> None:
    index = World(traffic(2000, definitions=1)).traffic("traffic")
    starts = sorted(one.starts for one in index.running(0.0))[-1000:]
    gaps = [after - before for before, after in pairwise(starts)]
    mean = sum(gaps) / len(gaps)
    assert sum(gap < mean / 10 for gap in gaps) == pytest.approx(0.095 * len(gaps), rel=0.35)


def test_definitions_may_have_very_different_shares() -> None:
    index = World(traffic(3000, definitions=10, zipf=1.0)).traffic("traffic")
    shares = Counter(one.definition.name for one in index.running(0.0))
    assert shares["journey-000"] / shares["journey-009"] == pytest.approx(10.0, rel=0.4)


def test_faults_come_at_the_rate_that_is_asked_for() -> None:
    index = World(traffic(5000, faults_per_hour=0.05)).traffic("traffic")
    faulted = sum(bool(ending.faults) for one in index.ended(0.0, 3600.0) if (ending := one.script.ending))
    assert faulted == pytest.approx(250, rel=0.25)


@pytest.mark.parametrize(("by_hand", "errors"), [(False, {"Quota used up."}), (True, set())], ids=["fault", "by hand"])
def test_a_storm_ends_many_for_one_cause(by_hand: bool, errors: set[str]) -> None:
    storm = Storm(at=100.0, size=600, within=10.0, message="Quota used up.", by_hand=by_hand)
    world = World(traffic(4000, faults_per_hour=0.0, storms=(storm,)))
    ended = [one for one in world.traffic("traffic").ended(100.0, 110.0) if terminated(one)]
    assert len(ended) == pytest.approx(600, rel=0.15)
    listed = [
        row
        for order in range(5)
        for version in ("1", "2")
        for row in everyone(world, 110.0, order, status="Terminated", version=version)
    ]
    assert {row["workflowId"] for row in listed} == {workflow_id(0, one) for one in ended}
    for one in ended[:10]:
        rest = f"/definitions/{definition_id('traffic', one.definition.name)}/workflows/{workflow_id(0, one)}/errors"
        assert {error["message"] for error in answer(world, 110.0, rest)} == errors


def test_a_deploy_lets_the_old_instances_run_on() -> None:
    world = World(traffic(2000, definitions=2, deploy_every=600.0))
    assert [version["version"] for version in answer(world, 299.0, of())] == [2, 1]
    assert [version["version"] for version in answer(world, 301.0, of())] == [3, 2, 1]
    running = [len(everyone(world, 400.0, status="Runnable", version=version)) for version in "123"]
    assert min(running) > 10
    assert len(everyone(world, 400.0)) == len(everyone(world, 400.0, version="3"))
    assert [version["version"] for version in answer(world, 301.0, of(1))] == [2, 1]


def test_a_definition_with_traffic_may_be_deleted() -> None:
    world = World(msgspec.structs.replace(traffic(100, definitions=2), deletions={"journey-000": 60.0}))
    one = everyone(world, 59.0)[0]["workflowId"]
    assert answer(world, 60.0, f"{of()}/workflows") == answer(world, 60.0, f"{of()}/workflows/{one}") == 404
    assert [found["definition"]["name"] for found in answer(world, 60.0, "/definitions")] == ["journey-001"]
    assert everyone(world, 60.0, 1)


def test_a_wait_takes_what_its_definition_declares() -> None:
    world = World(traffic(200, definitions=1, lifetime=7200.0))
    (definition,) = answer(world, 0.0, "/definitions")
    (wait,) = (step for step in definition["definition"]["steps"] if step["stepType"] == "Wait")
    assert wait["inputs"]["duration"] == "0.01:00:00"
    waits = {
        round(run.end - run.begin, 6)
        for one in world.traffic("traffic").running(0.0)
        for run in one.script.runs[1:2]
        if one.script.ending and not one.script.ending.faults
    }
    assert waits == {3600.0}


@pytest.mark.parametrize(
    ("share", "step", "begins", "takes", "ends_as"),
    [
        ("stuck", 0, 0.0, None, None),
        ("late", 1, 2.0, 2 * 1800.0, "Complete"),
        ("failed_at_wake", 2, 1802.0, 1.0, "Failed"),
        ("retried", 3, None, 1.0, "Failed"),
    ],
)
def test_a_step_may_be_odd(
    share: str, step: int, begins: float | None, takes: float | None, ends_as: str | None
) -> None:
    shares = {"retried": 0.0, "suspended": 0.0, "faults_per_hour": 0.0, share: 1.0}
    index = World(traffic(200, definitions=1, **shares)).traffic("traffic")
    instances = list(index.running(0.0))
    assert instances
    for one in instances:
        run = one.script.runs[step]
        assert begins is None or run.begin == begins
        assert (run.end - run.begin == pytest.approx(takes)) if takes else run.end == math.inf
        assert ends_as is None or run.ends_as == ends_as
        if ends_as == "Failed":
            again = one.script.runs[step + 1]
            assert (again.step, again.begin >= run.end) == (run.step, True)


def test_it_does_not_matter_what_was_asked_before() -> None:
    first, second = World(LIVELY), World(LIVELY)
    rows = everyone(first, 100.0)
    everyone(second, 20_000.0)
    assert everyone(second, 100.0) == rows


def test_another_seed_is_other_traffic() -> None:
    ids = [{row["workflowId"] for row in everyone(World(LIVELY, seed), 0.0)} for seed in (1, 2)]
    assert not ids[0] & ids[1]


def test_a_command_moves_an_instance_from_list_to_list() -> None:
    world = World(traffic(200, definitions=1))
    account = world.scenario.accounts[0]
    one = everyone(world, 0.0, status="Runnable")[3]["workflowId"]
    path = f"/api/v1/accounts/{account.id}{of()}/workflows/{one}"
    for t, verb in ((1.0, b'{"status": "suspend"}'), (3.0, b'{"status": "terminate"}')):
        assert world.answer("PATCH", path, {}, account.key, t, body=verb).status == 200

    def holding(t: float) -> set[str]:
        return {
            status.value for status in Status if one in {row["workflowId"] for row in everyone(world, t, status=status)}
        }

    assert [holding(t) for t in (0.5, 2.0, 4.0)] == [{"Runnable"}, {"Suspended"}, {"Terminated"}]
    assert [row["workflowId"] for row in everyone(world, 2.0)].count(one) == 1


def test_traffic_may_be_listed_by_creation() -> None:
    lists = Lists(order=ListOrder.CREATED)
    scenario = msgspec.structs.replace(traffic(2000, definitions=1), lists=lists, queueing=120.0)
    rows = everyone(World(scenario), 50.0)
    triggered = [row["data"]["triggeredAt"] for row in rows]
    assert triggered == sorted(triggered, reverse=True)
    assert [row["startedAt"] for row in rows] != sorted((row["startedAt"] for row in rows), reverse=True)


def test_the_usage_counts_what_has_started() -> None:
    world = World(traffic(3600, definitions=1, lifetime=1000.0))
    counts = [answer(world, t, "/usage")[0]["executedWorkflowCount"] for t in (0.0, 600.0)]
    started = world.traffic("traffic").started
    assert counts[1] - counts[0] == started(600.0) - started(0.0) > 100
    assert answer(world, 0.0, "/usage")[0]["allowedWorkflowCount"] == 50_000


def test_an_account_without_traffic_has_none() -> None:
    scenario = Scenario(name="none", accounts=LIVELY.accounts)
    with pytest.raises(KeyError):
        World(scenario).traffic("traffic")


def test_the_numbers_of_a_scenario_are_those_that_it_is_made_of() -> None:
    (made,) = traffic(10, definitions=3, versions=4).traffic
    assert made == Traffic(account="traffic", live=10, definitions=3, versions=4)
