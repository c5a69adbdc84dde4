"""How often lists are read: as wanted, and as often as is of use if there are too many instances to look at each."""

from datetime import UTC, datetime

import pytest

from monitor.core.discovery.list_looks import ListLook
from monitor.core.event_types import EventType, Severity
from monitor.core.model import DefinitionVersion, Status
from monitor.core.scheduling.list_arms import is_crowd, share_of_lists, shortest_between, wanted_interval

BEGIN = datetime(2026, 1, 5, tzinfo=UTC)


def look(*reveals: Status, rows: int = 100) -> ListLook:
    return ListLook(
        version=DefinitionVersion("acme", "d", 1),
        question=None,
        started_from=BEGIN,
        started_to=None,
        rows=rows,
        limit=500,
        reveals=frozenset(reveals),
    )


@pytest.mark.parametrize(("instances", "rate", "crowd"), [(3000, 10.0, False), (3001, 10.0, True), (1, 0.001, True)])
def test_a_crowd_is_more_than_a_round_of_five_minutes(instances: int, rate: float, crowd: bool) -> None:
    assert is_crowd(instances, rate) is crowd
    assert share_of_lists(crowd=True) > share_of_lists(crowd=False)


@pytest.mark.parametrize(
    ("one", "severities", "crowd", "seconds"),
    [
        (look(Status.TERMINATED), {}, True, 3.0),
        (look(Status.TERMINATED), {}, False, 30.0),
        (look(Status.COMPLETE), {}, True, 30.0),
        (look(Status.TERMINATED, rows=501), {}, True, 30.0),
        (look(Status.TERMINATED), {EventType.TERMINATED: Severity.WARNING}, True, 30.0),
        (look(Status.COMPLETE), {EventType.COMPLETED: Severity.CRITICAL}, True, 3.0),
    ],
    ids=["critical", "few", "completed", "many pages", "a warning", "completed is critical"],
)
def test_in_a_crowd_one_page_of_critical_ends_is_read_as_often_as_is_of_use(
    one: ListLook, severities: dict[EventType, Severity], crowd: bool, seconds: float
) -> None:
    assert wanted_interval(one, severities, 30.0, crowd=crowd) == seconds
    assert seconds in (30.0, shortest_between(30.0))
