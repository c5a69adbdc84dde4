"""What a step log says by itself."""

import pytest

from monitor.core.model import StepExecution, StepStatus, WorkflowError
from monitor.core.steps import explaining, newest
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
    assert newest(log) == expected


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
    best = explaining(failed, errors)
    assert (best.message if best else None) == expected
