from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from monitor.core.alerting.routing import Feed, Route, receivers_for
from monitor.core.event_types import EventType, Severity
from monitor.core.model import Event


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


ROUTES = st.lists(
    st.builds(
        Route,
        receiver=st.sampled_from("abcdef"),
        min_severity=st.sampled_from(Severity),
        events=st.sampled_from([("*",), ("workflow.*",), ("monitor.*",), ()]),
        gets=st.sampled_from(Feed),
    ),
    unique_by=lambda route: route.receiver,
)


@given(ROUTES, st.sampled_from(EventType), st.sampled_from(Severity))
def test_who_takes_an_event_gets_it_in_the_one_form_of_its_kind(
    routes: list[Route], type: EventType, severity: Severity
) -> None:
    told = event(type, severity)

    got = {gets: receivers_for(told, routes, gets) for gets in Feed}

    assert sorted(name for names in got.values() for name in names) == sorted(
        route.receiver for route in routes if route.takes(told)
    )
    assert all(route.receiver not in got[gets] for route in routes for gets in Feed if route.gets is not gets)
