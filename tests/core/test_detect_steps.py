"""Steps and causes: what the log and `/errors` make of an observation."""

import msgspec
import pytest

from monitor.core.event_types import EventType, Severity
from monitor.core.model import Cause, Status, StepExecution, StepStatus, WorkflowError
from tests.core.beliefs import KEY, MISS, NEW, TARGET, at, believe, error, poll, seen, step, types

STEP_FAILED, STEP_CANCELLED = EventType.STEP_FAILED, EventType.STEP_CANCELLED
RUN, DEAD = Status.RUNNABLE, Status.TERMINATED
COMPLETE, RUNNING, FAILED, CANCELLED = (
    StepStatus.COMPLETE,
    StepStatus.RUNNING,
    StepStatus.FAILED,
    StepStatus.CANCELLED,
)


# --- step failures ----------------------------------------------------------------------------------------


def test_every_failure_of_one_observation_is_told_in_log_order_before_the_status() -> None:
    log = (step("a", FAILED, 1, 2), step("b", COMPLETE, 2, 3), step("c", CANCELLED, 3, 4), step("d", FAILED, 4, 5))
    events = poll(poll(NEW, seen(RUN)).state, seen(DEAD, *log, errors=())).events
    assert types(events) == [STEP_FAILED, STEP_CANCELLED, STEP_FAILED, EventType.TERMINATED]
    assert [event.step.id for event in events[:3] if event.step] == ["a", "c", "d"]


def test_a_failure_is_told_once_even_when_the_log_loses_it() -> None:
    failed, later = step("a", FAILED, 1, 2), step("b", RUNNING, 3)
    _, events = believe(seen(RUN), seen(RUN, failed, later), seen(RUN, later), seen(RUN, failed, later))
    assert types(events) == [STEP_FAILED]


def test_the_alert_of_a_failed_step_is_over_once_the_step_has_completed() -> None:
    failed, done = step("a", FAILED, 1, 2), step("b", COMPLETE, 3, 4)
    state, (told,) = believe(seen(RUN, failed))
    verdict = poll(state, seen(RUN, failed, done))
    assert (verdict.over, verdict.events) == ((told.id,), ())
    assert poll(verdict.state, seen(RUN, failed, done)).over == ()


def test_the_alerts_of_failed_steps_are_over_with_a_workflow_that_completes_and_not_with_one_that_is_terminated() -> (
    None
):
    failed = step("a", FAILED, 1, 2)
    state, (told,) = believe(seen(RUN, failed))
    (completed,) = poll(state, seen(Status.COMPLETE, failed)).events
    (terminated,) = poll(state, seen(DEAD, failed, errors=())).events
    assert (completed.closes, terminated.closes) == ((told.id,), ())


def test_the_same_step_failing_again_is_another_failure() -> None:
    first, second = step("a", FAILED, 1, 2), step("b", FAILED, 3, 4)
    _, events = believe(seen(RUN, first), seen(RUN, first, second))
    assert types(events) == [STEP_FAILED, STEP_FAILED]
    assert len({event.id for event in events}) == 2


def test_a_failed_execution_may_be_tried_again_under_its_id() -> None:
    _, events = believe(
        seen(RUN, step("a", FAILED, 1, 2)),
        seen(Status.SUSPENDED, step("a", FAILED, 1, 2)),
        seen(RUN, step("a", RUNNING, 1)),
        seen(RUN, step("a", FAILED, 1, 9)),
    )
    assert types(events) == [STEP_FAILED, EventType.SUSPENDED, EventType.RESUMED]


def test_failures_at_first_sight_are_told() -> None:
    (event,) = poll(NEW, seen(RUN, step("a", FAILED, 1, 2))).events
    assert (event.type, event.last_seen_at, event.occurred_at) == (STEP_FAILED, None, at(2))


def test_a_step_that_goes_on_is_a_belief_without_an_event() -> None:
    verdict = poll(poll(NEW, seen(RUN, step("a", RUNNING, 1))).state, seen(RUN, step("a", COMPLETE, 1, 2)))
    assert (verdict.changed, verdict.events) == (True, ())


def test_a_step_failed_carries_the_errors_of_its_step() -> None:
    mine, other = error("Invalid subaccount id.", 2), error("Timeout.", 3, name="step2")
    (event,) = poll(NEW, seen(RUN, step("a", FAILED, 1, 2), errors=(other, mine))).events
    assert event.errors == (mine,)
    assert event.summary == "onboarding-reply: step step1 failed: Invalid subaccount id."
    assert (event.from_status, event.to_status, event.severity) == (None, None, Severity.WARNING)


@pytest.mark.parametrize(
    ("log", "errors", "occurred"),
    [
        pytest.param((step("a", FAILED, 1, 2),), (error("x", 5),), at(2), id="the step says it"),
        pytest.param((step("a", FAILED, 1),), (error("x", 5),), at(5), id="the only error of the only failure"),
        pytest.param((step("a", FAILED, 1),), (error("x", 5), error("y", 6)), None, id="two errors: which?"),
        pytest.param(
            (step("a", FAILED, 1), step("b", FAILED, 3)), (error("x", 5),), None, id="two failures: of which?"
        ),
        pytest.param((step("a", FAILED, 1),), (error("x", 5, name="step2"),), None, id="of another step"),
        pytest.param((step("a", FAILED, 1),), None, None, id="nobody says it"),
    ],
)
def test_when_a_step_failed(
    log: tuple[StepExecution, ...], errors: tuple[WorkflowError, ...] | None, occurred: object
) -> None:
    event = poll(NEW, seen(RUN, *log, errors=errors)).events[0]
    assert event.occurred_at == occurred


def test_a_cancelled_step_is_info_and_takes_no_errors() -> None:
    (event,) = poll(NEW, seen(RUN, step("a", CANCELLED, 1, 2), errors=(error("x", 2),))).events
    assert (event.severity, event.errors, event.opens_alert) == (Severity.INFO, (), False)


# --- the end ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("log", "errors", "cause", "severity"),
    [
        pytest.param((), (error("x", 2),), Cause.FAULT, Severity.CRITICAL, id="errors"),
        pytest.param((step("a", FAILED),), (), Cause.FAULT, Severity.CRITICAL, id="a failed step"),
        pytest.param((step("a", FAILED),), None, Cause.FAULT, Severity.CRITICAL, id="a failed step, errors not known"),
        pytest.param((step("a", CANCELLED),), (), Cause.MANUAL, Severity.WARNING, id="neither"),
        pytest.param((step("a", COMPLETE),), None, Cause.UNKNOWN, Severity.CRITICAL, id="errors not known"),
    ],
)
def test_the_cause_of_a_termination(
    log: tuple[StepExecution, ...], errors: tuple[WorkflowError, ...] | None, cause: Cause, severity: Severity
) -> None:
    verdict = poll(NEW, seen(DEAD, *log, errors=errors))
    event = verdict.events[-1]
    assert (event.cause, event.severity, verdict.state.cause) == (cause, severity, cause)


def test_the_cause_is_judged_on_the_known_log_where_an_answer_has_none() -> None:
    _, events = believe(seen(RUN, step("a", FAILED, 1, 2)), seen(DEAD, errors=()))
    assert events[-1].cause is Cause.FAULT


@pytest.mark.parametrize("cause", [(), (error("x", 2),)], ids=["manual", "fault"])
def test_a_target_may_choose_its_severities(cause: tuple[WorkflowError, ...]) -> None:
    target = msgspec.structs.replace(TARGET, severities={EventType.TERMINATED: Severity.INFO})
    (event,) = poll(NEW, seen(DEAD, errors=cause), target=target).events
    assert event.severity is Severity.INFO


@pytest.mark.parametrize(
    ("ended", "errors", "occurred"),
    [
        pytest.param(9, (error("x", 5),), at(9), id="completedAt"),
        pytest.param(None, (error("y", 7), error("x", 5), error("z")), at(7), id="the newest error"),
        pytest.param(None, (error("z"),), None, id="errors without times"),
        pytest.param(None, None, None, id="nobody says it"),
    ],
)
def test_when_it_terminated(ended: float | None, errors: tuple[WorkflowError, ...] | None, occurred: object) -> None:
    event = poll(NEW, seen(DEAD, ended=ended, errors=errors)).events[-1]
    assert event.occurred_at == occurred
    assert event.time == (occurred or at(100))


def test_a_termination_names_the_last_failed_step_and_the_oldest_errors() -> None:
    log = (step("a", FAILED, 1, 2), step("b", FAILED, 3, 4, name="step2"), step("c", COMPLETE, 4, 5))
    errors = (*(error(f"no. {n}", n) for n in (7, 6, 5, 4, 3, 2, 1)), error("The cause.", 4, name="step2"))
    event = poll(NEW, seen(DEAD, *log, errors=errors)).events[-1]
    assert event.step == log[1]
    assert [e.message for e in event.errors] == ["no. 1", "no. 2", "no. 3", "no. 4", "The cause."]
    assert event.summary == "onboarding-reply terminated: step2: The cause. (and 7 more)"


def test_complete_says_when() -> None:
    (event,) = poll(NEW, seen(Status.COMPLETE, ended=9)).events
    assert (event.occurred_at, event.severity) == (at(9), Severity.INFO)


def test_an_event_says_whose_it_is() -> None:
    event = poll(poll(NEW, seen(RUN)).state, seen(DEAD, errors=(), version=7)).events[0]
    assert (event.account, event.definition, event.workflow) == KEY
    assert (event.name, event.version, event.labels) == ("onboarding-reply", 7, {"team": "messaging"})
    assert event.last_seen_at == at(70)


# --- older answers ----------------------------------------------------------------------------------------

A, B = step("a", COMPLETE, 1, 2), step("b", RUNNING, 2, name="step2")
BELIEVED = poll(NEW, seen(RUN, A, B)).state


@pytest.mark.parametrize(
    ("log", "why"),
    [
        pytest.param((step("a", RUNNING, 1),), "step1 was Complete", id="a finished step runs"),
        pytest.param((step("a", RUNNING, 1), B), "step1 was Complete", id="also beside the newest"),
        pytest.param((A,), "step2 is not in its log", id="the newest step is missing"),
    ],
)
@pytest.mark.parametrize("status", [RUN, Status.SUSPENDED, Status.UNKNOWN])
def test_an_older_answer_changes_nothing(log: tuple[StepExecution, ...], why: str, status: Status) -> None:
    verdict = poll(BELIEVED, seen(status, *log))
    assert verdict.state is BELIEVED
    assert verdict.events == ()
    assert "older" in verdict.reason
    assert why in verdict.reason


@pytest.mark.parametrize(
    "log",
    [
        pytest.param((B,), id="the oldest entries were dropped"),
        pytest.param((), id="no log at all"),
        pytest.param((step("c", RUNNING, 3),), id="another log"),
        pytest.param((A, step("b", StepStatus.UNKNOWN, 2, name="step2")), id="an unknown word"),
    ],
)
def test_what_does_not_prove_its_age_is_believed(log: tuple[StepExecution, ...]) -> None:
    verdict = poll(BELIEVED, seen(Status.SUSPENDED, *log))
    assert verdict.state.status is Status.SUSPENDED


def test_an_end_is_never_older() -> None:
    assert poll(BELIEVED, seen(DEAD, A, errors=())).state.status is DEAD


def test_an_older_answer_is_an_answer_all_the_same() -> None:
    state = poll(BELIEVED, MISS).state
    verdict = poll(state, seen(RUN, A))
    assert (verdict.state, verdict.events) == (BELIEVED, ())


def test_what_was_not_found_comes_back_as_it_is() -> None:
    state, _ = believe(seen(RUN, A, B), MISS, MISS, MISS)
    verdict = poll(state, seen(RUN, A))
    assert types(verdict.events) == [EventType.FOUND]


def test_the_error_that_explains_best_is_always_shown() -> None:
    failed = step("a", FAILED, 40, 50)
    early = [WorkflowError(failed.step, f"warning {n}", at(n)) for n in range(9)]
    why = WorkflowError(failed.step, "Invalid subaccount id.", at(50))
    told = poll(NEW, seen(DEAD, failed, errors=(*early, why))).events
    assert [event.type for event in told] == [STEP_FAILED, EventType.TERMINATED]
    for event in told:
        assert event.errors == (*early[:4], why)
        assert "Invalid subaccount id. (and 9 more)" in event.summary
