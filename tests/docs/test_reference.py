"""`deploy/REFERENCE.md` names what other programs rely on: events, paths, metrics, alerts of the rules."""

import re

import pytest
from prometheus_client import CollectorRegistry

from monitor.core.event_types import AlertKind, EventType
from monitor.web import build
from tests.deploy.shipped import ALERTS, families
from tests.docs.documents import REFERENCE, section
from tests.edges.web_kit import Daemon

METRICS = {
    f"{family.name}_total" if family.type == "counter" else family.name
    for family in families()
    if family.type != "info"
}


@pytest.mark.parametrize("metric", sorted(METRICS))
def test_every_metric_is_documented(metric: str) -> None:
    assert f"`{metric}`" in section(REFERENCE, "Metrics")


def test_the_reference_names_no_metric_that_is_not_there() -> None:
    named = set(re.findall(r"`((?:workflow|process)_[a-z_]+)`", section(REFERENCE, "Metrics")))
    assert named <= METRICS | {"workflow_monitor_build_info"}
    assert len(named) > 20


_ALERTS = {AlertKind.EVENT: "held", AlertKind.CONDITION: "condition"}


@pytest.mark.parametrize("event", EventType)
def test_every_event_is_documented_with_its_severities_and_its_alert(event: EventType) -> None:
    row = re.search(
        rf"^\| ([^|]*`{re.escape(event.value)}`[^|]*)\|[^|]*\|([^|]*)\|([^|]*)\|",
        section(REFERENCE, "Events"),
        re.MULTILINE,
    )
    assert row is not None
    types, severities, alert = row[1], row[2], row[3].strip()
    assert [severity for severity in event.facts.severities if severity not in severities] == []
    opens = [type_ for type_ in EventType if f"`{type_.value}`" in types and type_.kind is not AlertKind.NOTICE]
    assert alert == "".join(_ALERTS[type_.kind] for type_ in opens)
    assert event in opens or event.facts.ends[:1] == tuple(opens) or not opens


def test_the_reference_names_no_event_that_is_not_there() -> None:
    named = set(re.findall(r"`((?:workflow|monitor)\.[a-z_]+)`", section(REFERENCE, "Events")))
    assert named == {event.value for event in EventType}


def test_every_path_is_documented() -> None:
    application = build(Daemon(), CollectorRegistry(), external_url="http://localhost", admin_token=lambda: None)
    paths = {resource.canonical for resource in application.router.resources()}
    assert "/metrics" in paths
    for path in paths:
        assert re.search(rf"^\| `(GET|POST) {re.escape(path)}[`?]", section(REFERENCE, "HTTP"), re.MULTILINE), path


def test_every_alert_of_the_rules_is_documented() -> None:
    assert ALERTS
    assert [alert for alert in ALERTS if f"`{alert}`" not in section(REFERENCE, "Sources of alerts")] == []
