"""The table of event types says what the contract says, and each part of the house obeys it."""

from collections.abc import Iterator
from datetime import UTC, datetime

import msgspec
import pytest

from monitor.core.alerts import Incident
from monitor.core.detection.conditions import HELD, condition
from monitor.core.detection.unwatched import holds_still, unwatched
from monitor.core.event_types import FACTS, AlertKind, EventType, Severity
from monitor.core.model import (
    Condition,
    Episode,
    Event,
    Observation,
    Outcome,
    PollFailed,
    Status,
    StepStatus,
    Target,
    TargetState,
)
from monitor.core.text.advice import advice
from monitor.core.text.alert_text import incident_title
from monitor.core.text.links import runbook_of
from tests.core.beliefs import MISS, NEW, TARGET, at, poll, seen, step, types
from tests.core.test_alert_text import EVENTS, told
from tests.core.test_reachability import SILENT, blind, listen, look
from tests.core.test_truncations import truncated_and_complete

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
    EventType.DISCOVERY_TRUNCATED: (Severity.WARNING, AlertKind.CONDITION),
    EventType.DISCOVERY_COMPLETE: (Severity.INFO, AlertKind.NOTICE),
    EventType.BLIND: (Severity.CRITICAL, AlertKind.CONDITION),
    EventType.SIGHTED: (Severity.INFO, AlertKind.NOTICE),
    EventType.SCHEMA_DRIFT: (Severity.WARNING, AlertKind.EVENT),
}
"""Default severity and kind, as the contract has them. What ends a condition only closes its alert."""
ALERTS = [type_ for type_ in EventType if type_.kind is not AlertKind.NOTICE]
OF_TARGETS = [type_ for type_ in EventType if not type_.of_account]
SETTABLE = [type_ for type_ in EventType if not type_.facts.severity_fixed]


@pytest.mark.parametrize("type", EventType)
def test_a_type_has_the_severity_and_kind_of_the_contract(type: EventType) -> None:
    assert (type.severity, type.kind) == TABLE[type]


def test_the_table_has_one_row_per_type_in_their_order() -> None:
    assert list(FACTS) == list(EventType)


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
        EventType.DISCOVERY_TRUNCATED,
        EventType.DISCOVERY_COMPLETE,
    }


def test_a_notice_needs_nobody_and_every_condition_has_one_that_ends_it() -> None:
    assert {type_.severity for type_ in EventType if type_ not in ALERTS} == {Severity.INFO}
    ended = {opener for type_ in EventType for opener in type_.facts.ends}
    assert {type_ for type_ in EventType if type_.kind is AlertKind.CONDITION} <= ended <= set(ALERTS)


# --- what detection makes of it ---------------------------------------------------------------------------


def life(target: Target) -> Iterator[Event]:
    """Every event that a target makes by itself."""
    log = (
        step("a", StepStatus.RUNNING, 0),
        step("b", StepStatus.FAILED, 1, 2),
        step("c", StepStatus.CANCELLED, 1, 3),
    )
    runs, held, wrong = seen(Status.RUNNABLE, *log), seen(Status.SUSPENDED, *log), PollFailed(Outcome.SERVER_ERROR)
    for end in (Status.COMPLETE, Status.TERMINATED):
        state = NEW
        over = seen(end, step("a", StepStatus.COMPLETE, 0, 900), *log[1:], ended=900, errors=())
        observations: list[Observation] = [runs, wrong, held, runs, MISS, MISS, MISS, held, over]
        for number, what in enumerate(observations, 1):
            silence = 1e6 if what is wrong else 0.0
            verdict = poll(state, what, now=100.0 * number, target=target, silence=silence)
            yield from verdict.events
            state = verdict.state


LIMITED = msgspec.structs.replace(TARGET, max_runtime=60.0, step_timeouts={"*": 60.0})


@pytest.mark.parametrize("severity", Severity)
def test_every_severity_that_a_target_may_set_is_obeyed(severity: Severity) -> None:
    target = msgspec.structs.replace(LIMITED, severities=dict.fromkeys(SETTABLE, severity))
    events = list(life(target))
    assert set(types(events)) == set(SETTABLE)
    assert {event.severity for event in events} == {severity}


def test_by_itself_each_event_has_a_severity_of_its_row() -> None:
    events = [*life(LIMITED), *_of_account()]
    assert [event.id for event in events if event.severity not in event.type.facts.severities] == []


def test_an_event_closes_what_its_row_says_and_says_its_statuses_if_its_row_does() -> None:
    events = [*life(LIMITED), *_of_account()]
    opened = {event.id: event.type for event in events}
    closed = {(event.type, opened[id_]) for event in events for id_ in event.closes if id_ in opened}
    assert closed == {(type_, opener) for type_ in EventType for opener in type_.facts.ends}
    said = {event.type for event in events if event.to_status is not None}
    assert said == {type_ for type_ in EventType if type_.facts.status_change} | {EventType.OVERDUE_CLEARED}


def _of_account() -> list[Event]:
    state, opened = blind()
    sighted = look(state, listen((140, 141, Outcome.OK), reach=SILENT), 142).events
    return [opened, *sighted, *truncated_and_complete()]


@pytest.mark.parametrize("type", [type_ for type_ in OF_TARGETS if type_.kind is AlertKind.EVENT])
def test_what_happened_to_a_target_is_told_again_if_it_comes_back(type: EventType) -> None:
    assert holds_still(told(type), None)


def test_every_condition_of_a_target_is_held_in_a_field_of_its_own() -> None:
    fields = [field.name for field in msgspec.structs.fields(TargetState) if field.type is Condition]
    assert sorted(type_.facts.held_in for type_ in HELD) == sorted(fields)
    conditions = {type_ for type_ in OF_TARGETS if type_.kind is AlertKind.CONDITION}
    assert set(HELD) == conditions - {EventType.STEP_OVERDUE}, "of which a target has many"


def test_no_condition_of_a_target_outlives_its_watching() -> None:
    opened = Condition(open=True, last=Episode("a", 1))
    state = msgspec.structs.replace(NEW, **{type_.facts.held_in: opened for type_ in HELD})
    assert {condition(unwatched(state), type_) for type_ in HELD} == {Condition(open=False, last=Episode("a", 1))}


# --- what people read -------------------------------------------------------------------------------------


@pytest.mark.parametrize("type", EventType)
def test_a_type_has_words_of_its_own(type: EventType) -> None:
    assert told(type).summary
    assert type in {event.type for event in EVENTS.values()}, "its whole text is held by test_alert_text.py"


@pytest.mark.parametrize("type", EventType)
def test_an_alert_says_what_to_do_next_and_a_notice_does_not(type: EventType) -> None:
    assert bool(advice(told(type))) == bool(runbook_of(told(type), "https://wiki")) == (type in ALERTS)


@pytest.mark.parametrize("type", [type_ for type_ in OF_TARGETS if type_ in ALERTS])
def test_many_alerts_of_targets_are_counted_in_words(type: EventType) -> None:
    incident = Incident(
        id="i", fault_group="g", event=told(type), opened_at=at(0), first_at=at(0), last_at=at(9), members=3
    )
    assert incident_title(incident).startswith("3 ")
    assert not incident_title(incident).startswith("3 times")
