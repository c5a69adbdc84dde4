"""What a person reads who is woken at night; the whole texts stand here, so that they can be read."""

import unicodedata
from collections.abc import Mapping
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from monitor.core.alerts import AlertEnd, Incident, Sample, VersionImpact
from monitor.core.event_types import EventType, Severity
from monitor.core.model import Cause, Event, Status, StepExecution, StepStatus, TargetKey, WorkflowError
from monitor.core.text.alert_text import (
    BODY_LIMIT,
    TITLE_LIMIT,
    body,
    details,
    ended,
    incident_body,
    incident_title,
    title,
)
from monitor.core.text.summary import summary
from tests.core.beliefs import at, error, step

LINK = "http://m:8808/targets/acme/d1/w1"
RUNBOOK = "https://w.example/RUNBOOK.md"
FAILED = step("b", StepStatus.FAILED, 2, 2.5)
TRAIL = (step("a", StepStatus.COMPLETE, 0, 2, "step0"), FAILED)
ERRORS = (error("Invalid subaccount id.", 2.5),)


def told(type: EventType, **facts: Any) -> Event:
    base: dict[str, Any] = {"definition": "d1", "workflow": "w1", "name": "onboarding-reply", "version": 3}
    if type.value.startswith("monitor."):
        base = {}
    base |= {"observed_at": at(21), "last_seen_at": at(-9), "severity": type.severity}
    event = Event(id="1", type=type, summary="", account="acme", **(base | facts))
    return msgspec.structs.replace(event, summary=summary(event))


EVENTS: Mapping[str, Event] = {
    "fault": told(
        EventType.TERMINATED,
        cause=Cause.FAULT,
        from_status=Status.RUNNABLE,
        to_status=Status.TERMINATED,
        step=FAILED,
        trail=TRAIL,
        occurred_at=at(2.5),
        errors=(error("Slow.", 1, "step0"), *ERRORS),
        labels={"team": "messaging", "runbook": "https://wiki.example/onboarding"},
    ),
    "manual": told(EventType.TERMINATED, cause=Cause.MANUAL, to_status=Status.TERMINATED, last_seen_at=None),
    "unknown": told(EventType.TERMINATED, cause=Cause.UNKNOWN),
    "step failed": told(EventType.STEP_FAILED, step=FAILED, errors=ERRORS),
    "step cancelled": told(EventType.STEP_CANCELLED, step=step("b", StepStatus.CANCELLED)),
    "completed": told(EventType.COMPLETED, from_status=Status.RUNNABLE, to_status=Status.COMPLETE),
    "suspended": told(EventType.SUSPENDED, from_status=Status.RUNNABLE, to_status=Status.SUSPENDED),
    "resumed": told(EventType.RESUMED, from_status=Status.SUSPENDED, to_status=Status.RUNNABLE),
    "overdue": told(EventType.OVERDUE, limit=7200.0, started_at=at(-7203), reason="configured"),
    "overdue cleared": told(EventType.OVERDUE_CLEARED),
    "step overdue": told(
        EventType.STEP_OVERDUE,
        limit=15.0,
        reason="learned",
        started_at=at(2),
        step=step("b", StepStatus.WAITING_FOR_EVENT, 2),
        trail=(step("b", StepStatus.WAITING_FOR_EVENT, 2),),
    ),
    "step overdue cleared": told(EventType.STEP_OVERDUE_CLEARED, step=FAILED),
    "not found": told(EventType.NOT_FOUND, last_seen_at=None),
    "found": told(EventType.FOUND, from_status=Status.NOT_FOUND, to_status=Status.RUNNABLE),
    "unanswered": told(
        EventType.UNANSWERED,
        reason="server_error",
        detail="500 Internal Server Error from automation.8x8.com:443",
    ),
    "answered": told(EventType.ANSWERED),
    "unwatched": told(EventType.UNWATCHED),
    "truncated": told(
        EventType.DISCOVERY_TRUNCATED,
        definition="*",
        workflow=None,
        definition_name=None,
        version=None,
        last_seen_at=None,
        found=250_000,
        watched=200_000,
    ),
    "complete": told(EventType.DISCOVERY_COMPLETE, definition="*", workflow=None, found=7, watched=7),
    "blind": told(
        EventType.BLIND,
        reason="unauthorized",
        detail="401 Unauthorized: the key in /run/secrets/acme is refused by automation.8x8.com:443 (1200 Expired)",
        since=at(-99),
        workflows=12,
    ),
    "sighted": told(EventType.SIGHTED),
    "drift": told(EventType.SCHEMA_DRIFT, reason="status:Paused", last_seen_at=None),
}
INCIDENT = Incident(
    id="i",
    fault_group="g",
    event=EVENTS["fault"],
    opened_at=at(21),
    first_at=at(2.5),
    last_at=at(300),
    members=23,
    open=21,
    samples=(Sample("onboarding-reply", TargetKey("acme", "d1", "w1"), at(2)),),
)
TOLLS = (VersionImpact(4, 112, 0), VersionImpact(3, 40, 23))


TEXTS = {
    "fault": """\
Cause: step1: Invalid subaccount id. (2026-01-05 10:00:02 UTC)
Also: step0: Slow. (2026-01-05 10:00:01 UTC)

Severity: critical.
It went from Runnable to Terminated.

Happened: 2026-01-05 10:00:02 UTC
Seen: 2026-01-05 10:00:21 UTC, 18s later
Last look before: 2026-01-05 09:59:51 UTC

Last steps:
- step0: Complete after 2s
- step1: Failed after 500ms

Labels: team=messaging

Runbook: https://wiki.example/onboarding

Workflow w1 of d1, version 3, account acme.
To close this alert: workflow-monitor close 1

http://m:8808/targets/acme/d1/w1
""",
    "manual": """\
It was Terminated when it was first seen.

Severity: critical.

Seen: 2026-01-05 10:00:21 UTC

Next: Ask who ended it; if nobody did, look for the program that did.
Runbook: https://w.example/RUNBOOK.md#workflowterminated

Workflow w1 of d1, version 3, account acme.
To close this alert: workflow-monitor close 1

http://m:8808/targets/acme/d1/w1
""",
    "unknown": """\
Cause: not known. Its errors could not be read.

Severity: critical.

Seen: 2026-01-05 10:00:21 UTC
Last look before: 2026-01-05 09:59:51 UTC

Next: Ask the API for its errors; the monitor could not read them.
Runbook: https://w.example/RUNBOOK.md#workflowterminated

Workflow w1 of d1, version 3, account acme.
To close this alert: workflow-monitor close 1

http://m:8808/targets/acme/d1/w1
""",
    "step failed": """\
Cause: step1: Invalid subaccount id. (2026-01-05 10:00:02 UTC)

Severity: warning.

Seen: 2026-01-05 10:00:21 UTC
Last look before: 2026-01-05 09:59:51 UTC

Next: See whether the workflow goes on: a failed step may be tried again.
Runbook: https://w.example/RUNBOOK.md#workflowstepfailed

Workflow w1 of d1, version 3, account acme.
To close this alert: workflow-monitor close 1

http://m:8808/targets/acme/d1/w1
""",
    "step cancelled": """\
Severity: info.

Seen: 2026-01-05 10:00:21 UTC
Last look before: 2026-01-05 09:59:51 UTC

Workflow w1 of d1, version 3, account acme.

http://m:8808/targets/acme/d1/w1
""",
    "completed": """\
It went from Runnable to Complete.

Severity: info.

Seen: 2026-01-05 10:00:21 UTC
Last look before: 2026-01-05 09:59:51 UTC

Workflow w1 of d1, version 3, account acme.

http://m:8808/targets/acme/d1/w1
""",
    "suspended": """\
It went from Runnable to Suspended.

Severity: warning.

Seen: 2026-01-05 10:00:21 UTC
Last look before: 2026-01-05 09:59:51 UTC

Next: Find out who suspended it and why; it goes on only when somebody resumes it.
Runbook: https://w.example/RUNBOOK.md#workflowsuspended

Workflow w1 of d1, version 3, account acme.
To close this alert: workflow-monitor close 1

http://m:8808/targets/acme/d1/w1
""",
    "resumed": """\
It went from Suspended to Runnable.

Severity: info.

Seen: 2026-01-05 10:00:21 UTC
Last look before: 2026-01-05 09:59:51 UTC

Workflow w1 of d1, version 3, account acme.

http://m:8808/targets/acme/d1/w1
""",
    "overdue": """\
Allowed: 2h, as the watchlist says (max_runtime).

Severity: warning.

Running since: 2026-01-05 07:59:57 UTC, 2h before it was seen
Seen: 2026-01-05 10:00:21 UTC
Last look before: 2026-01-05 09:59:51 UTC

Next: See which step it is at, and whether that one still moves.
Runbook: https://w.example/RUNBOOK.md#workflowoverdue

Workflow w1 of d1, version 3, account acme.
To close this alert: workflow-monitor close 1

http://m:8808/targets/acme/d1/w1
""",
    "overdue cleared": """\
Severity: info.

Seen: 2026-01-05 10:00:21 UTC
Last look before: 2026-01-05 09:59:51 UTC

Workflow w1 of d1, version 3, account acme.

http://m:8808/targets/acme/d1/w1
""",
    "step overdue": """\
Allowed: 15s, learned: nearly all its runs before took less.

Severity: warning.

WaitingForEvent since: 2026-01-05 10:00:02 UTC, 19s before it was seen
Seen: 2026-01-05 10:00:21 UTC
Last look before: 2026-01-05 09:59:51 UTC

Last steps:
- step1: WaitingForEvent, started 19s ago

Next: Check whether what it waits for was sent, and whether it went to this workflow.
Runbook: https://w.example/RUNBOOK.md#workflowstepoverdue

Workflow w1 of d1, version 3, account acme.
To close this alert: workflow-monitor close 1

http://m:8808/targets/acme/d1/w1
""",
    "step overdue cleared": """\
Severity: info.

Seen: 2026-01-05 10:00:21 UTC
Last look before: 2026-01-05 09:59:51 UTC

Workflow w1 of d1, version 3, account acme.

http://m:8808/targets/acme/d1/w1
""",
    "not found": """\
Cause: the API answers 404, not found, to each request about it.

Severity: warning.

Seen: 2026-01-05 10:00:21 UTC

Next: Check the account and the ids in the watchlist.
Runbook: https://w.example/RUNBOOK.md#workflownotfound

Workflow w1 of d1, version 3, account acme.
To close this alert: workflow-monitor close 1

http://m:8808/targets/acme/d1/w1
""",
    "found": """\
It went from NotFound to Runnable.

Severity: info.

Seen: 2026-01-05 10:00:21 UTC
Last look before: 2026-01-05 09:59:51 UTC

Workflow w1 of d1, version 3, account acme.

http://m:8808/targets/acme/d1/w1
""",
    "unanswered": """\
Cause: 500 Internal Server Error from automation.8x8.com:443

Severity: warning.

Seen: 2026-01-05 10:00:21 UTC
Last look before: 2026-01-05 09:59:51 UTC

Next: Ask for this one by hand (workflow-monitor status); look at it in the API's own console.
Runbook: https://w.example/RUNBOOK.md#workflowunanswered

Workflow w1 of d1, version 3, account acme.
To close this alert: workflow-monitor close 1

http://m:8808/targets/acme/d1/w1
""",
    "answered": """\
Severity: info.

Seen: 2026-01-05 10:00:21 UTC
Last look before: 2026-01-05 09:59:51 UTC

Workflow w1 of d1, version 3, account acme.

http://m:8808/targets/acme/d1/w1
""",
    "unwatched": """\
Severity: info.

Seen: 2026-01-05 10:00:21 UTC
Last look before: 2026-01-05 09:59:51 UTC

Workflow w1 of d1, version 3, account acme.

http://m:8808/targets/acme/d1/w1
""",
    "truncated": """\
Cause: 250,000 running workflows are found; max_instances allows 200,000.

Severity: warning.

Workflows that nobody watches now: 50,000, the oldest ones
Seen: 2026-01-05 10:00:21 UTC

Next: Raise its max_instances, or narrow it: exclude, versions, started_within.
Runbook: https://w.example/RUNBOOK.md#monitordiscoverytruncated

Discovery of every definition, account acme.
To close this alert: workflow-monitor close 1

http://m:8808/targets/acme/d1/w1
""",
    "complete": """\
Severity: info.

Seen: 2026-01-05 10:00:21 UTC
Last look before: 2026-01-05 09:59:51 UTC

Discovery of every definition, account acme.

http://m:8808/targets/acme/d1/w1
""",
    "blind": """\
Cause: 401 Unauthorized: the key in /run/secrets/acme is refused by automation.8x8.com:443 (1200 Expired)

Severity: critical.

Workflows that nobody watches now: 12
Not watched since: 2026-01-05 09:58:21 UTC, 2m before it was seen
Seen: 2026-01-05 10:00:21 UTC
Last look before: 2026-01-05 09:59:51 UTC

Next: Check the API key of this account: it is missing, wrong or not valid any more.
Runbook: https://w.example/RUNBOOK.md#monitorblind

Account acme.
To close this alert: workflow-monitor close 1

http://m:8808/targets/acme/d1/w1
""",
    "sighted": """\
Severity: info.

Seen: 2026-01-05 10:00:21 UTC
Last look before: 2026-01-05 09:59:51 UTC

Account acme.

http://m:8808/targets/acme/d1/w1
""",
    "drift": """\
Cause: status:Paused

Severity: warning.

Seen: 2026-01-05 10:00:21 UTC

Next: Look for a newer version of the monitor; until then changes like this one may go untold.
Runbook: https://w.example/RUNBOOK.md#monitorschemadrift

Account acme.
To close this alert: workflow-monitor close 1

http://m:8808/targets/acme/d1/w1
""",
}
INCIDENT_TEXT = """\
Cause: step1: Invalid subaccount id.

Severity: critical.
23 alerts with one cause within 4m 58s, 21 of them open.
First: 2026-01-05 10:00:02 UTC
Latest: 2026-01-05 10:05:00 UTC

Some of them:
- onboarding-reply http://m:8808/targets/acme/d1/w1

Of the watched instances:
- version 3 (this one): 23 of 40 failed
- version 4: 0 of 112 failed

The first of them:
It went from Runnable to Terminated.

Happened: 2026-01-05 10:00:02 UTC
Seen: 2026-01-05 10:00:21 UTC, 18s later
Last look before: 2026-01-05 09:59:51 UTC

Last steps:
- step0: Complete after 2s
- step1: Failed after 500ms

Labels: team=messaging

Runbook: https://wiki.example/onboarding

Workflow w1 of d1, version 3, account acme.
To close all of them: workflow-monitor close i

http://m:8808/targets/acme/d1/w1
"""


@pytest.mark.parametrize("name", EVENTS)
def test_a_text_for_somebody_woken_at_night(name: str) -> None:
    assert body(EVENTS[name], link=LINK, runbook_url=RUNBOOK) + "\n" == TEXTS[name]


@pytest.mark.parametrize("name", EVENTS)
def test_no_text_names_a_runbook_that_nobody_can_open(name: str) -> None:
    event = msgspec.structs.replace(EVENTS[name], labels={})
    assert "RUNBOOK" not in body(event, link=LINK).upper()
    assert "runbook" not in details(msgspec.structs.replace(INCIDENT, event=event), ())


def test_every_type_of_event_is_shown_here() -> None:
    assert {event.type for event in EVENTS.values()} == set(EventType)


def test_a_title_is_the_summary_in_one_line() -> None:
    assert title(EVENTS["manual"]) == EVENTS["manual"].summary
    assert len(title(told(EventType.STEP_FAILED, errors=(error("x" * 400),)))) == TITLE_LIMIT


def test_many_alerts_with_one_cause_are_one_text() -> None:
    assert incident_title(INCIDENT) == "23 workflows of d1 terminated: step1: Invalid subaccount id."
    assert incident_body(INCIDENT, tolls=TOLLS, external_url="http://m:8808") + "\n" == INCIDENT_TEXT


def test_a_cause_whose_numbers_differ_is_told_as_an_example() -> None:
    event = msgspec.structs.replace(EVENTS["fault"], errors=(error("No answer after 31 s.", 2.5),))
    many = msgspec.structs.replace(INCIDENT, event=event)

    assert incident_title(many) == "23 workflows of d1 terminated, such as: step1: No answer after 31 s."
    assert incident_body(many, tolls=(), external_url="").startswith("Cause, such as: step1: No answer after 31 s.\n\n")


def test_a_title_about_many_failures_names_their_step_once() -> None:
    many = msgspec.structs.replace(INCIDENT, event=EVENTS["step failed"])
    assert incident_title(many) == "23 failures of step step1 of d1: Invalid subaccount id."


def test_a_failed_step_without_an_error_says_so_first() -> None:
    failed = msgspec.structs.replace(EVENTS["step failed"], errors=())
    many = msgspec.structs.replace(INCIDENT, event=failed)
    for text in (body(failed, link=LINK), incident_body(many, tolls=(), external_url="")):
        assert text.startswith("Cause: not known. The API tells no error of this step.\n\nSeverity: ")


def test_a_definition_is_called_by_its_own_name_and_its_id_stays_at_the_end() -> None:
    named = msgspec.structs.replace(EVENTS["fault"], definition_name="onboarding")
    many = msgspec.structs.replace(INCIDENT, event=named)
    assert incident_title(many) == "23 workflows of onboarding terminated: step1: Invalid subaccount id."
    assert "\n\nWorkflow w1 of onboarding (d1), version 3, account acme.\n" in body(named, link=LINK)


@pytest.mark.parametrize(
    ("before", "words"),
    [(Status.RUNNABLE, "Severity: warning.\nIt was Runnable before.\n\n"), (None, "Severity: warning.\n\n")],
)
def test_what_is_not_found_says_what_it_was_before_if_it_was_ever_seen(before: Status | None, words: str) -> None:
    assert words in body(told(EventType.NOT_FOUND, from_status=before, to_status=Status.NOT_FOUND), link=LINK)


def test_the_first_of_many_begins_with_what_is_known_of_it() -> None:
    many = msgspec.structs.replace(INCIDENT, event=EVENTS["overdue"])
    text = incident_body(many, tolls=(), external_url="")
    assert "The first of them:\nAllowed: 2h, as the watchlist says (max_runtime).\n\nRunning since: " in text


def test_of_an_ended_workflow_no_step_waits() -> None:
    waiting = step("b", StepStatus.WAITING_FOR_EVENT, 2)
    over = msgspec.structs.replace(EVENTS["manual"], trail=(waiting,))

    assert "- step1: was WaitingForEvent when the workflow ended" in body(over, link=LINK)


@pytest.mark.parametrize("name", [name for name, event in EVENTS.items() if event.opens_alert])
def test_what_can_be_closed_says_how(name: str) -> None:
    event = msgspec.structs.replace(EVENTS[name], id="an-id")
    assert "workflow-monitor close an-id" in body(event, link=LINK)


def test_an_incident_of_one_reads_as_its_alert() -> None:
    alone = msgspec.structs.replace(INCIDENT, members=1)

    assert incident_title(alone) == title(alone.event)
    text = body(alone.event, link=LINK)
    assert text.count("close 1\n") == 1
    assert incident_body(alone, tolls=(), external_url="http://m:8808") == text.replace("close 1\n", "close i\n")


def test_programs_get_the_same_facts() -> None:
    assert details(INCIDENT, TOLLS) == {
        "count": "23",
        "open": "21",
        "first_at": "2026-01-05T10:00:02.500000Z",
        "last_at": "2026-01-05T10:05:00.000000Z",
        "cause": "fault",
        "step": "step1",
        "error": "Invalid subaccount id.",
        "version": "3",
        "runbook": "https://wiki.example/onboarding",
        "label_team": "messaging",
        "failed_in_version_4": "0 of 112",
        "failed_in_version_3": "23 of 40",
    }


@pytest.mark.parametrize(
    ("reason", "words"),
    [
        ("configured", "Allowed: 2h, as the watchlist says (max_runtime)."),
        ("declared", "Allowed: 2h, as the definition itself says, with some slack."),
        ("learned", "Allowed: 2h, learned: nearly all its runs before took less."),
    ],
)
def test_what_is_overdue_says_whose_limit_it_is(reason: str, words: str) -> None:
    assert words in body(told(EventType.OVERDUE, limit=7200.0, reason=reason), link=LINK)


@pytest.mark.parametrize(
    ("end", "words"),
    [
        (AlertEnd.RESOLVED, "Resolved: what was wrong has ended."),
        (AlertEnd.EXPIRED, "Expired: it was held open for 4h; whether anybody saw to it is not known."),
        (AlertEnd.CLOSED, "Closed by a person."),
        (AlertEnd.UNWATCHED, "Closed: what it was about is not watched any more."),
    ],
)
def test_an_end_is_told_as_what_it_was(end: AlertEnd, words: str) -> None:
    assert ended(end, hold=14_400) == words


TEXT = st.text(max_size=40) | st.just("x\n" * 3000)
MOMENTS = st.integers(-(10**6), 10**6).map(at)
SOME = st.none() | MOMENTS
STEPS = st.builds(StepExecution, TEXT, TEXT, st.sampled_from(StepStatus), SOME, SOME)
FAULTS = st.lists(st.builds(WorkflowError, TEXT, TEXT, SOME), max_size=7).map(tuple)
STATUSES = st.none() | st.sampled_from(Status)
ANY = st.builds(
    Event,
    id=TEXT,
    type=st.sampled_from(EventType),
    severity=st.sampled_from(Severity),
    summary=TEXT,
    account=TEXT,
    observed_at=MOMENTS,
    occurred_at=SOME,
    last_seen_at=SOME,
    started_at=SOME,
    definition=st.none() | TEXT,
    workflow=st.none() | TEXT,
    name=st.none() | TEXT,
    version=st.none() | st.integers(0, 9),
    from_status=STATUSES,
    to_status=STATUSES,
    cause=st.none() | st.sampled_from(Cause),
    step=st.none() | STEPS,
    errors=FAULTS,
    trail=st.lists(STEPS, max_size=12).map(tuple),
    limit=st.none() | st.floats(0, 1e9),
    reason=st.none() | TEXT,
    labels=st.dictionaries(TEXT | st.just("runbook"), TEXT, max_size=12),
)


def is_clean(text: str) -> bool:
    return not any(unicodedata.category(sign) in ("Cc", "Cs", "Zl", "Zp") for sign in text.replace("\n", ""))


@given(ANY, st.integers(1, 9))
def test_any_event_has_a_clean_bounded_text_with_its_link_last(event: Event, members: int) -> None:
    incident = msgspec.structs.replace(INCIDENT, event=event, members=members)
    whole = body(event, link=LINK)
    many = incident_body(incident, tolls=TOLLS, external_url="http://m:8808")

    for line in (title(event), incident_title(incident)):
        assert 0 < len(line) <= TITLE_LIMIT
        assert is_clean(line)
        assert "\n" not in line
    for text in (whole, many):
        assert len(text) <= BODY_LIMIT
        assert is_clean(text)
    assert whole.endswith(f"\n\n{LINK}")
    assert body(event, link=LINK) == whole
    assert all(value and is_clean(value) for value in details(incident, TOLLS).values())
