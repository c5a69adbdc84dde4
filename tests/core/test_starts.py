"""Which found instances count as begun, and how long they waited to begin."""

from datetime import UTC, datetime, timedelta

import pytest

from monitor.core.discovery.starts import DefinitionListing, counted_from, counts, queue_delay
from monitor.core.listing import ListedInstance
from monitor.core.model import Status

NOW = datetime(2026, 1, 5, 10, 0, 0, tzinfo=UTC)
EARLIER = DefinitionListing(NOW - timedelta(minutes=1), {"orders": 3})


def row(started: float | None, triggered: float | None = None) -> ListedInstance:
    """Seconds after `NOW`; None: the row has none."""

    def at(seconds: float | None) -> datetime | None:
        return None if seconds is None else NOW + timedelta(seconds=seconds)

    return ListedInstance("60dbe307", Status.RUNNABLE, 1, at(started), triggered_at=at(triggered))


@pytest.mark.parametrize(
    ("definition", "version", "before", "since"),
    [
        pytest.param("orders", 3, None, NOW, id="with the first answer"),
        pytest.param("orders", 3, EARLIER, NOW, id="it was listed before, and is followed only now"),
        pytest.param("orders", 2, EARLIER, NOW, id="an older version"),
        pytest.param("orders", 4, EARLIER, EARLIER.at, id="a deploy"),
        pytest.param("orders", 5, EARLIER, EARLIER.at, id="the second deploy of one minute"),
        pytest.param("refunds", 1, EARLIER, EARLIER.at, id="a new definition"),
    ],
)
def test_a_version_counts_from_when_it_was_not_there_yet_or_from_now(
    definition: str, version: int, before: DefinitionListing | None, since: datetime
) -> None:
    assert counted_from(definition, version, before, NOW) == since


@pytest.mark.parametrize(("started", "expected"), [(-0.001, False), (0.0, True), (5.0, True), (None, False)])
def test_what_began_before_or_at_an_unknown_time_does_not_count(started: float | None, expected: bool) -> None:
    assert counts(row(started), NOW) is expected


@pytest.mark.parametrize(
    ("started", "triggered", "expected"),
    [(2.0, 0.5, 1.5), (2.0, 2.0, 0.0), (2.0, 3.0, None), (2.0, None, None), (None, 1.0, None)],
)
def test_the_queue_delay_is_from_trigger_to_start_and_never_negative(
    started: float | None, triggered: float | None, expected: float | None
) -> None:
    assert queue_delay(row(started, triggered)) == expected
