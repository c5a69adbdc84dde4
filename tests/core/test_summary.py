import unicodedata
from datetime import datetime
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from monitor.core.event_types import EventType, Severity
from monitor.core.formats.clean import clean
from monitor.core.model import Cause, Event, Status, StepExecution, StepStatus, WorkflowError
from monitor.core.text.summary import SUMMARY_LIMIT, about, summary
from tests.core.beliefs import START, at, error, step

# --- clean ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        pytest.param("Invalid subaccount id.", "Invalid subaccount id.", id="plain"),
        pytest.param("one\r\n\ttwo\x00\x1b[31mthree", "one two three", id="control characters"),
        pytest.param("abc\u202egpj.exe", "abc gpj.exe", id="text that would read backwards"),
        pytest.param("one\u2028two\u0085three", "one two three", id="lines of other kinds"),
        pytest.param("a\u200bb\ufeffc\U000e0041d", "a b c d", id="what nobody can see"),
        pytest.param("half \ud83d of it", "half of it", id="half a character"),
        pytest.param("  padded  ", "padded", id="padding"),
        pytest.param("Grüße 👩‍💻", "Grüße 👩‍💻", id="people's text"),
        pytest.param("0123456789012345678901234", "0123456789012345678901234", id="just fits"),
        pytest.param("01234567890123456789012345", "012345678901234567890123…", id="cut"),
        pytest.param("", "", id="nothing"),
        pytest.param("\n" * 1000 + "x", "…", id="nothing of it in sight"),
    ],
)
def test_foreign_text_becomes_one_harmless_line(text: str, expected: str) -> None:
    assert clean(text, 25) == expected


@given(st.text(st.characters()), st.integers(-1, 40))
def test_no_text_gets_through_as_more_than_a_line(text: str, limit: int) -> None:
    line = clean(text, limit)
    assert len(line) <= max(limit, 0)
    assert len(line.splitlines()) <= 1
    line.encode()
    assert not any(unicodedata.category(character) in ("Cc", "Cs", "Zl", "Zp") for character in line)
    assert clean(line, limit) == line


def test_megabytes_are_not_read_to_the_end() -> None:
    assert clean("x" * 10_000_000, 10) == "x" * 9 + "…"


# --- summaries --------------------------------------------------------------------------------------------

DEFINITION, WORKFLOW = "5870442f-3ddd-4657-b74c-6e17308f5230", "60dbe307fe55d99fc083db61"


def event(
    type: EventType,
    *,
    name: str | None = "onboarding-reply",
    definition_name: str | None = None,
    cause: Cause | None = None,
    failed: StepExecution | None = None,
    errors: tuple[WorkflowError, ...] = (),
    before: Status | None = None,
    after: Status | None = None,
    reason: str | None = None,
    seen: bool = True,
    lasted: float | None = None,
    limit: float | None = None,
    detail: str | None = None,
    since: datetime | None = None,
    workflows: int | None = None,
) -> Event:
    return Event(
        id="1",
        type=type,
        severity=Severity.INFO,
        summary="",
        account="acme",
        definition=DEFINITION,
        workflow=WORKFLOW,
        name=name,
        definition_name=definition_name,
        observed_at=START,
        last_seen_at=START if seen else None,
        cause=cause,
        step=failed,
        errors=errors,
        from_status=before,
        to_status=after,
        reason=reason,
        started_at=at(-lasted) if lasted is not None else None,
        limit=limit,
        detail=detail,
        since=since,
        workflows=workflows,
    )


def of_discovery(type: EventType, definition: str, **facts: Any) -> Event:
    return msgspec.structs.replace(event(type), definition=definition, **facts)


FAILED = step("a", StepStatus.FAILED)
SLEEPING = step("a", StepStatus.SLEEPING)
TERMINATED = EventType.TERMINATED


@pytest.mark.parametrize(
    ("told", "expected"),
    [
        pytest.param(
            event(TERMINATED, failed=FAILED, errors=(error("Invalid subaccount id."),)),
            "onboarding-reply terminated: step1: Invalid subaccount id.",
            id="a fault",
        ),
        pytest.param(
            event(TERMINATED, errors=(error("First."), error("Second."))),
            "onboarding-reply terminated: step1: First. (and 1 more)",
            id="several errors",
        ),
        pytest.param(
            event(TERMINATED, errors=(error("It broke.", name=""),)),
            "onboarding-reply terminated: It broke.",
            id="an error of no step",
        ),
        pytest.param(
            event(TERMINATED, errors=(error("step1: It broke."),)),
            "onboarding-reply terminated: step1: It broke.",
            id="a message that names the step",
        ),
        pytest.param(
            event(EventType.STEP_FAILED, failed=FAILED, errors=(error("step1: It broke."),)),
            "onboarding-reply: step step1 failed: It broke.",
            id="a failure that names the step",
        ),
        pytest.param(event(TERMINATED, failed=FAILED), "onboarding-reply terminated: step1 failed", id="no words"),
        pytest.param(
            event(TERMINATED, cause=Cause.MANUAL),
            "onboarding-reply terminated without an error (by hand, or by a program)",
            id="by hand",
        ),
        pytest.param(
            event(TERMINATED, cause=Cause.UNKNOWN),
            "onboarding-reply terminated; why is not known, its errors could not be read",
            id="no cause",
        ),
        pytest.param(event(EventType.COMPLETED), "onboarding-reply completed", id="complete"),
        pytest.param(event(EventType.SUSPENDED), "onboarding-reply is suspended", id="suspended"),
        pytest.param(event(EventType.RESUMED), "onboarding-reply is running again", id="resumed"),
        pytest.param(
            event(EventType.STEP_FAILED, failed=FAILED), "onboarding-reply: step step1 failed", id="step failed"
        ),
        pytest.param(
            event(EventType.STEP_CANCELLED, failed=FAILED),
            "onboarding-reply: step step1 was cancelled",
            id="step cancelled",
        ),
        pytest.param(
            event(EventType.NOT_FOUND),
            "onboarding-reply is not found: the API does not know these ids",
            id="never found",
        ),
        pytest.param(
            event(EventType.NOT_FOUND, before=Status.RUNNABLE),
            "onboarding-reply is not found any more; it was Runnable",
            id="not found any more",
        ),
        pytest.param(
            event(EventType.NOT_FOUND, before=Status.NOT_FOUND),
            "onboarding-reply is still not found",
            id="still not found",
        ),
        pytest.param(
            event(EventType.OVERDUE, lasted=7205, limit=7200, reason="configured"),
            "onboarding-reply is overdue: it has been running for 2h (limit 2h, configured)",
            id="overdue",
        ),
        pytest.param(
            event(EventType.OVERDUE_CLEARED, after=Status.COMPLETE),
            "onboarding-reply is overdue no more: Complete",
            id="overdue no more",
        ),
        pytest.param(
            event(EventType.STEP_OVERDUE, failed=SLEEPING, lasted=90_000, limit=86_520, reason="declared"),
            "onboarding-reply: step step1 has been Sleeping for 1d 1h (limit 1d, declared)",
            id="a step is overdue",
        ),
        pytest.param(
            event(EventType.STEP_OVERDUE_CLEARED, failed=FAILED),
            "onboarding-reply: step step1 is overdue no more: Failed",
            id="a step is overdue no more",
        ),
        pytest.param(
            event(EventType.STEP_OVERDUE_CLEARED),
            "onboarding-reply: step ? is overdue no more",
            id="a step that is gone is overdue no more",
        ),
        pytest.param(
            event(EventType.UNWATCHED),
            "onboarding-reply is not watched any more; its alerts are closed",
            id="not watched",
        ),
        pytest.param(
            event(EventType.UNANSWERED, reason="timeout"),
            "onboarding-reply has had no usable answer since 2026-01-05 10:00:00 UTC: the API does not answer in time; "
            "its account answers, this workflow alone is not watched",
            id="no answer",
        ),
        pytest.param(event(EventType.ANSWERED), "onboarding-reply has an answer again", id="an answer again"),
        pytest.param(
            event(EventType.FOUND, after=Status.SUSPENDED), "onboarding-reply is found again: Suspended", id="found"
        ),
        pytest.param(
            event(EventType.COMPLETED, name=None), "5870442f…/60dbe307fe55d99fc083db61 completed", id="no name"
        ),
        pytest.param(
            event(EventType.COMPLETED, name=None, definition_name="order-reminder"),
            "order-reminder/60dbe307fe55d99fc083db61 completed",
            id="only an alias",
        ),
        pytest.param(
            event(
                EventType.BLIND,
                reason="unauthorized",
                detail="401 Unauthorized: the key in /run/secrets/acme is refused by automation.8x8.com:443",
                since=at(60),
                workflows=12,
            ),
            "401 Unauthorized: the key in /run/secrets/acme is refused by automation.8x8.com:443; "
            "12 workflows of account acme have not been watched since 2026-01-05 10:01:00 UTC",
            id="blind",
        ),
        pytest.param(
            event(
                EventType.BLIND,
                reason="connection",
                detail="Connection refused by automation.8x8.com:443",
                since=at(60),
                workflows=1,
            ),
            "Connection refused by automation.8x8.com:443; "
            "1 workflow of account acme has not been watched since 2026-01-05 10:01:00 UTC",
            id="blind, one workflow",
        ),
        pytest.param(
            event(EventType.BLIND, reason="throttled", since=at(60), workflows=2),
            "The API answers 429, too many requests, to all about account acme; "
            "2 workflows of account acme have not been watched since 2026-01-05 10:01:00 UTC",
            id="blind, nothing was asked",
        ),
        pytest.param(
            event(EventType.BLIND, reason="bad_request", detail="400 Bad Request from h:443 (" + "w" * 300 + ")"),
            "400 Bad Request from h:443 (" + "w" * 91 + "…; the workflows of account acme have not been watched",
            id="blind, with a long word",
        ),
        pytest.param(
            of_discovery(EventType.DISCOVERY_TRUNCATED, "*", found=250_000, watched=200_000),
            "The discovery of every definition in account acme finds 250,000 running workflows, more than its "
            "max_instances: only the newest 200,000 are watched",
            id="truncated",
        ),
        pytest.param(
            of_discovery(EventType.DISCOVERY_COMPLETE, "d1", definition_name="order-reminder", found=7, watched=7),
            "The discovery of order-reminder in account acme fits again: all 7 running workflows are watched",
            id="complete",
        ),
        pytest.param(
            of_discovery(EventType.DISCOVERY_COMPLETE, "*", reason="unwatched"),
            "The discovery of every definition in account acme is not configured any more",
            id="not discovered any more",
        ),
        pytest.param(event(EventType.SIGHTED), "Account acme answers again", id="sighted"),
        pytest.param(
            event(EventType.SIGHTED, reason="unwatched"),
            "Nothing is watched in account acme any more; whether it answers is not known",
            id="not watched any more",
        ),
        pytest.param(
            event(EventType.SCHEMA_DRIFT, reason="status:Paused"),
            "An answer about account acme is not as this version knows it: status:Paused, seen at onboarding-reply",
            id="drift",
        ),
    ],
)
def test_a_line_for_somebody_woken_at_night(told: Event, expected: str) -> None:
    assert summary(told, where="onboarding-reply") == expected


@pytest.mark.parametrize("type", EventType)
def test_every_event_has_a_line_of_bounded_length(type: EventType) -> None:
    line = summary(event(type, name="n" * 1000, reason="r" * 1000), where="w" * 1000)
    assert 0 < len(line) <= SUMMARY_LIMIT


@pytest.mark.parametrize(
    ("seconds", "words"),
    [
        (-5.0, "0ms"),
        (0.0, "0ms"),
        (0.8, "800ms"),
        (0.9996, "1s"),
        (59.6, "1m"),
        (125.0, "2m 5s"),
        (3605.0, "1h"),
        (7200.0, "2h"),
        (93_600.0, "1d 2h"),
        (86_400.0 * 400, "400d"),
    ],
)
def test_a_duration_as_people_say_it(seconds: float, words: str) -> None:
    assert about(seconds) == words


def test_what_is_overdue_no_more_says_what_became_of_it() -> None:
    workflow = event(EventType.OVERDUE_CLEARED, after=Status.COMPLETE)
    execution = event(EventType.STEP_OVERDUE_CLEARED, failed=FAILED)

    assert summary(workflow) == "onboarding-reply is overdue no more: Complete"
    assert summary(execution) == "onboarding-reply: step step1 is overdue no more: Failed"
    assert summary(event(EventType.UNWATCHED)) == "onboarding-reply is not watched any more; its alerts are closed"


def test_what_is_overdue_says_for_how_long_and_whose_limit_it_is() -> None:
    late = {"started_at": at(-7500), "limit": 7200.0}
    workflow = msgspec.structs.replace(event(EventType.OVERDUE, reason="configured"), **late)
    waiting = step("a", StepStatus.WAITING_FOR_EVENT)
    execution = msgspec.structs.replace(event(EventType.STEP_OVERDUE, failed=waiting, reason="learned"), **late)

    assert summary(workflow) == "onboarding-reply is overdue: it has been running for 2h 5m (limit 2h, configured)"
    assert summary(execution) == "onboarding-reply: step step1 has been WaitingForEvent for 2h 5m (limit 2h, learned)"
