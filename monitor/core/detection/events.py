"""Makes events from transitions: the fields of each type, its id, and the alerts that it closes."""

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any, Final

import msgspec

from monitor.core import step_log
from monitor.core.detection.blindness import Site, why
from monitor.core.detection.conditions import condition, named
from monitor.core.detection.overdue import NO_LIMITS, Limits, OverdueChange
from monitor.core.event_ids import event_id
from monitor.core.event_types import EventType, Severity
from monitor.core.model import (
    Cause,
    Event,
    PollFailed,
    Status,
    StepExecution,
    StepStatus,
    Target,
    TargetKey,
    TargetState,
    WorkflowError,
)
from monitor.core.text.summary import summary, target_label

SHOWN_ERRORS: Final = 5
"""The most errors of an event: the oldest ones, and the one that explains best."""
TRAIL: Final = 5
"""The most executions of the step log in an event, the last ones."""


class Transition(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """A change of a target's state from `before` to `after`."""

    target: Target
    before: TargetState
    after: TargetState
    errors: tuple[WorkflowError, ...] | None = None
    """The answer of `/errors`; None if there is none."""
    last_seen_at: datetime | None
    now: datetime
    limits: Limits = NO_LIMITS
    """Of the last known version of the definition."""
    skew: float = 0.0
    """Seconds that the API's clock is ahead of `now`."""


# --- the status -------------------------------------------------------------------------------------------


def status_event(type: EventType, occasion: Transition) -> Event:
    """An event about the status of the whole instance."""
    match type:
        case EventType.TERMINATED:
            return _terminated(occasion)
        case EventType.COMPLETED:
            return _completed(occasion)
        case EventType.SUSPENDED | EventType.NOT_FOUND:
            return _event(type, occasion, what=named(condition(occasion.after, type)))
        case EventType.RESUMED | EventType.FOUND:
            return _condition_ended(type, occasion)
        case _:
            raise ValueError(f"{type} is not about a status")


def _terminated(occasion: Transition) -> Event:
    after, errors = occasion.after, step_log.oldest_first(occasion.errors or ())
    step = step_log.last_failed(after.steps)
    explaining = step_log.best_error(step, errors)
    last_error_at = max((error.time for error in errors if error.time is not None), default=None)
    return _event(
        EventType.TERMINATED,
        occasion,
        severity=EventType.TERMINATED.facts.deliberate if after.cause is Cause.MANUAL else None,
        headline=explaining,
        hidden=max(0, len(errors) - SHOWN_ERRORS),
        cause=after.cause,
        sampled=after.sampled,
        step=step,
        errors=_shown(errors, explaining),
        occurred_at=after.completed_at or last_error_at,
        closes=_ended(EventType.TERMINATED, occasion),
    )


def _completed(occasion: Transition) -> Event:
    after = occasion.after
    return _event(
        EventType.COMPLETED,
        occasion,
        occurred_at=after.completed_at,
        closes=_ended(EventType.COMPLETED, occasion),
    )


def _condition_ended(type: EventType, occasion: Transition) -> Event:
    (opener,) = type.facts.ends
    return _event(type, occasion, what=named(condition(occasion.before, opener)), closes=_ended(type, occasion))


def _ended(type: EventType, occasion: Transition) -> tuple[str, ...]:
    """Ids of the events whose alerts an event of this type ends, if they may be open."""
    return tuple([id_ for opener in type.facts.ends for id_ in _openings(opener, occasion)])


def _openings(opener: EventType, occasion: Transition) -> Sequence[str]:
    key = occasion.after.key
    if opener is EventType.STEP_FAILED:
        return failures(key, sorted(occasion.after.told))
    held = condition(occasion.before, opener)
    return [event_id(opener, *key, what=named(held))] if held.open else []


def failures(key: TargetKey, executions: Iterable[str]) -> list[str]:
    """Ids of the failure events of these executions."""
    return [event_id(EventType.STEP_FAILED, *key, what=execution) for execution in executions]


def _from_status(before: TargetState) -> Status | None:
    """The status before; None at first sight."""
    return None if before.status is Status.UNKNOWN and before.first_seen_at is None else before.status


# --- no answer --------------------------------------------------------------------------------------------


def unanswered_event(occasion: Transition, failed: PollFailed, site: Site) -> Event:
    """It alone has had no usable answer for long. `failed`: the last poll; `site`: for the text."""
    return _event(
        EventType.UNANSWERED,
        occasion,
        what=named(occasion.after.unanswered),
        reason=failed.outcome.value,
        detail=why(failed.outcome, failed.detail, site) or None,
    )


def answered_event(occasion: Transition) -> Event:
    return _condition_ended(EventType.ANSWERED, occasion)


# --- steps ------------------------------------------------------------------------------------------------


def step_event(step: StepExecution, occasion: Transition) -> Event:
    """A failed or cancelled execution of a step."""
    failed = step.status is StepStatus.FAILED
    errors = step_log.errors_of(step, occasion.errors or ()) if failed else []
    explaining = step_log.best_error(step, errors)
    return _event(
        EventType.STEP_FAILED if failed else EventType.STEP_CANCELLED,
        occasion,
        what=step.id,
        headline=explaining,
        hidden=max(0, len(errors) - SHOWN_ERRORS),
        step=step,
        errors=_shown(errors, explaining),
        occurred_at=step_log.ended_at(step, occasion.after.steps, occasion.errors or ()),
    )


def _shown(errors: Sequence[WorkflowError], explaining: WorkflowError | None) -> tuple[WorkflowError, ...]:
    """The oldest ones, and always the one that explains best."""
    shown = tuple(errors[:SHOWN_ERRORS])
    return shown if explaining is None or explaining in shown else (*shown[:-1], explaining)


# --- overdue ------------------------------------------------------------------------------------------------


def overdue_event(finding: OverdueChange, occasion: Transition) -> Event:
    """An overdue event at its deadline, or its clearing, at the end that the API tells, if it does."""
    after, limit, openers = occasion.after, finding.limit, finding.type.facts.ends
    ended_at = finding.step.completed_at if finding.step is not None else after.completed_at
    return _event(
        finding.type,
        occasion,
        what=finding.what,
        step=finding.step,
        listed=after.first_seen_at is None,
        occurred_at=ended_at if openers else finding.deadline,
        started_at=finding.started_at,
        limit=limit.seconds if limit is not None else None,
        reason=limit.source.value if limit is not None else None,
        closes=tuple([event_id(opener, *after.key, what=finding.what) for opener in openers]),
    )


# --- drift ------------------------------------------------------------------------------------------------


def drift_event(kind: str, target: Target, now: datetime) -> Event:
    """A kind of drift, about the account: one event, independent of the target that showed it."""
    key = target.key
    event = Event(
        id=event_id(EventType.SCHEMA_DRIFT, key.account, what=kind),
        type=EventType.SCHEMA_DRIFT,
        severity=EventType.SCHEMA_DRIFT.severity,
        summary="",
        account=key.account,
        observed_at=now,
        reason=kind,
    )
    where = target_label(target.name, target.definition_name, key.definition, key.workflow)
    return msgspec.structs.replace(event, summary=summary(event, where=where))


def _event(
    type: EventType,
    occasion: Transition,
    *,
    what: str = "",
    severity: Severity | None = None,
    headline: WorkflowError | None = None,
    hidden: int = 0,
    **facts: Any,
) -> Event:
    target, key, before = occasion.target, occasion.target.key, occasion.before
    transition = type.facts.status_change
    event = Event(
        id=event_id(type, *key, what=what),
        type=type,
        severity=target.severities.get(type) or severity or type.severity,
        summary="",
        account=key.account,
        definition=key.definition,
        workflow=key.workflow,
        name=target.name,
        definition_name=target.definition_name,
        definition_alias=target.definition_alias,
        version=occasion.after.version,
        from_status=_from_status(before) if transition else None,
        to_status=occasion.after.status if transition or type is EventType.OVERDUE_CLEARED else None,
        trail=occasion.after.steps[-TRAIL:],
        labels=target.labels,
        observed_at=occasion.now,
        last_seen_at=occasion.last_seen_at if before.first_seen_at is not None else None,
        **facts,
    )
    return msgspec.structs.replace(event, summary=summary(event, headline=headline, hidden=hidden))
