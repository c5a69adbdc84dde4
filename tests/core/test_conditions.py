"""The names of episodes: whatever a log does, no condition is opened twice under one name."""

import msgspec
from hypothesis import given
from hypothesis import strategies as st

from monitor.core.event_types import EventType
from monitor.core.model import Observation, Outcome, PollFailed, Status, StepExecution, StepStatus
from tests.core.beliefs import MISS, NEW, TARGET, poll, seen, step, types

OPENERS = {EventType.SUSPENDED, EventType.NOT_FOUND, EventType.OVERDUE, EventType.STEP_OVERDUE}
IMPATIENT = msgspec.structs.replace(TARGET, max_runtime=60.0, step_timeouts={"*": 60.0})
RELAXED = msgspec.structs.replace(TARGET, max_runtime=1e6, step_timeouts={"*": 1e6})

EXECUTIONS = st.builds(
    step,
    st.sampled_from(["a", "b", "c"]),
    st.sampled_from([StepStatus.PENDING, StepStatus.RUNNING, StepStatus.COMPLETE]),
    st.none() | st.sampled_from([0, 5]),
)
LOGS = st.lists(EXECUTIONS, max_size=3, unique_by=lambda one: one.id)
ANSWERS = st.builds(
    lambda status, log: seen(status, *log),
    st.sampled_from([Status.RUNNABLE, Status.RUNNABLE, Status.SUSPENDED, Status.UNKNOWN]),
    LOGS,
)
POLLS = st.lists(st.tuples(ANSWERS | st.just(MISS) | st.just(PollFailed(Outcome.TIMEOUT)), st.booleans()), max_size=25)


@given(POLLS)
def test_no_episode_has_the_name_of_another(polls: list[tuple[Observation, bool]]) -> None:
    state, ids = NEW, []
    for number, (observation, impatient) in enumerate(polls):
        target = IMPATIENT if impatient else RELAXED
        verdict = poll(state, observation, now=100 + 30 * number, target=target)
        state = verdict.state
        ids += [event.id for event in verdict.events if event.type in OPENERS]
    assert len(set(ids)) == len(ids)


def test_steps_that_began_together_and_change_places_in_the_log_make_no_episode_old() -> None:
    a, b = step("a", StepStatus.RUNNING, 5), step("b", StepStatus.RUNNING, 5)
    run, held = Status.RUNNABLE, Status.SUSPENDED
    ids = suspensions(seen(held, b, a), seen(run, b, a), seen(held, a, b), seen(run, a, b), seen(held, b, a))
    assert len(set(ids)) == len(ids) == 3


def test_a_branch_that_begins_late_makes_no_episode_old() -> None:
    a, b = step("a", StepStatus.PENDING, None), step("b", StepStatus.PENDING, None)
    runs_a, runs_b = step("a", StepStatus.RUNNING, 4), step("b", StepStatus.RUNNING, 9)
    run, held = Status.RUNNABLE, Status.SUSPENDED
    ids = suspensions(
        seen(held, a, b), seen(run, a, b), seen(held, runs_a, b), seen(run, runs_a, b), seen(held, runs_a, runs_b)
    )
    assert len(set(ids)) == len(ids) == 3


def test_a_step_that_was_missing_from_an_answer_is_overdue_under_another_name() -> None:
    late = step("x", StepStatus.RUNNING, 0)
    done = [step(name, StepStatus.COMPLETE, 1, 2) for name in "abc"]
    logs: list[list[StepExecution]] = [[late, done[0]], done[:2], [late, *done]]
    state, told = NEW, []
    for number, log in enumerate(logs):
        verdict = poll(state, seen(Status.RUNNABLE, *log), now=100 + 30 * number, target=IMPATIENT)
        state = verdict.state
        told += [event for event in verdict.events if event.step is not None]
    assert types(told) == [EventType.STEP_OVERDUE, EventType.STEP_OVERDUE_CLEARED, EventType.STEP_OVERDUE]
    assert told[0].id != told[2].id
    assert told[1].closes == (told[0].id,)


def suspensions(*observations: Observation) -> list[str]:
    """The ids of what was told, a poll every 30 s."""
    state, ids = NEW, []
    for number, observation in enumerate(observations):
        verdict = poll(state, observation, now=30 * number)
        state = verdict.state
        ids += [event.id for event in verdict.events if event.type is EventType.SUSPENDED]
    return ids
