"""What `explain` says of one target; made by the daemon, shown as JSON, as text and on the target's page."""

from datetime import datetime

import msgspec

from monitor.core.detection.overdue import AppliedLimit
from monitor.core.event_types import EventType, Severity
from monitor.core.records import NextPoll
from monitor.polling.look_log import Look
from monitor.polling.watched import Watched
from monitor.store import Notification


class ExplainedEvent(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """An event, and who was notified of it or not."""

    id: str
    type: EventType
    severity: Severity
    summary: str
    at: str
    """When it happened, as the event says it."""
    open: bool = False
    """Whether its alert is open."""
    closed: str = ""
    """Why its alert is over; empty: it is open, or there is none."""
    notifications: tuple[Notification, ...] = ()
    refusals: tuple[tuple[str, str], ...] = ()
    """Receivers that were not notified of it, each with the reason."""


class Explanation(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """Why there were alerts about a target, or none."""

    watched: Watched
    next_poll: NextPoll
    looks: tuple[Look, ...]
    """The newest first."""
    limits: tuple[AppliedLimit, ...]
    now: datetime
    """On the API's clock, as the limits' deadlines are."""
    events: tuple[ExplainedEvent, ...]
    """The newest first."""
    notes: tuple[str, ...]
    """Why nothing was told, and what keeps something from being told; for people."""
