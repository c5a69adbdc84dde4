"""Laws of scripts: whatever happens to an instance, what the API said once stays true."""

from itertools import pairwise

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from monitor.sim import script_builders
from monitor.sim.api_clock import ApiClock
from monitor.sim.api_enums import Status, StepStatus, Verb
from monitor.sim.definitions import CATALOGUE
from monitor.sim.json_bodies import Json, JsonRenderer
from monitor.sim.playback import read
from monitor.sim.population import Crowd, CrowdEvent
from monitor.sim.scenarios import stuck
from monitor.sim.script import Command, Script
from monitor.sim.world import EPOCH

ENDED = {Status.COMPLETE, Status.TERMINATED}
STEP_ENDED = {StepStatus.COMPLETE, StepStatus.FAILED, StepStatus.CANCELLED}

seconds = st.floats(1.0, 100.0)
definitions = st.sampled_from(sorted(CATALOGUE))
moments = st.lists(st.floats(-5.0, 400.0), min_size=2, max_size=8).map(sorted)
commands = st.lists(st.builds(Command, st.floats(0.0, 300.0), st.sampled_from(Verb)), max_size=5).map(
    lambda given: tuple(sorted(given, key=lambda command: command.at))
)


@st.composite
def scripts(draw: st.DrawFn) -> Script:
    definition = draw(definitions)
    step = draw(st.sampled_from([step.id for step in CATALOGUE[definition].steps()]))
    at = draw(seconds)
    return draw(
        st.sampled_from(
            [
                script_builders.complete(definition, at),
                script_builders.fault(definition, step, "Invalid subaccount id.", at),
                script_builders.terminated(definition, at),
                script_builders.retried(definition, step, at, 2.5 * at, failures=2),
                script_builders.stuck(definition, step, at),
                script_builders.looping(definition, at, failing=step),
                script_builders.flapping(script_builders.complete(definition, 4 * at), at / 3, 5),
                script_builders.suspended(
                    script_builders.fault(definition, step, "Invalid subaccount id.", at), at / 2, at
                ),
                script_builders.suspended(script_builders.terminated(definition, at), at / 2),
                *([script_builders.cancelled(definition, step, at, 2 * at)] if step == "wait_for_reply" else []),
            ]
        )
    )


class Told:
    """Tells instances of one crowd-like number with any script."""

    def __init__(self, script: Script, given: tuple[Command, ...] = ()) -> None:
        lone = Crowd(accounts=("acme",), size=1).member(0)
        self._instance = type(lone)(lone.number, "acme", lone.definition, 1, 0.0, script, "lone")
        self._given = given
        self._teller = JsonRenderer(stuck(), 0, "acme", ApiClock(EPOCH))

    def at(self, t: float) -> Json | None:
        reading = read(self._instance.script, 0.0, self._given, t)
        return msgspec.to_builtins(self._teller.instance(self._instance, reading, t, logs=True)) if reading else None

    def errors_at(self, t: float) -> list[Json]:
        reading = read(self._instance.script, 0.0, self._given, t)
        return self._teller.errors(self._instance, reading) if reading else []


@given(scripts(), commands, moments)
def test_the_log_only_grows_and_ended_steps_stay(
    script: Script, given: tuple[Command, ...], times: list[float]
) -> None:
    told = Told(script, given)
    for before, after in pairwise([told.at(t) for t in times]):
        if before is None:
            continue
        assert after is not None
        ids = [run["id"] for run in after["logs"]]
        assert len(set(ids)) == len(ids)
        assert ids[: len(before["logs"])] == [run["id"] for run in before["logs"]]
        for old, new in zip(before["logs"], after["logs"], strict=False):
            if old["status"] in STEP_ENDED:
                assert new == old
            assert old["startedAt"] in (None, new["startedAt"])


@given(scripts(), commands, moments)
def test_an_ended_instance_never_changes(script: Script, given: tuple[Command, ...], times: list[float]) -> None:
    told = Told(script, given)
    for before, after in pairwise([told.at(t) for t in times]):
        if before is not None and before["status"] in ENDED:
            assert after == before


@given(scripts(), commands, st.floats(0.0, 400.0))
def test_errors_stand_only_with_a_fault(script: Script, given: tuple[Command, ...], t: float) -> None:
    told = Told(script, given)
    instance = told.at(t)
    assert instance is not None
    errors = told.errors_at(t)
    assert (instance["completedAt"] is not None) == (instance["status"] in ENDED)
    if errors:
        assert instance["status"] == Status.TERMINATED
        assert instance["logs"][-1]["status"] == StepStatus.FAILED
        assert instance["logs"][-1]["stepName"] == errors[0]["step"]
        assert errors[0]["errorTime"] == instance["completedAt"]


@given(scripts(), commands, st.floats(0.0, 400.0))
def test_steps_say_begin_and_end_when_they_have_them(script: Script, given: tuple[Command, ...], t: float) -> None:
    instance = Told(script, given).at(t)
    assert instance is not None
    for run in instance["logs"]:
        assert (run["startedAt"] is None) == (run["status"] == StepStatus.PENDING)
        assert (run["completedAt"] is not None) == (run["status"] in STEP_ENDED)
        assert run["completedAt"] is None or run["startedAt"] <= run["completedAt"]


@pytest.mark.parametrize(
    ("t", "status", "steps"),
    [
        (-0.1, None, []),
        (0.5, "Runnable", [("step1", "Running")]),
        (10.0, "Suspended", [("step1", "Complete"), ("step2", "Sleeping")]),
        (24.9, "Suspended", [("step1", "Complete"), ("step2", "Sleeping")]),
        (37.5, "Complete", "all"),
    ],
    ids=["not started", "first step", "suspended", "still suspended", "ended later by the time it stood still"],
)
def test_a_suspended_instance_stands_still(t: float, status: str | None, steps: list[tuple[str, str]] | str) -> None:
    told = Told(script_builders.suspended(script_builders.complete("onboarding-reply", 17.5), 5.0, 20.0)).at(t)
    assert (told and told["status"]) == status
    if told and steps != "all":
        assert [(run["stepName"], run["status"]) for run in told["logs"]] == steps


def test_a_termination_from_outside_leaves_the_step_as_it_was() -> None:
    told = Told(script_builders.terminated("onboarding-reply", 5.0))
    instance = told.at(100.0)
    assert instance is not None
    assert (instance["status"], instance["logs"][-1]["status"]) == ("Terminated", "WaitingForEvent")
    assert told.errors_at(100.0) == []


def test_a_retry_is_a_new_execution() -> None:
    instance = Told(script_builders.retried("order-reminder", "fetch_order", 5.0, 60.0, failures=2)).at(100.0)
    assert instance is not None
    tries = [run for run in instance["logs"] if run["stepName"] == "fetch_order"]
    assert [run["status"] for run in tries] == ["Failed", "Failed", "Complete"]
    assert len({run["id"] for run in tries}) == 3
    assert instance["status"] == "Complete"


@pytest.mark.parametrize("event", CrowdEvent)
def test_a_crowds_events_are_spread_evenly(event: CrowdEvent) -> None:
    crowd = Crowd(accounts=("a", "b"), size=50, events_per_second=5.0, event=event, quiet=3.0)

    def happened(t: float) -> int:
        count = 0
        for member in crowd.visible():
            reading = read(member.script, member.starts, (), t)
            assert reading is not None
            runs = [run for run in member.script.shown(reading.own) if run.end <= reading.own + 1e-6]
            failures = sum(run.ends_as == StepStatus.FAILED for run in runs)
            count += failures if event is CrowdEvent.STEP_FAILED else reading.status in ENDED
        return count

    rounds = 3 if event is CrowdEvent.STEP_FAILED else 1
    assert happened(2.9) == 0
    assert [happened(3.1 + second) - happened(2.1 + second) for second in range(1, 9)] == [5] * 8
    assert happened(2.9 + 10.0 * rounds) == 50 * rounds
