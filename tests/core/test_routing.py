from datetime import UTC, datetime

import pytest

from monitor.core.model import Event, EventType, Severity
from monitor.core.routing import Route, receivers_for


def event(type: EventType, severity: Severity | None = None) -> Event:
    return Event(
        id="e1",
        type=type,
        severity=severity or type.severity,
        summary="",
        account="acme",
        observed_at=datetime(2026, 1, 5, tzinfo=UTC),
    )


@pytest.mark.parametrize(
    ("route", "told", "taken"),
    [
        pytest.param(Route("a"), event(EventType.SUSPENDED), True, id="a warning by default"),
        pytest.param(Route("a"), event(EventType.TERMINATED), True, id="what is critical by default"),
        pytest.param(Route("a"), event(EventType.COMPLETED), False, id="no info by default"),
        pytest.param(Route("a", Severity.INFO), event(EventType.COMPLETED), True, id="info where asked for"),
        pytest.param(Route("a", Severity.CRITICAL), event(EventType.SUSPENDED), False, id="only critical"),
        pytest.param(
            Route("a"), event(EventType.SUSPENDED, Severity.INFO), False, id="the event's severity, not the type's"
        ),
        pytest.param(Route("a", events=("workflow.*",)), event(EventType.TERMINATED), True, id="a glob that fits"),
        pytest.param(Route("a", events=("workflow.*",)), event(EventType.BLIND), False, id="a glob that does not"),
        pytest.param(
            Route("a", events=("monitor.*", "*.not_found")), event(EventType.NOT_FOUND), True, id="any of them"
        ),
        pytest.param(Route("a", events=("Workflow.*",)), event(EventType.TERMINATED), False, id="case matters"),
        pytest.param(
            Route("a", events=("workflow",)), event(EventType.TERMINATED), False, id="the whole type must fit"
        ),
        pytest.param(Route("a", events=()), event(EventType.TERMINATED), False, id="no globs take nothing"),
    ],
)
def test_a_route_takes_by_severity_and_type(route: Route, told: Event, taken: bool) -> None:
    assert (receivers_for(told, [route]) == ("a",)) is taken


def test_receivers_keep_the_order_of_the_routes_and_come_once() -> None:
    routes = [Route("b"), Route("a", events=("monitor.*",)), Route("c"), Route("b")]

    assert receivers_for(event(EventType.TERMINATED), routes) == ("b", "c")
