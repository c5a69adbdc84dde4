"""By what Alertmanager knows an alert, and where its link leads."""

from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from monitor.core.alerting.labels import alert_labels, alertname, fingerprint
from monitor.core.event_types import EventType, Severity
from monitor.core.model import Event, StepStatus, TargetKey
from monitor.core.text.links import link_of, link_to
from tests.core.beliefs import START, at, error, step

EVENT = Event(
    id="1",
    type=EventType.STEP_FAILED,
    severity=Severity.WARNING,
    summary="",
    account="acme",
    definition="d/1",
    workflow="w 1",
    observed_at=START,
    step=step("a", StepStatus.FAILED),
    labels={"team": "messaging"},
)


@pytest.mark.parametrize(
    ("type", "name"),
    [
        (EventType.TERMINATED, "WorkflowTerminated"),
        (EventType.COMPLETED, "WorkflowCompleted"),
        (EventType.SUSPENDED, "WorkflowSuspended"),
        (EventType.RESUMED, "WorkflowResumed"),
        (EventType.STEP_FAILED, "WorkflowStepFailed"),
        (EventType.STEP_CANCELLED, "WorkflowStepCancelled"),
        (EventType.OVERDUE, "WorkflowOverdue"),
        (EventType.OVERDUE_CLEARED, "WorkflowOverdueCleared"),
        (EventType.STEP_OVERDUE, "WorkflowStepOverdue"),
        (EventType.STEP_OVERDUE_CLEARED, "WorkflowStepOverdueCleared"),
        (EventType.NOT_FOUND, "WorkflowNotFound"),
        (EventType.FOUND, "WorkflowFound"),
        (EventType.UNWATCHED, "WorkflowUnwatched"),
        (EventType.DISCOVERY_TRUNCATED, "MonitorDiscoveryTruncated"),
        (EventType.DISCOVERY_COMPLETE, "MonitorDiscoveryComplete"),
        (EventType.BLIND, "MonitorBlind"),
        (EventType.SIGHTED, "MonitorSighted"),
        (EventType.SCHEMA_DRIFT, "MonitorSchemaDrift"),
    ],
)
def test_an_alert_is_named_for_its_type(type: EventType, name: str) -> None:
    assert alertname(type) == name


@pytest.mark.parametrize(
    "changes",
    [
        pytest.param({"observed_at": at(9), "occurred_at": at(8), "started_at": at(6)}, id="times"),
        pytest.param({"summary": "Other words."}, id="the summary"),
        pytest.param({"errors": (error("Broken."),)}, id="errors"),
        pytest.param({"step": step("b", StepStatus.FAILED, 5, 6)}, id="another execution"),
        pytest.param({"limit": 5.0, "reason": "learned"}, id="a limit"),
        pytest.param({"version": 9}, id="the version"),
    ],
)
def test_what_varies_is_no_label(changes: dict[str, Any]) -> None:
    assert alert_labels(msgspec.structs.replace(EVENT, **changes), "g") == alert_labels(EVENT, "g")


def test_a_label_of_the_target_cannot_take_the_name_of_ours() -> None:
    theirs = {"alertname": "Mine", "severity": "none", "fault_group": "x", "team": "messaging"}

    labels = alert_labels(msgspec.structs.replace(EVENT, labels=theirs), "g")

    assert labels == alert_labels(EVENT, "g") | {
        "exported_alertname": "Mine",
        "exported_severity": "none",
        "exported_fault_group": "x",
    }


def test_an_empty_label_is_none() -> None:
    assert alert_labels(msgspec.structs.replace(EVENT, labels={"team": ""}, step=None), "") == {
        "alertname": "WorkflowStepFailed",
        "severity": "warning",
        "account": "acme",
        "definition": "d/1",
        "workflow": "w 1",
    }


LABELS = st.dictionaries(
    st.sampled_from(["team", "severity", "exported_severity", "exported_exported_severity"]), st.text()
)


@given(LABELS)
def test_two_labels_never_become_one(theirs: dict[str, str]) -> None:
    shown = alert_labels(msgspec.structs.replace(EVENT, labels=theirs), "g")
    ours = alert_labels(msgspec.structs.replace(EVENT, labels={}), "g")
    foreign = [value for name, value in shown.items() if name not in ours]
    assert sorted(foreign) == sorted(value for value in theirs.values() if value)
    assert ours.items() <= shown.items()


@given(st.dictionaries(st.text(), st.text()), st.dictionaries(st.text(), st.text()))
def test_a_fingerprint_tells_labels_apart(one: dict[str, str], other: dict[str, str]) -> None:
    assert (fingerprint(one) == fingerprint(other)) is (one == other)
    assert fingerprint(dict(reversed(one.items()))) == fingerprint(one)


@pytest.mark.parametrize("url", ["http://monitor:8808", "http://monitor:8808/"])
def test_a_link_leads_to_the_target_whatever_its_ids_hold(url: str) -> None:
    assert link_of(EVENT, url) == "http://monitor:8808/targets/acme/d%2F1/w%201"
    assert link_to(TargetKey("a?", "#d", "ü"), url) == "http://monitor:8808/targets/a%3F/%23d/%C3%BC"
    assert link_of(msgspec.structs.replace(EVENT, workflow=None), url) == "http://monitor:8808/"
