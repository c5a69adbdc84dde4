"""What needs a person, as values: alerts and their ends, incidents of many alerts with one cause."""

import enum
from collections.abc import Mapping
from datetime import datetime

import msgspec

from monitor.core.event_types import EventType, Severity
from monitor.core.model import Event, TargetKey


class AlertEnd(enum.StrEnum):
    """Why an alert is not open any more."""

    RESOLVED = "resolved"
    """What it is about has ended: its condition, or the failed step has completed after all."""
    EXPIRED = "expired"
    """Its hold is over; whether anybody saw to it is not known."""
    CLOSED = "closed"
    """A person closed it."""
    UNWATCHED = "unwatched"
    """Its target left the watchlist."""


class Closing(msgspec.Struct, frozen=True, gc=False):
    """The end of an alert that no event tells."""

    alert: str
    end: AlertEnd
    at: datetime


class Alert(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """An event that needs a person, from its telling to its end."""

    id: str
    """Of the event that opened it."""
    event: Event
    """As it was told: labels, severity and text of an open alert follow no configuration."""
    fault_group: str
    incident: str
    """Id of the incident that it is a member of."""
    single: bool
    """Whether it is told by itself to receivers of alerts, not only by its incident (a storm)."""
    opened_at: datetime
    """When the event was observed; the hold of an event alert counts from when it was told."""
    receivers: tuple[str, ...] = ()
    """Those that were told of it by itself, or are to be."""
    end: AlertEnd | None = None
    """None: it is open."""
    ended_at: datetime | None = None

    @property
    def type(self) -> EventType:
        return self.event.type

    @property
    def severity(self) -> Severity:
        return self.event.severity

    @property
    def key(self) -> TargetKey | None:
        """The target that it is about; None where it is about an account."""
        event = self.event
        if event.definition is None or event.workflow is None:
            return None
        return TargetKey(event.account, event.definition, event.workflow)


class Sample(msgspec.Struct, frozen=True, gc=False):
    """One member of an incident, as its text shows it."""

    label: str
    """What people call the target."""
    key: TargetKey | None
    at: datetime
    """When it happened."""


class Incident(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """Alerts with one cause."""

    id: str
    """Derived from the group and the first alert; the key under which a pager knows it."""
    fault_group: str
    event: Event
    """The first one's."""
    opened_at: datetime
    """When the first one was observed."""
    first_at: datetime
    last_at: datetime
    """When the earliest and the latest of them happened."""
    members: int = 1
    """How many alerts there were, ever."""
    open: int = 1
    """How many of them are open."""
    expired: int = 0
    """How many ended because time passed."""
    samples: tuple[Sample, ...] = ()
    """The first few."""
    receivers: tuple[str, ...] = ()
    """Receivers of incidents that were told of it, or are to be."""
    spared: tuple[str, ...] = ()
    """Receivers of incidents that hear of all of its alerts by other ones."""
    storm: bool = False
    """Whether it has members that are not told one by one."""
    storm_receivers: tuple[str, ...] = ()
    """Receivers of alerts that were told of it, or are to be, since it is a storm."""
    storm_told_later: tuple[str, ...] = ()
    """Receivers of alerts that are to be told of the storm when its size is known."""
    calms_at: datetime | None = None
    """When its size is told, unless it has grown by then; None: it was told."""
    labels: Mapping[str, str] = {}
    """Labels that all of its targets have; those of a storm are its identity, and stay as they were when it began."""
    end: AlertEnd | None = None
    """How the last of its alerts ended."""
    ended_at: datetime | None = None
    """None: some alert of it is open."""

    @property
    def outcome(self) -> AlertEnd | None:
        """How it ended: expired, where time ended any of its alerts. None: it goes on."""
        if self.ended_at is None:
            return None
        return AlertEnd.EXPIRED if self.expired else self.end or AlertEnd.RESOLVED

    @property
    def severity(self) -> Severity:
        return self.event.severity


class VersionImpact(msgspec.Struct, frozen=True, gc=False):
    """What became of the watched instances of one version of a definition: the blast radius of a fault."""

    version: int | None
    watched: int
    """Instances that are watched now, ended ones within the retention included."""
    failed: int
    """Those of them that were terminated by a fault, or are under way with a failed step that was not retried."""
