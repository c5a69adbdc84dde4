"""How alerts become one incident, and when it is over."""

import itertools
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from monitor.core.alerting.incidents import (
    SAMPLES,
    accepts,
    calmed,
    condition_of,
    covered_by,
    is_resolved,
    opened,
    should_renotify,
    with_alert,
    without_alert,
)
from monitor.core.alerts import AlertEnd, Incident
from monitor.core.event_types import EventType, Severity
from monitor.core.model import Cause, Event, StepExecution, StepStatus

NOON = datetime(2026, 1, 5, 12, tzinfo=UTC)
STEP = StepExecution("e1", "step1", StepStatus.FAILED)


def event(
    number: int = 0,
    type: EventType = EventType.STEP_FAILED,
    *,
    after: float = 0.0,
    step: StepExecution | None = None,
    severity: Severity = Severity.WARNING,
    **facts: object,
) -> Event:
    return Event(
        id=f"id-{number}",
        type=type,
        severity=severity,
        summary="",
        account="acme",
        definition="orders",
        workflow=f"w{number}",
        observed_at=NOON + timedelta(seconds=after),
        step=step,
        **facts,  # type: ignore[arg-type]
    )


def incident(members: int, threshold: int = 50) -> Incident:
    found = opened(event(), "group")
    for number in range(1, members):
        found = with_alert(found, event(number, after=number), threshold)
    return found


@pytest.mark.parametrize(
    ("after", "window", "expected"),
    [
        pytest.param(0, 3600, True, id="at once"),
        pytest.param(3600, 3600, True, id="at the end of the window"),
        pytest.param(3600.1, 3600, False, id="after it"),
        pytest.param(-60, 3600, True, id="a clock that was set back"),
        pytest.param(-7200, 3600, False, id="far back"),
    ],
)
def test_an_incident_takes_in_its_group_for_a_while(after: float, window: float, expected: bool) -> None:
    assert accepts(incident(3), event(9, after=after), window) is expected


def test_a_workflow_that_fails_many_times_is_shown_once() -> None:
    found = opened(event(), "group")
    for number in (0, 0, 1, 0, 2):
        found = with_alert(found, event(number), 50)
    assert [sample.key.workflow for sample in found.samples if sample.key is not None] == ["w0", "w1", "w2"]
    assert found.members == 6


def test_an_incident_that_is_over_takes_in_nothing() -> None:
    assert not accepts(without_alert(incident(1), AlertEnd.CLOSED, NOON), event(9), 3600)


def test_its_id_is_made_of_what_happened() -> None:
    assert opened(event(1), "group").id == opened(event(1, after=99), "group").id
    assert len({opened(event(n), group).id for n in (1, 2) for group in ("group", "other")}) == 4


@given(st.lists(st.sampled_from(AlertEnd), min_size=1, max_size=40))
def test_it_ends_with_its_last_alert_and_is_resolved_unless_time_ended_one(ends: list[AlertEnd]) -> None:
    found = incident(len(ends))
    for number, end in enumerate(ends):
        assert found.ended_at is None
        found = without_alert(found, end, NOON + timedelta(seconds=100 + number))
    assert (found.open, found.members) == (0, len(ends))
    assert found.ended_at == NOON + timedelta(seconds=99 + len(ends))
    assert is_resolved(found) is (AlertEnd.EXPIRED not in ends)


@given(st.integers(1, 300))
def test_its_size_is_told_a_bounded_number_of_times(members: int) -> None:
    told = [size for size in range(1, members + 1) if should_renotify(incident(size))]
    assert len(told) == members.bit_length()
    assert all(later == 2 * earlier for earlier, later in itertools.pairwise(told))


@given(st.lists(st.floats(0.1, 3600), min_size=1, max_size=200))
def test_however_it_trickles_its_size_is_told_in_the_end_and_seldom(pauses: list[float]) -> None:
    found, now, told, size = opened(event(), "group"), 0.0, 0, 1
    for number, pause in enumerate([*pauses, 1000.0]):
        now += pause
        if (after := calmed(found, NOON + timedelta(seconds=now))) is not None:
            found, told, size = after, told + 1, after.members
        if number < len(pauses):
            found = with_alert(found, event(number + 1, after=now), 50)
    assert size == found.members
    assert told <= 1 + 5 + now / 900, "a few times in its first half an hour, then four times an hour at most"


@given(st.integers(1, 30), st.integers(1, 30))
def test_it_is_a_storm_past_its_threshold(members: int, threshold: int) -> None:
    found = incident(members, threshold)
    assert found.storm is (members > threshold)
    assert len(found.samples) == min(members, SAMPLES)
    assert (found.first_at, found.last_at) == (NOON, NOON + timedelta(seconds=members - 1))


_LABELS = st.dictionaries(st.sampled_from("abc"), st.sampled_from("12"), max_size=3)


@given(st.lists(_LABELS, min_size=1, max_size=8), st.integers(1, 8))
def test_its_labels_are_those_that_all_had_when_the_storm_began(labels: list[dict[str, str]], threshold: int) -> None:
    found = opened(event(0, labels=labels[0]), "group")
    for number, more in enumerate(labels[1:], 1):
        found = with_alert(found, event(number, labels=more), threshold)
    counted = labels[: threshold + 1]
    expected = {name: value for name, value in counted[0].items() if all(each.get(name) == value for each in counted)}
    assert found.labels == expected


def test_a_failed_step_is_covered_by_the_termination_that_it_led_to() -> None:
    failed = event(1, step=STEP)
    ended = event(1, EventType.TERMINATED, step=STEP, severity=Severity.CRITICAL, cause=Cause.FAULT)
    quiet = event(1, EventType.TERMINATED, step=STEP, severity=Severity.INFO, cause=Cause.FAULT)
    of_another = event(1, EventType.TERMINATED, step=StepExecution("e2", "step1", StepStatus.FAILED))
    assert covered_by(failed, [failed, ended]) is ended
    assert covered_by(failed, [failed, quiet]) is None, "nobody is told of that one"
    assert covered_by(failed, [failed, of_another]) is None
    assert covered_by(ended, [failed, ended]) is None


def test_a_condition_is_the_same_in_each_of_its_episodes() -> None:
    first, again = event(1, EventType.SUSPENDED), event(1, EventType.SUSPENDED, after=60)
    assert condition_of(first) == condition_of(again)
    other_step = event(1, EventType.STEP_OVERDUE, step=STEP)
    others = [event(2, EventType.SUSPENDED), event(1, EventType.OVERDUE), other_step]
    assert len({condition_of(each) for each in [first, *others]}) == 4
