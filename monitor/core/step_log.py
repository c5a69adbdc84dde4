"""Reads a step log: its newest execution, its failures, its age, and the errors that explain them.

The API's log is cumulative: it has an entry per execution of a step, also after its end. It may lose its oldest entries
one day, or be missing from an answer; an execution may run again under its own id after it failed (a retry).
"""

from collections.abc import Collection, Sequence
from datetime import UTC, datetime

from monitor.core.model import (
    Cause,
    Event,
    StepExecution,
    StepStatus,
    WorkflowError,
)

_NEVER = datetime.min.replace(tzinfo=UTC)
_FINAL = (StepStatus.COMPLETE, StepStatus.CANCELLED)
"""Not Failed: a failed execution may be tried again."""
_UNFINISHED = (StepStatus.PENDING, StepStatus.RUNNING, StepStatus.SLEEPING, StepStatus.WAITING_FOR_EVENT)
_TOLD = (StepStatus.FAILED, StepStatus.CANCELLED)


def newest_step_id(steps: Sequence[StepExecution]) -> str:
    """The id of the execution that started last, by log order if times are equal or missing; "" for an empty log."""
    best = ""
    at = _NEVER
    for step in steps:
        started_at = step.started_at or _NEVER
        if started_at >= at:
            best, at = step.id, started_at
    return best


def unreported(steps: Sequence[StepExecution], told: Collection[str]) -> list[StepExecution]:
    """The failed and cancelled executions without an event, in log order."""
    return [step for step in steps if step.status in _TOLD and step.id not in told]


def last_failed(steps: Sequence[StepExecution]) -> StepExecution | None:
    return next((step for step in reversed(steps) if step.status is StepStatus.FAILED), None)


def recovered(believed: Sequence[StepExecution], seen: Sequence[StepExecution], told: Collection[str]) -> list[str]:
    """Executions with a failure event whose step has completed since the last known log, in log order.

    Either the execution itself has completed, after a retry under its own id, or another execution of its step that
    began after the failure. An execution beside it, in a parallel branch or a loop, proves nothing.
    """
    before = {step.id for step in believed if step.status is StepStatus.COMPLETE}
    news = {step.id for step in seen if step.status is StepStatus.COMPLETE and step.id not in before}
    if not told or not news:
        return []
    began: dict[str, datetime] = {}
    place: dict[str, int] = {}
    for number, step in enumerate(seen):
        if step.id in news:
            place[step.step] = number
            began[step.step] = max(began.get(step.step, _NEVER), step.started_at or _NEVER)

    def over(number: int, step: StepExecution) -> bool:
        if step.status is not StepStatus.FAILED:
            return step.id in news
        failed_at, retried_at = step.completed_at or step.started_at, began.get(step.step, _NEVER)
        if failed_at is None or retried_at == _NEVER:
            return place.get(step.step, -1) > number
        return retried_at >= failed_at

    return [step.id for number, step in enumerate(seen) if step.id in told and over(number, step)]


def has_failed(log: Sequence[StepExecution]) -> bool:
    """Whether the last execution of some step is Failed; a retried step has a newer execution or status."""
    return StepStatus.FAILED in {step.step: step.status for step in log}.values()


def why_stale(believed: Sequence[StepExecution], seen: Sequence[StepExecution]) -> str:
    """Why the log `seen` must be older than the last known one, in words; "" if nothing proves it.

    A log is older if an execution that had ended for good runs in it, or if it holds nothing new and lacks the newest
    execution. A log that lacks old entries is not older, and an empty one has no provable age.
    """
    known = {step.id: step for step in believed}
    for step in seen:
        before = known.get(step.id)
        if before is not None and before.status in _FINAL and step.status in _UNFINISHED:
            return f"step {step.step} was {before.status.value}, is seen {step.status.value}"
    ids = {step.id for step in seen}
    if ids and ids < known.keys() and newest_step_id(believed) not in ids:
        return f"the newest step {known[newest_step_id(believed)].step} is not in its log yet"
    return ""


def oldest_first(errors: Sequence[WorkflowError]) -> list[WorkflowError]:
    """By time; errors without a time last."""
    return sorted(errors, key=lambda error: (error.time is None, error.time or _NEVER))


def errors_of(step: StepExecution, errors: Sequence[WorkflowError]) -> list[WorkflowError]:
    """The errors of this step, oldest first; of any of its executions, since the API does not say which one."""
    return oldest_first([error for error in errors if error.step == step.step])


def best_error(step: StepExecution | None, errors: Sequence[WorkflowError]) -> WorkflowError | None:
    """The error that best explains the failure of `step` (or of the instance): the nearest in time, else the last."""
    candidates = (errors_of(step, errors) if step is not None else []) or oldest_first(errors)
    timed = [error for error in candidates if error.time is not None] or candidates
    ended_at = step.completed_at if step is not None else None
    if ended_at is not None:
        return min(timed, key=lambda error: abs((error.time or _NEVER) - ended_at), default=None)
    return timed[-1] if timed else None


def error_of(event: Event) -> WorkflowError | None:
    """The error that best explains the event: its own, else that of the instances whose cause it has."""
    sampled = event.sampled
    if sampled is not None and sampled.cause is Cause.FAULT and not event.errors:
        return WorkflowError(sampled.step, sampled.message)
    return best_error(event.step, event.errors)


def ended_at(step: StepExecution, steps: Sequence[StepExecution], errors: Sequence[WorkflowError]) -> datetime | None:
    """When the execution ended: from the log, or from the only error of the step's only failure; None if unknown."""
    if step.completed_at is not None or step.status is not StepStatus.FAILED:
        return step.completed_at
    failures = [other for other in steps if other.step == step.step and other.status is StepStatus.FAILED]
    matching = errors_of(step, errors)
    return matching[0].time if len(failures) == 1 and len(matching) == 1 else None


def cause(log: Sequence[StepExecution], errors: tuple[WorkflowError, ...] | None) -> Cause:
    """Why an instance is Terminated."""
    if errors or last_failed(log) is not None:
        return Cause.FAULT
    return Cause.UNKNOWN if errors is None else Cause.MANUAL
