"""Bytes of the API become values: the documented answers field by field, every departure from them, and anything."""

import json
import re
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from monitor.core.model import Failed, Outcome, Seen, Snapshot, Status, StepExecution, StepStatus, WorkflowError
from monitor.upstream.wire import read_errors, read_status

SAMPLES = Path(__file__).parent.parent / "samples"
INSTANCE = (SAMPLES / "workflow_instance.json").read_bytes()
WITH_LOGS = (SAMPLES / "workflow_instance_with_logs.json").read_bytes()
WORKFLOW = "60dbe307fe55d99fc083db61"
PRIVATE = ("test_user_name", "test_user_id", "Hello, world!", "9e09ac86-bd74-5465-851d-1eb5a5fdbb9a")


def moment(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


def read(body: bytes, **also: Any) -> Seen | Failed:
    return read_status(200, {}, body, **also)


def seen(body: bytes) -> Snapshot:
    result = read(body)
    assert isinstance(result, Seen), result
    assert result.errors is None
    return result.snapshot


def answer(change: Callable[[Any], object] | None = None) -> bytes:
    """The documented answer with logs, changed."""
    document = json.loads(WITH_LOGS)
    if change is not None:
        change(document)
    return json.dumps(document).encode()


def with_field(*path: str | int, value: object) -> bytes:
    def change(document: Any) -> None:
        for part in path[:-1]:
            document = document[part]
        document[path[-1]] = value

    return answer(change)


def without(*path: str | int) -> bytes:
    def change(document: Any) -> None:
        for part in path[:-1]:
            document = document[part]
        del document[path[-1]]

    return answer(change)


# --- the documented answers ---


def test_the_documented_instance_with_logs_is_read_field_by_field() -> None:
    assert read(WITH_LOGS, workflow=WORKFLOW) == Seen(
        Snapshot(
            status=Status.COMPLETE,
            version=1,
            started_at=moment("2021-06-30T03:20:39.490000"),
            completed_at=moment("2021-06-30T03:21:25.830000"),
            steps=(
                StepExecution(
                    "b2c6185b-5bbd-424e-bea0-3d09d5d14566",
                    "step1",
                    StepStatus.COMPLETE,
                    moment("2021-06-30T03:20:39.680000"),
                    moment("2021-06-30T03:20:39.690000"),
                ),
                StepExecution(
                    "b2c6185b-5bbd-424e-bea0-3d09d5d14567",
                    "step2",
                    StepStatus.COMPLETE,
                    moment("2021-06-30T03:20:56.680000"),
                    moment("2021-06-30T03:20:58.690000"),
                ),
            ),
            drifts=(),
        )
    )


def test_the_documented_instance_without_logs_lacks_what_was_asked_for() -> None:
    snapshot = seen(INSTANCE)
    assert (snapshot.status, snapshot.version, snapshot.steps) == (Status.COMPLETE, 1, ())
    assert snapshot.started_at == moment("2021-06-30T03:20:39.490000")
    assert snapshot.completed_at == moment("2021-06-30T03:21:25.830000")
    assert snapshot.drifts == ("missing:logs",)


@pytest.mark.parametrize("sample", ["errors_list", "errors_single_object"])
def test_the_documented_errors_are_read_as_a_list_and_as_the_example_shows_them(sample: str) -> None:
    error = WorkflowError("step1", "Invalid subaccount id.", moment("2021-06-30T03:21:25.830000"))
    assert read_errors(200, {}, (SAMPLES / f"{sample}.json").read_bytes()) == (error,)


@pytest.mark.parametrize(
    ("status", "sample", "outcome", "detail"),
    [
        (400, "error_invalid_definition_id", Outcome.BAD_REQUEST, "400 1000 Invalid definition id."),
        (
            404,
            "error_definition_not_found",
            Outcome.NOT_FOUND,
            "404 1300 Definition 2aa9465e-dec7-4c3e-8fa6-bd168af9eaca not found.",
        ),
    ],
)
def test_the_documented_refusals_are_read(status: int, sample: str, outcome: Outcome, detail: str) -> None:
    body = (SAMPLES / f"{sample}.json").read_bytes()
    assert read_status(status, {}, body) == read_errors(status, {}, body) == Failed(outcome, detail)


@pytest.mark.parametrize("sample", sorted(SAMPLES.glob("*.json")), ids=lambda path: path.stem)
def test_the_samples_are_what_the_document_says(sample: Path) -> None:
    document = Path(__file__).parents[3] / "shared" / "api" / "8x8-automation-openapi.json"
    if not document.exists():
        pytest.skip("the API's document is not here")
    examples = [example["value"] for example in json.loads(document.read_text())["components"]["examples"].values()]
    content = json.loads(sample.read_text())
    assert content in examples or content[0] in examples


# --- words ---


@pytest.mark.parametrize("status", [Status.RUNNABLE, Status.SUSPENDED, Status.COMPLETE, Status.TERMINATED])
def test_every_status_of_the_api_is_known(status: Status) -> None:
    snapshot = seen(with_field("status", value=status.value))
    assert (snapshot.status, snapshot.drifts) == (status, ())


@pytest.mark.parametrize("status", [status for status in StepStatus if status is not StepStatus.UNKNOWN])
def test_every_step_status_of_the_api_is_known(status: StepStatus) -> None:
    snapshot = seen(with_field("logs", 0, "status", value=status.value))
    assert (snapshot.steps[0].status, snapshot.drifts) == (status, ())


WORDS = {
    "new": ("Paused", "Paused"),
    "in another case": ("runnable", "runnable"),
    "a word of ours": ("NotFound", "NotFound"),
    "our Unknown": ("Unknown", "Unknown"),
    "empty": ("", ""),
    "long": ("x" * 99, "x" * 39 + "…"),
    "unclean": ("Pau\nsed\u202e", "Pau sed"),
}


@pytest.mark.parametrize(("word", "told"), WORDS.values(), ids=WORDS.keys())
def test_a_word_that_is_not_known_is_unknown_and_told(word: str, told: str) -> None:
    snapshot = seen(with_field("status", value=word))
    assert (snapshot.status, snapshot.drifts) == (Status.UNKNOWN, (f"status:{told}",))
    snapshot = seen(with_field("logs", 1, "status", value=word))
    assert [step.status for step in snapshot.steps] == [StepStatus.COMPLETE, StepStatus.UNKNOWN]
    assert snapshot.drifts == (f"step_status:{told}",)


# --- what is missing, null, or unreadable ---

DRIFTS = {
    "no version": (without("version"), "missing:version"),
    "null version": (with_field("version", value=None), "missing:version"),
    "no startedAt": (without("startedAt"), "missing:startedAt"),
    "no workflowId": (without("workflowId"), "missing:workflowId"),
    "no logs": (without("logs"), "missing:logs"),
    "null logs": (with_field("logs", value=None), "missing:logs"),
    "a step without name": (without("logs", 0, "stepName"), "missing:logs.stepName"),
    "a step without id": (without("logs", 0, "id"), "missing:logs.id"),
    "a step without status": (without("logs", 0, "status"), "missing:logs.status"),
    "unreadable startedAt": (with_field("startedAt", value="yesterday"), "timestamp:startedAt"),
    "unreadable completedAt": (with_field("completedAt", value=""), "timestamp:completedAt"),
    "a step's startedAt": (with_field("logs", 0, "startedAt", value="0"), "timestamp:logs.startedAt"),
    "a step's completedAt": (with_field("logs", 0, "completedAt", value="-"), "timestamp:logs.completedAt"),
}


@pytest.mark.parametrize(("body", "drift"), DRIFTS.values(), ids=DRIFTS.keys())
def test_what_can_be_done_without_is_a_drift(body: bytes, drift: str) -> None:
    snapshot = seen(body)
    assert (snapshot.status, snapshot.drifts) == (Status.COMPLETE, (drift,))


NORMAL = {
    "no completedAt": without("completedAt"),
    "null completedAt": with_field("completedAt", value=None),
    "a step not started": without("logs", 0, "startedAt"),
    "a step not ended": with_field("logs", 0, "completedAt", value=None),
    "no data": without("data"),
    "no definitionId": without("definitionId"),
    "no steps yet": with_field("logs", value=[]),
    "a new field": with_field("logs", 0, "retries", value={"count": 3}),
}


@pytest.mark.parametrize("body", NORMAL.values(), ids=NORMAL.keys())
def test_what_is_normal_or_new_is_no_drift(body: bytes) -> None:
    assert seen(body).drifts == ()


def test_kinds_of_drift_are_sorted_told_once_and_few() -> None:
    steps = [{"id": str(number), "stepName": "s", "status": f"New{number % 20:02}"} for number in range(100)]
    drifts = seen(with_field("logs", value=steps)).drifts
    assert drifts == tuple(f"step_status:New{number:02}" for number in range(10))


def test_an_execution_without_an_id_is_still_told_from_others_and_the_same_in_the_next_answer() -> None:
    steps = [
        {"stepName": "a", "status": "Failed", "startedAt": "2026-01-05T10:00:00Z"},
        {"stepName": "a", "status": "Failed", "startedAt": "2026-01-05T10:00:01Z"},
    ]
    ids = [step.id for step in seen(with_field("logs", value=steps)).steps]
    assert ids == ["a@2026-01-05T10:00:00Z", "a@2026-01-05T10:00:01Z"]


def test_of_a_repeated_execution_the_last_entry_counts() -> None:
    steps = [
        {"id": "1", "stepName": "a", "status": "Running"},
        {"id": "2", "stepName": "b", "status": "Running"},
        {"id": "1", "stepName": "a", "status": "Failed"},
    ]
    found = seen(with_field("logs", value=steps)).steps
    assert [(step.id, step.status) for step in found] == [("1", StepStatus.FAILED), ("2", StepStatus.RUNNING)]


def test_names_are_cleaned_and_cut() -> None:
    step = seen(with_field("logs", 0, "stepName", value="a\n\0b" + "c" * 300)).steps[0]
    assert step.step.startswith("a b")
    assert len(step.step) == 200


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
    assert isinstance(result, Failed)
    assert result.outcome is Outcome.MALFORMED
    assert re.search(said, result.detail)
    assert "secret" not in result.detail


def test_an_answer_about_another_workflow_is_malformed() -> None:
    assert read(WITH_LOGS, workflow="60dbe307fe55d99fc083db62") == Failed(
        Outcome.MALFORMED, "not the documented answer: it is about another workflow - at `$.workflowId`"
    )


def test_an_id_in_another_case_is_the_same_workflow() -> None:
    assert isinstance(read(WITH_LOGS, workflow=WORKFLOW.upper()), Seen)


def test_half_an_emoji_in_the_customers_text_does_not_make_an_instance_unreadable() -> None:
    body = answer().replace(b"Hello, world!", rb"cut \ud83d, whole \ud83d\ude00, no escape \\ud83d, low \ude00")
    assert seen(body) == seen(WITH_LOGS)


def test_invalid_bytes_in_the_customers_text_do_not_make_an_instance_unreadable() -> None:
    assert seen(answer().replace(b"Hello, world!", b"\xff\xfe")) == seen(WITH_LOGS)


# --- errors ---


@pytest.mark.parametrize(
    ("body", "errors"),
    [
        (b"[]", ()),
        (b'[{"step": "a"}]', (WorkflowError("a", ""),)),
        (b'[{"message": "m", "errorTime": "never"}]', (WorkflowError("", "m"),)),
        (b'[{"step": null, "message": "a\\n\\u202eb"}]', (WorkflowError("", "a b"),)),
    ],
    ids=["none", "step alone", "message alone", "unclean"],
)
def test_errors_are_read_leniently(body: bytes, errors: tuple[WorkflowError, ...]) -> None:
    assert read_errors(200, {}, body) == errors


@pytest.mark.parametrize("body", [b"{}", b'{"errors": []}', b"null", b'"x"', b'[{"step": 5}]', b"[5]", b""])
def test_what_is_no_list_of_errors_is_malformed(body: bytes) -> None:
    result = read_errors(200, {}, body)
    assert isinstance(result, Failed)
    assert result.outcome is Outcome.MALFORMED


def test_errors_are_bounded_in_number_and_length() -> None:
    errors = read_errors(200, {}, json.dumps([{"step": "s" * 999, "message": "m" * 9999}] * 1000).encode())
    assert not isinstance(errors, Failed)
    assert len(errors) == 50
    assert {(len(error.step), len(error.message)) for error in errors} == {(200, 500)}


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
        if isinstance(result, Failed):
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
