"""What is told of what is overdue: in which order, under which id, with which facts."""

import msgspec
import pytest

from monitor.core.detection.detect import Detection, overdue
from monitor.core.detection.overdue import NO_LIMITS, Limits
from monitor.core.event_ids import event_id
from monitor.core.event_types import EventType, Severity
from monitor.core.model import Observation, Outcome, PollFailed, Status, StepStatus, Target, TargetState
from tests.core.beliefs import KEY, MISS, NEW, START, TARGET, at, poll, seen, step, types

OVERDUE, OVERDUE_CLEARED = EventType.OVERDUE, EventType.OVERDUE_CLEARED
STEP_OVERDUE, STEP_CLEARED = EventType.STEP_OVERDUE, EventType.STEP_OVERDUE_CLEARED
RUN, HELD, DONE, DEAD = Status.RUNNABLE, Status.SUSPENDED, Status.COMPLETE, Status.TERMINATED
RUNNING, FAILED = StepStatus.RUNNING, StepStatus.FAILED

BOTH = msgspec.structs.replace(TARGET, max_runtime=3600.0, step_timeouts={"step1": 60.0})
A = step("a", RUNNING, 100)
BELIEVED = poll(NEW, seen(RUN, A), now=110, target=BOTH).state


def tick(state: TargetState, now: float, target: Target = BOTH, limits: Limits = NO_LIMITS) -> Detection:
    return overdue(state, target, at(now), limits, at(70))


LATE = tick(BELIEVED, 9999).state


def test_first_sight_tells_what_is_overdue_already() -> None:
    verdict = poll(NEW, seen(RUN, A), now=9999, last=None, target=BOTH)
    assert types(verdict.events) == [OVERDUE, STEP_OVERDUE]
    assert {event.last_seen_at for event in verdict.events} == {None}
    assert verdict.state.overdue.open


def test_a_deadline_passes_without_a_poll() -> None:
    assert tick(BELIEVED, 159) == Detection(BELIEVED, (), False, "nothing new is overdue")
    verdict = tick(BELIEVED, 160)
    assert (types(verdict.events), verdict.changed) == ([STEP_OVERDUE], True)
    assert "workflow.step_overdue" in verdict.reason


@pytest.mark.parametrize("skew", [-30.0, 30.0])
def test_a_deadline_passes_by_the_clock_of_the_api(skew: float) -> None:
    assert overdue(BELIEVED, BOTH, at(159 - skew), NO_LIMITS, None, skew=skew).events == ()
    (event,) = overdue(BELIEVED, BOTH, at(160 - skew), NO_LIMITS, None, skew=skew).events
    assert (event.observed_at, event.occurred_at) == (at(160 - skew), at(160))
    went_on = seen(RUN, A, step("b", RUNNING, 105, name="step2"))
    assert types(poll(BELIEVED, went_on, now=160 - skew, skew=skew, target=BOTH).events) == [STEP_OVERDUE]


def test_an_overdue_instance_says_since_when_and_how_long_it_may_be() -> None:
    event = tick(BELIEVED, 3700).events[0]
    assert event.id == event_id(OVERDUE, *KEY, what="a#1")
    assert (event.started_at, event.limit, event.reason) == (START, 3600.0, "configured")
    assert (event.occurred_at, event.observed_at, event.last_seen_at) == (at(3600), at(3700), at(70))
    assert (event.step, event.from_status, event.to_status, event.version) == (None, None, None, 1)
    assert (event.severity, event.opens_alert, event.closes) == (Severity.WARNING, True, ())


def test_an_overdue_step_says_which_since_when_and_how_long_it_may_be() -> None:
    limits = Limits(declared={"step1": 60.0}, slack=5.0)
    (event,) = tick(BELIEVED, 170, TARGET, limits).events
    assert event.id == event_id(STEP_OVERDUE, *KEY, what="a#1")
    assert (event.started_at, event.limit, event.reason) == (at(100), 65.0, "declared")
    assert (event.occurred_at, event.step) == (at(165), A)
    assert event.summary == "onboarding-reply: step step1 has been Running for 1m 10s (limit 1m 5s, declared)"


def test_a_target_may_choose_how_severe_it_is() -> None:
    target = msgspec.structs.replace(BOTH, severities={STEP_OVERDUE: Severity.CRITICAL, OVERDUE: Severity.INFO})
    instance, execution = tick(BELIEVED, 9999, target).events
    assert (instance.severity, instance.opens_alert) == (Severity.INFO, False)
    assert (execution.severity, execution.opens_alert) == (Severity.CRITICAL, True)


@pytest.mark.parametrize(("end", "told"), [(DONE, EventType.COMPLETED), (DEAD, EventType.TERMINATED)])
def test_the_end_is_told_before_what_it_ends(end: Status, told: EventType) -> None:
    opening = {event.type: event.id for event in tick(BELIEVED, 9999).events}
    ended, instance, execution = poll(LATE, seen(end, A, ended=9990, errors=()), now=10_000, target=BOTH).events
    assert (ended.type, instance.type, execution.type) == (told, OVERDUE_CLEARED, STEP_CLEARED)
    assert ended.closes == ()
    assert (instance.closes, execution.closes) == ((opening[OVERDUE],), (opening[STEP_OVERDUE],))
    assert (instance.occurred_at, instance.to_status, instance.started_at) == (at(9990), end, START)
    assert execution.step == A


def test_a_step_that_finished_late_says_when() -> None:
    done = step("a", StepStatus.COMPLETE, 100, 9990)
    (event,) = poll(LATE, seen(RUN, done), now=10_000, target=BOTH).events
    assert event.id == event_id(STEP_CLEARED, *KEY, what="a#1")
    assert (event.occurred_at, event.step, event.limit, event.reason) == (at(9990), done, 60.0, "configured")
    assert event.summary == "onboarding-reply: step step1 is overdue no more: Complete"


def test_the_order_of_one_observation() -> None:
    gone = LATE
    for _ in range(3):
        gone = poll(gone, MISS, now=9999, target=BOTH).state
    log = (step("a", FAILED, 100, 200), step("b", RUNNING, 300))
    verdict = poll(gone, seen(HELD, *log, drifts=("status:x",)), now=10_000, target=BOTH)
    assert types(verdict.events) == [
        EventType.FOUND,
        EventType.STEP_FAILED,
        EventType.SUSPENDED,
        STEP_CLEARED,
        EventType.SCHEMA_DRIFT,
    ]
    resumed = poll(verdict.state, seen(RUN, *log), now=10_030, target=BOTH)
    assert types(resumed.events) == [EventType.RESUMED, STEP_OVERDUE]


@pytest.mark.parametrize(
    "observation",
    [
        pytest.param(seen(RUN, A), id="as believed"),
        pytest.param(PollFailed(Outcome.TIMEOUT), id="a failed request"),
    ],
)
def test_what_changes_no_belief_judges_nothing(observation: Observation) -> None:
    verdict = poll(BELIEVED, observation, now=9999, target=BOTH)
    assert verdict.state is BELIEVED
    assert verdict.events == ()


@pytest.mark.parametrize(
    "observation",
    [
        pytest.param(MISS, id="a 404"),
        pytest.param(seen(RUN, A, version=2), id="another version"),
    ],
)
def test_every_change_of_the_belief_is_judged(observation: Observation) -> None:
    assert types(poll(BELIEVED, observation, now=9999, target=BOTH).events) == [OVERDUE, STEP_OVERDUE]


def test_an_older_answer_after_a_404_is_judged_too() -> None:
    missed = poll(poll(NEW, seen(RUN, A, step("b", RUNNING, 120, name="step2")), now=130).state, MISS, now=140).state
    verdict = poll(missed, seen(RUN, A), now=9999, target=BOTH)
    assert (types(verdict.events), verdict.state.misses) == ([OVERDUE, STEP_OVERDUE], 0)


def test_what_is_believed_not_found_is_overdue_as_before() -> None:
    state = LATE
    for now in (10_000, 10_030, 10_060):
        state = poll(state, MISS, now=now, target=BOTH).state
    assert state.status is Status.NOT_FOUND
    assert tick(state, 99_999).events == ()
    assert (state.overdue.open, state.late) == (True, LATE.late)


def test_a_limit_that_was_removed_is_told_without_one() -> None:
    opening = [event.id for event in tick(BELIEVED, 9999).events]
    events = tick(LATE, 10_000, TARGET).events
    assert types(events) == [OVERDUE_CLEARED, STEP_CLEARED]
    assert [event.closes for event in events] == [(id_,) for id_ in opening]
    assert {(event.limit, event.reason, event.occurred_at) for event in events} == {(None, None, None)}


def test_what_has_ended_is_judged_no_more() -> None:
    ended = poll(LATE, seen(DONE, A), now=10_000, target=BOTH).state
    assert tick(ended, 99_999).state is ended


# --- the trail --------------------------------------------------------------------------------------------


def test_every_event_about_a_target_shows_the_last_executions() -> None:
    log = tuple(step(f"s{n}", StepStatus.COMPLETE, n, n + 1) for n in range(6))
    failed = step("x", FAILED, 7, 8)
    events = poll(NEW, seen(DEAD, *log, failed, errors=())).events
    assert types(events) == [EventType.STEP_FAILED, EventType.TERMINATED]
    assert [event.trail for event in events] == [(*log[2:], failed)] * 2


def test_what_is_told_of_a_gone_instance_shows_the_log_that_was_known() -> None:
    state = BELIEVED
    for _ in range(2):
        state = poll(state, MISS).state
    (event,) = poll(state, MISS).events
    assert (event.type, event.trail) == (EventType.NOT_FOUND, (A,))
