"""The oracle: whatever truly happened, however it was sampled, what is told is what the samples can prove."""

from collections import Counter
from collections.abc import Sequence
from datetime import datetime
from itertools import groupby, pairwise
from random import Random
from typing import Any, NamedTuple

import msgspec
from hypothesis import given, note
from hypothesis import strategies as st

from monitor.core.event_types import EventType
from monitor.core.model import (
    Cause,
    Event,
    Observation,
    Outcome,
    PollFailed,
    Seen,
    Snapshot,
    Status,
    StepExecution,
    StepStatus,
    TargetState,
    WorkflowError,
)
from tests.core.beliefs import NEW, START, at, poll

ENDED = {Status.COMPLETE: EventType.COMPLETED, Status.TERMINATED: EventType.TERMINATED}
STEPS = {StepStatus.FAILED: EventType.STEP_FAILED, StepStatus.CANCELLED: EventType.STEP_CANCELLED}


# --- the truth --------------------------------------------------------------------------------------------


class Moment(NamedTuple):
    """What is true from `time` on."""

    time: float
    status: Status
    steps: tuple[StepExecution, ...]
    errors: tuple[WorkflowError, ...]
    ended: datetime | None
    gone: bool


ACTIONS = st.sampled_from(
    ["start"] * 4
    + ["complete"] * 3
    + ["fail"] * 3
    + ["cancel", "wait", "suspend", "resume", "resume", "strange", "vanish", "return", "return"]
)
ENDINGS = st.sampled_from(["", "done", "killed", "faulted"])


def live(actions: Sequence[tuple[int, str, str]], ending: str) -> list[Moment]:
    """A life, one moment per action; an action that makes no sense just then passes without effect."""
    moments = [Moment(0, Status.RUNNABLE, (), (), None, gone=False)]
    for pause, action, name in actions:
        moments.append(_act(moments[-1], moments[-1].time + pause, action, name))
    if ending:
        moments.append(_end(moments[-1], moments[-1].time + 1, ending))
    return moments


_OF_THE_WHOLE: dict[str, dict[str, Any]] = {
    "suspend": {"status": Status.SUSPENDED},
    "resume": {"status": Status.RUNNABLE},
    "strange": {"status": Status.UNKNOWN},
    "vanish": {"gone": True},
    "return": {"gone": False},
}
_OF_A_STEP = {
    "wait": StepStatus.WAITING_FOR_EVENT,
    "complete": StepStatus.COMPLETE,
    "cancel": StepStatus.CANCELLED,
    "fail": StepStatus.FAILED,
}


def _act(now: Moment, time: float, action: str, name: str) -> Moment:
    now = now._replace(time=time, **_OF_THE_WHOLE.get(action, {}))
    current = next((s for s in now.steps if s.completed_at is None), None)
    if action == "start" and current is None:
        new = StepExecution(f"x{len(now.steps)}", name, StepStatus.RUNNING, at(time))
        return now._replace(steps=(*now.steps, new))
    if action not in _OF_A_STEP or current is None:
        return now
    if action == "fail":
        now = now._replace(errors=(*now.errors, WorkflowError(current.step, "It broke.", at(time))))
    ended = at(time) if action != "wait" else None
    return _change(now, current, status=_OF_A_STEP[action], completed_at=ended)


def _change(now: Moment, step: StepExecution, **facts: object) -> Moment:
    changed = msgspec.structs.replace(step, **facts)
    return now._replace(steps=tuple(changed if s is step else s for s in now.steps))


def _end(now: Moment, time: float, ending: str) -> Moment:
    if ending == "faulted":
        now = now._replace(errors=(*now.errors, WorkflowError("", "It broke.", at(time))))
    status = Status.COMPLETE if ending == "done" else Status.TERMINATED
    return now._replace(time=time, status=status, ended=at(time), gone=False)


LIVES = st.builds(
    live,
    st.lists(st.tuples(st.integers(1, 9), ACTIONS, st.sampled_from(["ask", "wait", "tell"])), max_size=40),
    ENDINGS,
)


# --- the samples ------------------------------------------------------------------------------------------


class Poll(NamedTuple):
    pause: float
    outcome: Outcome
    """OK: it saw the truth of its time, a 404 included."""
    explained: bool
    """Whether `/errors` answered."""
    restarted: bool
    """Whether the monitor was restarted before."""


POLLS = st.lists(
    st.builds(
        Poll,
        st.floats(0.1, 20),
        st.sampled_from([Outcome.OK] * 5 + [o for o in Outcome if o not in (Outcome.OK, Outcome.NOT_FOUND)]),
        st.booleans(),
        st.booleans(),
    ),
    max_size=60,
)
LAST_WORD = Poll(1, Outcome.OK, explained=True, restarted=True)


def observe(life: Sequence[Moment], time: float, poll: Poll) -> Observation:
    if poll.outcome is not Outcome.OK:
        return PollFailed(poll.outcome)
    now = next(moment for moment in reversed(life) if moment.time <= time)
    if now.gone:
        return PollFailed(Outcome.NOT_FOUND)
    snapshot = Snapshot(
        status=now.status,
        version=1,
        started_at=START,
        completed_at=now.ended,
        steps=now.steps,
        drifts=("status:Strange",) if now.status is Status.UNKNOWN else (),
    )
    return Seen(snapshot, now.errors if poll.explained else None)


def sample(life: Sequence[Moment], polls: Sequence[Poll]) -> list[tuple[float, Observation]]:
    time = 0.0
    samples = []
    for each in polls:
        time += each.pause
        samples.append((time, observe(life, time, each)))
    return samples


def watch(samples: Sequence[tuple[float, Observation]], restarts: Sequence[bool]) -> list[Event]:
    """What the monitor tells; each observation is given twice, as after a crash between commit and memory."""
    state, last, known = NEW, None, frozenset[str]()
    told: list[Event] = []
    for (time, observation), restarted in zip(samples, restarts, strict=True):
        if restarted:
            state = msgspec.json.decode(msgspec.json.encode(state), type=TargetState)
        verdict = poll(state, observation, now=time, last=last, known=known)
        assert verdict.changed == (verdict.state is not state)
        told += verdict.events
        known |= {event.reason for event in verdict.events if event.type is EventType.SCHEMA_DRIFT and event.reason}
        state = verdict.state
        if isinstance(observation, Seen):
            last = time
            again = poll(state, observation, now=time, last=last, known=known)
            assert again.state is state
            assert again.events == ()
    return told


# --- what the samples prove -------------------------------------------------------------------------------


def expected(samples: Sequence[tuple[float, Observation]]) -> Counter[EventType]:
    spoken = [o for _, o in samples if isinstance(o, Seen) or o.outcome is Outcome.NOT_FOUND]
    end = next((n for n, o in enumerate(spoken) if isinstance(o, Seen) and o.snapshot.status in ENDED), None)
    spoken = spoken[: end + 1] if end is not None else spoken
    snapshots = [o.snapshot for o in spoken if isinstance(o, Seen)]
    counts: Counter[EventType] = Counter()
    if end is not None:
        counts[ENDED[snapshots[-1].status]] += 1
    for execution in snapshots[-1].steps if snapshots else ():
        if execution.status in STEPS:
            counts[STEPS[execution.status]] += 1
    # Unknown says nothing of a suspension, and neither does a 404.
    held = [status for status, _ in groupby(s.status for s in snapshots if s.status is not Status.UNKNOWN)]
    counts[EventType.SUSPENDED] = held.count(Status.SUSPENDED)
    counts[EventType.RESUMED] = sum(a is Status.SUSPENDED and b is Status.RUNNABLE for a, b in pairwise(held))
    runs = [(there, len(list(run))) for there, run in groupby(isinstance(o, Seen) for o in spoken)]
    lost = [n for n, (there, length) in enumerate(runs) if not there and length >= 3]
    counts[EventType.NOT_FOUND] = len(lost)
    counts[EventType.FOUND] = sum(n + 1 < len(runs) for n in lost)
    counts[EventType.SCHEMA_DRIFT] = any(s.drifts for s in snapshots)
    return +counts


@given(life=LIVES, polls=POLLS)
def test_what_is_told_is_what_the_samples_prove(life: list[Moment], polls: list[Poll]) -> None:
    samples = sample(life, polls)
    events = watch(samples, [each.restarted for each in polls])
    note([event.summary for event in events])
    assert Counter(event.type for event in events) == expected(samples)
    assert len({event.id for event in events}) == len(events)


@given(life=LIVES, polls=POLLS)
def test_every_failure_up_to_the_last_answer_is_told_with_its_time(life: list[Moment], polls: list[Poll]) -> None:
    samples = sample(life, polls)
    last = max((time for time, o in samples if isinstance(o, Seen)), default=-1.0)
    failures = {s.id: s.completed_at for s in life[-1].steps if s.status in STEPS and s.completed_at}
    told = {e.step.id: e.occurred_at for e in watch(samples, [p.restarted for p in polls]) if e.step and not e.cause}
    assert told == {execution: when for execution, when in failures.items() if when <= at(last)}


@given(life=LIVES, one=POLLS, other=POLLS)
def test_two_monitors_give_a_fact_the_same_id_and_time(life: list[Moment], one: list[Poll], other: list[Poll]) -> None:
    told = []
    for polls in (one, other):
        polls_to_the_end = [*polls, LAST_WORD._replace(pause=1000)]
        events = watch(sample(life, polls_to_the_end), [p.restarted for p in polls_to_the_end])
        told.append({e.id: e.occurred_at for e in events if e.type in (*ENDED.values(), *STEPS.values())})
    # An instance that is gone at the last word may have been seen by one of them only.
    if not life[-1].gone:
        assert told[0] == told[1]


@given(life=LIVES, polls=POLLS)
def test_a_condition_is_closed_once_by_an_event_that_names_its_opening(life: list[Moment], polls: list[Poll]) -> None:
    open_ids: set[str] = set()
    failed_steps: set[str] = set()
    for event in watch(sample(life, polls), [each.restarted for each in polls]):
        ends = failed_steps if event.type is EventType.COMPLETED else set()
        assert set(event.closes) <= open_ids | ends
        open_ids -= set(event.closes)
        if event.type in (EventType.SUSPENDED, EventType.NOT_FOUND):
            open_ids.add(event.id)
        if event.type is EventType.STEP_FAILED:
            failed_steps.add(event.id)
        if event.type in ENDED.values():
            assert not open_ids


@given(life=LIVES, polls=POLLS)
def test_the_cause_is_what_the_answers_prove(life: list[Moment], polls: list[Poll]) -> None:
    samples = sample(life, polls)
    for event in watch(samples, [each.restarted for each in polls]):
        if event.type is EventType.TERMINATED:
            end = next(o for _, o in samples if isinstance(o, Seen) and o.snapshot.status is Status.TERMINATED)
            failed = any(s.status is StepStatus.FAILED for s in end.snapshot.steps)
            blamed = failed or bool(end.errors)
            assert event.cause is (Cause.FAULT if blamed else Cause.UNKNOWN if end.errors is None else Cause.MANUAL)


@given(life=LIVES, polls=POLLS, order=st.randoms(use_true_random=False))
def test_answers_out_of_order_lose_no_failure_and_no_end(life: list[Moment], polls: list[Poll], order: Random) -> None:
    samples = sample(life, [*polls, LAST_WORD])
    lagging = samples[:]
    order.shuffle(lagging)
    facts = []
    for answers in (samples, [*lagging, samples[-1]]):
        events = watch(answers, [False] * len(answers))
        facts.append({e.id for e in events if e.type in (*ENDED.values(), *STEPS.values())})
        assert len({e.id for e in events if e.step or e.to_status in ENDED}) == sum(
            bool(e.step or e.to_status in ENDED) for e in events
        )
    if not life[-1].gone:
        assert facts[0] == facts[1]
