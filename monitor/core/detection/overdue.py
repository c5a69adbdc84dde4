"""Overdue instances and steps: the rules of `max_runtime` and of the steps' limits.

Input: a state, the limits, and the time. Not input: whether a poll or a timer asks.

1.  A limit is configured (exact), else declared by the definition, else learned; the latter two get a slack.
2.  Overdue opens only while the instance is Runnable: a suspended one waits for a person, who was notified of that, and
    nothing is known about one that is NotFound or Unknown. An instance is overdue past `max_runtime`, an execution of a
    step that is Running, Sleeping or WaitingForEvent past its step's limit; both are counted from their own start.
3.  It stays open while the state is inconclusive: suspended, not found, unknown words, missing times.
4.  It closes with the end of the instance; when the execution has finished, or is missing from a log that went on; and
    when no limit is exceeded any more. A clock that is set back by up to a minute closes nothing.
"""

import enum
from collections.abc import Collection, Iterator, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Final

import msgspec

from monitor.core import step_log
from monitor.core.detection.conditions import closed, named, opened
from monitor.core.event_types import EventType
from monitor.core.model import Status, StepExecution, StepOverdue, StepStatus, Target, TargetState

SET_BACK: Final = timedelta(seconds=60)
"""An open condition stays open if its deadline is less than this in the future."""
_BEYOND: Final = datetime.max.replace(tzinfo=UTC)
"""A deadline beyond the range of `datetime`."""
_GONE_KEPT: Final = 50
"""Executions that left the log and may come back: the count of their episodes is kept."""
_UNDER_WAY = (StepStatus.RUNNING, StepStatus.SLEEPING, StepStatus.WAITING_FOR_EVENT)
_FINISHED = (StepStatus.COMPLETE, StepStatus.FAILED, StepStatus.CANCELLED)


class LimitSource(enum.StrEnum):
    """The source of a limit."""

    CONFIGURED = "configured"
    """The watchlist."""
    DECLARED = "declared"
    """The definition."""
    LEARNED = "learned"
    """Past executions of the step, in this version of the definition."""


class Limit(msgspec.Struct, frozen=True, gc=False):
    seconds: float
    source: LimitSource


class Limits(msgspec.Struct, frozen=True, kw_only=True):
    """The limits of the steps of one version of a definition, besides those of the watchlist."""

    declared: Mapping[str, float | None] = {}
    """Seconds by step; None: not known before run time. See `core/detection/declared_limits.py`."""
    learned: Mapping[str, float] = {}
    """Seconds by step. See `core/detection/step_durations.py`."""
    slack: float = 120.0
    """Seconds that are added to both."""


NO_LIMITS: Final = Limits()


class OverdueChange(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """An instance or execution that became overdue, or is overdue no more."""

    type: EventType
    """OVERDUE, STEP_OVERDUE, or one of their ends."""
    what: str
    """The name of the episode, for the ids of its two events."""
    started_at: datetime | None = None
    limit: Limit | None = None
    """None: there is no limit any more."""
    execution: str | None = None
    """The id of the execution; None for the instance."""
    step: StepExecution | None = None
    """None for the instance, and for an execution that is not in any log any more."""

    @property
    def deadline(self) -> datetime | None:
        return _deadline(self.started_at, self.limit)


class AppliedLimit(msgspec.Struct, frozen=True, gc=False):
    """A limit of an instance, or of an execution that is under way."""

    step: str | None
    """The name of the step; None: the instance."""
    started_at: datetime | None
    limit: Limit | None
    """None: there is none."""

    @property
    def deadline(self) -> datetime | None:
        """On the API's clock."""
        return _deadline(self.started_at, self.limit)


class OverdueResult(msgspec.Struct, frozen=True, gc=False):
    state: TargetState
    """The same object as before if nothing changed."""
    findings: tuple[OverdueChange, ...] = ()
    """The instance first, then its steps in the order of the log; those that left the log last."""


def run_limit(target: Target) -> Limit | None:
    return Limit(target.max_runtime, LimitSource.CONFIGURED) if target.max_runtime is not None else None


def step_limit(target: Target, step: str, limits: Limits) -> Limit | None:
    """How long an execution of the step may take; None without a limit."""
    configured = target.step_timeouts.get(step, target.step_timeouts.get("*"))
    if configured is not None:
        return Limit(configured, LimitSource.CONFIGURED)
    declared = limits.declared.get(step)
    if declared is not None:
        return Limit(declared + limits.slack, LimitSource.DECLARED)
    learned = limits.learned.get(step)
    return Limit(learned + limits.slack, LimitSource.LEARNED) if learned is not None else None


def applied_limits(state: TargetState, target: Target, limits: Limits) -> list[AppliedLimit]:
    """That of the instance first, then those of its executions that are under way, in the order of the log."""
    steps = [
        AppliedLimit(step.step, step.started_at, step_limit(target, step.step, limits))
        for step in {step.id: step for step in state.steps}.values()
        if step.status in _UNDER_WAY
    ]
    return [AppliedLimit(None, state.started_at, run_limit(target)), *steps]


def next_deadline(state: TargetState, target: Target, limits: Limits) -> datetime | None:
    """The earliest moment, on the API's clock, at which the instance or a step becomes overdue without an event so far.

    It may be in the past. None while nothing can become overdue.
    """
    if state.status is not Status.RUNNABLE:
        return None
    told = {late.execution for late in state.late if late.open}
    moments = [
        _deadline(step.started_at, step_limit(target, step.step, limits))
        for step in {step.id: step for step in state.steps}.values()
        if step.status in _UNDER_WAY and step.id not in told
    ]
    if not state.overdue.open:
        moments.append(_deadline(state.started_at, run_limit(target)))
    return min((moment for moment in moments if moment is not None and moment != _BEYOND), default=None)


def assess_overdue(
    before: TargetState, after: TargetState, target: Target, limits: Limits, now: datetime
) -> OverdueResult:
    """The state `after` with its overdue conditions at `now` (on the API's clock), and their changes.

    `before`: the state before it, which knows the executions that left the log; may be the same object.
    """
    findings = (*_of_instance(after, target, now), *_of_steps(before, after, target, limits, now))
    if not findings and not after.late:
        return OverdueResult(after)
    late = _lateness(after, findings)
    condition = after.overdue
    if findings and findings[0].type is EventType.OVERDUE:
        condition = opened(condition, step_log.newest_step_id(after.steps))
    elif findings and findings[0].type is EventType.OVERDUE_CLEARED:
        condition = closed(condition)
    if condition == after.overdue and late == after.late:
        return OverdueResult(after, findings)
    return OverdueResult(msgspec.structs.replace(after, overdue=condition, late=late), findings)


# --- the instance -----------------------------------------------------------------------------------------


def _of_instance(state: TargetState, target: Target, now: datetime) -> Iterator[OverdueChange]:
    limit, condition = run_limit(target), state.overdue
    deadline = _deadline(state.started_at, limit)
    if condition.open:
        if state.status.ended or _ended(limit, deadline, now):
            cleared = EventType.OVERDUE_CLEARED
            yield OverdueChange(type=cleared, what=named(condition), started_at=state.started_at, limit=limit)
    elif state.status is Status.RUNNABLE and deadline is not None and now >= deadline:
        what = named(opened(condition, step_log.newest_step_id(state.steps)))
        yield OverdueChange(type=EventType.OVERDUE, what=what, started_at=state.started_at, limit=limit)


# --- its steps --------------------------------------------------------------------------------------------


def _of_steps(
    before: TargetState, after: TargetState, target: Target, limits: Limits, now: datetime
) -> Iterator[OverdueChange]:
    told = {late.execution: late for late in after.late}
    log = {step.id: step for step in after.steps}
    for step in log.values():
        late = told.get(step.id)
        if step.status in _UNDER_WAY or (late is not None and late.open):
            yield from _of_step(step, late, after.status, step_limit(target, step.step, limits), now)
    for lost in after.late:
        if lost.open and lost.execution not in log:
            known = next((step for step in before.steps if step.id == lost.execution), None)
            yield _step_finding(EventType.STEP_OVERDUE_CLEARED, lost, known, None)


def _of_step(
    step: StepExecution, late: StepOverdue | None, status: Status, limit: Limit | None, now: datetime
) -> Iterator[OverdueChange]:
    deadline = _deadline(step.started_at, limit)
    if late is not None and late.open:
        if status.ended or step.status in _FINISHED or _ended(limit, deadline, now):
            yield _step_finding(EventType.STEP_OVERDUE_CLEARED, late, step, limit)
    elif status is Status.RUNNABLE and step.status in _UNDER_WAY and deadline is not None and now >= deadline:
        episode = StepOverdue(step.id, late.ordinal + 1 if late is not None else 1)
        yield _step_finding(EventType.STEP_OVERDUE, episode, step, limit)


def _step_finding(type: EventType, late: StepOverdue, step: StepExecution | None, limit: Limit | None) -> OverdueChange:
    started_at = step.started_at if step is not None else None
    what = f"{late.execution}#{late.ordinal}"
    return OverdueChange(type=type, what=what, started_at=started_at, limit=limit, execution=late.execution, step=step)


def _lateness(state: TargetState, findings: Sequence[OverdueChange]) -> tuple[StepOverdue, ...]:
    """The episodes of the executions, in the order of their events; an incomplete log does not restart their counts."""
    late = {one.execution: one for one in state.late}
    for finding in findings:
        if finding.execution is None:
            continue
        before = late.pop(finding.execution, None)
        ordinal, opens = before.ordinal if before is not None else 0, finding.type is EventType.STEP_OVERDUE
        late[finding.execution] = StepOverdue(finding.execution, ordinal + 1 if opens else ordinal, open=opens)
    return _bounded(tuple(late.values()), {step.id for step in state.steps})


def _bounded(late: tuple[StepOverdue, ...], log: Collection[str]) -> tuple[StepOverdue, ...]:
    """Without the oldest of those that left the log; the same object if there are not too many."""
    gone = [one.execution for one in late if one.execution not in log]
    if len(gone) <= _GONE_KEPT:
        return late
    forgotten = set(gone[:-_GONE_KEPT])
    return tuple([one for one in late if one.execution not in forgotten])


# --- moments ----------------------------------------------------------------------------------------------


def _ended(limit: Limit | None, deadline: datetime | None, now: datetime) -> bool:
    """Whether no limit is exceeded any more; a missing time proves nothing."""
    return limit is None or (deadline is not None and deadline - now >= SET_BACK)


def _deadline(started_at: datetime | None, limit: Limit | None) -> datetime | None:
    if started_at is None or limit is None:
        return None
    try:
        return started_at + timedelta(seconds=limit.seconds)
    except OverflowError:
        return _BEYOND
