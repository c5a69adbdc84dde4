"""What must never come out of the bytes of the API: strange answers are malformed, customers' words stay in them."""

import json
import re
from datetime import timedelta

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from monitor.core.model import Outcome, PollFailed, Seen
from monitor.upstream.wire import read_errors, read_status
from tests.edges.documented import INSTANCE, WITH_LOGS, WORKFLOW, answer, read, seen, with_field, without

PRIVATE = ("test_user_name", "test_user_id", "Hello, world!", "9e09ac86-bd74-5465-851d-1eb5a5fdbb9a")


# --- what is malformed ---

MALFORMED: dict[str, tuple[bytes, str]] = {
    "no status": (without("status"), "missing required field `status`"),
    "null status": (with_field("status", value=None), r"`\$.status`"),
    "status is a number": (with_field("status", value=5), r"Expected `str`, got `int` - at `\$.status`"),
    "version is a word": (with_field("version", value="secret"), r"`\$.version`"),
    "version is a fraction": (with_field("version", value=1.5), r"`\$.version`"),
    "version is true": (with_field("version", value=True), r"`\$.version`"),
    "version is beyond any": (with_field("version", value=2**31), r"`\$.version`"),
    "version is negative": (with_field("version", value=-1), r"`\$.version`"),
    "logs is an object": (with_field("logs", value={}), r"`\$.logs`"),
    "an entry is null": (with_field("logs", 0, value=None), r"`\$.logs\[0\]`"),
    "an entry's id is a number": (with_field("logs", 0, "id", value=7), r"`\$.logs\[0\].id`"),
    "startedAt is a number": (with_field("startedAt", value=1.5), r"`\$.startedAt`"),
    "workflowId is a list": (with_field("workflowId", value=["secret"]), r"`\$.workflowId`"),
    "a list": (b"[" + WITH_LOGS + b"]", "Expected `object`"),
    "null": (b"null", "Expected `object`"),
    "nothing": (b"", "truncated"),
    "half": (WITH_LOGS[:-20], "truncated|malformed"),
    "twice": (WITH_LOGS * 2, "trailing characters"),
    "html": (b"<html>secret</html>", "JSON is malformed"),
    "a mark before it": (b"\xef\xbb\xbf" + WITH_LOGS, "JSON is malformed"),
    "latin-1": (answer().replace(b'"step1"', b'"secret\xe9"'), "invalid UTF-8"),
    "nested without end": (b'{"data":' + b"[" * 200_000, "nested too deeply"),
}


@pytest.mark.parametrize(("body", "said"), MALFORMED.values(), ids=MALFORMED.keys())
def test_a_wrong_type_is_malformed_and_the_detail_names_the_place_not_the_content(body: bytes, said: str) -> None:
    result = read(body)
    assert isinstance(result, PollFailed)
    assert result.outcome is Outcome.MALFORMED
    assert re.search(said, result.detail)
    assert "secret" not in result.detail


def test_an_answer_about_another_workflow_is_malformed() -> None:
    assert read(WITH_LOGS, workflow="60dbe307fe55d99fc083db62") == PollFailed(
        Outcome.MALFORMED, "not the documented answer: it is about another workflow - at `$.workflowId`"
    )


def test_an_id_in_another_case_is_the_same_workflow() -> None:
    assert isinstance(read(WITH_LOGS, workflow=WORKFLOW.upper()), Seen)


def test_half_an_emoji_in_the_customers_text_does_not_make_an_instance_unreadable() -> None:
    body = answer().replace(b"Hello, world!", rb"cut \ud83d, whole \ud83d\ude00, no escape \\ud83d, low \ude00")
    assert seen(body) == seen(WITH_LOGS)


def test_invalid_bytes_in_the_customers_text_do_not_make_an_instance_unreadable() -> None:
    assert seen(answer().replace(b"Hello, world!", b"\xff\xfe")) == seen(WITH_LOGS)


# --- privacy ---


@pytest.mark.parametrize("body", [INSTANCE, WITH_LOGS], ids=["without logs", "with logs"])
def test_what_customers_wrote_is_in_no_value(body: bytes) -> None:
    assert all(word.encode() in body for word in PRIVATE)
    text = str(msgspec.to_builtins(read(body))) + repr(read(body))
    assert not [word for word in PRIVATE if word in text]


@pytest.mark.parametrize("name", ["data", "workflowId", "version", "startedAt", "completedAt", "logs"])
@pytest.mark.parametrize("value", [{"PRIVATE": "PRIVATE"}, ["PRIVATE"], "PRIVATE"], ids=["object", "list", "text"])
def test_what_stands_where_it_should_not_is_in_no_value(name: str, value: object) -> None:
    result = read(with_field(name, value=value), workflow=WORKFLOW)
    assert "PRIVATE" not in repr(result)


# --- anything ---

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=8,
)
PLACES: list[tuple[str | int, ...]] = [
    *((name,) for name in json.loads(WITH_LOGS)),
    *(("logs", 0, name) for name in json.loads(WITH_LOGS)["logs"][0]),
    ("logs", 1),
]


@st.composite
def mutations(draw: st.DrawFn) -> bytes:
    """A good answer in which some values are others, some are gone, and some bytes are wrong."""
    document = json.loads(WITH_LOGS)
    for place in draw(st.lists(st.sampled_from(PLACES), max_size=4)):
        part = document
        try:
            for step in place[:-1]:
                part = part[step]
            part[place[-1]] = draw(JSON | st.sampled_from(["Failed", "Terminated", "New", "2026-01-05T10:00:02.5Z"]))
        except (KeyError, IndexError, TypeError):  # an earlier mutation took the place away
            continue
    body = bytearray(json.dumps(document, ensure_ascii=draw(st.booleans())).encode(errors="surrogatepass"))
    for place_, byte in draw(st.lists(st.tuples(st.integers(0, 2**20), st.integers(0, 255)), max_size=2)):
        body[place_ % len(body)] = byte
    return bytes(body)


@given(st.binary() | mutations(), st.integers(0, 999))
def test_no_bytes_break_it_and_every_text_that_comes_out_is_fit_to_be_stored(body: bytes, status: int) -> None:
    for code in (200, status):
        result = read_status(code, {}, body, workflow=WORKFLOW)
        errors = read_errors(code, {}, body)
        if isinstance(result, PollFailed):
            assert result.outcome is not Outcome.OK
            assert len(result.detail) <= 200
        else:
            snapshot = result.snapshot
            assert len({step.id for step in snapshot.steps}) == len(snapshot.steps)
            assert snapshot.drifts == tuple(sorted(set(snapshot.drifts)))
            assert all(
                at is None or at.utcoffset() == timedelta(0) for at in (snapshot.started_at, snapshot.completed_at)
            )
        for text in texts(msgspec.to_builtins(result)) + texts(msgspec.to_builtins(errors)):
            assert "\0" not in text
            text.encode()


@given(st.binary() | mutations())
def test_the_same_bytes_are_the_same_value(body: bytes) -> None:
    assert read(body) == read(body)


def texts(value: object) -> list[str]:
    if isinstance(value, dict):
        return [text for inner in value.values() for text in texts(inner)]
    if isinstance(value, list | tuple):
        return [text for inner in value for text in texts(inner)]
    return [value] if isinstance(value, str) else []
