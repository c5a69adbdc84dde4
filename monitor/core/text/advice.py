"""The next step, if no runbook has it: one short sentence per type of event."""

from collections.abc import Mapping
from typing import Final

from monitor.core.event_types import EventType
from monitor.core.model import Cause, Event, Outcome, StepStatus

_TERMINATED: Final[Mapping[Cause | None, str]] = {
    Cause.FAULT: "Look at the failed step and what it was given; remove the cause before it is started again.",
    Cause.MANUAL: "Ask who ended it; if nobody did, look for the program that did.",
    Cause.UNKNOWN: "Ask the API for its errors; the monitor could not read them.",
}
_BLIND: Final[Mapping[str | None, str]] = {
    Outcome.UNAUTHORIZED: "Check the API key of this account: it is missing, wrong or not valid any more.",
    Outcome.THROTTLED: "Find out who else spends this account's requests, or lower requests_per_second.",
    Outcome.TIMEOUT: "Check the network between here and the API, and whether the API is slow.",
    Outcome.CONNECTION: "Check the network, the name and the certificate of the API as seen from here.",
    Outcome.SERVER_ERROR: "The API itself fails: see what its operator says.",
    Outcome.BAD_REQUEST: "Check base_url, whether a proxy answers in the API's place, and the ids in the watchlist.",
    Outcome.MALFORMED: "Check base_url, and whether a proxy answers in the API's place.",
}
_WAITING: Final[Mapping[StepStatus, str]] = {
    StepStatus.WAITING_FOR_EVENT: "Check whether what it waits for was sent, and whether it went to this workflow.",
    StepStatus.SLEEPING: "It should have woken by now: compare the wait in the definition.",
    StepStatus.RUNNING: "Check the service that this step calls.",
}
_OTHERS: Final[Mapping[EventType, str]] = {
    EventType.SUSPENDED: "Find out who suspended it and why; it goes on only when somebody resumes it.",
    EventType.STEP_FAILED: "See whether the workflow goes on: a failed step may be tried again.",
    EventType.OVERDUE: "See which step it is at, and whether that one still moves.",
    EventType.STEP_OVERDUE: "See whether this step still moves.",
    EventType.NOT_FOUND: "Check whether it was deleted; if it was on purpose, take it off the watchlist.",
    EventType.UNANSWERED: "Ask for this one by hand (workflow-monitor status); look at it in the API's own console.",
    EventType.DISCOVERY_TRUNCATED: "Raise its max_instances, or narrow it: exclude, versions, started_within.",
    EventType.SCHEMA_DRIFT: "Look for a newer version of the monitor; until then changes like this one may go untold.",
}


def advice(event: Event) -> str:
    """One sentence; "" if there is nothing to do."""
    if event.type is EventType.TERMINATED:
        return _TERMINATED[event.cause or Cause.UNKNOWN]
    if event.type is EventType.BLIND:
        return _BLIND.get(event.reason, "Check the network and the API key of this account.")
    if event.type is EventType.NOT_FOUND and event.from_status is None:
        return "Check the account and the ids in the watchlist."
    waiting = _WAITING.get(event.step.status) if event.step is not None else None
    if event.type is EventType.STEP_OVERDUE and waiting is not None:
        return waiting
    return _OTHERS.get(event.type, "")
