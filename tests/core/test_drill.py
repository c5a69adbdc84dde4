"""The test alert of a drill: what each kind of receiver is sent, and that nobody takes it for a real one."""

import json
from datetime import UTC, datetime, timedelta

import pytest

from monitor.core.alerting.drill import DrillAlert, delivery, ending, opening
from monitor.core.alerting.incidents import is_resolved
from monitor.core.alerting.labels import alert_labels
from monitor.core.alerting.routing import Feed
from monitor.core.alerts import AlertEnd
from monitor.core.commits import Delivery, DeliveryKind
from monitor.core.event_types import EventType, Severity
from monitor.core.text import alert_text

NOW = datetime(2026, 1, 5, 10, tzinfo=UTC)
OPENED = opening("acme", "drill-1", "oncall", NOW)
ENDED = ending(OPENED, NOW + timedelta(seconds=1))


def sent(act: DrillAlert, gets: Feed) -> Delivery:
    return delivery(act, "oncall", gets, base_url="https://api.example", external_url="https://watch.example/")


def test_it_says_of_itself_that_nothing_is_wrong() -> None:
    for act in (OPENED, ENDED):
        assert act.event.summary.startswith("DRILL: ")
        assert act.event.labels["drill"] == "true"
        assert (act.event.definition, act.event.name) == ("drill", "drill")
    assert "nothing is wrong" in OPENED.event.summary
    text = alert_text.body(OPENED.event, link="https://watch.example/")
    assert "nothing needs to be done, this is a drill" in text
    assert "Next:" not in text


def test_it_needs_a_person_as_a_critical_alert_does() -> None:
    assert (OPENED.event.type, OPENED.event.severity) == (EventType.SUSPENDED, Severity.CRITICAL)
    assert OPENED.event.opens_alert
    assert OPENED.alert.end is None
    assert OPENED.alert.single
    assert OPENED.alert.receivers == OPENED.incident.receivers == ("oncall",)


def test_its_end_closes_it_and_resolves_its_incident() -> None:
    assert (ENDED.event.type, ENDED.event.closes) == (EventType.RESUMED, (OPENED.event.id,))
    assert (ENDED.alert.id, ENDED.alert.end) == (OPENED.alert.id, AlertEnd.RESOLVED)
    assert (ENDED.alert.event, ENDED.alert.ended_at) == (OPENED.event, NOW + timedelta(seconds=1))
    assert ENDED.incident.id == OPENED.incident.id
    assert is_resolved(ENDED.incident)


def test_two_drills_are_two_alerts_to_every_receiver() -> None:
    other = opening("acme", "drill-2", "oncall", NOW)
    assert other.event.id != OPENED.event.id
    assert other.incident.id != OPENED.incident.id
    assert sent(other, Feed.ALERTS).subject != sent(OPENED, Feed.ALERTS).subject


@pytest.mark.parametrize(
    ("gets", "abouts", "ref"),
    [
        (Feed.EVENTS, (DeliveryKind.EVENT, DeliveryKind.EVENT), None),
        (Feed.ALERTS, (DeliveryKind.ALERT_OPENED, DeliveryKind.ALERT_CLOSED), OPENED.alert.id),
        (Feed.INCIDENTS, (DeliveryKind.INCIDENT_OPENED, DeliveryKind.INCIDENT_CLOSED), OPENED.incident.id),
    ],
    ids=lambda value: value.value if isinstance(value, Feed) else "",
)
def test_each_kind_of_receiver_is_sent_what_the_daemon_would_send(
    gets: Feed, abouts: tuple[DeliveryKind, DeliveryKind], ref: str | None
) -> None:
    pair = [sent(OPENED, gets), sent(ENDED, gets)]
    assert tuple(one.about for one in pair) == abouts
    assert [one.event_id for one in pair] == [ref or OPENED.event.id, ref or ENDED.event.id]
    assert len({one.subject for one in pair}) == 1
    assert pair[0].seq < pair[1].seq


def test_a_receiver_of_events_gets_two_cloudevents_that_lead_to_the_drill() -> None:
    first, second = (json.loads(sent(act, Feed.EVENTS).body) for act in (OPENED, ENDED))
    assert (first["type"], second["type"]) == ("workflow.suspended", "workflow.resumed")
    assert first["data"]["link"] == "https://watch.example/targets/acme/drill/drill-1"
    assert first["data"]["labels"]["drill"] == "true"
    assert first["id"] != second["id"]
    assert first["subject"] == second["subject"] == "drill/drill-1"


def test_alertmanager_can_route_it_by_its_label() -> None:
    assert alert_labels(OPENED.event, OPENED.alert.fault_group)["drill"] == "true"
