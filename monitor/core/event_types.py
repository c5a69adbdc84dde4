"""Every type of event with its facts: one row each in `FACTS`, which all other code reads.

A new type needs a member and a row here, its words in `text/` (`summary.py`; for an alert also `alert_text.py` and
`advice.py`), a row of `deploy/REFERENCE.md`, and for an alert a section of `deploy/RUNBOOK.md`. A new condition of
a target also needs a field of `TargetState` and a rule in `core/detection/`. Tests compare all this with the table.
"""

import enum
from collections.abc import Mapping
from typing import Final

import msgspec


class Severity(enum.StrEnum):
    INFO = "info"
    WARNING = "warning"
    CRITICAL = "critical"

    @property
    def rank(self) -> int:
        return ("info", "warning", "critical").index(self.value)


class AlertKind(enum.Enum):
    """How an event relates to an alert."""

    EVENT = "event"
    """Opens an alert that stays until its hold ends or a person closes it."""
    CONDITION = "condition"
    """Opens an alert that closes when the condition ends."""
    NOTICE = "notice"
    """A fact; opens nothing. It may close a condition."""


class FactKind(enum.StrEnum):
    """Which looks show a fact; the `kind` label of metrics."""

    END = "end"
    """That an instance ended: lists and status requests show it."""
    STEP = "step"
    """That a step failed or was cancelled: only status requests show it."""
    CONDITION = "condition"
    """That something lasts, or is over again: suspended, overdue, not found."""


class EventType(enum.StrEnum):
    """Every type of event, as receivers see it."""

    TERMINATED = "workflow.terminated"
    COMPLETED = "workflow.completed"
    SUSPENDED = "workflow.suspended"
    RESUMED = "workflow.resumed"
    STEP_FAILED = "workflow.step_failed"
    STEP_CANCELLED = "workflow.step_cancelled"
    OVERDUE = "workflow.overdue"
    OVERDUE_CLEARED = "workflow.overdue_cleared"
    STEP_OVERDUE = "workflow.step_overdue"
    STEP_OVERDUE_CLEARED = "workflow.step_overdue_cleared"
    NOT_FOUND = "workflow.not_found"
    FOUND = "workflow.found"
    UNANSWERED = "workflow.unanswered"
    ANSWERED = "workflow.answered"
    UNWATCHED = "workflow.unwatched"
    DISCOVERY_TRUNCATED = "monitor.discovery_truncated"
    DISCOVERY_COMPLETE = "monitor.discovery_complete"
    BLIND = "monitor.blind"
    SIGHTED = "monitor.sighted"
    SCHEMA_DRIFT = "monitor.schema_drift"

    @property
    def facts(self) -> "EventFacts":
        return FACTS[self]

    @property
    def kind(self) -> AlertKind:
        return FACTS[self].kind

    @property
    def fact(self) -> FactKind:
        return FACTS[self].fact

    @property
    def severity(self) -> Severity:
        """The default; `facts.deliberate` is the one exception."""
        return FACTS[self].severity

    @property
    def of_account(self) -> bool:
        """Whether it is about a whole account or a discovery, so that no single target sets its severity."""
        return self.value.startswith("monitor.")


class EventFacts(msgspec.Struct, frozen=True, gc=False):
    """Facts about every event of one type."""

    severity: Severity
    """The default."""
    kind: AlertKind = AlertKind.NOTICE
    fact: FactKind = FactKind.CONDITION
    ends: tuple[EventType, ...] = ()
    """Types of the target's or account's alerts that it ends."""
    held_in: str = ""
    """The field of `TargetState` that says whether the condition holds; empty: it is not about a target as a whole."""
    status_change: bool = False
    """Whether it names the old and the new status."""
    failure: bool = False
    """Whether its text shows how many other instances of the definition failed."""
    deliberate: Severity | None = None
    """The default severity of a deliberate act, e.g. a termination by hand; None: `severity`."""
    severity_fixed: str = ""
    """Why `severities` of a target may not set its severity, for people; empty: it may."""

    @property
    def severities(self) -> tuple[Severity, ...]:
        """Every severity that it has without configuration."""
        return (self.severity,) if self.deliberate is None else (self.severity, self.deliberate)


_CONDITION: Final = AlertKind.CONDITION
_EVENT: Final = AlertKind.EVENT
_END: Final = FactKind.END
_STEP: Final = FactKind.STEP
_INFO: Final = Severity.INFO
_WARNING: Final = Severity.WARNING
_CRITICAL: Final = Severity.CRITICAL
_OF_ACCOUNT: Final = "an event of a whole account, whose severity no single target decides"
_OF_DISCOVERY: Final = "an event of a discovery as a whole; its `severities` are those of the instances that it finds"
_LEFT: Final = "its target has left the watchlist by then, and says nothing any more"

FACTS: Final[Mapping[EventType, EventFacts]] = {
    EventType.TERMINATED: EventFacts(
        _CRITICAL, _EVENT, _END, ends=(EventType.SUSPENDED,), status_change=True, failure=True, deliberate=_WARNING
    ),
    EventType.COMPLETED: EventFacts(
        _INFO, fact=_END, ends=(EventType.SUSPENDED, EventType.STEP_FAILED), status_change=True
    ),
    EventType.SUSPENDED: EventFacts(_WARNING, _CONDITION, held_in="suspended", status_change=True),
    EventType.RESUMED: EventFacts(_INFO, ends=(EventType.SUSPENDED,), status_change=True),
    # Its alert also ends when the step completes after all (`step_log.recovered`), without an event.
    EventType.STEP_FAILED: EventFacts(_WARNING, _EVENT, _STEP, failure=True),
    EventType.STEP_CANCELLED: EventFacts(_INFO, fact=_STEP),
    EventType.OVERDUE: EventFacts(_WARNING, _CONDITION, held_in="overdue"),
    EventType.OVERDUE_CLEARED: EventFacts(_INFO, ends=(EventType.OVERDUE,)),
    EventType.STEP_OVERDUE: EventFacts(_WARNING, _CONDITION),
    EventType.STEP_OVERDUE_CLEARED: EventFacts(_INFO, ends=(EventType.STEP_OVERDUE,)),
    EventType.NOT_FOUND: EventFacts(_WARNING, _CONDITION, held_in="not_found", status_change=True),
    EventType.FOUND: EventFacts(_INFO, ends=(EventType.NOT_FOUND,), status_change=True),
    EventType.UNANSWERED: EventFacts(_WARNING, _CONDITION, held_in="unanswered"),
    EventType.ANSWERED: EventFacts(_INFO, ends=(EventType.UNANSWERED,)),
    # It ends every open alert of its target, of any type: see `core/detection/unwatched.py`.
    EventType.UNWATCHED: EventFacts(_INFO, severity_fixed=_LEFT),
    EventType.DISCOVERY_TRUNCATED: EventFacts(_WARNING, _CONDITION, severity_fixed=_OF_DISCOVERY),
    EventType.DISCOVERY_COMPLETE: EventFacts(
        _INFO, ends=(EventType.DISCOVERY_TRUNCATED,), severity_fixed=_OF_DISCOVERY
    ),
    EventType.BLIND: EventFacts(_CRITICAL, _CONDITION, severity_fixed=_OF_ACCOUNT),
    EventType.SIGHTED: EventFacts(_INFO, ends=(EventType.BLIND,), severity_fixed=_OF_ACCOUNT),
    EventType.SCHEMA_DRIFT: EventFacts(_WARNING, _EVENT, severity_fixed=_OF_ACCOUNT),
}
"""In the order of the reference."""
