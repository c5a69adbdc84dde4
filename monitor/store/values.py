"""What goes into the store and comes out of it, beyond the values of `core/model.py`."""

from datetime import datetime

import msgspec

from monitor.core.model import EventType, Severity, TargetKey
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


class Alert(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """An event that needs a person, and has not ended."""

    id: str
    """Of the event that opened it."""
    type: EventType
    severity: Severity
    account: str
    definition: str | None
    workflow: str | None
    name: str | None
    """Of the target, where it has one."""
    summary: str
    opened_at: datetime
    """When the event was observed; the hold of an event alert counts from here."""

    @property
    def key(self) -> TargetKey | None:
        """The target that it is about; None where it is about an account."""
        if self.definition is None or self.workflow is None:
            return None
        return TargetKey(self.account, self.definition, self.workflow)


class Pruned(msgspec.Struct, frozen=True, gc=False):
    """How many rows were forgotten."""

    events: int = 0
    targets: int = 0
    alerts: int = 0
