"""Stored events as rows, newest first."""

from collections.abc import Iterable
from datetime import datetime

import msgspec

from monitor.core.event_types import EventType, Severity
from monitor.core.formats.timestamps import parse_timestamp
from monitor.core.model import TargetKey
from monitor.store import StoredEvent
from monitor.web.api.target_schemas import path_of


class _Facts(msgspec.Struct):
    severity: Severity
    summary: str
    observed_at: str
    account: str
    definition: str | None = None
    workflow: str | None = None


class _EventBody(msgspec.Struct):
    """The part of an event that a page shows."""

    id: str
    type: EventType
    time: str
    data: _Facts


_TOLD = msgspec.json.Decoder(_EventBody).decode


class EventRow(msgspec.Struct, frozen=True, kw_only=True):
    id: str
    type: EventType
    severity: Severity
    summary: str
    at: datetime | None
    observed_at: datetime | None
    target: str | None
    """The path of its target's page."""
    account: str


def event_rows(found: Iterable[StoredEvent]) -> tuple[EventRow, ...]:
    """`found`: oldest first."""
    return tuple(map(_row, reversed(list(found))))


def _row(stored: StoredEvent) -> EventRow:
    event = _TOLD(stored.body)
    facts = event.data
    known = facts.definition is not None and facts.workflow is not None
    key = TargetKey(facts.account, facts.definition or "", facts.workflow or "")
    return EventRow(
        id=event.id,
        type=event.type,
        severity=facts.severity,
        summary=facts.summary,
        at=parse_timestamp(event.time),
        observed_at=parse_timestamp(facts.observed_at),
        target=path_of(key) if known else None,
        account=facts.account,
    )
