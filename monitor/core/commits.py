"""A change to commit, its result, and the deliveries that it makes, as values."""

import enum
from datetime import datetime

import msgspec

from monitor.core.alerts import Closing
from monitor.core.event_types import EventType, Severity
from monitor.core.model import AccountState, Event, TargetState, TruncationState


class AlertRouting(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """How an event that opens an alert is grouped, and the receivers of alerts and incidents that get it."""

    fault_group: str
    """The same for alerts that have one cause; see `core/alerting/fault_groups.py`."""
    fingerprint: str
    """Of the alert's labels in Alertmanager; see `core/alerting/labels.py`."""
    window: float
    """Seconds from an incident's first alert, during which it takes in more alerts of its group."""
    storm_threshold: int
    """Alerts of an incident that are notified one by one; from the next one on it is a storm."""
    singles: tuple[str, ...] = ()
    """Receivers that get each alert."""
    grouped: tuple[str, ...] = ()
    """Receivers that get one incident for many alerts."""
    spared: tuple[str, ...] = ()
    """Receivers of incidents that are notified of the same fault by another alert."""


class OutboxEntry(msgspec.Struct, frozen=True, gc=False):
    """An event to store: its final text, and the receivers that get it."""

    event: Event
    body: bytes
    """The CloudEvents JSON for receivers of events; made once, so that a repeated delivery is equal byte by byte."""
    receivers: tuple[str, ...] = ()
    """Receivers of single events."""
    paging: AlertRouting | None = None
    """Of an event that opens an alert."""
    settle: float = 0.0
    """Seconds that the alerts which this event closes stay open, so that they do not flap."""


class Change(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """One poll's or watcher's change to commit. A state carries the revision that it is based on."""

    target: TargetState | None = None
    account: AccountState | None = None
    truncation: TruncationState | None = None
    outgoing: tuple[OutboxEntry, ...] = ()
    closings: tuple[Closing, ...] = ()
    """Alerts that end without an event."""
    calmed: tuple[tuple[str, datetime], ...] = ()
    """Incidents that have calmed down, by id, and when that was seen: their size is sent."""


class DeliveryKind(enum.StrEnum):
    """The subject of a delivery."""

    EVENT = "event"
    ALERT_OPENED = "alert_opened"
    ALERT_CLOSED = "alert_closed"
    INCIDENT_OPENED = "incident_opened"
    INCIDENT_GREW = "incident_grew"
    INCIDENT_CLOSED = "incident_closed"


class Delivery(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """One event, or one change of an alert or incident, for one receiver; pending until acknowledged."""

    seq: int
    """Its place in the order of commits; of an event, the cursor of `/api/v1/events`."""
    receiver: str
    event_id: str
    """Id of the event, alert or incident that it is about."""
    type: EventType
    severity: Severity
    subject: str
    """Deliveries of one subject keep their order. Of an event: `account` and the event's subject."""
    body: bytes
    """The CloudEvents JSON of an event; else empty."""
    observed_at: datetime
    about: DeliveryKind = DeliveryKind.EVENT
    members: int = 0
    """Of an incident: how many alerts it had when the delivery was made."""
    attempts: int = 0
    not_before: datetime | None = None
    """The next try, after a failed one."""


class Committed(msgspec.Struct, frozen=True, gc=False):
    """The result of a Change."""

    stale: bool = False
    """Another writer was first: nothing of the Change was stored. Load the state again."""
    deliveries: tuple[Delivery, ...] = ()
    """Those that this commit made pending."""
    told: frozenset[str] = frozenset()
    """Ids of the events that this commit stored, without those that the store had already."""
    closed: frozenset[str] = frozenset()
    """Ids of the alerts that the change's own closings closed, without those that were closed already."""
