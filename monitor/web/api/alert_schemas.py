"""The schemas of alerts and deliveries; see `target_schemas.py`."""

from collections.abc import Mapping

import msgspec

from monitor.core.commits import DeliveryKind
from monitor.core.event_types import EventType, Severity
from monitor.core.formats.timestamps import format_timestamp
from monitor.core.text.links import link_of
from monitor.store import DeliveryStatus, Notification, OpenAlert, StoredDelivery
from monitor.web.api.target_schemas import moment


class IncidentShape(msgspec.Struct):
    id: str
    members: int
    """How many alerts it has had."""


class TellingShape(msgspec.Struct, omit_defaults=True, kw_only=True):
    receiver: str
    about: DeliveryKind
    status: DeliveryStatus
    attempts: int
    at: str | None = None
    """When it was acknowledged, or given up."""
    next_try: str | None = None
    detail: str = ""
    """Why the last try failed."""


class AlertShape(msgspec.Struct, omit_defaults=True, kw_only=True):
    id: str
    type: EventType
    severity: Severity
    summary: str
    account: str
    definition: str | None = None
    workflow: str | None = None
    name: str | None = None
    opened_at: str
    occurred_at: str | None = None
    fault_group: str
    incident: IncidentShape
    link: str
    labels: Mapping[str, str]
    deliveries: list[TellingShape]
    """Present even if it is empty: no receiver was notified."""


class DeliveryShape(msgspec.Struct, omit_defaults=True, kw_only=True):
    seq: int
    receiver: str
    about: DeliveryKind
    ref: str
    """Id of the event, alert or incident that it is about."""
    type: EventType
    severity: Severity
    subject: str
    observed_at: str
    status: DeliveryStatus
    attempts: int
    at: str | None = None
    next_try: str | None = None
    """Absent for a delivery that is due, or waits behind another one."""
    behind: int | None = None
    """`seq` of the earlier delivery about the same subject that it waits for."""
    name: str | None = None
    summary: str = ""
    """The summary of its event, for people."""
    detail: str = ""


def alert_shape(opened: OpenAlert, external_url: str) -> AlertShape:
    alert, event = opened.alert, opened.alert.event
    return AlertShape(
        id=alert.id,
        type=event.type,
        severity=event.severity,
        summary=event.summary,
        account=event.account,
        definition=event.definition,
        workflow=event.workflow,
        name=event.name,
        opened_at=format_timestamp(alert.opened_at),
        occurred_at=moment(event.occurred_at),
        fault_group=alert.fault_group,
        incident=IncidentShape(alert.incident, opened.incident_members),
        link=link_of(event, external_url),
        labels=dict(event.labels),
        deliveries=[telling_shape(telling) for telling in opened.tellings],
    )


def delivery_shape(delivery: StoredDelivery) -> DeliveryShape:
    return DeliveryShape(
        seq=delivery.seq,
        receiver=delivery.receiver,
        about=delivery.about,
        ref=delivery.ref,
        type=delivery.type,
        severity=delivery.severity,
        subject=delivery.subject,
        observed_at=format_timestamp(delivery.observed_at),
        status=delivery.status,
        attempts=delivery.attempts,
        at=moment(delivery.done_at),
        next_try=moment(delivery.next_try),
        behind=delivery.behind,
        name=delivery.name,
        summary=delivery.summary,
        detail=delivery.detail,
    )


def telling_shape(telling: Notification) -> TellingShape:
    return TellingShape(
        receiver=telling.receiver,
        about=telling.about,
        status=telling.status,
        attempts=telling.attempts,
        at=moment(telling.at),
        next_try=moment(telling.next_try),
        detail=telling.detail,
    )
