"""A target that leaves the watchlist, and comes back."""

from typing import Any

import msgspec
import pytest

from monitor.core.alerts import Alert
from monitor.core.detection.unwatched import again, again_id, holds_still, needs_a_look, unwatched, unwatched_event
from monitor.core.event_ids import event_id
from monitor.core.event_types import EventType, Severity
from monitor.core.model import Event, Observation, Status, StepExecution, StepStatus, TargetState
from tests.core.beliefs import KEY, MISS, START, TARGET, at, believe, poll, seen, step, types

A = step("a", StepStatus.RUNNING, 100)
HELD = seen(Status.SUSPENDED, A)
LIMITED = msgspec.structs.replace(TARGET, max_runtime=60.0, step_timeouts={"*": 60.0})


def left(*observations: Observation) -> tuple[TargetState, str]:
    """The belief of a target that left after these polls, and the id of the last event before."""
    state, events = believe(*observations)
    return unwatched(state), events[-1].id


def test_where_nothing_is_open_the_belief_stays_the_same() -> None:
    state, _ = believe(seen(Status.RUNNABLE, A), MISS)
    assert unwatched(state) is state
    closed = unwatched(believe(HELD)[0])
    assert unwatched(closed) is closed


def test_a_target_that_comes_back_suspended_is_told_as_another_episode() -> None:
    state, first = left(HELD)
    verdict = poll(state, HELD)
    (event,) = verdict.events
    assert (event.type, event.id != first) == (EventType.SUSPENDED, True)
    assert poll(verdict.state, HELD).events == ()
    (resumed,) = poll(verdict.state, seen(Status.RUNNABLE, A)).events
    assert resumed.closes == (event.id,)


@pytest.mark.parametrize("status", [Status.RUNNABLE, Status.UNKNOWN])
def test_a_target_that_comes_back_running_has_nothing_to_close(status: Status) -> None:
    assert poll(left(HELD)[0], seen(status, A)).events == ()


@pytest.mark.parametrize("end", [Status.COMPLETE, Status.TERMINATED])
def test_a_target_that_comes_back_ended_has_nothing_to_close(end: Status) -> None:
    (event,) = poll(left(HELD)[0], seen(end, A, errors=())).events
    assert event.closes == ()


def test_a_target_that_is_missed_afresh_is_told_again() -> None:
    state, first = left(seen(Status.RUNNABLE, A), MISS, MISS, MISS)
    since = state.since
    verdicts = [poll(state, MISS)]
    for _ in range(3):
        verdicts.append(poll(verdicts[-1].state, MISS))
    assert [len(verdict.events) for verdict in verdicts] == [0, 0, 1, 0]
    state, (event,) = verdicts[-1].state, verdicts[2].events
    assert state.since == since
    assert (event.type, event.id != first) == (EventType.NOT_FOUND, True)
    assert event.summary == "onboarding-reply is still not found"
    (found,) = poll(state, seen(Status.RUNNABLE, A)).events
    assert (found.type, found.closes) == (EventType.FOUND, (event.id,))


def test_a_target_that_was_not_found_and_comes_back_is_not_found_by_anybody() -> None:
    state, _ = left(seen(Status.RUNNABLE, A), MISS, MISS, MISS)
    verdict = poll(state, seen(Status.RUNNABLE, A))
    assert (verdict.events, verdict.state.status) == ((), Status.RUNNABLE)


def test_a_target_that_comes_back_overdue_is_told_as_another_episode() -> None:
    verdict = poll(believe(seen(Status.RUNNABLE))[0], seen(Status.RUNNABLE, A), now=200, target=LIMITED)
    assert types(verdict.events) == [EventType.OVERDUE, EventType.STEP_OVERDUE]
    state = unwatched(verdict.state)
    assert not state.overdue.open
    assert not any(late.open for late in state.late)
    back = poll(state, seen(Status.RUNNABLE, A, version=2), now=300, target=LIMITED)
    assert types(back.events) == [EventType.OVERDUE, EventType.STEP_OVERDUE]
    assert len({event.id for event in (*verdict.events, *back.events)}) == 4


def test_the_event_names_the_target_and_what_it_closes() -> None:
    event = unwatched_event(
        KEY, ["2", "1"], START, name="onboarding-reply", definition_name="onboarding", version=3, labels={"team": "m"}
    )
    assert (event.type, event.severity, event.opens_alert) == (EventType.UNWATCHED, Severity.INFO, False)
    assert (event.account, event.definition, event.workflow) == KEY
    assert (event.name, event.definition_name, event.version) == ("onboarding-reply", "onboarding", 3)
    assert (event.closes, event.labels, event.observed_at) == (("1", "2"), {"team": "m"}, START)
    assert event.summary == "onboarding-reply is not watched any more; its alerts are closed"


def test_the_event_has_its_id_from_what_it_closes() -> None:
    one = unwatched_event(KEY, ("2", "1"), START)
    assert one.id == unwatched_event(KEY, ("1", "2"), START, severity=Severity.WARNING).id
    assert one.id == event_id(EventType.UNWATCHED, *KEY, what="1,2")
    assert one.id != unwatched_event(KEY, ("1",), START).id


# --- what is open again, once the target is back ---

FAILED = step("b", StepStatus.FAILED, 100, 110)
RETRIED = step("b2", StepStatus.COMPLETE, 120, 130, name="step1")
"""The same step, later."""


def event(type: EventType, **facts: Any) -> Event:
    return Event(
        id="e1",
        type=type,
        severity=type.severity,
        summary=f"onboarding-reply: {type.value}",
        account=KEY.account,
        definition=KEY.definition,
        workflow=KEY.workflow,
        observed_at=START,
        **facts,
    )


def alert(told: Event) -> Alert:
    return Alert(id=told.id, event=told, fault_group="f", incident="i", single=True, opened_at=START)


def state(status: Status, *steps: StepExecution) -> TargetState:
    return TargetState(key=KEY, status=status, steps=steps)


@pytest.mark.parametrize(
    ("type", "believed", "expected"),
    [
        pytest.param(EventType.TERMINATED, state(Status.TERMINATED), True, id="an end is for good"),
        pytest.param(EventType.TERMINATED, None, True, id="an end, though nothing is believed any more"),
        pytest.param(EventType.STEP_FAILED, state(Status.RUNNABLE, FAILED), True, id="failed"),
        pytest.param(EventType.STEP_FAILED, state(Status.TERMINATED, FAILED), True, id="failed, and the end"),
        pytest.param(EventType.STEP_FAILED, None, True, id="failed, and nothing is believed any more"),
        pytest.param(EventType.STEP_FAILED, state(Status.RUNNABLE), True, id="failed, and the log lacks it"),
        pytest.param(EventType.STEP_FAILED, state(Status.COMPLETE, FAILED), False, id="failed, and completed"),
        pytest.param(EventType.STEP_FAILED, state(Status.RUNNABLE, FAILED, RETRIED), False, id="failed, and retried"),
        pytest.param(EventType.SUSPENDED, state(Status.SUSPENDED), False, id="suspended: the next poll tells"),
        pytest.param(EventType.NOT_FOUND, state(Status.NOT_FOUND), False, id="not found: the next poll tells"),
        pytest.param(EventType.OVERDUE, state(Status.RUNNABLE), False, id="overdue: its judgement tells"),
        pytest.param(EventType.STEP_OVERDUE, state(Status.RUNNABLE, A), False, id="a step: its judgement tells"),
        pytest.param(EventType.UNANSWERED, state(Status.RUNNABLE), False, id="no answer: the next polls tell"),
    ],
)
def test_what_happened_holds_still_unless_it_is_over(
    type: EventType, believed: TargetState | None, *, expected: bool
) -> None:
    told = event(type, step=FAILED if type is EventType.STEP_FAILED else None)
    assert holds_still(told, believed) is expected


@pytest.mark.parametrize("type", EventType)
def test_only_a_failed_step_needs_a_look_before_it_is_told_again(type: EventType) -> None:
    assert needs_a_look(event(type)) is (type is EventType.STEP_FAILED)


def test_it_is_told_again_as_it_was_under_an_id_of_its_own() -> None:
    first = event(EventType.TERMINATED, occurred_at=START, labels={"team": "m"}, closes=("e0",))
    later = at(5000)
    told = again(alert(first), later)
    assert (told.id, told.repeats, told.observed_at, told.closes) == (again_id("e1"), "e1", later, ())
    same = msgspec.structs.replace(told, id=first.id, repeats=None, observed_at=START, closes=first.closes)
    assert same == first


def test_it_is_told_again_each_time_under_another_id_and_names_the_very_first() -> None:
    first = event(EventType.TERMINATED)
    second = again(alert(first), at(5000))
    third = again(alert(second), at(9000))
    assert len({first.id, second.id, third.id}) == 3
    assert (second.repeats, third.repeats) == (first.id, first.id)


def test_its_id_comes_from_the_alert_alone() -> None:
    first = event(EventType.TERMINATED)
    assert again(alert(first), at(5000)).id == again(alert(first), at(6000)).id == again_id(first.id)
    assert again_id("e1") != again_id("e2")
