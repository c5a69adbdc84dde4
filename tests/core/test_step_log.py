"""What a step log says by itself."""

import pytest

from monitor.core.model import StepExecution, StepStatus, WorkflowError
from monitor.core.step_log import best_error, has_failed, newest_step_id, recovered
from tests.core.beliefs import error, step

RUNNING, FAILED = StepStatus.RUNNING, StepStatus.FAILED


@pytest.mark.parametrize(
    ("log", "expected"),
    [
        pytest.param((), "", id="an empty log"),
        pytest.param((step("a", RUNNING, 5), step("b", RUNNING, 3)), "a", id="by time, not by place"),
        pytest.param((step("a", RUNNING, 3), step("b", RUNNING, 3)), "b", id="by place where times are equal"),
        pytest.param((step("a", RUNNING, None), step("b", RUNNING, None)), "b", id="by place where there are no times"),
        pytest.param((step("a", RUNNING, 3), step("b", RUNNING, None)), "a", id="what has not started is not newest"),
    ],
)
def test_the_newest_execution(log: tuple[StepExecution, ...], expected: str) -> None:
    assert newest_step_id(log) == expected


@pytest.mark.parametrize(
    ("failed", "errors", "expected"),
    [
        pytest.param(step("a", FAILED, 1, 5), (error("no", 1), error("yes", 4), error("no", 9)), "yes", id="nearest"),
        pytest.param(step("a", FAILED, 1), (error("yes", 9), error("no", 4)), "yes", id="last, of no known time"),
        pytest.param(step("a", FAILED, 1, 5), (error("no", 5, name="b"), error("yes", 99)), "yes", id="of the step"),
        pytest.param(step("a", FAILED, 1, 5), (error("yes", 9, name="b"),), "yes", id="of any step, rather than none"),
        pytest.param(step("a", FAILED, 1, 5), (error("yes"),), "yes", id="without a time"),
        pytest.param(None, (error("yes", 9), error("no", 4)), "yes", id="no failed step: the last"),
        pytest.param(None, (), None, id="no error"),
    ],
)
def test_the_error_that_explains(
    failed: StepExecution | None, errors: tuple[WorkflowError, ...], expected: str | None
) -> None:
    best = best_error(failed, errors)
    assert (best.message if best else None) == expected


COMPLETE, FAILED, RUNNING = StepStatus.COMPLETE, StepStatus.FAILED, StepStatus.RUNNING
FAILURE = step("a", FAILED, 1, 5)


@pytest.mark.parametrize(
    ("log", "over"),
    [
        pytest.param((FAILURE,), [], id="failed still"),
        pytest.param((FAILURE, step("b", RUNNING, 6)), [], id="tried again"),
        pytest.param((FAILURE, step("b", FAILED, 6, 7)), [], id="tried again in vain"),
        pytest.param((FAILURE, step("b", COMPLETE, 6, 7)), ["a"], id="completed by another execution"),
        pytest.param((step("a", COMPLETE, 6, 7),), ["a"], id="completed under its own id"),
        pytest.param((FAILURE, step("b", COMPLETE, 2, 7)), [], id="one that ran beside it"),
        pytest.param((FAILURE, step("b", COMPLETE, 6, 7, name="other")), [], id="another step"),
        pytest.param(
            (step("b", COMPLETE, None), step("a", FAILED, None)), [], id="without times the log's order tells: before"
        ),
        pytest.param(
            (step("a", FAILED, None), step("b", COMPLETE, None)), ["a"], id="without times the log's order tells: after"
        ),
        pytest.param((FAILURE, step("c", FAILED, 6, 7), step("b", COMPLETE, 8, 9)), ["a", "c"], id="both"),
    ],
)
def test_a_failed_execution_is_over_once_its_step_has_completed(
    log: tuple[StepExecution, ...], over: list[str]
) -> None:
    assert recovered((FAILURE,), log, {"a", "c"}) == over


def test_what_was_never_told_is_not_over_and_what_is_over_is_so_once() -> None:
    log = (FAILURE, step("b", COMPLETE, 6, 7))
    assert recovered((FAILURE,), log, ()) == []
    assert recovered(log, log, {"a"}) == []


@pytest.mark.parametrize(
    ("log", "expected"),
    [
        pytest.param((), False, id="nothing ran"),
        pytest.param((FAILURE,), True, id="failed"),
        pytest.param((FAILURE, step("b", RUNNING, 6)), False, id="tried again"),
        pytest.param((step("b", COMPLETE, 0, 1), FAILURE), True, id="failed the second time"),
        pytest.param((FAILURE, step("b", RUNNING, 6, name="other")), True, id="another step goes on"),
    ],
)
def test_a_log_has_failed_where_nobody_tried_again(log: tuple[StepExecution, ...], expected: bool) -> None:
    assert has_failed(log) is expected
