"""Records of the monitor's own work: one frozen record per unit of work, for metrics and logs."""

import enum
from collections.abc import Mapping
from datetime import datetime
from typing import Final

import msgspec

from monitor.core.alerting.circuit_breaker import BreakerState
from monitor.core.event_types import EventType, FactKind
from monitor.core.listing import Usage
from monitor.core.model import Endpoint, Event, Outcome, Purpose, Status, Target, TargetKey, TargetState
from monitor.core.scheduling.plan import Bound

_PURPOSES: Final = {
    Endpoint.STATUS: Purpose.STEPS,
    Endpoint.LIST: Purpose.ENDS,
    Endpoint.ERRORS: Purpose.EXPLAIN,
    Endpoint.DEFINITIONS: Purpose.DEFINITIONS,
    Endpoint.USAGE: Purpose.USAGE,
}


class RequestRecord(msgspec.Struct, frozen=True, gc=False):
    """One request to the API, sent and ended."""

    account: str
    endpoint: Endpoint
    outcome: Outcome
    duration: float
    """Seconds from sending to the last byte, or to the failure."""
    ended_at: datetime
    skew: float | None = None
    """Seconds that the API's clock is ahead of ours, as far as its `Date` proves; None without a `Date`."""
    detail: str = ""
    """Why it failed."""
    cancelled: bool = False
    """We cancelled it, so it says nothing about the API."""
    confirms: bool = False
    """A list called for it."""

    @property
    def purpose(self) -> Purpose:
        return Purpose.CONFIRM if self.confirms else _PURPOSES[self.endpoint]


class PollRecord(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """One poll of a target and its result, after the commit."""

    target: Target
    before: Status
    state: TargetState
    """The state after the poll; the same object as before if nothing changed."""
    changed: bool
    outcome: Outcome
    detail: str
    events: tuple[Event, ...]
    """Events that this poll stored, without those that the store had already."""
    delay: float
    """Seconds from due to sent."""
    duration: float
    """Seconds from sent to committed."""
    observed_at: datetime
    skew: float
    """The account's clock skew at that time, seconds."""


class UsageRecord(msgspec.Struct, frozen=True, gc=False):
    """The API said how much of an account is used."""

    account: str
    usage: Usage


class OldestLookRecord(msgspec.Struct, frozen=True, gc=False):
    """When the oldest of an account's last looks were made, on our clock; None if there are none."""

    account: str
    ends: datetime | None
    """At lists."""
    steps: datetime | None
    """At the status of an instance that runs."""


class BoundsRecord(msgspec.Struct, frozen=True, gc=False):
    """How late the facts of an account are seen at worst, by its plan; all that it promises now."""

    account: str
    worst: Mapping[tuple[str, FactKind], float]
    """Seconds, by the label of a definition."""


class StartRecord(msgspec.Struct, frozen=True, gc=False):
    """A list has shown an instance that began while its definition was followed; once for each."""

    target: Target
    queue_delay: float | None
    """Seconds from its trigger to its start; None: unknown."""


class AccountRecord(msgspec.Struct, frozen=True, gc=False):
    """An account went blind, or answers again: the events that were stored."""

    account: str
    events: tuple[Event, ...]


class OverdueRecord(msgspec.Struct, frozen=True, gc=False):
    """A target or a step became overdue, or is overdue no more, without a poll: the events that were stored."""

    target: Target
    events: tuple[Event, ...]
    skew: float
    """The account's clock skew at that time, seconds."""


class ListedEndRecord(msgspec.Struct, frozen=True, gc=False):
    """A list has shown that a target ended: the events that were stored."""

    target: Target
    before: Status
    state: TargetState
    events: tuple[Event, ...]
    skew: float
    """The account's clock skew at that time, seconds."""


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
    """Seconds to the next try; None if there is none."""
    at: datetime | None = None
    """When the try ended."""


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
    """It was not sent, on purpose: the monitor does not work."""


class HeartbeatRecord(msgspec.Struct, frozen=True, gc=False):
    """The heartbeat was due."""

    at: datetime
    outcome: HeartbeatOutcome
    detail: str = ""
    """Why it was withheld, or the answer without an acknowledgement; without secrets."""


class PollTrace(msgspec.Struct, frozen=True, gc=False):
    """One poll of a target; the target's page shows the last few."""

    at: datetime
    outcome: Outcome
    detail: str
    duration: float
    events: tuple[str, ...] = ()
    """Types of its events."""


class DefinitionSummary(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """What is known of one definition with watched targets, or that a discovery follows."""

    account: str
    definition: str
    name: str | None = None
    """As the API tells it."""
    alias: str | None = None
    """From the configuration."""
    versions: tuple[int, ...] = ()
    """Of its targets, ascending."""
    latest: int | None = None
    """Its newest version, if a discovery follows it."""
    statuses: Mapping[Status, int]
    """Targets by status; each status is there."""
    begun: int = 0
    """Targets that began within the last hour."""
    ended: int = 0
    """Targets that ended within the last hour."""
    failed: int = 0
    """Of these, the terminated ones, unless by hand."""
    discovered: bool = False
    """Whether a discovery follows it."""
    bounds: Mapping[FactKind, Bound] = {}
    """How late its facts are seen, by the plan; nothing for a kind that is not looked for."""


class Activity(msgspec.Struct, frozen=True, gc=False):
    """What happened in one definition in the last hour, by the minute, oldest first."""

    begun: tuple[int, ...] = ()
    ended: tuple[int, ...] = ()
    failed: tuple[int, ...] = ()
    """Of those that ended, the terminated ones, unless by hand."""


class AccountSummary(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """The lane of one account, and whether its API answers."""

    account: str
    open: bool
    closed_until: datetime | None = None
    lane_reason: str = ""
    """The cause of the lane's last change, for people."""
    requests_per_second: float
    """Usable now."""
    ceiling: float
    """As configured."""
    used: float
    """Requests per second over the last minute."""
    succeeded_at: datetime | None = None
    """None: not since the start."""
    blind: bool = False
    reason: Outcome | None = None
    """Why it has had no answer since its last one; None: it answers."""
    blind_since: datetime | None = None
    """Of a blind one: its last answer, or else the first request without one."""
    skew: float = 0.0
    """Seconds that the clock of its API is ahead of ours."""
    usage: Usage | None = None
    """As it said last; None: not since the start."""
    polled: int = 0
    """Targets that are polled."""
    oldest_end_look: datetime | None = None
    """When the oldest of the last looks at its lists was made, as of the last minute."""
    oldest_step_look: datetime | None = None
    """The same for looks at instances that run."""


class ReceiverSummary(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """What waits for one receiver, and whether it takes what it is sent."""

    receiver: str
    pending: int
    oldest: datetime | None = None
    """When the event of its oldest pending delivery was observed."""
    dead: int = 0
    """Deliveries that were given up."""
    acknowledges: bool = True
    """Whether it took the last delivery."""
    acknowledged_at: datetime | None = None
    """None: not since the start."""
    breaker: BreakerState = BreakerState.CLOSED
    failed_probes: int = 0
    """In a row."""
    next_probe_at: datetime | None = None
    """None: its circuit breaker is closed, or a probe is under way."""


class NextPoll(msgspec.Struct, frozen=True, gc=False):
    """When and why a target is polled next. `at` is None if it is not polled again."""

    key: TargetKey
    at: datetime | None
    reason: str
    """`interval 30s`, `no interval is promised: about then a look is worth most`, `backing off after 3 failures`, `the
    account's lane is closed by a 429`, `under way`, `ended`, `the monitor is stopping`."""
