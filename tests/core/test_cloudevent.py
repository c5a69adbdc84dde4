"""The contract's JSON, to the letter."""

import json
from datetime import timedelta
from typing import Any

import msgspec
import pytest

from monitor.core.event_types import EventType, Severity
from monitor.core.formats.timestamps import parse_timestamp
from monitor.core.model import Cause, Event, Status, StepExecution, StepStatus, WorkflowError
from monitor.core.text.cloudevent import encode
from tests.core.beliefs import START

EXAMPLE = """
{"specversion": "1.0", "id": "3f0c", "type": "workflow.terminated",
 "source": "https://automation.8x8.com/api/v1/accounts/acme",
 "subject": "5870442f-3ddd-4657-b74c-6e17308f5230/60dbe307fe55d99fc083db61",
 "time": "2026-01-05T10:00:02.500000Z", "datacontenttype": "application/json",
 "data": {"severity": "critical", "summary": "onboarding-reply terminated: step1: Invalid subaccount id.",
  "account": "acme", "definition": "5870442f-3ddd-4657-b74c-6e17308f5230", "workflow": "60dbe307fe55d99fc083db61",
  "name": "onboarding-reply", "version": 1,
  "from_status": "Runnable", "to_status": "Terminated", "cause": "fault",
  "step": {"id": "b2c6185b", "name": "step1", "status": "Failed"},
  "errors": [{"step": "step1", "message": "Invalid subaccount id.", "time": "2026-01-05T10:00:02.500000Z"}],
  "occurred_at": "2026-01-05T10:00:02.500000Z", "observed_at": "2026-01-05T10:00:21.031000Z",
  "last_seen_at": "2026-01-05T09:59:51.020000Z", "seen_by": "status",
  "link": "http://localhost:8808/targets/acme/5870442f-3ddd-4657-b74c-6e17308f5230/60dbe307fe55d99fc083db61",
  "labels": {"team": "messaging"}}}
"""
OCCURRED = parse_timestamp("2026-01-05T10:00:02.5Z")
TERMINATED = Event(
    id="3f0c",
    type=EventType.TERMINATED,
    severity=Severity.CRITICAL,
    summary="onboarding-reply terminated: step1: Invalid subaccount id.",
    account="acme",
    definition="5870442f-3ddd-4657-b74c-6e17308f5230",
    workflow="60dbe307fe55d99fc083db61",
    name="onboarding-reply",
    definition_name="onboarding",
    version=1,
    from_status=Status.RUNNABLE,
    to_status=Status.TERMINATED,
    cause=Cause.FAULT,
    step=StepExecution("b2c6185b", "step1", StepStatus.FAILED, START, OCCURRED),
    errors=(WorkflowError("step1", "Invalid subaccount id.", OCCURRED),),
    occurred_at=OCCURRED,
    observed_at=parse_timestamp("2026-01-05T10:00:21.031Z") or START,
    last_seen_at=parse_timestamp("2026-01-05T09:59:51.02Z"),
    labels={"team": "messaging"},
    closes=("suspended",),
)
BLIND = Event(
    id="1",
    type=EventType.BLIND,
    severity=Severity.CRITICAL,
    summary="!",
    account="a/b",
    observed_at=START,
    reason="timeout",
    detail="No whole answer within 10s (automation.8x8.com:443)",
    since=START - timedelta(seconds=120),
    workflows=12,
)


def text(event: Event) -> bytes:
    return encode(event, base_url="https://automation.8x8.com", external_url="http://localhost:8808")


def read(event: Event) -> Any:
    return json.loads(text(event))


def test_the_contracts_example_to_the_letter() -> None:
    assert text(TERMINATED) == json.dumps(json.loads(EXAMPLE), separators=(",", ":")).encode()


def test_fields_that_do_not_apply_are_absent() -> None:
    assert read(BLIND) == {
        "specversion": "1.0",
        "id": "1",
        "type": "monitor.blind",
        "source": "https://automation.8x8.com/api/v1/accounts/a%2Fb",
        "subject": "a/b",
        "time": "2026-01-05T10:00:00.000000Z",
        "datacontenttype": "application/json",
        "data": {
            "severity": "critical",
            "summary": "!",
            "account": "a/b",
            "reason": "timeout",
            "detail": "No whole answer within 10s (automation.8x8.com:443)",
            "since": "2026-01-05T09:58:00.000000Z",
            "workflows": 12,
            "observed_at": "2026-01-05T10:00:00.000000Z",
            "link": "http://localhost:8808/",
        },
    }


def test_what_is_overdue_says_by_whose_word_and_since_its_deadline() -> None:
    event = Event(
        id="1",
        type=EventType.STEP_OVERDUE,
        severity=Severity.WARNING,
        summary="!",
        account="a",
        definition="d",
        workflow="w",
        version=1,
        step=StepExecution("b2c6185b", "step1", StepStatus.SLEEPING, START),
        trail=(StepExecution("b2c6185b", "step1", StepStatus.SLEEPING, START),),
        limit=60.0,
        started_at=START,
        reason="declared",
        occurred_at=START + timedelta(seconds=60),
        observed_at=START + timedelta(seconds=61),
    )
    told = read(event)
    assert (told["type"], told["time"]) == ("workflow.step_overdue", "2026-01-05T10:01:00.000000Z")
    assert told["data"] == {
        "severity": "warning",
        "summary": "!",
        "account": "a",
        "definition": "d",
        "workflow": "w",
        "version": 1,
        "reason": "declared",
        "step": {"id": "b2c6185b", "name": "step1", "status": "Sleeping"},
        "occurred_at": "2026-01-05T10:01:00.000000Z",
        "observed_at": "2026-01-05T10:01:01.000000Z",
        "seen_by": "status",
        "link": "http://localhost:8808/targets/a/d/w",
    }


@pytest.mark.parametrize(("listed", "word"), [(False, "status"), (True, "list")])
@pytest.mark.parametrize("type_", EventType)
def test_every_event_of_a_workflow_says_which_kind_of_request_showed_it(
    type_: EventType, listed: bool, word: str
) -> None:
    event = msgspec.structs.replace(TERMINATED, type=type_, listed=listed)
    assert read(event)["data"].get("seen_by") == (word if type_.value.startswith("workflow.") else None)


def test_an_error_without_a_time_has_none() -> None:
    event = msgspec.structs.replace(TERMINATED, errors=(WorkflowError("s", "m"),))
    assert read(event)["data"]["errors"] == [{"step": "s", "message": "m"}]


def test_ids_in_a_link_are_percent_encoded() -> None:
    event = msgspec.structs.replace(TERMINATED, definition="a b", workflow="ü%:@")
    assert read(event)["data"]["link"] == "http://localhost:8808/targets/acme/a%20b/%C3%BC%25%3A%40"
    assert read(event)["subject"] == "a b/ü%:@"


@pytest.mark.parametrize("event", [TERMINATED, BLIND], ids=["target", "account"])
def test_a_slash_at_the_end_of_a_url_is_not_doubled(event: Event) -> None:
    doubled = encode(event, base_url="https://automation.8x8.com/", external_url="http://localhost:8808/")
    assert doubled == text(event)
