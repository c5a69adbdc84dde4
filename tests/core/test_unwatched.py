"""A target that leaves the watchlist, and comes back."""

import msgspec
import pytest

from monitor.core.detection.unwatched import unwatched, unwatched_event
from monitor.core.event_ids import event_id
from monitor.core.event_types import EventType, Severity
from monitor.core.model import Observation, Status, StepStatus, TargetState
from tests.core.beliefs import KEY, MISS, START, TARGET, believe, poll, seen, step, types

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
