"""What is overdue, whatever happens: begun on time, told once, ended by an event that names its beginning."""

from collections import Counter
from collections.abc import Sequence
from datetime import timedelta
from typing import NamedTuple

import msgspec
from hypothesis import given
from hypothesis import strategies as st

from monitor.core.detection.detect import Detection, overdue
from monitor.core.detection.overdue import Limits, assess_overdue, next_deadline
from monitor.core.detection.unwatched import unwatched
from monitor.core.event_types import EventType
from monitor.core.model import Event, Status, Target, TargetState
from tests.core.beliefs import KEY, NEW, TARGET, at, poll
from tests.core.test_detect_history import LIVES, POLLS, Moment, Poll, sample

ENDS = {EventType.OVERDUE_CLEARED: EventType.OVERDUE, EventType.STEP_OVERDUE_CLEARED: EventType.STEP_OVERDUE}
SECONDS = st.floats(0, 300)
STEPS = st.sampled_from(["ask", "wait", "tell", "*"])
TARGETS = st.builds(
    lambda runtime, steps: msgspec.structs.replace(TARGET, max_runtime=runtime, step_timeouts=steps),
    st.none() | SECONDS,
    st.dictionaries(STEPS, SECONDS, max_size=2),
)
LIMITS = st.builds(
    lambda declared, learned, slack: Limits(declared=declared, learned=learned, slack=slack),
    st.dictionaries(STEPS, st.none() | SECONDS, max_size=3),
    st.dictionaries(STEPS, SECONDS, max_size=3),
    st.floats(0, 30),
)


class Rule(NamedTuple):
    """What is configured and known from some poll on."""

    target: Target
    limits: Limits


RULES = st.lists(st.builds(Rule, TARGETS, LIMITS), min_size=1, max_size=3)


def watch(life: Sequence[Moment], polls: Sequence[Poll], rules: Sequence[Rule]) -> list[tuple[float, Detection, Rule]]:
    """Poll after poll, with a timer between two; the rules take turns of ten polls."""
    state, verdicts = NEW, []
    known = frozenset({"status:Strange"})
    for number, (time, observation) in enumerate(sample(life, polls)):
        rule = rules[min(number // 10, len(rules) - 1)]
        verdict = poll(state, observation, now=time, known=known, target=rule.target, limits=rule.limits)
        timer = overdue(verdict.state, rule.target, at(time + 0.05), rule.limits, None)
        verdicts += [(time, verdict, rule), (time + 0.05, timer, rule)]
        state = timer.state
    return verdicts


def told(verdicts: Sequence[tuple[float, Detection, Rule]]) -> list[Event]:
    kinds = (*ENDS, *ENDS.values())
    return [event for _, verdict, _ in verdicts for event in verdict.events if event.type in kinds]


@given(life=LIVES, polls=POLLS, rules=RULES)
def test_every_episode_begins_once_and_ends_once_by_name(
    life: list[Moment], polls: list[Poll], rules: list[Rule]
) -> None:
    open_ids: dict[str, EventType] = {}
    events = told(watch(life, polls, rules))
    for event in events:
        if event.type in ENDS:
            (beginning,) = event.closes
            assert open_ids.pop(beginning) is ENDS[event.type]
        else:
            assert event.closes == ()
            open_ids[event.id] = event.type
    assert len({event.id for event in events}) == len(events)


@given(life=LIVES, polls=POLLS, rules=RULES)
def test_what_is_open_is_what_was_told_and_not_ended(life: list[Moment], polls: list[Poll], rules: list[Rule]) -> None:
    verdicts = watch(life, polls, rules)
    if not verdicts:
        return
    state = verdicts[-1][1].state
    balance = Counter(event.type for event in told(verdicts))
    assert balance[EventType.OVERDUE] - balance[EventType.OVERDUE_CLEARED] == state.overdue.open
    late = sum(one.open for one in state.late)
    assert balance[EventType.STEP_OVERDUE] - balance[EventType.STEP_OVERDUE_CLEARED] == late
    assert {one.execution for one in state.late} <= {step.id for step in state.steps}
    if state.status.ended:
        assert (state.overdue.open, late) == (False, 0)


@given(life=LIVES, polls=POLLS, rules=RULES)
def test_after_a_judgement_no_deadline_has_passed_and_nothing_is_told_again(
    life: list[Moment], polls: list[Poll], rules: list[Rule]
) -> None:
    for time, verdict, (target, limits) in watch(life, polls, rules)[1::2]:
        state, now = verdict.state, at(time)
        deadline = next_deadline(state, target, limits)
        assert deadline is None or deadline > now
        assert assess_overdue(state, state, target, limits, now).findings == ()
        assert overdue(state, target, now, limits, None).state is state


@given(life=LIVES, polls=POLLS, rules=RULES)
def test_what_opens_opens_at_the_next_deadline_exactly(
    life: list[Moment], polls: list[Poll], rules: list[Rule]
) -> None:
    for _, verdict, (target, limits) in watch(life, polls, rules)[1::2]:
        state, deadline = verdict.state, next_deadline(verdict.state, target, limits)
        if deadline is None:
            far = assess_overdue(state, state, target, limits, at(1e9)).findings
            assert all(finding.type in ENDS for finding in far)
            continue
        before = overdue(state, target, deadline - timedelta(microseconds=1), limits, None)
        assert before.events == ()
        events = overdue(state, target, deadline, limits, None).events
        assert {event.occurred_at for event in events} == {deadline}
        assert all(event.type in ENDS.values() for event in events)


@given(life=LIVES, polls=POLLS, rules=RULES)
def test_only_what_runs_is_told_overdue_and_never_before_its_limit(
    life: list[Moment], polls: list[Poll], rules: list[Rule]
) -> None:
    for time, verdict, _ in watch(life, polls, rules):
        for event in verdict.events:
            if event.type in ENDS.values():
                assert verdict.state.status is Status.RUNNABLE
                assert event.limit is not None
                assert event.started_at is not None
                assert event.occurred_at == event.started_at + timedelta(seconds=event.limit)
                assert event.occurred_at <= at(time)


@given(life=LIVES, polls=POLLS, rules=RULES)
def test_what_comes_back_to_the_watchlist_is_told_under_new_names(
    life: list[Moment], polls: list[Poll], rules: list[Rule]
) -> None:
    verdicts = watch(life, polls, rules)
    state = unwatched(verdicts[-1][1].state) if verdicts else TargetState(key=KEY)
    assert unwatched(state) is state
    back = overdue(state, rules[0].target, at(10_000), rules[0].limits, None).events
    assert not any(event.type in ENDS for event in back)
    assert not {event.id for event in back} & {event.id for event in told(verdicts)}
