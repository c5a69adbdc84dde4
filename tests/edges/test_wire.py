"""Bytes of the API become values: the documented answers field by field, and what may differ from them."""

import json
from datetime import UTC, datetime
from pathlib import Path

import pytest

from monitor.core.model import Outcome, PollFailed, Seen, Snapshot, Status, StepExecution, StepStatus, WorkflowError
from monitor.upstream.wire import read_errors, read_status
from tests.edges.documented import INSTANCE, SAMPLES, WITH_LOGS, WORKFLOW, read, seen, with_field, without


def moment(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


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
    assert read_status(status, {}, body) == read_errors(status, {}, body) == PollFailed(outcome, detail)


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
    "a completedAt that was never set": with_field("completedAt", value="0001-01-01T00:00:00"),
    "a step's startedAt that was never set": with_field("logs", 0, "startedAt", value="0001-01-01T00:00:00Z"),
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
    steps = [
        {"id": str(number), "stepName": "s", "status": f"New{'abcdefghijkl'[number % 12]}"} for number in range(100)
    ]
    drifts = seen(with_field("logs", value=steps)).drifts
    assert drifts == tuple(f"step_status:New{letter}" for letter in "abcdefghij")


def test_words_that_differ_only_in_their_numbers_are_one_kind_of_drift() -> None:
    steps = [{"id": str(n), "stepName": "s", "status": f"Retrying (attempt {n})"} for n in range(100)]
    assert seen(with_field("logs", value=steps)).drifts == ("step_status:retrying (attempt #)",)


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
    assert isinstance(result, PollFailed)
    assert result.outcome is Outcome.MALFORMED


def test_errors_are_bounded_in_number_and_length() -> None:
    errors = read_errors(200, {}, json.dumps([{"step": "s" * 999, "message": "m" * 9999}] * 1000).encode())
    assert not isinstance(errors, PollFailed)
    assert len(errors) == 50
    assert {(len(error.step), len(error.message)) for error in errors} == {(200, 500)}


@pytest.mark.parametrize(
    ("body", "kind"),
    [
        pytest.param(b'{"status": "Runnable", "version": "one"}', "type:version", id="a word for a number"),
        pytest.param(b'{"status": "Runnable", "logs": [{"id": 17}]}', "type:logs.id", id="inside the log"),
        pytest.param(b'{"version": 1}', "missing:status", id="no status"),
        pytest.param(b"[]", "type:answer", id="another kind of answer"),
        pytest.param(b"<html>", None, id="no JSON is no drift"),
        pytest.param(b'{"status": "Runn', None, id="cut short is no drift"),
    ],
)
def test_an_answer_of_another_shape_names_its_drift(body: bytes, kind: str | None) -> None:
    seen = read_status(200, {}, body)
    assert isinstance(seen, PollFailed)
    assert seen.outcome is Outcome.MALFORMED
    assert seen.drift == kind
