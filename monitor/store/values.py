"""What goes into the store and comes out of it, beyond the values of `core/model.py`."""

import enum
from datetime import datetime

import msgspec

from monitor.core.alerts import Alert
from monitor.core.commits import DeliveryKind
from monitor.core.event_types import EventType, Severity
from monitor.core.records import DeliveryOutcome


class DeliveryMark(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """What became of one try to deliver one event to one receiver."""

    seq: int
    receiver: str
    outcome: DeliveryOutcome
    """`RETRIED` leaves the delivery pending, the other two end it."""
    attempts: int
    """Tries so far, this one included."""
    at: datetime
    not_before: datetime | None = None
    """The next try, of one that is retried."""
    detail: str = ""
    """Why it failed, for people; cut, and free of secrets."""


class StoredEvent(msgspec.Struct, frozen=True, gc=False):
    """An event as it was told."""

    seq: int
    """Its place in the order of commits: a cursor that never misses what another writer commits late."""
    body: bytes
    """The CloudEvents JSON."""


class DeliveryStatus(enum.StrEnum):
    """Where a delivery stands."""

    PENDING = "pending"
    """Not acknowledged yet; it is tried again."""
    DELIVERED = "delivered"
    DEAD = "dead"
    """Given up; a person may have it tried again."""


class Notification(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """One telling of an alert to one receiver, by itself, by its event or by its incident."""

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
    """An alert that is open, and who knows of it."""

    alert: Alert
    incident_members: int
    """How many alerts its incident has had."""
    tellings: tuple[Notification, ...] = ()
    """In the order of the deliveries; none where it belongs to no receiver."""


class Told(msgspec.Struct, frozen=True, gc=False):
    """As much of what was told as a list of deliveries shows."""

    summary: str = ""
    name: str | None = None


class StoredDelivery(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """A delivery and where it stands, without its body."""

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
    """Of the target that it is about, where it has one."""
    summary: str = ""
    """What it is about, for people; of an incident, its first alert."""


class Pruned(msgspec.Struct, frozen=True, gc=False):
    """How many rows were forgotten."""

    events: int = 0
    targets: int = 0
    alerts: int = 0
