"""What `status` prints about an instance: its cause is the one that the daemon would tell."""

import json
import re
from datetime import UTC, datetime

import pytest

from monitor.commands.status import as_json, as_text
from monitor.core.model import Cause, Seen, Snapshot, Status, StepExecution, StepStatus, TargetKey, WorkflowError

KEY = TargetKey("acme", "5870442f", "60dbe307")
NOW = datetime(2026, 1, 5, 10, tzinfo=UTC)
FAILED = (StepExecution("b2c6", "step1", StepStatus.FAILED, NOW, NOW),)
ERRORS = (WorkflowError("step1", "Invalid subaccount id.", NOW),)
ENDED = Status.TERMINATED


@pytest.mark.parametrize(
    ("status", "steps", "errors", "cause", "meaning"),
    [
        pytest.param(ENDED, FAILED, ERRORS, Cause.FAULT, "it faulted", id="errors"),
        pytest.param(ENDED, (), ERRORS, Cause.FAULT, "it faulted", id="errors alone"),
        pytest.param(ENDED, FAILED, (), Cause.FAULT, "it faulted", id="a failed step alone"),
        pytest.param(ENDED, FAILED, None, Cause.FAULT, "it faulted", id="a failed step, no answer about errors"),
        pytest.param(ENDED, (), (), Cause.MANUAL, "no errors, no failed step: by hand, or by a program", id="neither"),
        pytest.param(ENDED, (), None, Cause.UNKNOWN, "nobody knows why: its errors could not be read", id="no answer"),
        pytest.param(Status.RUNNABLE, FAILED, None, None, None, id="it goes on"),
        pytest.param(Status.COMPLETE, (), None, None, None, id="complete"),
    ],
)
def test_the_cause_is_told_as_the_daemon_tells_it(
    status: Status,
    steps: tuple[StepExecution, ...],
    errors: tuple[WorkflowError, ...] | None,
    cause: Cause | None,
    meaning: str | None,
) -> None:
    snapshot = Snapshot(status=status, version=1, started_at=NOW, completed_at=None, steps=steps)
    seen = Seen(snapshot, errors)
    assert json.loads(as_json(KEY, seen))["cause"] == cause
    told = re.search(rf"^status +{status.value}(?: \((.*)\))?$", as_text(KEY, seen, NOW), re.MULTILINE)
    assert told is not None
    assert told[1] == meaning
