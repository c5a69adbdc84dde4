"""The table: every belief, every thing that can be seen, what is told."""

import itertools

import msgspec
import pytest

from monitor.core.detection.detect import TABLE
from monitor.core.event_types import EventType, Severity
from monitor.core.model import (
    Condition,
    Episode,
    Observation,
    Outcome,
    PollFailed,
    Seen,
    Status,
    StepStatus,
    TargetState,
)
from tests.core.beliefs import KEY, MISS, NEW, START, at, believe, poll, seen, step, types

FOUND, NOT_FOUND = EventType.FOUND, EventType.NOT_FOUND
SUSPENDED, RESUMED = EventType.SUSPENDED, EventType.RESUMED
COMPLETED, TERMINATED = EventType.COMPLETED, EventType.TERMINATED

LOG = (step("a", StepStatus.RUNNING, 1),)
SEEN: dict[str, Observation] = {
    "runnable": seen(Status.RUNNABLE, *LOG),
    "suspended": seen(Status.SUSPENDED, *LOG),
    "complete": seen(Status.COMPLETE, *LOG, ended=95),
    "terminated": seen(Status.TERMINATED, *LOG, ended=95, errors=()),
    "unknown": seen(Status.UNKNOWN, *LOG, drifts=("status:Paused",)),
    "third 404": MISS,
    "timeout": PollFailed(Outcome.TIMEOUT),
}
HELD = Condition(open=True, last=Episode("a", 1))


def belief(status: Status, *, held: bool = False, misses: int = 2) -> TargetState:
    return TargetState(
        key=KEY,
        status=status,
        since=at(5),
        first_seen_at=START,
        version=1,
        started_at=START,
        steps=LOG,
        misses=misses,
        suspended=HELD if held else Condition(),
        not_found=Condition(open=status is Status.NOT_FOUND, last=Episode("a", 1)),
    )


BELIEFS = {
    "never seen": msgspec.structs.replace(NEW, misses=2),
    "Runnable": belief(Status.RUNNABLE),
    "Suspended": belief(Status.SUSPENDED, held=True),
    "Complete": belief(Status.COMPLETE),
    "Terminated": belief(Status.TERMINATED),
    "NotFound": belief(Status.NOT_FOUND, misses=3),
    "NotFound while suspended": belief(Status.NOT_FOUND, held=True, misses=3),
    "NotFound, closed by others": msgspec.structs.replace(
        belief(Status.NOT_FOUND), not_found=Condition(open=False, last=Episode("a", 1))
    ),
    "Suspended, closed by others": msgspec.structs.replace(
        belief(Status.SUSPENDED), suspended=Condition(open=False, last=Episode("a", 1))
    ),
    "Unknown": belief(Status.UNKNOWN),
    "Unknown while suspended": belief(Status.UNKNOWN, held=True),
}

# Rows: beliefs. Columns: runnable, suspended, complete, terminated, unknown (drift apart), third 404, timeout.
ROWS: dict[str, list[list[EventType]]] = {
    "never seen": [[], [SUSPENDED], [COMPLETED], [TERMINATED], [], [NOT_FOUND], []],
    "Runnable": [[], [SUSPENDED], [COMPLETED], [TERMINATED], [], [NOT_FOUND], []],
    "Suspended": [[RESUMED], [], [COMPLETED], [TERMINATED], [], [NOT_FOUND], []],
    "Complete": [[], [], [], [], [], [], []],
    "Terminated": [[], [], [], [], [], [], []],
    "NotFound": [[FOUND], [FOUND, SUSPENDED], [FOUND, COMPLETED], [FOUND, TERMINATED], [FOUND], [], []],
    "NotFound while suspended": [[FOUND, RESUMED], [FOUND], [FOUND, COMPLETED], [FOUND, TERMINATED], [FOUND], [], []],
    "NotFound, closed by others": [[], [SUSPENDED], [COMPLETED], [TERMINATED], [], [NOT_FOUND], []],
    "Suspended, closed by others": [[], [SUSPENDED], [COMPLETED], [TERMINATED], [], [NOT_FOUND], []],
    "Unknown": [[], [SUSPENDED], [COMPLETED], [TERMINATED], [], [NOT_FOUND], []],
    "Unknown while suspended": [[RESUMED], [], [COMPLETED], [TERMINATED], [], [NOT_FOUND], []],
}
CELLS = [
    pytest.param(BELIEFS[believed], SEEN[what], expected, id=f"{believed} -> {what}")
    for believed, row in ROWS.items()
    for what, expected in zip(SEEN, row, strict=True)
]
CONDITIONS = {RESUMED: SUSPENDED, FOUND: NOT_FOUND}


def test_the_table_speaks_of_every_pair() -> None:
    assert set(TABLE) == set(itertools.product(Status, Status))


@pytest.mark.parametrize(("state", "observation", "expected"), CELLS)
def test_what_is_told(state: TargetState, observation: Observation, expected: list[EventType]) -> None:
    told = [event for event in poll(state, observation).events if event.type is not EventType.SCHEMA_DRIFT]
    assert types(told) == expected


@pytest.mark.parametrize(("state", "observation", "expected"), CELLS)
def test_each_event_says_from_where_to_where(
    state: TargetState, observation: Observation, expected: list[EventType]
) -> None:
    verdict = poll(state, observation)
    before = None if state.first_seen_at is None else state.status
    for event in verdict.events:
        if event.type is not EventType.SCHEMA_DRIFT:
            assert (event.from_status, event.to_status) == (before, verdict.state.status)
            assert event.last_seen_at == (None if before is None else at(70))
            assert event.observed_at == at(100)


@pytest.mark.parametrize(("state", "observation", "expected"), CELLS)
def test_an_observation_given_again_tells_nothing(
    state: TargetState, observation: Observation, expected: list[EventType]
) -> None:
    verdict = poll(state, observation)
    again = poll(verdict.state, observation, now=130, known=frozenset({"status:Paused"}))
    assert (again.events, again.changed) == ((), False)
    assert again.state is verdict.state
    assert verdict.changed == (verdict.state is not state)


@pytest.mark.parametrize(("state", "observation", "expected"), CELLS)
def test_conditions_are_open_while_they_are_believed(
    state: TargetState, observation: Observation, expected: list[EventType]
) -> None:
    verdict = poll(state, observation)
    after = verdict.state
    if not verdict.changed:
        assert after is state
        return
    assert after.not_found.open == (after.status is Status.NOT_FOUND)
    if after.status is Status.SUSPENDED:
        assert after.suspended.open
    elif after.status is Status.RUNNABLE or (after.status.ended and not state.status.ended):
        assert not after.suspended.open
    else:
        assert after.suspended.open == state.suspended.open


@pytest.mark.parametrize("believed", ["Complete", "Terminated"])
@pytest.mark.parametrize("what", SEEN)
def test_the_end_is_final(believed: str, what: str) -> None:
    verdict = poll(BELIEFS[believed], SEEN[what])
    assert verdict.state is BELIEFS[believed]
    assert verdict.events == ()
    assert "the end" in verdict.reason


@pytest.mark.parametrize("believed", BELIEFS)
@pytest.mark.parametrize("outcome", [o for o in Outcome if o not in (Outcome.OK, Outcome.NOT_FOUND)])
def test_a_failed_request_changes_nothing(believed: str, outcome: Outcome) -> None:
    state = BELIEFS[believed]
    verdict = poll(state, PollFailed(outcome))
    assert verdict.state is state
    assert (verdict.events, verdict.changed) == ((), False)
    assert state.status.ended or outcome.value in verdict.reason


# --- 404 --------------------------------------------------------------------------------------------------


def test_a_404_is_believed_when_it_came_often_enough() -> None:
    state, events = believe(seen(Status.RUNNABLE), MISS, MISS)
    assert (state.status, state.misses, events) == (Status.RUNNABLE, 2, ())
    verdict = poll(state, MISS)
    assert verdict.state.status is Status.NOT_FOUND
    assert verdict.state.since == at(100)
    assert types(verdict.events) == [NOT_FOUND]


def test_other_failures_neither_count_as_misses_nor_forgive_them() -> None:
    timeout = PollFailed(Outcome.TIMEOUT)
    state, events = believe(seen(Status.RUNNABLE), MISS, timeout, MISS, timeout, timeout, MISS)
    assert types(events) == [NOT_FOUND]
    assert state.status is Status.NOT_FOUND


def test_an_answer_forgives_misses() -> None:
    _, events = believe(seen(Status.RUNNABLE), MISS, MISS, seen(Status.RUNNABLE), MISS, MISS)
    assert events == ()


def test_a_target_that_was_never_seen_can_be_not_found() -> None:
    state, (event,) = believe(MISS, MISS, MISS)
    assert event.type is NOT_FOUND
    assert (event.from_status, event.to_status, event.last_seen_at) == (None, Status.NOT_FOUND, None)
    assert state.first_seen_at is None
    found, terminated = poll(state, seen(Status.TERMINATED, errors=())).events
    assert (found.type, found.from_status, found.closes) == (FOUND, Status.NOT_FOUND, (event.id,))
    assert terminated.from_status is Status.NOT_FOUND


def test_not_found_twice_is_two_episodes() -> None:
    run = seen(Status.RUNNABLE)
    _, events = believe(run, MISS, MISS, MISS, run, MISS, MISS, MISS, run)
    assert types(events) == [NOT_FOUND, FOUND, NOT_FOUND, FOUND]
    assert events[1].closes == (events[0].id,)
    assert events[3].closes == (events[2].id,)
    assert len({event.id for event in events}) == 4


# --- suspended --------------------------------------------------------------------------------------------


def test_resumed_closes_the_suspension() -> None:
    _, (suspended, resumed) = believe(seen(Status.RUNNABLE), seen(Status.SUSPENDED), seen(Status.RUNNABLE))
    assert resumed.closes == (suspended.id,)
    assert (suspended.severity, resumed.severity) == (Severity.WARNING, Severity.INFO)


@pytest.mark.parametrize("end", [Status.COMPLETE, Status.TERMINATED])
def test_the_end_closes_the_suspension(end: Status) -> None:
    _, (suspended, ended) = believe(seen(Status.SUSPENDED), seen(end, errors=()))
    assert ended.closes == (suspended.id,)


@pytest.mark.parametrize(
    "between",
    [
        pytest.param([MISS, MISS, MISS], id="not found"),
        pytest.param([seen(Status.UNKNOWN)], id="an unknown word"),
        pytest.param([MISS, MISS, MISS, seen(Status.UNKNOWN)], id="both"),
        pytest.param([PollFailed(Outcome.SERVER_ERROR)], id="a server error"),
    ],
)
def test_what_says_nothing_of_a_suspension_leaves_it_the_same_episode(between: list[Observation]) -> None:
    _, events = believe(seen(Status.SUSPENDED), *between, seen(Status.SUSPENDED), seen(Status.RUNNABLE))
    told = [event for event in events if event.type in (SUSPENDED, RESUMED)]
    assert types(told) == [SUSPENDED, RESUMED]
    assert told[1].closes == (told[0].id,)


def test_each_suspension_is_its_own_episode() -> None:
    first, second = step("a", StepStatus.COMPLETE, 1, 2), step("b", StepStatus.RUNNING, 3)
    _, events = believe(
        seen(Status.SUSPENDED, first),
        seen(Status.RUNNABLE, first),
        seen(Status.SUSPENDED, first),
        seen(Status.RUNNABLE, first, second),
        seen(Status.SUSPENDED, first, second),
    )
    ids = [event.id for event in events if event.type is SUSPENDED]
    assert len(set(ids)) == 3


def test_a_suspension_after_a_log_went_missing_does_not_reuse_an_episode() -> None:
    first = step("a", StepStatus.COMPLETE, 1, 2)
    held, run = Status.SUSPENDED, Status.RUNNABLE
    _, events = believe(
        seen(held), seen(run), seen(held, first), seen(run, first), seen(held), seen(run), seen(held, first)
    )
    ids = [event.id for event in events]
    assert types(events) == [SUSPENDED, RESUMED] * 3 + [SUSPENDED]
    assert len(set(ids)) == len(ids)


# --- drift ------------------------------------------------------------------------------------------------


def test_a_word_that_is_not_known_is_believed_unknown_and_told() -> None:
    verdict = poll(BELIEFS["Runnable"], SEEN["unknown"])
    (event,) = verdict.events
    assert verdict.state.status is Status.UNKNOWN
    assert (event.type, event.reason, event.subject) == (EventType.SCHEMA_DRIFT, "status:Paused", "acme")
    assert event.workflow is None
    assert "onboarding-reply" in event.summary


def test_a_kind_of_drift_is_told_once_for_the_account() -> None:
    observation = seen(Status.RUNNABLE, drifts=("missing:startedAt", "step_status:Skipped"))
    verdict = poll(NEW, observation, known=frozenset({"missing:startedAt"}))
    assert [event.reason for event in verdict.events] == ["step_status:Skipped"]
    other = msgspec.structs.replace(NEW, key=KEY._replace(workflow="another"))
    assert poll(other, observation).events[1].id == verdict.events[0].id


def test_a_drift_is_told_also_where_the_belief_stays() -> None:
    state = poll(NEW, seen(Status.RUNNABLE)).state
    verdict = poll(state, seen(Status.RUNNABLE, drifts=("step_status:Skipped",)))
    assert verdict.state is state
    assert not verdict.changed
    assert types(verdict.events) == [EventType.SCHEMA_DRIFT]


# --- the belief -------------------------------------------------------------------------------------------


def test_since_is_when_the_status_was_first_observed() -> None:
    state = poll(NEW, seen(Status.RUNNABLE), now=10).state
    assert (state.since, state.first_seen_at) == (at(10), at(10))
    state = poll(state, seen(Status.RUNNABLE, *LOG), now=20).state
    assert state.since == at(10)
    state = poll(state, seen(Status.SUSPENDED, *LOG), now=30).state
    assert (state.since, state.first_seen_at) == (at(30), at(10))


def test_a_change_of_version_is_recorded_not_told() -> None:
    verdict = poll(poll(NEW, seen(Status.RUNNABLE)).state, seen(Status.RUNNABLE, version=2))
    assert (verdict.state.version, verdict.events, verdict.changed) == (2, (), True)


@pytest.mark.parametrize("field", ["started_at", "completed_at"])
def test_a_corrected_time_is_recorded(field: str) -> None:
    observation = seen(Status.RUNNABLE, *LOG)
    corrected = Seen(msgspec.structs.replace(observation.snapshot, **{field: at(7)}))
    verdict = poll(poll(NEW, observation).state, corrected)
    assert getattr(verdict.state, field) == at(7)
    assert (verdict.changed, verdict.events) == (True, ())


def test_a_missing_field_is_not_news() -> None:
    state = poll(NEW, seen(Status.RUNNABLE, *LOG)).state
    verdict = poll(state, seen(Status.RUNNABLE, version=None))
    assert (verdict.state, verdict.events) == (state, ())
