"""What a row of a list is worth by itself."""

from datetime import UTC, datetime

import msgspec
import pytest

from monitor.core.listing import ListedInstance, ListPage
from monitor.core.model import Status

STARTED, ENDED = datetime(2026, 1, 5, 10, tzinfo=UTC), datetime(2026, 1, 5, 11, tzinfo=UTC)
RUNNING = ListedInstance("w1", Status.RUNNABLE, 1, STARTED)
COMPLETE = ListedInstance("w1", Status.COMPLETE, 1, STARTED, ENDED)


@pytest.mark.parametrize("row", [RUNNING, COMPLETE, msgspec.structs.replace(RUNNING, status=Status.SUSPENDED)])
def test_a_whole_row_is_certain(row: ListedInstance) -> None:
    assert row.certain


@pytest.mark.parametrize(
    ("row", "odd"),
    [
        pytest.param(RUNNING, {"status": Status.UNKNOWN}, id="its status is none of the four"),
        pytest.param(RUNNING, {"version": None}, id="it has no version"),
        pytest.param(RUNNING, {"started_at": None}, id="it has no start"),
        pytest.param(RUNNING, {"completed_at": ENDED}, id="it runs and has ended"),
        pytest.param(COMPLETE, {"completed_at": None}, id="it has ended at no time"),
    ],
)
def test_an_odd_row_is_not_certain(row: ListedInstance, odd: dict[str, object]) -> None:
    assert not msgspec.structs.replace(row, **odd).certain


def test_a_page_counts_the_rows_that_it_could_not_read() -> None:
    assert ListPage((RUNNING,), received=3).unreadable == 2
