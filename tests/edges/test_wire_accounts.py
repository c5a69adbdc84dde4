"""What the API says of an account: its definitions, and how much of it is used."""

import json
from typing import Any

import hypothesis.strategies as st
import pytest
from hypothesis import given

from monitor.core.listing import DefinitionList, ListedDefinition, Usage
from monitor.core.model import Outcome, PollFailed
from monitor.upstream.wire_accounts import DefinitionsBody, joined, read_active, read_usage

ID = "ae54eaf1-b86d-43c5-8982-2818f9bbe52c"
REPLY = ListedDefinition(ID, 2, "Send automatic reply")


def inside(**fields: Any) -> dict[str, Any]:
    """As the document's example has it."""
    steps = [{"id": "step1", "stepType": "SMS", "inputs": {"text": "Hello, world!"}}]
    body = {"id": ID, "name": "Send automatic reply", "version": 2, "steps": steps} | fields
    return {"accountId": "acme", "trigger": "inbound_sms", "status": "enabled", "definition": body}


def read(*definitions: Any) -> DefinitionsBody:
    page = read_active(200, {}, json.dumps(definitions).encode())
    assert isinstance(page, DefinitionsBody), page
    return page


def test_a_definition_has_an_id_a_version_and_a_name_and_nothing_of_its_steps() -> None:
    page = read(inside())
    assert page == ((REPLY,), 1, ())
    assert "Hello" not in repr(page)


def test_id_and_version_may_stand_where_the_schema_has_them() -> None:
    assert read({"id": ID, "version": 2, "definition": {"name": "Send automatic reply"}}).definitions == (REPLY,)
    assert read({"id": ID, "version": 2, "name": "Send automatic reply", "definition": None}).definitions == (REPLY,)


@pytest.mark.parametrize(
    ("odd", "drift"),
    [
        pytest.param(None, "type:definitions", id="null"),
        pytest.param({"definition": []}, "type:definitions", id="a list inside"),
        pytest.param({}, "missing:definitions.id", id="nothing inside"),
        pytest.param(inside(id=7), "id:definitions.id", id="a number for id"),
        pytest.param(inside(id="../x"), "id:definitions.id", id="an id that changes the path"),
    ],
)
def test_what_names_no_definition_is_counted_and_costs_no_other(odd: Any, drift: str) -> None:
    assert read(odd, inside()) == ((REPLY,), 2, (drift,))


@pytest.mark.parametrize(
    ("version", "drift"),
    [(None, "missing"), ("2", "type"), (2.0, "type"), (-1, "type"), (2**31, "type"), (True, "type")],
    ids=str,
)
def test_a_definition_whose_version_cannot_be_read_is_there_all_the_same(version: Any, drift: str) -> None:
    page = read(inside(version=version))
    assert page == ((ListedDefinition(ID, None, "Send automatic reply"),), 1, (f"{drift}:definitions.version",))


@pytest.mark.parametrize(
    ("name", "shown"),
    [(None, ""), (7, ""), ("a\nb\x1b[31m\u202ec", "a b c"), ("x" * 5000, "x" * 79 + "…")],
    ids=["none", "a number", "what forges a line", "without end"],
)
def test_a_name_is_one_bounded_line(name: Any, shown: str) -> None:
    assert [each.name for each in read(inside(name=name)).definitions] == [shown]


@pytest.mark.parametrize(
    ("status", "body", "outcome"),
    [
        (404, b'{"code": 1300, "message": "m"}', Outcome.NOT_FOUND),
        (429, b"", Outcome.THROTTLED),
        (200, b"{}", Outcome.MALFORMED),
        (200, b"<html>", Outcome.MALFORMED),
    ],
    ids=str,
)
def test_what_is_no_list_of_definitions_is_a_failure(status: int, body: bytes, outcome: Outcome) -> None:
    result = read_active(status, {}, body)
    assert isinstance(result, PollFailed)
    assert result.outcome is outcome


def test_pages_that_overlap_are_one_list_in_the_order_of_the_api() -> None:
    a, b, c = (ListedDefinition(name, 1, name) for name in "abc")
    pages = [DefinitionsBody((a, b), 2, ()), DefinitionsBody((b, c), 2, ("type:definitions.version",))]
    assert joined(pages, complete=True) == DefinitionList((a, b, c), True, ("type:definitions.version",))


def test_a_list_with_a_definition_that_cannot_be_read_is_not_complete() -> None:
    pages = [DefinitionsBody((REPLY,), 2, ())]
    assert not joined(pages, complete=True).complete
    assert not joined([DefinitionsBody((REPLY,), 1, ())], complete=False).complete


DOCUMENTED = {"allowedWorkflowCount": 50_000, "allowedOverage": True, "executedWorkflowCount": 1_200}


@pytest.mark.parametrize(
    ("answer", "usage"),
    [
        pytest.param(DOCUMENTED, Usage(50_000, 1_200), id="the object of the example"),
        pytest.param([DOCUMENTED], Usage(50_000, 1_200), id="the list of the document"),
        pytest.param(
            [{"accountId": "b", "executedWorkflowCount": 9}, {"accountId": "acme", **DOCUMENTED}],
            Usage(50_000, 1_200),
            id="of this account among others",
        ),
        pytest.param([{"accountId": "b", **DOCUMENTED}], Usage(), id="of another account"),
        pytest.param([], Usage(), id="of nobody"),
        pytest.param({**DOCUMENTED, "allowedWorkflowCount": None}, Usage(None, 1_200), id="without a bound"),
        pytest.param({**DOCUMENTED, "executedWorkflowCount": "many"}, Usage(50_000, None), id="a word"),
        pytest.param({**DOCUMENTED, "executedWorkflowCount": -1}, Usage(50_000, None), id="below nothing"),
        pytest.param({**DOCUMENTED, "executedWorkflowCount": 2**60}, Usage(50_000, None), id="beyond any"),
    ],
)
def test_usage_is_two_counts(answer: Any, usage: Usage) -> None:
    assert read_usage(200, {}, json.dumps(answer).encode(), account="acme") == usage


def test_a_refused_usage_is_a_failure() -> None:
    result = read_usage(401, {}, b'{"message": "no s3cr3t"}', account="acme", secret="s3cr3t")
    assert isinstance(result, PollFailed)
    assert (result.outcome, "s3cr3t" in result.detail) == (Outcome.UNAUTHORIZED, False)


@given(st.binary())
def test_no_bytes_raise(body: bytes) -> None:
    read_active(200, {}, body)
    read_usage(200, {}, body, account="acme")
