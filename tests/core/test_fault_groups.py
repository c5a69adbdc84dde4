"""Which failures are one, whatever they mention."""

import string
from time import process_time
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from monitor.core.alerting.fault_groups import fault_group, normalize
from monitor.core.event_types import EventType
from monitor.core.model import Cause, Event, StepStatus
from tests.core.beliefs import START, error, step

EVENT = Event(
    id="1",
    type=EventType.TERMINATED,
    severity=EventType.TERMINATED.severity,
    summary="",
    account="acme",
    definition="order-reminder",
    workflow="w1",
    version=3,
    cause=Cause.FAULT,
    observed_at=START,
    step=step("a", StepStatus.FAILED),
    errors=(error("Invalid subaccount id 17."),),
)


@pytest.mark.parametrize(
    ("message", "folded"),
    [
        pytest.param("Invalid  subaccount\nid.", "invalid subaccount id.", id="words stay"),
        pytest.param("took 1,234.5 ms of 30s", "took # ms of #s", id="numbers"),
        pytest.param("step1 failed", "step# failed", id="a number in a word"),
        pytest.param("no 5870442f-3ddd-4657-b74c-6e17308f5230.", "no #.", id="a UUID"),
        pytest.param("no 60dbe307fe55d99fc083db61", "no #", id="a hex id"),
        pytest.param("at 0xFF and 12345678", "at # and #", id="hex, and hex of digits only"),
        pytest.param("sid SM9f2xQ81 unknown", "sid # unknown", id="an id of letters and digits"),
        pytest.param("bob.x+y@mail.example.com refused", "# refused", id="an e-mail address"),
        pytest.param("GET https://x.io/users/42?q=a&b=c: gone", "get https://x.io/users/#?# gone", id="a URL"),
        pytest.param("call +1 555-123-4567 now", "call # now", id="a phone number"),
        pytest.param("since 2026-01-05T10:00:02.5Z.", "since #.", id="a moment"),
        pytest.param("on Mon, 05 Jan 2026 10:00:02 GMT it", "on # it", id="a moment of HTTP"),
        pytest.param('no "a b" or `c` or “d” or «e»', "no # or # or # or #", id="quoted text"),
        pytest.param("can't read 'it''s x' of users", "can't read ## of users", id="an apostrophe quotes nothing"),
        pytest.param("", "", id="nothing"),
    ],
)
def test_what_differs_from_case_to_case_is_folded(message: str, folded: str) -> None:
    assert normalize(message) == folded


HOSTILE = "\"'`“”«»<>()?@#:/.,+- aZ059fß\u0130janmon"


@given(st.text(HOSTILE, max_size=80) | st.text(max_size=80))
def test_folding_what_is_folded_changes_nothing(message: str) -> None:
    assert normalize(normalize(message)) == normalize(message)


@given(st.lists(st.text(string.ascii_letters, min_size=1), max_size=8).map(" ".join))
def test_words_stay(message: str) -> None:
    assert normalize(message) == message.casefold()


@pytest.mark.parametrize(
    "piece", ['"', "'a ", " 'a", "b' ", "a.", "“", "5'a'", "a@", "1-", "deadbeef-", "jan 1 ", "x?"]
)
def test_no_text_takes_long(piece: str) -> None:
    began = process_time()
    normalize(piece * (65_536 // len(piece)))
    assert process_time() - began < 5


@pytest.mark.parametrize(
    "changes",
    [
        pytest.param({"id": "2", "workflow": "w2", "name": "another"}, id="another workflow"),
        pytest.param({"errors": (error("Invalid subaccount id 99."),)}, id="another number in its message"),
        pytest.param({"errors": (error("Slow.", name="step0"), *EVENT.errors)}, id="an error of another step before"),
        pytest.param({"labels": {"team": "x"}, "definition_name": "y"}, id="another configuration"),
    ],
)
def test_one_cause_is_one_group(changes: dict[str, Any]) -> None:
    assert fault_group(msgspec.structs.replace(EVENT, **changes)) == fault_group(EVENT)


@pytest.mark.parametrize(
    "changes",
    [
        pytest.param({"account": "other"}, id="account"),
        pytest.param({"definition": "other"}, id="definition"),
        pytest.param({"version": 4}, id="version"),
        pytest.param({"type": EventType.STEP_FAILED}, id="type"),
        pytest.param({"cause": Cause.MANUAL}, id="cause"),
        pytest.param({"step": step("a", StepStatus.FAILED, name="step2")}, id="step"),
        pytest.param({"errors": (error("Unknown subaccount."),)}, id="message"),
        pytest.param({"errors": ()}, id="no message"),
    ],
)
def test_another_cause_is_another_group(changes: dict[str, Any]) -> None:
    assert fault_group(msgspec.structs.replace(EVENT, **changes)) != fault_group(EVENT)


@pytest.mark.parametrize(
    ("type", "same"),
    [
        pytest.param(EventType.BLIND, True, id="why an account is blind"),
        pytest.param(EventType.STEP_OVERDUE, True, id="whose limit it is"),
        pytest.param(EventType.SCHEMA_DRIFT, False, id="the kind of drift"),
    ],
)
def test_a_reason_counts_only_for_drift(type: EventType, same: bool) -> None:
    event = Event(id="1", type=type, severity=type.severity, summary="", account="acme", observed_at=START, reason="a")
    assert (fault_group(event) == fault_group(msgspec.structs.replace(event, reason="b"))) is same
