"""What happened inside the monitor: one frozen record per unit of work, for metrics and logs."""

import enum
from datetime import datetime

import msgspec

from monitor.core.event_types import EventType
from monitor.core.model import Endpoint, Event, Outcome, Status, Target, TargetKey, TargetState


class RequestRecord(msgspec.Struct, frozen=True, gc=False):
    """One request to the API, sent and ended."""

    account: str
    endpoint: Endpoint
    outcome: Outcome
    duration: float
    """Seconds from sending to the last byte, or to the failure."""
    ended_at: datetime
    skew: float | None = None
    """Seconds that the API's clock is ahead of ours, as far as its `Date` proves; None if it sent none."""
    detail: str = ""
    """Why it failed."""
    cancelled: bool = False
    """It was given up by us before it ended: it says nothing of the API."""


class PollRecord(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """One turn of a target: what was asked, what came of it. Given after the commit."""

    target: Target
    before: Status
    state: TargetState
    """The belief after the turn; the same as before where nothing changed."""
    changed: bool
    outcome: Outcome
    detail: str
    events: tuple[Event, ...]
    """Those that this turn stored; an event that the store knew already is not told again."""
    delay: float
    """Seconds from due to sent."""
    duration: float
    """Seconds from sent to committed."""
    observed_at: datetime
    skew: float
    """The account's clock skew at that time, seconds."""


class AccountRecord(msgspec.Struct, frozen=True, gc=False):
    """An account went blind, or is sighted again: the events that were stored."""

    account: str
    events: tuple[Event, ...]


class OverdueRecord(msgspec.Struct, frozen=True, gc=False):
    """Something about a target became overdue, or is so no more, without a poll: the events that were stored."""

    target: Target
    events: tuple[Event, ...]


class LaneRecord(msgspec.Struct, frozen=True, gc=False):
    """A lane changed: opened, closed, or learned another rate."""

    account: str
    open: bool
    requests_per_second: float
    reason: str
    """For the log: `429, Retry-After 30s`, `probe answered`, `rate climbs`."""


class DeliveryOutcome(enum.StrEnum):
    DELIVERED = "delivered"
    RETRIED = "retried"
    DEAD = "dead"


class DeliveryRecord(msgspec.Struct, frozen=True, gc=False):
    """One try to deliver one event to one receiver."""

    receiver: str
    event_id: str
    type: EventType
    outcome: DeliveryOutcome
    attempts: int
    """Tries so far, this one included."""
    delay: float
    """Seconds from the event's observation to the end of this try."""
    detail: str = ""
    """The receiver's answer, cut, without secrets."""
    retry_in: float | None = None
    """Seconds to the next try, where there is one."""


class ReloadRecord(msgspec.Struct, frozen=True, gc=False):
    """The configuration was read again (or for the first time)."""

    successful: bool
    at: datetime
    trigger: str
    """`start`, `sighup`, `http` or `file`."""
    added: int = 0
    removed: int = 0
    changed: int = 0
    halved: bool = False
    """More than half of the targets were removed."""
    errors: tuple[str, ...] = ()


class StoreRecord(msgspec.Struct, frozen=True, gc=False):
    """The store stopped or resumed taking commits."""

    available: bool
    detail: str = ""


class HeartbeatOutcome(enum.StrEnum):
    PINGED = "pinged"
    FAILED = "failed"
    """It was sent, and not acknowledged."""
    WITHHELD = "withheld"
    """On purpose: the monitor does not do its work."""


class HeartbeatRecord(msgspec.Struct, frozen=True, gc=False):
    """The turn of the heartbeat came."""

    at: datetime
    outcome: HeartbeatOutcome
    detail: str = ""
    """Why it was withheld, or what came in place of an acknowledgement; without secrets."""


class PollTrace(msgspec.Struct, frozen=True, gc=False):
    """What one poll of a target saw; the last few are shown on the target's page."""

    at: datetime
    outcome: Outcome
    detail: str
    duration: float
    events: tuple[str, ...] = ()
    """Types of the events that it told."""


class NextPoll(msgspec.Struct, frozen=True, gc=False):
    """When and why a target is polled next. `at` is None where it is not polled again."""

    key: TargetKey
    at: datetime | None
    reason: str
    """`interval 30s`, `backing off after 3 failures`, `the account's lane is closed by a 429`, `under way`, `ended`,
    `the monitor is stopping`."""
