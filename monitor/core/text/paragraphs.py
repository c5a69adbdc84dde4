"""The paragraphs about one event; foreign text in them is clean and cut."""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Final

from monitor.core import step_log
from monitor.core.alerting.fault_groups import normalize
from monitor.core.alerts import Incident
from monitor.core.discovery.following import EVERY
from monitor.core.discovery.storm import sentence
from monitor.core.event_types import EventType, Severity
from monitor.core.formats.clean import clean
from monitor.core.model import Cause, Event, SampledCause, Status, StepExecution, StepStatus, WorkflowError
from monitor.core.text.links import runbook_of
from monitor.core.text.summary import about

_NAME: Final = 80
_MESSAGE: Final = 500
_LABELS: Final = 10
_STEPS: Final = 6
_ERRORS: Final = 5
_RUNBOOK: Final = "runbook"
_REASONS: Final = (EventType.UNANSWERED, EventType.SCHEMA_DRIFT)
"""Types whose `reason` is a cause; that of overdue events is the source of the limit."""
_CAUSES: Final[Mapping[EventType, str]] = {
    EventType.NOT_FOUND: "Cause: the API answers 404, not found, to each request about it.",
    EventType.STEP_FAILED: "Cause: not known. The API tells no error of this step.",
}
_UNDER_WAY: Final = (StepStatus.PENDING, StepStatus.RUNNING, StepStatus.SLEEPING, StepStatus.WAITING_FOR_EVENT)


def moment(at: datetime) -> str:
    """`2026-01-05 10:00:02 UTC`."""
    return f"{at.astimezone(UTC):%Y-%m-%d %H:%M:%S} UTC"


def where(event: Event) -> str:
    """The ids of the workflow, for searches, and its definition's name."""
    account = f"account {clean(event.account, _NAME)}"
    if not event.workflow:
        return f"Discovery of {_discovered(event)}, {account}" if event.definition else account[0].upper() + account[1:]
    version = f", version {event.version}" if event.version is not None else ""
    definition = clean(event.definition_label, _NAME)
    if event.definition_name:
        definition = f"{clean(event.definition_name, _NAME)} ({definition})"
    return f"Workflow {clean(event.workflow, _NAME)} of {definition}{version}, {account}"


def _discovered(event: Event) -> str:
    if event.definition == EVERY:
        return "every definition"
    id_, name = clean(event.definition or "", _NAME), clean(event.definition_name or "", _NAME)
    return f"{name} ({id_})" if name else id_


def change(event: Event) -> str:
    """The old and the new status; "" if they say nothing."""
    if event.to_status is None or event.from_status is event.to_status:
        return ""
    if event.to_status is Status.NOT_FOUND:
        return f"It was {event.from_status.value} before." if event.from_status is not None else ""
    if event.from_status is None:
        return f"It was {event.to_status.value} when it was first seen."
    return f"It went from {event.from_status.value} to {event.to_status.value}."


def times(event: Event) -> list[str]:
    """The times of the beginning, the occurrence, the observation, and the observation before it."""
    seen = f"Seen: {moment(event.observed_at)}"
    lines = []
    if event.started_at is not None:
        overdue = event.step if event.type is EventType.STEP_OVERDUE else None
        state = overdue.status.value if overdue is not None else "Running"
        lines.append(f"{state} since: {_until_seen(event, event.started_at)}")
    if event.occurred_at is not None:
        lines.append(f"Happened: {moment(event.occurred_at)}")
        seen += _gap(event.occurred_at, event.observed_at, " later")
    lines.append(seen)
    if event.last_seen_at is not None:
        lines.append(f"Last look before: {moment(event.last_seen_at)}")
    return lines


def limit(event: Event) -> str:
    """The exceeded limit and its source, for an overdue event."""
    if event.limit is None:
        return ""
    allowed, of_step = about(event.limit), event.type is EventType.STEP_OVERDUE
    match event.reason:
        case "configured":
            key = "step_timeouts" if of_step else "max_runtime"
            return f"Allowed: {allowed}, as the watchlist says ({key})."
        case "declared":
            return f"Allowed: {allowed}, as the definition itself says, with some slack."
        case "learned":
            return f"Allowed: {allowed}, learned: nearly all its runs before took less."
        case _:
            return f"Allowed: {allowed}."


def blindness(event: Event) -> list[str]:
    """How many workflows are not watched, and since when."""
    lines = []
    if event.type is EventType.DISCOVERY_TRUNCATED and event.found is not None and event.watched is not None:
        lines.append(f"Workflows that nobody watches now: {event.found - event.watched:,}, the oldest ones")
    if event.workflows is not None:
        lines.append(f"Workflows that nobody watches now: {event.workflows}")
    if event.since is not None:
        lines.append(f"Not watched since: {_until_seen(event, event.since)}")
    return lines


def severity(severity: Severity) -> str:
    """One sentence: `Severity: critical.`."""
    return f"Severity: {severity.value}."


def to_close(event: Event, incident: str = "", members: int = 1) -> str:
    """The command that closes the alert, or its incident with all its alerts; "" for an event without an alert.

    `incident`: its id; "": the alert alone.
    """
    what = "this alert" if members == 1 else "all of them"
    return f"To close {what}: workflow-monitor close {clean(incident or event.id, _NAME)}" if event.opens_alert else ""


def cause_of_many(event: Event) -> str:
    """The cause of the first event; with "such as" if the others mention other numbers or names."""
    error = step_log.error_of(event)
    if error is None:
        return _cause_without_error(event)
    return f"Cause{such_as(error) or ':'} {said(error) or 'an error without words'}"


def such_as(error: WorkflowError) -> str:
    """`, such as:` for a message with parts that vary; else ""."""
    return ", such as:" if "#" in normalize(error.message) else ""


def causes(event: Event) -> list[str]:
    """The error that explains best, then the others, oldest first; without an error, another known cause."""
    first = step_log.error_of(event)
    if first is None:
        return [_cause_without_error(event)]
    if event.sampled is not None and not event.errors:
        return [f"Cause: as {_others(event.sampled)}{such_as(first) or ':'} {said(first) or 'an error without words'}"]
    others = [error for error in event.errors if error is not first][: _ERRORS - 1]
    return [f"Cause: {_error(first)}", *(f"Also: {_error(error)}" for error in others)]


def _cause_without_error(event: Event) -> str:
    """Why an account is blind or a workflow not watched; for a failure, that its error is missing; else ""."""
    if event.detail:
        return f"Cause: {clean(event.detail, _MESSAGE)}"
    if event.type in _REASONS and event.reason:
        return f"Cause: {clean(event.reason, _MESSAGE)}"
    if event.type is EventType.DISCOVERY_TRUNCATED:
        return f"Cause: {event.found or 0:,} running workflows are found; max_instances allows {event.watched or 0:,}."
    if event.type is EventType.TERMINATED and event.cause is Cause.UNKNOWN:
        return f"Cause: not known. {'Its errors could not be read.' if event.sampled is None else _listed_only(event)}"
    return _CAUSES.get(event.type, "")


def _listed_only(event: Event) -> str:
    kinds = event.sampled.kinds if event.sampled is not None else ()
    return f"A list shows it; those that were looked at differ: {'; '.join(kinds)}." if kinds else "A list shows it."


def _others(sampled: SampledCause) -> str:
    return f"{sampled.looked:,} others that were looked at" if sampled.looked != 1 else "one other that was looked at"


def sampled(incident: Incident) -> str:
    """How many of its members a list shows, and how many were looked at; "" if all were."""
    one = incident.sampled
    if not incident.listed or one is None:
        return ""
    if one.cause is Cause.UNKNOWN:  # the explained ones are alerts of other causes
        number, looked = incident.members + one.looked, one.looked
    else:
        number, looked = incident.members, max(incident.members - incident.listed, one.looked)
    text = sentence(number, looked, same=one.cause is not Cause.UNKNOWN)
    return f"{text} ({'; '.join(clean(kind, _MESSAGE) for kind in one.kinds)})" if one.kinds else text


def trail(event: Event) -> list[str]:
    """The last steps, oldest first, with their durations."""
    shown = event.trail[-_STEPS:]
    has_ended = event.to_status is not None and event.to_status.ended
    one = _last_state if has_ended else _step
    return ["Last steps:", *(f"- {one(step, event.observed_at)}" for step in shown)] if shown else []


def labels(event: Event) -> str:
    named = sorted((name, value) for name, value in event.labels.items() if name != _RUNBOOK)
    shown = ", ".join(f"{clean(name, _NAME)}={clean(value, _NAME)}" for name, value in named[:_LABELS])
    return f"Labels: {shown}" if shown else ""


def runbook(event: Event, runbook_url: str) -> str:
    return clean(runbook_of(event, runbook_url), _MESSAGE)


def said(error: WorkflowError) -> str:
    """The step, if there is one, and its message; a step in the message is not named twice."""
    step, message = clean(error.step, _NAME), clean(error.message, _MESSAGE)
    named = bool(step) and message.startswith(f"{step}:")
    return message if named else ": ".join(part for part in (step, message) if part)


def _error(error: WorkflowError) -> str:
    at = f" ({moment(error.time)})" if error.time is not None else ""
    return f"{said(error) or 'an error without words'}{at}"


def _last_state(step: StepExecution, now: datetime) -> str:
    """A step of a workflow that has ended, and therefore neither runs nor waits any more."""
    if step.status not in _UNDER_WAY:
        return _step(step, now)
    return f"{clean(step.step, _NAME) or '?'}: was {step.status.value} when the workflow ended"


def _step(step: StepExecution, now: datetime) -> str:
    name = f"{clean(step.step, _NAME) or '?'}: {step.status.value}"
    if step.started_at is None:
        return name
    if step.completed_at is not None:
        return name + _gap(step.started_at, step.completed_at, "", before=" after ")
    return name + _gap(step.started_at, now, "", before=", started ", ago=True)


def _until_seen(event: Event, since: datetime) -> str:
    return f"{moment(since)}{_gap(since, event.observed_at, ' before it was seen')}"


def _gap(since: datetime, until: datetime, after: str, *, before: str = ", ", ago: bool = False) -> str:
    """A duration in words; "" if it is negative, because two clocks differ."""
    seconds = (until - since).total_seconds()
    return f"{before}{about(seconds)}{' ago' if ago else after}" if seconds >= 0 else ""
