"""The summary: one line per event, for a person on call."""

from collections.abc import Callable, Mapping
from typing import Final

from monitor.core.detection.drifts import AND_MORE, MOST_KINDS
from monitor.core.discovery.following import EVERY
from monitor.core.event_types import EventType
from monitor.core.formats.clean import clean
from monitor.core.model import Cause, Event, Outcome, SampledCause, Status, WorkflowError

SUMMARY_LIMIT: Final = 300
"""Characters."""

_SHOWN_OF_AN_ID = 8
_LONGEST_ID = 40
_LONGEST_WHY = 120


def summary(event: Event, *, headline: WorkflowError | None = None, hidden: int = 0, where: str = "") -> str:
    """One line: the target, the fact, the cause. `event.summary` is not read.

    `headline`: the error that explains best, if it is not the event's first. `hidden`: how many further errors there
    are. `where`: the target whose answer showed a drift.
    """
    if event.type.of_account:
        line = _OF_ACCOUNTS[event.type](event, where)
    else:
        shown = headline or next(iter(event.errors), None)
        line = f"{label(event)}{_OF_TARGETS[event.type](event, shown)}{_more(event, hidden)}"
    return clean(line, SUMMARY_LIMIT)


def label(event: Event) -> str:
    """The target's name, or its ids, shortened."""
    return target_label(event.name, event.definition_name, event.definition or "", event.workflow or "")


def target_label(name: str | None, definition_name: str | None, definition: str, workflow: str) -> str:
    """The definition may be cut, the workflow is complete: many ids begin alike, and people search by them."""
    return name or f"{definition_name or _short(definition)}/{clean(workflow, _LONGEST_ID)}"


def _short(id: str) -> str:
    return id if len(id) <= _SHOWN_OF_AN_ID + 4 else id[:_SHOWN_OF_AN_ID] + "…"


def _more(event: Event, hidden: int) -> str:
    more = len(event.errors) - 1 + hidden
    return f" (and {more} more)" if more > 0 else ""


def _terminated(event: Event, error: WorkflowError | None) -> str:
    if event.sampled is not None and event.sampled.cause is not Cause.UNKNOWN:
        return _like_others(event.sampled)
    if error is not None:
        what = f" terminated: {said(error)}"
    elif event.step is not None:
        what = f" terminated: {event.step.step} failed"
    elif event.cause is Cause.MANUAL:
        what = " terminated without an error (by hand, or by a program)"
    elif event.sampled is not None:
        what = " terminated, as a list shows; why is not known yet"
    else:
        what = " terminated; why is not known, its errors could not be read"
    return f"{what} (before, others' cause was told)" if event.corrects is not None else what


def _like_others(sampled: SampledCause) -> str:
    others = "one other" if sampled.looked == 1 else f"{sampled.looked:,} others"
    if sampled.cause is Cause.MANUAL:
        return f" terminated like {others} without an error (by hand, or by a program)"
    if not sampled.message:
        return f" terminated like {others}" + (f": {sampled.step} failed" if sampled.step else "")
    return f" terminated like {others}: {said(WorkflowError(sampled.step, sampled.message))}"


def said(error: WorkflowError) -> str:
    """The step and its message; a step in the message is not named twice."""
    named = not error.step or error.message.startswith(f"{error.step}:")
    return error.message if named else f"{error.step}: {error.message}"


def _step_failed(event: Event, error: WorkflowError | None) -> str:
    name = _step_name(event)
    said = f": {error.message.removeprefix(f'{name}:').lstrip()}" if error is not None else ""
    return f": step {name} failed{said}"


def _step_name(event: Event) -> str:
    return event.step.step if event.step is not None else "?"


def _not_found(event: Event) -> str:
    if event.from_status is None:
        return " is not found: the API does not know these ids"
    if event.from_status is Status.NOT_FOUND:
        return " is still not found"
    return f" is not found any more; it was {event.from_status.value}"


def _found(event: Event) -> str:
    return f" is found again: {event.to_status.value}" if event.to_status is not None else " is found again"


def _unanswered(event: Event) -> str:
    since = f" since {event.last_seen_at:%Y-%m-%d %H:%M:%S} UTC" if event.last_seen_at is not None else ""
    kind = _WHY_UNANSWERED.get(event.reason or "", "why is not known")
    why = clean(event.detail, _LONGEST_WHY) if event.detail else kind
    return f" has had no usable answer{since}: {why}; its account answers, this workflow alone is not watched"


def _overdue(event: Event) -> str:
    return f" is overdue: it has been running{_lasted(event)}{_limit(event)}"


def _step_overdue(event: Event) -> str:
    status = event.step.status.value if event.step is not None else "running"
    lasted = _lasted(event) or " for too long"
    return f": step {_step_name(event)} has been {status}{lasted}{_limit(event)}"


def _lasted(event: Event) -> str:
    if event.started_at is None:
        return ""
    return f" for {about((event.observed_at - event.started_at).total_seconds())}"


def _limit(event: Event) -> str:
    return f" (limit {about(event.limit)}, {event.reason})" if event.limit is not None else ""


def _overdue_cleared(event: Event) -> str:
    return f" is overdue no more: {event.to_status.value}" if event.to_status is not None else " is overdue no more"


def _step_overdue_cleared(event: Event) -> str:
    status = f": {event.step.status.value}" if event.step is not None else ""
    return f": step {_step_name(event)} is overdue no more{status}"


def about(seconds: float) -> str:
    """A duration in its two largest units: `1d 2h`, `2m 5s`, `800ms`."""
    if round(seconds, 3) < 1:
        return f"{max(0, round(seconds * 1000))}ms"
    left = round(seconds)
    parts: list[tuple[int, str]] = []
    for unit, size in (("d", 86_400), ("h", 3600), ("m", 60), ("s", 1)):
        count, left = divmod(left, size)
        if count or parts:
            parts.append((count, unit))
    return " ".join(f"{count}{unit}" for count, unit in parts[:2] if count)


_OF_TARGETS: Mapping[EventType, Callable[[Event, WorkflowError | None], str]] = {
    EventType.TERMINATED: _terminated,
    EventType.COMPLETED: lambda _event, _error: " completed",
    EventType.SUSPENDED: lambda _event, _error: " is suspended",
    EventType.RESUMED: lambda _event, _error: " is running again",
    EventType.STEP_FAILED: _step_failed,
    EventType.STEP_CANCELLED: lambda event, _error: f": step {_step_name(event)} was cancelled",
    EventType.OVERDUE: lambda event, _error: _overdue(event),
    EventType.OVERDUE_CLEARED: lambda event, _error: _overdue_cleared(event),
    EventType.STEP_OVERDUE: lambda event, _error: _step_overdue(event),
    EventType.STEP_OVERDUE_CLEARED: lambda event, _error: _step_overdue_cleared(event),
    EventType.NOT_FOUND: lambda event, _error: _not_found(event),
    EventType.FOUND: lambda event, _error: _found(event),
    EventType.UNANSWERED: lambda event, _error: _unanswered(event),
    EventType.ANSWERED: lambda _event, _error: " has an answer again",
    EventType.UNWATCHED: lambda _event, _error: " is not watched any more; its alerts are closed",
}


_WHY_UNANSWERED: Mapping[str, str] = {
    Outcome.UNAUTHORIZED: "the API refuses the account's key",
    Outcome.TIMEOUT: "the API does not answer in time",
    Outcome.CONNECTION: "the API cannot be reached",
    Outcome.SERVER_ERROR: "the API fails",
    Outcome.BAD_REQUEST: "the API answers 400, bad request",
    Outcome.MALFORMED: "what answers cannot be read",
}
_WHY_BLIND: Mapping[str, str] = {
    Outcome.UNAUTHORIZED: "The API refuses the key of account {account}",
    Outcome.THROTTLED: "The API answers 429, too many requests, to all about account {account}",
    Outcome.TIMEOUT: "The API does not answer in time about account {account}",
    Outcome.CONNECTION: "The API cannot be reached for account {account}",
    Outcome.SERVER_ERROR: "The API fails about account {account}",
    Outcome.BAD_REQUEST: "The API answers 400, bad request, to all about account {account}",
    Outcome.MALFORMED: "What answers about account {account} cannot be read",
}


def _blind(event: Event, _where: str) -> str:
    kind = _WHY_BLIND.get(event.reason or "", "Nothing is heard about account {account}")
    why = clean(event.detail, _LONGEST_WHY) if event.detail else kind.format(account=event.account)
    number = "the" if event.workflows is None else str(event.workflows)
    workflows = f"{number} {'workflow' if event.workflows == 1 else 'workflows'} of account {event.account}"
    has = "has" if event.workflows == 1 else "have"
    when = f" since {event.since:%Y-%m-%d %H:%M:%S} UTC" if event.since is not None else ""
    return f"{why}; {workflows} {has} not been watched{when}"


def _sighted(event: Event, _where: str) -> str:
    if event.reason is None:
        return f"Account {event.account} answers again"
    return f"Nothing is watched in account {event.account} any more; whether it answers is not known"


def _discovery_truncated(event: Event, _where: str) -> str:
    found = f"{event.found or 0:,} running workflows"
    kept = f"only the newest {event.watched or 0:,} are watched"
    return f"{_discovery(event)} finds {found}, more than its max_instances: {kept}"


def _discovery_complete(event: Event, _where: str) -> str:
    if event.reason is not None:
        return f"{_discovery(event)} is not configured any more"
    return f"{_discovery(event)} fits again: all {event.found or 0:,} running workflows are watched"


def _discovery(event: Event) -> str:
    """The subject of a sentence about the discovery."""
    name = clean(event.definition_name or _short(event.definition or ""), _LONGEST_ID)
    of = "every definition" if event.definition == EVERY else name
    return f"The discovery of {of} in account {clean(event.account, _LONGEST_ID)}"


def _schema_drift(event: Event, where: str) -> str:
    seen = f", seen at {where}" if where else ""
    if event.reason == AND_MORE:
        return (
            f"Answers about account {event.account} are in over {MOST_KINDS} ways not as this version knows them{seen}"
        )
    return f"An answer about account {event.account} is not as this version knows it: {event.reason}{seen}"


_OF_ACCOUNTS: Mapping[EventType, Callable[[Event, str], str]] = {
    EventType.DISCOVERY_TRUNCATED: _discovery_truncated,
    EventType.DISCOVERY_COMPLETE: _discovery_complete,
    EventType.BLIND: _blind,
    EventType.SIGHTED: _sighted,
    EventType.SCHEMA_DRIFT: _schema_drift,
}
