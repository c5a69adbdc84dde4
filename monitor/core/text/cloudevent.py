"""The JSON of an event for receivers: CloudEvents 1.0, structured.

https://github.com/cloudevents/spec/blob/v1.0.2/cloudevents/formats/json-format.md
"""

from collections.abc import Mapping
from urllib.parse import quote

import msgspec

from monitor.core.event_types import EventType, Severity
from monitor.core.formats.timestamps import format_timestamp
from monitor.core.model import Cause, Event, Status, StepStatus
from monitor.core.text.links import link_of


def encode(event: Event, *, base_url: str, external_url: str) -> bytes:
    """The JSON of the event, always the same bytes. The URLs may end in `/`; ids in them are quoted."""
    return _ENCODER.encode(
        Envelope(
            specversion="1.0",
            id=event.id,
            type=event.type,
            source=f"{base_url.rstrip('/')}/api/v1/accounts/{_segment(event.account)}",
            subject=event.subject,
            time=format_timestamp(event.time),
            datacontenttype="application/json",
            data=_facts(event, link_of(event, external_url)),
        )
    )


class _StepData(msgspec.Struct, gc=False):
    id: str
    name: str
    status: StepStatus


class _Error(msgspec.Struct, omit_defaults=True, gc=False):
    step: str
    message: str
    time: str | None = None


class _EventData(msgspec.Struct, omit_defaults=True, kw_only=True, gc=False):
    """`data` of the envelope, in the contract's order; a field that does not apply is absent."""

    severity: Severity
    summary: str
    account: str
    definition: str | None = None
    workflow: str | None = None
    name: str | None = None
    version: int | None = None
    from_status: Status | None = None
    to_status: Status | None = None
    cause: Cause | None = None
    cause_from: str | None = None
    corrects: str | None = None
    reason: str | None = None
    detail: str | None = None
    since: str | None = None
    workflows: int | None = None
    found: int | None = None
    watched: int | None = None
    step: _StepData | None = None
    errors: list[_Error] = []
    occurred_at: str | None = None
    observed_at: str
    last_seen_at: str | None = None
    seen_by: str | None = None
    link: str
    labels: Mapping[str, str] = {}
    repeats: str | None = None


class Envelope(msgspec.Struct, gc=False):
    specversion: str
    id: str
    type: EventType
    source: str
    subject: str
    time: str
    datacontenttype: str
    data: _EventData


_ENCODER = msgspec.json.Encoder()


def _facts(event: Event, link: str) -> _EventData:
    step, sampled = event.step, event.sampled
    return _EventData(
        severity=event.severity,
        summary=event.summary,
        account=event.account,
        definition=event.definition,
        workflow=event.workflow,
        name=event.name or None,
        version=event.version,
        from_status=event.from_status,
        to_status=event.to_status,
        cause=event.cause,
        cause_from="sample" if sampled is not None and sampled.cause is not Cause.UNKNOWN else None,
        corrects=event.corrects,
        reason=event.reason,
        detail=event.detail,
        since=format_timestamp(event.since) if event.since is not None else None,
        workflows=event.workflows,
        found=event.found,
        watched=event.watched,
        step=_StepData(step.id, step.step, step.status) if step is not None else None,
        errors=[
            _Error(error.step, error.message, format_timestamp(error.time) if error.time is not None else None)
            for error in event.errors
        ],
        occurred_at=format_timestamp(event.occurred_at) if event.occurred_at is not None else None,
        observed_at=format_timestamp(event.observed_at),
        last_seen_at=format_timestamp(event.last_seen_at) if event.last_seen_at is not None else None,
        seen_by=_seen_by(event),
        link=link,
        labels=dict(event.labels),
        repeats=event.repeats,
    )


def _seen_by(event: Event) -> str | None:
    """The kind of request that showed it; None: it is about a whole account or a discovery."""
    if event.type.of_account:
        return None
    return "list" if event.listed else "status"


def _segment(id: str) -> str:
    return quote(id, safe="")
