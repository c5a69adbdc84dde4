"""Values of the store besides those of `core/`."""

import enum
from datetime import datetime

import msgspec

from monitor.core.alerts import Alert
from monitor.core.commits import DeliveryKind
from monitor.core.event_types import EventType, Severity
from monitor.core.records import DeliveryOutcome


class DeliveryMark(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """The result of one try to deliver one event to one receiver."""

    seq: int
    receiver: str
    outcome: DeliveryOutcome
    """`RETRIED` leaves the delivery pending, the other two end it."""
    attempts: int
    """Tries so far, this one included."""
    at: datetime
    not_before: datetime | None = None
    """The next try, if it is retried."""
    detail: str = ""
    """Why it failed, for people; cut, and free of secrets."""


class StoredEvent(msgspec.Struct, frozen=True, gc=False):
    """An event as receivers get it."""

    seq: int
    """Its place in the order of commits; as a cursor it never misses a late commit of another writer."""
    body: bytes
    """The CloudEvents JSON."""


class EventFilter(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """Which events are read; what is not said chooses all."""

    types: frozenset[EventType] | None = None
    severity: Severity | None = None
    account: str | None = None
    definition: str | None = None
    """Its id."""


class DeliveryStatus(enum.StrEnum):
    """The state of a delivery."""

    PENDING = "pending"
    """Not acknowledged yet; it is tried again."""
    DELIVERED = "delivered"
    DEAD = "dead"
    """Given up; a person may make it pending again."""


class Notification(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """One notification of a receiver about an alert: of the alert itself, its event or its incident."""

    receiver: str
    about: DeliveryKind
    status: DeliveryStatus
    attempts: int
    """Tries so far."""
    at: datetime | None = None
    """When it was acknowledged, or given up; None: it is pending."""
    next_try: datetime | None = None
    """Of one that is pending and has failed, or waits for its time."""
    detail: str = ""
    """Why the last try failed, for people; cut, and free of secrets."""


class OpenAlert(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """An open alert, and its notifications."""

    alert: Alert
    incident_members: int
    """How many alerts its incident has had."""
    tellings: tuple[Notification, ...] = ()
    """In the order of the deliveries; none if no receiver gets it."""


class EventText(msgspec.Struct, frozen=True, gc=False):
    """The part of an event that a list of deliveries shows."""

    summary: str = ""
    name: str | None = None


class StoredDelivery(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """A delivery and its state, without its body."""

    seq: int
    """Its place in the order of commits; with the receiver, its key."""
    receiver: str
    about: DeliveryKind
    ref: str
    """Id of the event, alert or incident that it is about."""
    type: EventType
    severity: Severity
    subject: str
    observed_at: datetime
    status: DeliveryStatus
    attempts: int
    """Tries so far."""
    next_try: datetime | None = None
    """Of one that is pending and has failed, or waits for its time."""
    detail: str = ""
    """Why the last try failed, for people; cut, and free of secrets."""
    done_at: datetime | None = None
    """When it was acknowledged, or given up; None: it is pending."""
    behind: int | None = None
    """`seq` of the earlier delivery about the same subject that it waits for."""
    name: str | None = None
    """The name of its target, if it has one."""
    summary: str = ""
    """The summary of its event, for people; for an incident, that of its first alert."""


class Pruned(msgspec.Struct, frozen=True, gc=False):
    """How many rows were deleted."""

    events: int = 0
    targets: int = 0
    alerts: int = 0
