"""What a list and an instance are worth to the budget, by what is known of them."""

import math
from datetime import UTC, datetime, timedelta

import pytest

from monitor.core.discovery.cohorts import begin
from monitor.core.discovery.list_looks import ListLook, looks
from monitor.core.event_types import EventType, Severity
from monitor.core.model import DefinitionVersion, Status, StepExecution, StepStatus, TargetKey, TargetState
from monitor.core.scheduling.arms import Terms
from monitor.core.scheduling.hazard import Evidence, HazardKey, Hazards
from monitor.core.scheduling.instance_arms import SHORTEST, hazard_key, instance_moments, instance_terms
from monitor.core.scheduling.list_arms import ENDS, list_terms

NOW = datetime(2026, 1, 5, 12, tzinfo=UTC)
VERSION = DefinitionVersion("acme", "orders", 3)


def look(*reveals: Status, begins: bool = False) -> ListLook:
    return ListLook(
        version=VERSION,
        question=None,
        started_from=NOW - timedelta(days=1),
        started_to=None,
        limit=500,
        reveals=frozenset(reveals),
        begins=begins,
    )


def terms(about: ListLook, living: int = 100, hazards: Hazards | None = None, **severities: Severity) -> Terms:
    said = {EventType(f"workflow.{name}"): severity for name, severity in severities.items()}
    known = hazards or Hazards()
    rates = {status: known.rate(HazardKey(VERSION, step), NOW) for status, step in ENDS.items()}
    return list_terms(about, living, rates, said, interval=30.0, longest=30.0)


def worth(some: Terms) -> float:
    return some.rate * some.weight


def test_a_list_is_worth_as_much_as_instances_run_in_its_window() -> None:
    few, many = (worth(terms(look(Status.TERMINATED), living)) for living in (99, 999))
    assert math.isclose(many, 10 * few)


def test_a_list_that_shows_faults_is_worth_more_than_one_that_shows_what_completes() -> None:
    assert worth(terms(look(Status.TERMINATED))) > 50 * worth(terms(look(Status.COMPLETE)))


def test_a_list_weighs_as_its_events_are_configured() -> None:
    about = look(Status.TERMINATED)
    assert math.isclose(worth(terms(about, terminated=Severity.WARNING)), worth(terms(about)) / 10)


def test_a_definition_with_faults_makes_its_lists_worth_more() -> None:
    hazards = Hazards()
    hazards.learn(HazardKey(VERSION, ENDS[Status.TERMINATED]), Evidence(NOW, events=100.0, seconds=86400.0))
    about = look(Status.TERMINATED)
    assert worth(terms(about, hazards=hazards)) > 20 * worth(terms(about))


def test_what_begins_is_worth_a_little_to_see() -> None:
    assert worth(terms(look(begins=True))) > 0.0 == worth(terms(look()))


def test_every_look_of_a_sweep_has_terms() -> None:
    for one in looks(begin(VERSION, NOW, 7 * 86400.0), NOW):
        assert terms(one).shortest == 3.0


# --- instances --------------------------------------------------------------------------------------------


def step(name: str, status: StepStatus, age: float = 10.0) -> StepExecution:
    return StepExecution(name, name, status, NOW - timedelta(seconds=age))


def state(*steps: StepExecution, status: Status = Status.RUNNABLE) -> TargetState:
    return TargetState(key=TargetKey("acme", "orders", "w1"), status=status, version=3, steps=steps)


def after(some: tuple[tuple[datetime, float], ...]) -> list[tuple[float, float]]:
    return [((at - NOW).total_seconds(), round(chance, 6)) for at, chance in some]


def test_an_instance_weighs_as_its_worst_event_is_configured() -> None:
    assert instance_terms(1.0, {}) == Terms(rate=1.0, weight=1.0, shortest=SHORTEST)
    assert instance_terms(1.0, {EventType.STEP_FAILED: Severity.CRITICAL}).weight == 10.0


def test_the_rates_of_an_instance_are_those_of_the_step_that_began_last() -> None:
    both = state(step("first", StepStatus.RUNNING, 50.0), step("second", StepStatus.SLEEPING, 5.0))
    assert hazard_key(both) == HazardKey(VERSION, "second")
    assert hazard_key(state()).step not in ("", "first")


@pytest.mark.parametrize("status", [StepStatus.SLEEPING, StepStatus.WAITING_FOR_EVENT])
def test_an_instance_is_looked_at_just_after_its_declared_wait_ends(status: StepStatus) -> None:
    found = instance_moments(state(step("wait", status)), {"wait": 100.0}, {"wait": [(20.0, 9)]}, 0.5, NOW)
    assert after(found) == [(91.0, 0.5)]


def test_a_running_step_is_looked_at_when_it_usually_is_over() -> None:
    found = instance_moments(state(step("ask", StepStatus.RUNNING)), {}, {"ask": [(5.0, 7), (20.0, 1)]}, 0.5, NOW)
    assert after(found) == [(11.0, 0.5)]


def test_a_step_of_which_nothing_is_known_is_looked_at_soon_after_it_began() -> None:
    found = instance_moments(state(step("ask", StepStatus.RUNNING, 2.0)), {"ask": None}, {}, 0.5, NOW)
    assert after(found) == [(9.0, 0.5)]


@pytest.mark.parametrize(
    "about",
    [
        pytest.param(state(step("wait", StepStatus.SLEEPING), status=Status.SUSPENDED), id="suspended"),
        pytest.param(state(), id="no-step"),
        pytest.param(state(step("wait", StepStatus.SLEEPING, 200.0)), id="passed"),
        pytest.param(state(step("wait", StepStatus.COMPLETE)), id="over"),
    ],
)
def test_nothing_is_expected_of_an_instance_that(about: TargetState) -> None:
    assert instance_moments(about, {"wait": 100.0}, {}, 0.5, NOW) == ()


def test_a_wait_beyond_the_calendar_is_never_over() -> None:
    assert instance_moments(state(step("wait", StepStatus.SLEEPING)), {"wait": 1e12}, {}, 0.5, NOW) == ()
