"""Targets that leave the watchlist, and come back: their conditions and alerts."""

from collections.abc import Mapping, Sequence
from datetime import datetime

import msgspec

from monitor.core.alerts import Alert
from monitor.core.detection.conditions import HELD, all_closed, condition
from monitor.core.event_ids import event_id
from monitor.core.event_types import EventType, Severity
from monitor.core.model import Event, Status, StepOverdue, TargetKey, TargetState
from monitor.core.step_log import recovered
from monitor.core.text.summary import summary


def unwatched(state: TargetState) -> TargetState:
    """The state of a target that left the watchlist: no condition is open, and each may open again if it comes back.

    The same object if none was open.
    """
    if not any(condition(state, type_).open for type_ in HELD) and not any(late.open for late in state.late):
        return state
    return msgspec.structs.replace(
        state,
        # Consecutive 404s are counted anew before the next event.
        misses=0 if state.not_found.open else state.misses,
        **all_closed(state),
        late=tuple([StepOverdue(late.execution, late.ordinal, open=False) for late in state.late]),
    )


def unwatched_event(
    key: TargetKey,
    closes: Sequence[str],
    now: datetime,
    *,
    name: str | None = None,
    definition_name: str | None = None,
    version: int | None = None,
    labels: Mapping[str, str] | None = None,
    severity: Severity | None = None,
) -> Event:
    """A target with open alerts left the watchlist; `closes` are their ids, and the event's own id comes from them."""
    ids = tuple(sorted(closes))
    event = Event(
        id=event_id(EventType.UNWATCHED, *key, what=",".join(ids)),
        type=EventType.UNWATCHED,
        severity=severity or EventType.UNWATCHED.severity,
        summary="",
        account=key.account,
        definition=key.definition,
        workflow=key.workflow,
        name=name,
        definition_name=definition_name,
        version=version,
        labels=labels or {},
        observed_at=now,
        closes=ids,
    )
    return msgspec.structs.replace(event, summary=summary(event))


def again_id(alert: str) -> str:
    """The id of the repeated event of an alert whose target is back; it differs from the first event's id."""
    return event_id(EventType.UNWATCHED, "", what=f"again {alert}")


def again(alert: Alert, now: datetime) -> Event:
    """The repeated event of an alert that was closed as unwatched, after its target came back."""
    event = alert.event
    return msgspec.structs.replace(
        event, id=again_id(alert.id), repeats=event.repeats or event.id, observed_at=now, closes=()
    )


def needs_a_look(event: Event) -> bool:
    """Whether it may be over by now, which the state from before the target left does not show."""
    return event.type is EventType.STEP_FAILED


def _is_over(event: Event, state: TargetState) -> bool:
    """Whether the step that failed has completed after all."""
    return event.step is not None and bool(recovered((), state.steps, {event.step.id}))


def holds_still(event: Event, state: TargetState | None) -> bool:
    """Whether the event still needs a person; the next poll sees conditions. `state`: None if unknown."""
    match event.type:
        case EventType.TERMINATED:
            return True
        case EventType.STEP_FAILED:
            return state is None or not (state.status is Status.COMPLETE or _is_over(event, state))
    return False
