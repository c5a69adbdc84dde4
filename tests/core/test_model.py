"""The words of the house: what the contract's table of events says of each type."""

from datetime import UTC, datetime

import pytest

from monitor.core.model import AlertKind, Event, EventType, Severity

TABLE = {
    EventType.TERMINATED: (Severity.CRITICAL, AlertKind.EVENT),
    EventType.COMPLETED: (Severity.INFO, AlertKind.NOTICE),
    EventType.SUSPENDED: (Severity.WARNING, AlertKind.CONDITION),
    EventType.RESUMED: (Severity.INFO, AlertKind.NOTICE),
    EventType.STEP_FAILED: (Severity.WARNING, AlertKind.EVENT),
    EventType.STEP_CANCELLED: (Severity.INFO, AlertKind.NOTICE),
    EventType.OVERDUE: (Severity.WARNING, AlertKind.CONDITION),
    EventType.OVERDUE_CLEARED: (Severity.INFO, AlertKind.NOTICE),
    EventType.STEP_OVERDUE: (Severity.WARNING, AlertKind.CONDITION),
    EventType.STEP_OVERDUE_CLEARED: (Severity.INFO, AlertKind.NOTICE),
    EventType.UNWATCHED: (Severity.INFO, AlertKind.NOTICE),
    EventType.NOT_FOUND: (Severity.WARNING, AlertKind.CONDITION),
    EventType.FOUND: (Severity.INFO, AlertKind.NOTICE),
    EventType.UNANSWERED: (Severity.WARNING, AlertKind.CONDITION),
    EventType.ANSWERED: (Severity.INFO, AlertKind.NOTICE),
    EventType.BLIND: (Severity.CRITICAL, AlertKind.CONDITION),
    EventType.SIGHTED: (Severity.INFO, AlertKind.NOTICE),
    EventType.SCHEMA_DRIFT: (Severity.WARNING, AlertKind.EVENT),
}
"""Default severity and kind, as the contract has them. What ends a condition only closes its alert."""


@pytest.mark.parametrize("type", EventType)
def test_a_type_has_the_severity_and_kind_of_the_contract(type: EventType) -> None:
    assert (type.severity, type.kind) == TABLE[type]


@pytest.mark.parametrize("type", EventType)
@pytest.mark.parametrize("severity", Severity)
def test_only_what_needs_a_person_opens_an_alert(type: EventType, severity: Severity) -> None:
    now = datetime(2026, 1, 5, 10, tzinfo=UTC)
    event = Event(id="1", type=type, severity=severity, summary="", account="acme", observed_at=now)
    assert event.opens_alert == (TABLE[type][1] is not AlertKind.NOTICE and severity is not Severity.INFO)


def test_what_is_about_an_account_is_told_apart_by_its_name() -> None:
    assert {type_ for type_ in EventType if type_.of_account} == {
        EventType.BLIND,
        EventType.SIGHTED,
        EventType.SCHEMA_DRIFT,
    }
