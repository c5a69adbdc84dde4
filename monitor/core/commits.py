"""What a turn wants to commit, what became of it, and what is delivered of it, as values."""

import enum
from datetime import datetime

import msgspec

from monitor.core.alerts import Closing
from monitor.core.event_types import EventType, Severity
from monitor.core.model import AccountState, Event, TargetState


class AlertRouting(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """What becomes of an event that opens an alert: how it is grouped, and which receivers of alerts it belongs to."""

    fault_group: str
    """The same for alerts that have one cause; see `core/alerting/fault_groups.py`."""
    fingerprint: str
    """Of the labels that Alertmanager knows the alert by; see `core/alerting/labels.py`."""
    window: float
    """Seconds from its first alert on, in which an incident takes in more of its group."""
    storm_threshold: int
    """So many members of an incident are told one by one."""
    singles: tuple[str, ...] = ()
    """Receivers that get each alert."""
    grouped: tuple[str, ...] = ()
    """Receivers that get one incident for many alerts."""
    spared: tuple[str, ...] = ()
    """Receivers of incidents that hear of it by another alert of the same fault."""


class OutboxEntry(msgspec.Struct, frozen=True, gc=False):
    """An event on its way into the store: its final text, and the receivers that it belongs to."""

    event: Event
    body: bytes
    """The CloudEvents JSON that receivers of events get; made once, so that a twin is equal to the letter."""
    receivers: tuple[str, ...] = ()
    """Those that get every event by itself."""
    paging: AlertRouting | None = None
    """Of an event that opens an alert."""
    settle: float = 0.0
    """Seconds that the alerts which this event closes stay open, lest they flap."""


class Change(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """What one turn wants to commit. A state carries the revision that it is based on."""

    target: TargetState | None = None
    account: AccountState | None = None
    outgoing: tuple[OutboxEntry, ...] = ()
    closings: tuple[Closing, ...] = ()
    """Alerts that end without an event."""
    calmed: tuple[tuple[str, datetime], ...] = ()
    """Incidents that have calmed down, by id, and when that was seen: their size is told."""


class DeliveryKind(enum.StrEnum):
    """What a delivery tells its receiver."""

    EVENT = "event"
    ALERT_OPENED = "alert_opened"
    ALERT_CLOSED = "alert_closed"
    INCIDENT_OPENED = "incident_opened"
    INCIDENT_GREW = "incident_grew"
    INCIDENT_CLOSED = "incident_closed"


class Delivery(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """One event, or one turn of an alert or incident, for one receiver; pending until acknowledged."""

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
    """Of an incident: how many alerts it had when this became due."""
    attempts: int = 0
    not_before: datetime | None = None
    """The next try, after a failed one."""


class Committed(msgspec.Struct, frozen=True, gc=False):
    """What became of a Change."""

    stale: bool = False
    """Somebody else wrote since: nothing of the Change was stored. Load the state again."""
    deliveries: tuple[Delivery, ...] = ()
    """Those that this commit made pending."""
    told: frozenset[str] = frozenset()
    """Ids of the events that this commit stored; an id that was there already is not among them."""
    closed: frozenset[str] = frozenset()
    """Ids of the alerts that the change's own closings closed; one that was not open any more is not among them."""
