"""Version histories of definitions: what is read of them, and that nonsense costs only itself."""

import json
from typing import Any

import hypothesis.strategies as st
import pytest
from hypothesis import given

from monitor.core.model import Outcome, PollFailed
from monitor.sim.definitions import CATALOGUE, definition_id
from monitor.sim.json_bodies import definition as told
from monitor.upstream.wire_definitions import Declared, read_definitions

ID = "ae54eaf1-b86d-43c5-8982-2818f9bbe52c"
DAY = 86_400.0


def read(*versions: Any, definition: str = ID) -> Declared:
    result = read_definitions(200, {}, json.dumps(versions).encode(), definition=definition)
    assert not isinstance(result, PollFailed), result
    return result.versions


def version(number: Any, *steps: Any, id: Any = ID) -> dict[str, Any]:
    """As the document's examples hold it: id and version inside."""
    return {"accountId": "a", "definition": {"id": id, "name": "n", "version": number, "steps": list(steps)}}


def step(id: Any, type: Any, **inputs: Any) -> dict[str, Any]:
    return {"id": id, "stepType": type, "inputs": inputs}


def test_every_version_says_what_it_declares() -> None:
    declared = read(
        version(
            2, step("wait", "Wait", duration="1.06:30:15"), step("call", "HttpRequest", url="https://x?key=s3cret")
        ),
        version(1, step("reply", "WaitForReply", timeout="{{data.patience}}"), step("say", "SMS", text="Hello Ada")),
    )
    assert declared == {2: {"wait": DAY + 23_415.0, "call": 5.0}, 1: {"reply": None}}


def test_id_and_version_may_stand_where_the_schema_has_them() -> None:
    outside = {"id": ID, "version": 7, "definition": {"name": "n", "steps": [step("wait", "Wait", duration="2")]}}
    assert read(outside) == {7: {"wait": 2 * DAY}}


def test_the_simulated_definitions_are_read() -> None:
    survey = definition_id("acme", "two-way-survey")
    declared = read(told("acme", CATALOGUE["two-way-survey"], 2), definition=survey)
    assert declared == {2: {"wait_for_reply": None, "wait_for_more": DAY / 2}}


GOOD = step("wait", "Wait", duration="00:01:00")


@pytest.mark.parametrize(
    "nonsense",
    [
        None,
        5,
        [],
        {},
        {"id": "x"},
        step(5, "Wait", duration="1"),
        step("x", None, duration="1"),
        {"id": "x", "stepType": "Wait", "inputs": "soon"},
        {"id": "x", "stepType": "Wait", "inputs": None},
    ],
    ids=str,
)
def test_a_step_that_is_nonsense_costs_only_itself(nonsense: Any) -> None:
    assert read(version(1, nonsense, GOOD)) == {1: {"wait": 60.0}}


@pytest.mark.parametrize(
    "nonsense",
    [
        None,
        [],
        {},
        {"definition": None},
        version("one", GOOD),
        version(None, GOOD),
        version(-1, GOOD),
        version(2**40, GOOD),
        version(3, GOOD, id="another"),
        {"definition": {"id": ID, "version": 3, "steps": {}}},
    ],
    ids=str,
)
def test_a_version_that_is_nonsense_or_of_another_definition_is_passed_over(nonsense: Any) -> None:
    assert read(nonsense, version(1, GOOD)) == {1: {"wait": 60.0}}


def test_a_definition_that_nobody_knows_has_no_versions() -> None:
    assert read() == {}


@pytest.mark.parametrize(
    ("status", "body", "outcome"),
    [
        (404, b'{"code": 1300, "message": "m"}', Outcome.NOT_FOUND),
        (429, b"", Outcome.THROTTLED),
        (200, b"{}", Outcome.MALFORMED),
        (200, b"<html>", Outcome.MALFORMED),
        (200, b"", Outcome.MALFORMED),
    ],
    ids=str,
)
def test_what_is_no_history_is_a_failure(status: int, body: bytes, outcome: Outcome) -> None:
    result = read_definitions(status, {}, body, definition=ID)
    assert isinstance(result, PollFailed)
    assert result.outcome is outcome


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(
            st.sampled_from(["definition", "steps", "id", "version", "stepType", "inputs", "timeout"]),
            inner,
            max_size=5,
        )
    ),
    max_leaves=30,
)


@given(st.lists(JSON, max_size=4).map(lambda value: json.dumps(value).encode()) | st.binary())
def test_whatever_comes_nothing_is_raised(body: bytes) -> None:
    read_definitions(200, {}, body, definition=ID)


@pytest.mark.parametrize(
    ("names", "shown"),
    [
        pytest.param({1: "old", 3: "Order reminder", 2: "older"}, "Order reminder", id="of the latest version"),
        pytest.param({1: "a\nb\x1b[31m\u202ec"}, "a b c", id="on one line, without what forges one"),
        pytest.param({1: "x" * 5000}, "x" * 79 + "…", id="bounded"),
        pytest.param({1: 7}, "", id="not a text"),
        pytest.param({}, "", id="no version"),
    ],
)
def test_a_definition_has_the_name_of_its_latest_version(names: dict[int, Any], shown: str) -> None:
    versions = [{"definition": {"id": ID, "name": name, "version": n, "steps": []}} for n, name in names.items()]
    answer = read_definitions(200, {}, json.dumps(versions).encode(), definition=ID)
    assert not isinstance(answer, PollFailed)
    assert answer.name == shown
