"""Alerts and their ends, and incidents of many alerts with one cause, as values."""

import enum
from collections.abc import Mapping
from datetime import datetime

import msgspec

from monitor.core.event_types import EventType, Severity
from monitor.core.model import Event, SampledCause, TargetKey


class AlertEnd(enum.StrEnum):
    """Why an alert is not open any more."""

    RESOLVED = "resolved"
    """Its condition has ended, or the failed step has completed after all."""
    EXPIRED = "expired"
    """Its hold is over; nobody knows whether the fault was dealt with."""
    CLOSED = "closed"
    """A person closed it."""
    UNWATCHED = "unwatched"
    """Its target left the watchlist."""


class Closing(msgspec.Struct, frozen=True, gc=False):
    """The end of an alert without an event."""

    alert: str
    end: AlertEnd
    at: datetime


class Alert(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """An event that needs a person, from its notification to its end."""

    id: str
    """Of the event that opened it."""
    event: Event
    """As it was when it opened the alert: labels, severity and text of an open alert ignore later configurations."""
    fault_group: str
    incident: str
    """Id of the incident that it is a member of."""
    single: bool
    """Whether receivers of alerts are notified of it by itself; False: only of its incident (a storm)."""
    opened_at: datetime
    """When the event was observed; the hold of an event alert counts from its first acknowledgement."""
    receivers: tuple[str, ...] = ()
    """Receivers that are notified of it by itself, already or soon."""
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
        """Its target; None if it is about an account."""
        event = self.event
        if event.definition is None or event.workflow is None:
            return None
        return TargetKey(event.account, event.definition, event.workflow)


class Sample(msgspec.Struct, frozen=True, gc=False):
    """One member of an incident, as its text shows it."""

    label: str
    """The target's name for people."""
    key: TargetKey | None
    at: datetime
    """When it happened."""


class Incident(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """Alerts with one cause."""

    id: str
    """Derived from the group and the first alert; a pager's key for the incident."""
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
    """How many ended because their hold was over."""
    listed: int = 0
    """How many of them are of terminations that only a list showed."""
    sampled: SampledCause | None = None
    """The cause that the last of these was told with."""
    samples: tuple[Sample, ...] = ()
    """The first few."""
    receivers: tuple[str, ...] = ()
    """Receivers of incidents that are notified of it, already or soon."""
    spared: tuple[str, ...] = ()
    """Receivers of incidents that are notified of all of its alerts by other incidents."""
    storm: bool = False
    """Whether it has members without a notification of their own."""
    storm_receivers: tuple[str, ...] = ()
    """Receivers of alerts that are notified of it as a storm, already or soon."""
    storm_told_later: tuple[str, ...] = ()
    """Receivers of alerts that are notified of the storm once its size is known."""
    calms_at: datetime | None = None
    """When its size is sent, unless it has grown by then; None: it was sent."""
    labels: Mapping[str, str] = {}
    """Labels that all of its targets have. A storm's labels are its identity: they stay as they were at its start."""
    end: AlertEnd | None = None
    """How the last of its alerts ended."""
    ended_at: datetime | None = None
    """None: some alert of it is open."""

    @property
    def outcome(self) -> AlertEnd | None:
        """How it ended: expired, if any of its alerts expired. None: it is still open."""
        if self.ended_at is None:
            return None
        return AlertEnd.EXPIRED if self.expired else self.end or AlertEnd.RESOLVED

    @property
    def severity(self) -> Severity:
        return self.event.severity


class VersionImpact(msgspec.Struct, frozen=True, gc=False):
    """The blast radius of a fault: how many watched instances of one version of a definition have failed."""

    version: int | None
    watched: int
    """Instances that are watched now, ended ones within the retention included."""
    failed: int
    """Watched instances that were terminated by a fault, or run with a failed step that was not retried."""
