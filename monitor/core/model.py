"""The domain as values: targets, observations, last known states, events.

Moments are aware `datetime`s in UTC. Durations are `float` seconds. Every value is frozen.
"""

import enum
from collections.abc import Mapping
from datetime import datetime
from typing import NamedTuple

import msgspec

from monitor.core.event_types import AlertKind, EventType, Severity


class Status(enum.StrEnum):
    """The last known status of a target: the API's four words, and two of ours."""

    RUNNABLE = "Runnable"
    SUSPENDED = "Suspended"
    COMPLETE = "Complete"
    TERMINATED = "Terminated"
    NOT_FOUND = "NotFound"
    UNKNOWN = "Unknown"
    """Never seen yet, or the API used a word that this version does not know."""

    @property
    def ended(self) -> bool:
        return self is Status.COMPLETE or self is Status.TERMINATED


class StepStatus(enum.StrEnum):
    """The state of one execution of a step, in the API's words; `Unknown` stands for any other word."""

    PENDING = "Pending"
    RUNNING = "Running"
    COMPLETE = "Complete"
    SLEEPING = "Sleeping"
    WAITING_FOR_EVENT = "WaitingForEvent"
    FAILED = "Failed"
    CANCELLED = "Cancelled"
    UNKNOWN = "Unknown"


class Outcome(enum.StrEnum):
    """How one request to the API ended; the `outcome` label of the metrics."""

    OK = "ok"
    NOT_FOUND = "not_found"
    BAD_REQUEST = "bad_request"
    UNAUTHORIZED = "unauthorized"
    THROTTLED = "throttled"
    SERVER_ERROR = "server_error"
    TIMEOUT = "timeout"
    CONNECTION = "connection"
    MALFORMED = "malformed"

    @property
    def answered(self) -> bool:
        """Whether the API said something about the requested target: then the account is not blind.

        A 400 says nothing about it: it comes from a proxy that refuses everything, from an API that no longer knows
        the request, or from one that finds the id malformed.
        """
        return self in (Outcome.OK, Outcome.NOT_FOUND)


class Endpoint(enum.StrEnum):
    """The resources that the monitor reads; the `endpoint` label of the metrics."""

    STATUS = "status"
    LIST = "list"
    ERRORS = "errors"
    DEFINITIONS = "definitions"
    USAGE = "usage"


class Purpose(enum.StrEnum):
    """The purposes that an account's budget is spent for; the `purpose` label of the metrics."""

    ENDS = "ends"
    """Lists: which instances have begun or ended."""
    STEPS = "steps"
    """Status polls by their schedule."""
    CONFIRM = "confirm"
    """Status polls that a list called for."""
    EXPLAIN = "explain"
    DEFINITIONS = "definitions"
    USAGE = "usage"


class Cause(enum.StrEnum):
    """Why a workflow is Terminated."""

    FAULT = "fault"
    MANUAL = "manual"
    UNKNOWN = "unknown"


class SampledCause(msgspec.Struct, frozen=True, gc=False):
    """Why instances have terminated that nobody has looked at: as the explained ones of their version say.

    `UNKNOWN`: those differ, or there is none.
    """

    cause: Cause = Cause.UNKNOWN
    step: str = ""
    """Of a fault: the name of the step, and the message of one of the explained instances; either may be empty."""
    message: str = ""
    looked: int = 0
    """How many instances are explained."""
    kinds: tuple[str, ...] = ()
    """For people: the explanations and how many instances have each, if they differ."""


class TargetKey(NamedTuple):
    """The identity of a target. Ids are opaque; they are compared, never parsed."""

    account: str
    definition: str
    workflow: str


class DefinitionVersion(NamedTuple):
    """One version of a definition; declared and learned durations of steps belong to it."""

    account: str
    definition: str
    version: int


# --- targets ----------------------------------------------------------------------------------------------


class Target(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """One workflow instance that is watched, as the configuration asks for it."""

    key: TargetKey
    interval: float
    promised: bool = True
    """Whether its interval is a promise; else it is polled when that is worth most, and the interval says how often the
    API is expected to answer about it."""
    name: str | None = None
    """Shown instead of the ids."""
    definition_name: str | None = None
    """The definition's name in alerts and pages: as the API tells it, unless `definition_alias` is set."""
    definition_alias: str | None = None
    """From the configuration; stands for the definition in alerts, pages and metrics."""
    labels: Mapping[str, str] = {}
    severities: Mapping[EventType, Severity] = {}
    max_runtime: float | None = None
    """Seconds that it may be Runnable; after that it is overdue."""
    step_timeouts: Mapping[str, float] = {}
    """Seconds that an execution of a step may take, by the step's name; `*` stands for every other step."""
    place: str = ""
    """Its place in the configuration, e.g. `watchlist.yaml: targets[3]`; for error messages only."""

    @property
    def definition_label(self) -> str:
        """The `definition` label of the metrics."""
        return self.definition_alias or self.key.definition


# --- observations -----------------------------------------------------------------------------------------


class StepExecution(msgspec.Struct, frozen=True, gc=False):
    """One execution of a step: an entry of the API's step log."""

    id: str
    step: str
    status: StepStatus
    started_at: datetime | None = None
    completed_at: datetime | None = None


class WorkflowError(msgspec.Struct, frozen=True, gc=False):
    """One entry of `/errors`; `message` has a bounded length and no control characters."""

    step: str
    message: str
    time: datetime | None = None


class Snapshot(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """The status resource of an instance, without the customers' data."""

    status: Status
    version: int | None
    started_at: datetime | None
    completed_at: datetime | None
    steps: tuple[StepExecution, ...] = ()
    """In the order of the API's log."""
    drifts: tuple[str, ...] = ()
    """Kinds of drift in this answer, sorted, e.g. `status:Paused`, `step_status:Skipped`, `missing:startedAt`."""


class Seen(msgspec.Struct, frozen=True, gc=False):
    """A poll that got an answer about the instance."""

    snapshot: Snapshot
    errors: tuple[WorkflowError, ...] | None = None
    """The answer of `/errors`; None if it was not requested, or did not come."""
    sampled: SampledCause | None = None
    """Of a termination that only a list shows: what its event says instead of its own explanation."""


class PollFailed(msgspec.Struct, frozen=True, gc=False):
    """A request without a usable answer, with its reason. `outcome` is never `OK`."""

    outcome: Outcome
    detail: str = ""
    """For people; cut, and free of secrets and of the customers' data."""
    retry_after: float | None = None
    """Seconds from `Retry-After`; None if it is absent or nonsense."""
    drift: str | None = None
    """The kind of drift that makes a whole JSON answer unusable, e.g. `type:version`, `missing:status`."""
    too_large: bool = False
    """The answer was larger than `api.max_response_bytes`; a page of fewer rows may fit."""


Observation = Seen | PollFailed


# --- last known states ------------------------------------------------------------------------------------


class Episode(msgspec.Struct, frozen=True, gc=False):
    """One stretch of a condition, named by facts of the API, so that its id is the same for every observer.

    `anchor` is a fact that was known when the condition began: for a target its newest step execution (or ""), for an
    account the moment of its last answer. `ordinal` counts all episodes of that condition from 1, across anchors.
    """

    anchor: str
    ordinal: int


class Condition(msgspec.Struct, frozen=True, gc=False):
    """Whether a condition holds, and its last episode that had an event."""

    open: bool = False
    last: Episode | None = None


class StepOverdue(msgspec.Struct, frozen=True, gc=False):
    """An execution of a step that takes too long, or did; the steps' counterpart of `Condition`."""

    execution: str
    """Its id."""
    ordinal: int = 1
    """Counts the episodes of this execution from 1: raising the limit ends an episode."""
    open: bool = True


class TargetState(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """The last known state of a target. Changes only by a commit."""

    key: TargetKey
    status: Status = Status.UNKNOWN
    since: datetime | None = None
    """When we first observed this status."""
    first_seen_at: datetime | None = None
    """When the API first answered 200 about it; None: never."""
    version: int | None = None
    """Version of the definition."""
    started_at: datetime | None = None
    completed_at: datetime | None = None
    cause: Cause | None = None
    """Of a Terminated target."""
    sampled: SampledCause | None = None
    """Its termination had an event with this cause, and its own explanation is owed; None: it is not."""
    steps: tuple[StepExecution, ...] = ()
    told: frozenset[str] = frozenset()
    """Step executions whose failure or cancellation has had its event, so that it has only one."""
    misses: int = 0
    """Consecutive 404s."""
    suspended: Condition = Condition()
    not_found: Condition = Condition()
    unanswered: Condition = Condition()
    """It alone has had no usable answer for long, while its account has answered."""
    overdue: Condition = Condition()
    late: tuple[StepOverdue, ...] = ()
    """Executions with an event that they are overdue, in that order; of those that left the log the newest."""
    revision: int = 0
    """Counts commits; compare-and-set. 0: never committed."""


class AccountState(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """The last known state of an account's API. Changes only by a commit."""

    account: str
    last_answer_at: datetime | None = None
    """As of the last commit of this row, which not every poll writes."""
    blind: Condition = Condition()
    closed_until: datetime | None = None
    """`Retry-After` keeps the lane closed until then, also across a restart."""
    closed_for: float | None = None
    """Seconds to `closed_until` when it was set: a clock that is set back does not make the closing longer."""
    learned_rate: float | None = None
    """Requests per second that were usable after a 429, to within a tenth of the ceiling; None: the ceiling."""
    revision: int = 0


class TruncationState(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """Whether a discovery is known to find too many instances. Changes only by a commit."""

    account: str
    definition: str
    """As the discovery names it: an id, or `*`."""
    name: str | None = None
    """The definition's name in texts, as of the last event."""
    truncated: Condition = Condition()
    revision: int = 0


# --- events -----------------------------------------------------------------------------------------------


class Event(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """A fact with an id. `id` is derived from the fact alone; see `core/event_ids.py`."""

    id: str
    type: EventType
    severity: Severity
    summary: str
    """One line for people."""
    account: str
    observed_at: datetime
    occurred_at: datetime | None = None
    """From the API; None if it does not say."""
    last_seen_at: datetime | None = None
    """When the API last answered before this observation."""
    definition: str | None = None
    workflow: str | None = None
    name: str | None = None
    definition_name: str | None = None
    definition_alias: str | None = None
    """From the configuration; stands for the definition in labels."""
    listed: bool = False
    """A list told it, not a status request."""
    version: int | None = None
    from_status: Status | None = None
    to_status: Status | None = None
    cause: Cause | None = None
    sampled: SampledCause | None = None
    """Of a termination that only a list shows: what the explained instances of its version say."""
    corrects: str | None = None
    """Id of the event whose cause, from a sample, was wrong."""
    step: StepExecution | None = None
    errors: tuple[WorkflowError, ...] = ()
    trail: tuple[StepExecution, ...] = ()
    """The last executions of the step log, oldest first, for the text of an alert."""
    limit: float | None = None
    """Of an overdue event: the allowed seconds."""
    started_at: datetime | None = None
    """Of an overdue event: the start of the instance, or of the execution of the step."""
    reason: str | None = None
    """Of `monitor.blind` and `workflow.unanswered`: an `Outcome`; of `monitor.schema_drift`: the kind of drift; of an
    overdue event: the source of its limit, a `LimitSource`."""
    detail: str | None = None
    """Of `monitor.blind` and `workflow.unanswered`: the answer to the last poll, or its failure, for people; cut, and
    free of secrets."""
    since: datetime | None = None
    """Of `monitor.blind`: the first request without an answer. Time without requests does not count."""
    workflows: int | None = None
    """Of `monitor.blind`: how many workflows are not watched because of it."""
    found: int | None = None
    """Of events of a discovery: how many running instances its lists show."""
    watched: int | None = None
    """Of events of a discovery: how many of them it may watch."""
    labels: Mapping[str, str] = {}
    closes: tuple[str, ...] = ()
    """Ids of the events whose alerts this one closes."""
    repeats: str | None = None
    """Id of the first event about it, if its target has left the watchlist since and come back."""

    @property
    def subject(self) -> str:
        """The subject of the CloudEvent; deliveries keep their order per subject."""
        return f"{self.definition}/{self.workflow}" if self.workflow else self.account

    @property
    def time(self) -> datetime:
        return self.occurred_at or self.observed_at

    @property
    def definition_label(self) -> str:
        return self.definition_alias or self.definition or ""

    @property
    def opens_alert(self) -> bool:
        """Whether it needs a person: neither a notice does nor an event of severity `info`."""
        return self.type.kind is not AlertKind.NOTICE and self.severity is not Severity.INFO
