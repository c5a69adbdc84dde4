"""A termination that was told from a list, when its own explanation comes."""

from typing import Any

import msgspec
import pytest

from monitor.core.alerting.fault_groups import fault_group
from monitor.core.detection.detect import Policy, detect
from monitor.core.detection.events import Transition
from monitor.core.detection.late import explained, given_up, sampled_cause
from monitor.core.event_types import EventType, Severity
from monitor.core.model import (
    Cause,
    Event,
    SampledCause,
    Seen,
    Snapshot,
    Status,
    StepExecution,
    StepStatus,
    Target,
    TargetKey,
    TargetState,
    WorkflowError,
)
from tests.core.hostile_lists import at

KEY = TargetKey("acme", "orders", "w1")
TARGET = Target(key=KEY, interval=30.0)
RUNS = TargetState(key=KEY, status=Status.RUNNABLE, version=3, started_at=at(0), revision=1)
FAILED = StepExecution("e1", "fetch", StepStatus.FAILED, at(1), at(5))
REFUSED = (WorkflowError("fetch", "Order 17 is refused.", at(5)),)
GONE = (WorkflowError("fetch", "The shop is gone.", at(5)),)
FAULT = SampledCause(Cause.FAULT, "fetch", "Order 4711 is refused.", looked=30)
MANUAL = SampledCause(Cause.MANUAL, looked=30)


def ended(*steps: StepExecution) -> Snapshot:
    return Snapshot(status=Status.TERMINATED, version=3, started_at=at(0), completed_at=at(5), steps=steps)


def told(seen: Seen, state: TargetState = RUNS) -> tuple[TargetState, Event]:
    """The state and the event of the end."""
    verdict = detect(state, TARGET, seen, last_seen_at=None, now=at(9), policy=Policy(), known_drifts=frozenset())
    [event] = [one for one in verdict.events if one.type is EventType.TERMINATED]
    return verdict.state, event


def early(sampled: SampledCause) -> tuple[TargetState, Event]:
    return told(Seen(ended(), sampled=sampled))


def later(sampled: SampledCause, seen: Seen) -> Any:
    state, _ = early(sampled)
    return explained(Transition(target=TARGET, before=state, after=state, last_seen_at=None, now=at(99)), seen)


def test_what_is_told_from_a_list_joins_the_group_of_the_sample() -> None:
    _, event = early(FAULT)
    _, explained_one = told(Seen(ended(FAILED), REFUSED))

    assert fault_group(event) == fault_group(explained_one)
    assert (event.cause, event.severity, event.errors, event.step) == (Cause.FAULT, Severity.CRITICAL, (), None)
    assert event.time == at(5)


def test_a_sample_of_deliberate_ends_makes_a_deliberate_end() -> None:
    _, event = early(MANUAL)

    assert (event.cause, event.severity) == (Cause.MANUAL, Severity.WARNING)
    assert fault_group(event) == fault_group(told(Seen(ended(), ()))[1])


def test_what_is_known_of_the_instance_itself_goes_before_the_sample() -> None:
    running = msgspec.structs.replace(RUNS, steps=(FAILED,), told=frozenset(["e1"]))

    state, event = told(Seen(ended(FAILED), sampled=MANUAL), running)

    assert (event.cause, event.severity) == (Cause.FAULT, Severity.CRITICAL)
    assert state.sampled == SampledCause(), "its explanation is owed all the same"


@pytest.mark.parametrize(
    ("sampled", "seen", "again", "steps"),
    [
        pytest.param(FAULT, Seen(ended(FAILED), REFUSED), None, 1, id="the same fault"),
        pytest.param(FAULT, Seen(ended(FAILED), GONE), Cause.FAULT, 1, id="another fault"),
        pytest.param(FAULT, Seen(ended(), ()), Cause.MANUAL, 0, id="deliberate"),
        pytest.param(MANUAL, Seen(ended(FAILED), REFUSED), Cause.FAULT, 1, id="not deliberate"),
        pytest.param(MANUAL, Seen(ended(), ()), None, 0, id="deliberate, too"),
        pytest.param(FAULT, Seen(ended()), None, 0, id="no explanation"),
        pytest.param(SampledCause(), Seen(ended(FAILED), REFUSED), None, 1, id="no cause was told"),
    ],
)
def test_it_is_told_again_only_if_the_sample_was_wrong(
    sampled: SampledCause, seen: Seen, again: Cause | None, steps: int
) -> None:
    first = early(sampled)[1]

    found = later(sampled, seen)

    after, events = found.detection.state, found.detection.events
    assert after.sampled is None
    assert after.status is Status.TERMINATED
    assert [one.type for one in events].count(EventType.STEP_FAILED) == steps
    corrections = [one for one in events if one.type is EventType.TERMINATED]
    assert [one.cause for one in corrections] == ([again] if again is not None else [])
    for one in corrections:
        assert (one.corrects, one.closes, one.time) == (first.id, (first.id,), first.time)
        assert one.id != first.id
        assert one.id == next(other for other in later(sampled, seen).detection.events if other.corrects).id


def test_the_same_look_again_changes_nothing() -> None:
    state = later(FAULT, Seen(ended(FAILED), GONE)).detection.state
    occasion = Transition(target=TARGET, before=state, after=state, last_seen_at=None, now=at(120))

    assert explained(occasion, Seen(ended(FAILED), GONE)).detection.events == ()


def test_an_answer_that_does_not_know_of_the_end_explains_nothing() -> None:
    running = Snapshot(status=Status.RUNNABLE, version=3, started_at=at(0), completed_at=None)

    assert not later(FAULT, Seen(running)).detection.changed
    assert later(FAULT, Seen(running)).detection.state.sampled == FAULT


def test_what_the_api_has_forgotten_is_owed_no_more() -> None:
    assert given_up(early(FAULT)[0]).detection.state.sampled is None


def test_a_sample_that_agrees_gives_its_cause_and_one_that_does_not_says_what_was_seen() -> None:
    refused, gone = told(Seen(ended(FAILED), REFUSED))[1], told(Seen(ended(FAILED), GONE))[1]

    assert sampled_cause([refused] * 5) == SampledCause(Cause.FAULT, "fetch", "Order 17 is refused.", 5)
    assert sampled_cause([refused] * 2) == SampledCause(looked=2), "too few to speak for others"
    mixed = sampled_cause([refused, gone, refused])
    assert mixed.cause is Cause.UNKNOWN
    assert mixed.kinds == ("2 with fetch: Order 17 is refused.", "1 with fetch: The shop is gone.")
