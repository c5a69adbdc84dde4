"""Who is overdue: the limits, the deadlines, and what opens and closes."""

from collections.abc import Mapping
from datetime import datetime, timedelta

import msgspec
import pytest

from monitor.core.detection.overdue import (
    NO_LIMITS,
    SET_BACK,
    Limit,
    Limits,
    LimitSource,
    OverdueResult,
    assess_overdue,
    next_deadline,
    step_limit,
)
from monitor.core.event_types import EventType
from monitor.core.model import Condition, Episode, Status, StepExecution, StepOverdue, StepStatus, Target, TargetState
from tests.core.beliefs import KEY, START, TARGET, at, step

OVERDUE, OVERDUE_CLEARED = EventType.OVERDUE, EventType.OVERDUE_CLEARED
STEP_OVERDUE, STEP_CLEARED = EventType.STEP_OVERDUE, EventType.STEP_OVERDUE_CLEARED
RUN, HELD, GONE, STRANGE = Status.RUNNABLE, Status.SUSPENDED, Status.NOT_FOUND, Status.UNKNOWN
UNDER_WAY = (StepStatus.RUNNING, StepStatus.SLEEPING, StepStatus.WAITING_FOR_EVENT)

HOURLY = msgspec.structs.replace(TARGET, max_runtime=3600.0)
MINUTELY = msgspec.structs.replace(TARGET, step_timeouts={"step1": 60.0})
LOG = (step("a", StepStatus.RUNNING, 100),)


def belief(
    status: Status = RUN,
    *steps: StepExecution,
    started: datetime | None = START,
    overdue: bool = False,
    late: tuple[StepOverdue, ...] = (),
) -> TargetState:
    condition = Condition(open=True, last=Episode("a", 1)) if overdue else Condition()
    return TargetState(key=KEY, status=status, started_at=started, steps=steps, overdue=condition, late=late)


def judge(
    state: TargetState, target: Target, now: float, *, before: TargetState | None = None, limits: Limits = NO_LIMITS
) -> OverdueResult:
    return assess_overdue(before or state, state, target, limits, at(now))


def types(judgement: OverdueResult) -> list[EventType]:
    return [finding.type for finding in judgement.findings]


# --- who says so ------------------------------------------------------------------------------------------

ALL = Limits(declared={"step1": 10.0}, learned={"step1": 5.0}, slack=2.0)


@pytest.mark.parametrize(
    ("configured", "limits", "expected"),
    [
        pytest.param({"step1": 60.0, "*": 30.0}, ALL, Limit(60.0, LimitSource.CONFIGURED), id="configured"),
        pytest.param({"*": 30.0}, ALL, Limit(30.0, LimitSource.CONFIGURED), id="configured for every other step"),
        pytest.param({"step2": 60.0}, ALL, Limit(12.0, LimitSource.DECLARED), id="declared, with slack"),
        pytest.param(
            {},
            Limits(declared={"step1": None}, learned={"step1": 5.0}, slack=2.0),
            Limit(7.0, LimitSource.LEARNED),
            id="not known before run time: learned, with slack",
        ),
        pytest.param({}, Limits(learned={"step1": 5.0}), Limit(125.0, LimitSource.LEARNED), id="nothing but learned"),
        pytest.param({}, Limits(declared={"step1": None}), None, id="not known, nothing learned"),
        pytest.param({}, Limits(declared={"step2": 1.0}, learned={"step2": 1.0}), None, id="of another step"),
        pytest.param({}, NO_LIMITS, None, id="nobody"),
    ],
)
def test_who_says_how_long_a_step_may_take(
    configured: Mapping[str, float], limits: Limits, expected: Limit | None
) -> None:
    assert step_limit(msgspec.structs.replace(TARGET, step_timeouts=configured), "step1", limits) == expected


# --- deadlines --------------------------------------------------------------------------------------------


@pytest.mark.parametrize("status", StepStatus)
def test_an_execution_under_way_has_a_deadline(status: StepStatus) -> None:
    expected = at(160) if status in UNDER_WAY else None
    assert next_deadline(belief(RUN, step("a", status, 100)), MINUTELY, NO_LIMITS) == expected


@pytest.mark.parametrize("status", Status)
def test_only_what_is_runnable_has_a_deadline(status: Status) -> None:
    state = belief(status, *LOG)
    assert next_deadline(state, HOURLY, NO_LIMITS) == (at(3600) if status is RUN else None)
    assert next_deadline(state, MINUTELY, NO_LIMITS) == (at(160) if status is RUN else None)


@pytest.mark.parametrize(
    ("state", "expected"),
    [
        pytest.param(belief(RUN, *LOG, step("b", StepStatus.RUNNING, 50)), at(110), id="the earliest step"),
        pytest.param(belief(RUN), at(150), id="the instance"),
        pytest.param(belief(RUN, step("b", StepStatus.RUNNING, 100)), at(150), id="the instance before the step"),
        pytest.param(belief(RUN, *LOG, overdue=True), at(160), id="the step: the instance is told"),
        pytest.param(belief(RUN, *LOG, late=(StepOverdue("a"),)), at(150), id="the instance: the step is told"),
        pytest.param(belief(RUN, *LOG, overdue=True, late=(StepOverdue("a"),)), None, id="both are told"),
        pytest.param(
            belief(RUN, *LOG, overdue=True, late=(StepOverdue("a", 1, open=False),)), at(160), id="told, and ended"
        ),
        pytest.param(belief(RUN, step("a", StepStatus.RUNNING, None), started=None), None, id="no times"),
    ],
)
def test_the_next_deadline_is_the_earliest_that_is_not_told(state: TargetState, expected: datetime | None) -> None:
    assert next_deadline(state, msgspec.structs.replace(MINUTELY, max_runtime=150.0), NO_LIMITS) == expected


def test_a_limit_beyond_the_calendar_is_none() -> None:
    state = belief(RUN, *LOG, overdue=True)
    target = msgspec.structs.replace(TARGET, max_runtime=1e12, step_timeouts={"*": 1e300})
    assert next_deadline(state, target, NO_LIMITS) is None
    assert types(judge(state, target, 1e9)) == [OVERDUE_CLEARED]


# --- it opens ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize("target", [HOURLY, MINUTELY], ids=["the instance", "a step"])
def test_overdue_begins_at_the_deadline_and_not_before(target: Target) -> None:
    state = belief(RUN, *LOG)
    deadline = next_deadline(state, target, NO_LIMITS)
    assert deadline is not None
    assert assess_overdue(state, state, target, NO_LIMITS, deadline - timedelta(microseconds=1)) == OverdueResult(state)
    (finding,) = assess_overdue(state, state, target, NO_LIMITS, deadline).findings
    assert (finding.type, finding.deadline) == (OVERDUE if target is HOURLY else STEP_OVERDUE, deadline)


@pytest.mark.parametrize("status", Status)
def test_only_what_is_runnable_becomes_overdue(status: Status) -> None:
    target = msgspec.structs.replace(MINUTELY, max_runtime=3600.0)
    judgement = judge(belief(status, *LOG), target, 9999)
    assert types(judgement) == ([OVERDUE, STEP_OVERDUE] if status is RUN else [])


def test_each_execution_is_overdue_by_itself_in_log_order() -> None:
    log = (step("b", StepStatus.SLEEPING, 50), step("a", StepStatus.RUNNING, 100))
    judgement = judge(belief(RUN, *log), MINUTELY, 200)
    assert [finding.what for finding in judgement.findings] == ["b#1", "a#1"]
    assert judgement.state.late == (StepOverdue("b"), StepOverdue("a"))


def test_an_instance_is_overdue_at_its_newest_execution() -> None:
    judgement = judge(belief(RUN, *LOG), HOURLY, 3600)
    assert judgement.findings[0].what == "a#1"
    assert judgement.state.overdue == Condition(open=True, last=Episode("a", 1))


# --- it stays open, and ends ------------------------------------------------------------------------------

TOLD = belief(RUN, *LOG, overdue=True, late=(StepOverdue("a"),))
BOTH = msgspec.structs.replace(MINUTELY, max_runtime=3600.0)


@pytest.mark.parametrize("status", Status)
def test_only_the_end_of_an_instance_ends_what_is_overdue_of_it(status: Status) -> None:
    judgement = judge(msgspec.structs.replace(TOLD, status=status), BOTH, 9999)
    assert types(judgement) == ([OVERDUE_CLEARED, STEP_CLEARED] if status.ended else [])
    assert judgement.state.overdue.open == (not status.ended)
    assert judgement.state.late == (StepOverdue("a", 1, open=not status.ended),)


@pytest.mark.parametrize("status", [RUN, HELD, GONE, STRANGE])
@pytest.mark.parametrize("execution", StepStatus)
def test_an_execution_is_late_until_it_is_finished(execution: StepStatus, status: Status) -> None:
    state = belief(status, step("a", execution, 100), late=(StepOverdue("a"),))
    finished = execution in (StepStatus.COMPLETE, StepStatus.FAILED, StepStatus.CANCELLED)
    assert types(judge(state, MINUTELY, 9999)) == ([STEP_CLEARED] if finished else [])


def test_an_execution_that_is_gone_from_the_log_is_not_late_any_more() -> None:
    after = belief(RUN, step("b", StepStatus.RUNNING, 9990), late=(StepOverdue("a"),))
    judgement = judge(after, MINUTELY, 9999, before=belief(RUN, *LOG, late=(StepOverdue("a"),)))
    (finding,) = judgement.findings
    assert (finding.type, finding.what, finding.step) == (STEP_CLEARED, "a#1", LOG[0])
    assert judgement.state.late == (StepOverdue("a", open=False),)


def test_what_is_gone_from_the_log_goes_on_being_counted() -> None:
    gone = belief(RUN, late=(StepOverdue("a", 2, open=False),))
    assert judge(gone, MINUTELY, 9999).state is gone
    (finding,) = judge(msgspec.structs.replace(gone, steps=(LOG[0],)), MINUTELY, 9999).findings
    assert (finding.type, finding.what) == (STEP_OVERDUE, "a#3")


def test_of_what_is_gone_from_the_log_the_newest_fifty_are_kept() -> None:
    late = tuple(StepOverdue(f"gone{number}", open=False) for number in range(60))
    kept = judge(belief(RUN, *LOG, late=(StepOverdue("a"), *late)), MINUTELY, 9999).state.late
    assert kept == (StepOverdue("a"), *late[10:])


@pytest.mark.parametrize("status", [RUN, HELD, GONE, STRANGE])
@pytest.mark.parametrize(
    "target",
    [
        pytest.param(TARGET, id="removed"),
        pytest.param(msgspec.structs.replace(TARGET, max_runtime=99_999.0, step_timeouts={"*": 99_999.0}), id="raised"),
    ],
)
def test_a_limit_that_says_so_no_more_ends_it(target: Target, status: Status) -> None:
    judgement = judge(msgspec.structs.replace(TOLD, status=status), target, 9999)
    assert types(judgement) == [OVERDUE_CLEARED, STEP_CLEARED]


@pytest.mark.parametrize(
    "state",
    [
        pytest.param(msgspec.structs.replace(TOLD, started_at=None), id="of the instance"),
        pytest.param(msgspec.structs.replace(TOLD, steps=(step("a", StepStatus.RUNNING, None),)), id="of the step"),
    ],
)
def test_a_time_that_is_missing_ends_nothing(state: TargetState) -> None:
    assert judge(state, BOTH, 9999) == OverdueResult(state)


def test_a_clock_that_is_set_back_a_little_ends_nothing() -> None:
    deadline, back = 160, SET_BACK.total_seconds()
    state = belief(RUN, *LOG, late=(StepOverdue("a"),))
    assert types(judge(state, MINUTELY, deadline - back + 1)) == []
    assert types(judge(state, MINUTELY, deadline - back)) == [STEP_CLEARED]


def test_what_was_late_and_is_late_again_is_another_episode() -> None:
    ended = belief(RUN, *LOG, late=(StepOverdue("a", 1, open=False),))
    judgement = judge(ended, MINUTELY, 9999)
    assert [finding.what for finding in judgement.findings] == ["a#2"]
    assert judgement.state.late == (StepOverdue("a", 2),)


def test_an_instance_that_is_overdue_again_at_the_same_step_is_another_episode() -> None:
    ended = msgspec.structs.replace(belief(RUN, *LOG), overdue=Condition(open=False, last=Episode("a", 1)))
    assert [finding.what for finding in judge(ended, HOURLY, 9999).findings] == ["a#2"]


def test_a_failed_execution_that_is_tried_again_under_its_id_may_be_late_again() -> None:
    failed = judge(belief(RUN, step("a", StepStatus.FAILED, 100, 150), late=(StepOverdue("a"),)), MINUTELY, 200).state
    again = judge(msgspec.structs.replace(failed, steps=LOG), MINUTELY, 300)
    assert [(finding.type, finding.what) for finding in again.findings] == [(STEP_OVERDUE, "a#2")]
