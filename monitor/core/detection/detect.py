"""The rules of detection: from a poll to events.

(last known state, observation, policy, now) -> (new state, events, reason). Nothing else decides about events of a
workflow.

Input: the last known state, the observation, and the time. Not input: the way of the request, the receivers, or whether
an event was sent before a crash. The same observation of the same state always gives the same events under the same
ids; applied again to the resulting state, it gives none.

The rules:

1.  A failed request changes nothing, with two exceptions: `not_found_after` 404s in a row make the target NotFound; and
    a target that alone has had no usable answer for long is unanswered, until it has one (`unanswered.py`).
2.  First sight makes the same events as a change, without `from_status`; Runnable at first sight makes none.
3.  Every failed or cancelled execution in the step log makes one event, under its own id, whenever it is first seen.
4.  An end is final: no later observation changes it.
5.  An answer that is provably older than the last known state changes nothing, unless it brings the end, or the
    instance back from NotFound (`core/step_log.py` has the proof).
6.  A condition (suspended, not found, overdue) is an episode: opened once, closed once, by an observation that
    contradicts it. Any answer (200) contradicts NotFound. Runnable, or the end, contradicts Suspended; NotFound and
    Unknown do not. `overdue.py` has the rules of overdue conditions; their end has an event of its own, also if the
    instance has ended.
7.  An unknown word becomes Unknown, and makes one event per kind for the account (`drifts.py`); it is never the end.
8.  The order within one observation: answered, found, then the steps in log order, then the status, then overdue (the
    instance, then its steps), then drift.
9.  A field or a log that is missing from an answer is not news: its last known value stays.
10. Overdue is assessed whenever the state changes, and on request (`overdue`), since a deadline passes without a poll.
    A poll that confirms the state assesses nothing.
11. The alert of a failed execution ends once its step has completed after all, or its workflow has; `FACTS` in
    `core/event_types.py` says which event ends which alerts.
12. If a target leaves the watchlist, `unwatched.py` closes its conditions and adapts its state. If it comes back and
    the condition still holds, it opens again, as the next episode; 404s are counted anew.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Final

import msgspec

from monitor.core import step_log
from monitor.core.detection.blindness import NOWHERE, Site
from monitor.core.detection.conditions import closed, condition, opened
from monitor.core.detection.drifts import news
from monitor.core.detection.events import (
    Transition,
    answered_event,
    drift_event,
    failures,
    overdue_event,
    status_event,
    step_event,
    unanswered_event,
)
from monitor.core.detection.overdue import NO_LIMITS, Limits, assess_overdue
from monitor.core.detection.unanswered import patience
from monitor.core.event_types import EventType
from monitor.core.model import (
    Cause,
    Event,
    Observation,
    Outcome,
    PollFailed,
    SampledCause,
    Seen,
    Snapshot,
    Status,
    StepExecution,
    Target,
    TargetState,
)
from monitor.core.step_log import cause

_NEW, _RUNS, _HELD = Status.UNKNOWN, Status.RUNNABLE, Status.SUSPENDED
_DONE, _DEAD, _GONE = Status.COMPLETE, Status.TERMINATED, Status.NOT_FOUND

TABLE: Final[Mapping[tuple[Status, Status], tuple[EventType, ...]]] = {
    # (last known, seen): the events in order. RESUMED and FOUND only close an open condition, SUSPENDED and NOT_FOUND
    # only open a closed one: under NotFound and Unknown a suspension may still be open, and a target that was not
    # watched for a while has no open condition.
    (_NEW, _NEW): (),
    (_NEW, _RUNS): (EventType.RESUMED,),
    (_NEW, _HELD): (EventType.SUSPENDED,),
    (_NEW, _DONE): (EventType.COMPLETED,),
    (_NEW, _DEAD): (EventType.TERMINATED,),
    (_NEW, _GONE): (EventType.NOT_FOUND,),
    (_RUNS, _NEW): (),
    (_RUNS, _RUNS): (),
    (_RUNS, _HELD): (EventType.SUSPENDED,),
    (_RUNS, _DONE): (EventType.COMPLETED,),
    (_RUNS, _DEAD): (EventType.TERMINATED,),
    (_RUNS, _GONE): (EventType.NOT_FOUND,),
    (_HELD, _NEW): (),
    (_HELD, _RUNS): (EventType.RESUMED,),
    (_HELD, _HELD): (EventType.SUSPENDED,),
    (_HELD, _DONE): (EventType.COMPLETED,),
    (_HELD, _DEAD): (EventType.TERMINATED,),
    (_HELD, _GONE): (EventType.NOT_FOUND,),
    (_GONE, _NEW): (EventType.FOUND,),
    (_GONE, _RUNS): (EventType.FOUND, EventType.RESUMED),
    (_GONE, _HELD): (EventType.FOUND, EventType.SUSPENDED),
    (_GONE, _DONE): (EventType.FOUND, EventType.COMPLETED),
    (_GONE, _DEAD): (EventType.FOUND, EventType.TERMINATED),
    (_GONE, _GONE): (EventType.NOT_FOUND,),
    # An end is final.
    (_DONE, _NEW): (),
    (_DONE, _RUNS): (),
    (_DONE, _HELD): (),
    (_DONE, _DONE): (),
    (_DONE, _DEAD): (),
    (_DONE, _GONE): (),
    (_DEAD, _NEW): (),
    (_DEAD, _RUNS): (),
    (_DEAD, _HELD): (),
    (_DEAD, _DONE): (),
    (_DEAD, _DEAD): (),
    (_DEAD, _GONE): (),
}


class Policy(msgspec.Struct, frozen=True):
    """The configurable part of the rules."""

    not_found_after: int = 3
    """Consecutive 404s after which the target is NotFound."""


class Detection(msgspec.Struct, frozen=True, gc=False):
    """The new state, the events, and the reason."""

    state: TargetState
    """The same object as before if `changed` is false."""
    events: tuple[Event, ...]
    changed: bool
    reason: str
    """The result of the poll in words, for people."""
    over: tuple[str, ...] = ()
    """Ids of the events whose alerts end without an event of their own."""


def detect(
    state: TargetState,
    target: Target,
    observation: Observation,
    *,
    last_seen_at: datetime | None,
    now: datetime,
    policy: Policy,
    known_drifts: frozenset[str],
    limits: Limits = NO_LIMITS,
    skew: float = 0.0,
    silence: float = 0.0,
    site: Site = NOWHERE,
) -> Detection:
    """Apply the rules to one observation of `target`.

    `last_seen_at`: the last answer (200) before this one. `now`: the time of the observation. `known_drifts`: the kinds
    that had an event for the account already. `limits`: of the last known version of the definition. `skew`: seconds
    that the API's clock is ahead of `now`. `silence`: seconds that this target alone has had no usable answer. `site`:
    the API's address and the key's place, for the text.
    """
    if isinstance(observation, Seen):
        seen = observation.snapshot
        if (  # the hot path: a poll that confirms the state
            seen.status is state.status
            and seen.steps == state.steps
            and not seen.drifts
            and not state.misses
            and seen.version == state.version
            and seen.completed_at == state.completed_at
            and seen.started_at == state.started_at
            and state.first_seen_at is not None
            and not state.unanswered.open
            and (state.suspended.open or seen.status is not _HELD)
        ):
            return Detection(state, (), False, "as believed")
    if state.status.ended:
        return Detection(state, (), False, f"{state.status.value} is the end")
    occasion = Transition(
        target=target, before=state, after=state, last_seen_at=last_seen_at, now=now, limits=limits, skew=skew
    )
    if isinstance(observation, PollFailed) and observation.outcome is not Outcome.NOT_FOUND:
        return _unanswered(occasion, observation, silence, known_drifts, site)
    if state.unanswered.open:
        state = msgspec.structs.replace(state, unanswered=closed(state.unanswered))
        told = answered_event(occasion)
        occasion = msgspec.structs.replace(occasion, before=state, after=state)
        verdict = _answered(occasion, observation, policy, known_drifts)
        return Detection(verdict.state, (told, *verdict.events), True, verdict.reason, verdict.over)
    return _answered(occasion, observation, policy, known_drifts)


def _answered(
    occasion: Transition, observation: Observation, policy: Policy, known_drifts: frozenset[str]
) -> Detection:
    """The API said something about the target."""
    if isinstance(observation, PollFailed):
        return _missed(occasion, policy)
    return _seen(occasion, observation, known_drifts)


def overdue(
    state: TargetState,
    target: Target,
    now: datetime,
    limits: Limits,
    last_seen_at: datetime | None,
    *,
    skew: float = 0.0,
) -> Detection:
    """Assess overdue only, after a deadline or a change of limits; the arguments are those of `detect`."""
    occasion = Transition(
        target=target, before=state, after=state, last_seen_at=last_seen_at, now=now, limits=limits, skew=skew
    )
    after, events = _judged(occasion)
    if after is state:
        return Detection(state, (), False, "nothing new is overdue")
    return Detection(after, events, True, ", ".join([event.type.value for event in events]))


def _judged(occasion: Transition) -> tuple[TargetState, tuple[Event, ...]]:
    """The state after the transition with its overdue conditions, and their events."""
    moment = occasion.now + timedelta(seconds=occasion.skew)
    judgement = assess_overdue(occasion.before, occasion.after, occasion.target, occasion.limits, moment)
    told = msgspec.structs.replace(occasion, after=judgement.state)
    return judgement.state, tuple([overdue_event(finding, told) for finding in judgement.findings])


# --- no answer --------------------------------------------------------------------------------------------


def _unanswered(
    occasion: Transition, failed: PollFailed, silence: float, known_drifts: frozenset[str], site: Site
) -> Detection:
    state = occasion.before
    reason = f"no answer about it: {failed.outcome.value}"
    drifts = _drifts((failed.drift,) if failed.drift is not None else (), known_drifts, occasion)
    if state.unanswered.open or silence < patience(occasion.target.interval):
        return Detection(state, drifts, False, reason)
    after = msgspec.structs.replace(state, unanswered=opened(state.unanswered, step_log.newest_step_id(state.steps)))
    occasion = msgspec.structs.replace(occasion, after=after)
    after, late = _judged(occasion)
    return Detection(after, (unanswered_event(occasion, failed, site), *late, *drifts), True, reason)


# --- 404 --------------------------------------------------------------------------------------------------


def _missed(occasion: Transition, policy: Policy) -> Detection:
    state, now = occasion.before, occasion.now
    gone = state.status is Status.NOT_FOUND
    if gone and state.not_found.open:
        return Detection(state, (), False, "still not found")
    misses = state.misses + 1
    if misses < policy.not_found_after:
        after = msgspec.structs.replace(state, misses=misses)
        return _changed(occasion, after, f"not found, {misses} of {policy.not_found_after} times")
    after = msgspec.structs.replace(
        state,
        status=Status.NOT_FOUND,
        since=state.since if gone else now,
        misses=misses,
        not_found=opened(state.not_found, step_log.newest_step_id(state.steps)),
    )
    return _changed(occasion, after, f"not found, {misses} times")


def _changed(occasion: Transition, after: TargetState, reason: str) -> Detection:
    """The detection for a change without an answer."""
    occasion = msgspec.structs.replace(occasion, after=after)
    told = _status_events(occasion) if after.not_found != occasion.before.not_found else ()
    state, late = _judged(occasion)
    return Detection(state, (*told, *late), True, reason)


# --- 200 --------------------------------------------------------------------------------------------------


def _seen(occasion: Transition, seen: Seen, known_drifts: frozenset[str]) -> Detection:
    state, snapshot = occasion.before, seen.snapshot
    if why := _older(state, snapshot):
        return _ignored(occasion, f"older than the belief: {why}")
    occasion = msgspec.structs.replace(occasion, after=_believed(state, seen, occasion.now), errors=seen.errors)
    told = _status_events(occasion)
    found = [event for event in told if event.type is EventType.FOUND]
    after, late = _judged(occasion)
    events = (
        *found,
        *(step_event(step, occasion) for step in step_log.unreported(after.steps, state.told)),
        *told[len(found) :],
        *late,
        *_drifts(snapshot.drifts, known_drifts, occasion),
    )
    if after == state:
        return Detection(state, events, False, "as believed")
    over = failures(state.key, step_log.recovered(state.steps, after.steps, after.told))
    return Detection(after, events, True, _why(state, after), tuple(over))


def _drifts(kinds: Sequence[str], known: frozenset[str], occasion: Transition) -> tuple[Event, ...]:
    return tuple([drift_event(kind, occasion.target, occasion.now) for kind in news(kinds, known)]) if kinds else ()


def _older(state: TargetState, snapshot: Snapshot) -> str:
    """Why the answer is older, or "". An end is never older than a running state; NotFound compares with nothing."""
    if snapshot.status.ended or state.status is Status.NOT_FOUND:
        return ""
    return step_log.why_stale(state.steps, snapshot.steps)


def _ignored(occasion: Transition, reason: str) -> Detection:
    """An old answer still resets the count of consecutive 404s."""
    state = occasion.before
    if not state.misses:
        return Detection(state, (), False, reason)
    return _changed(occasion, msgspec.structs.replace(state, misses=0), reason)


def _believed(state: TargetState, seen: Seen, now: datetime) -> TargetState:
    """The state after an answer, with the conditions that it opens and closes."""
    snapshot = seen.snapshot
    log = snapshot.steps or state.steps
    held = state.suspended
    if snapshot.status is Status.SUSPENDED:
        held = held if held.open else opened(held, step_log.newest_step_id(log))
    elif snapshot.status is not Status.UNKNOWN:
        held = closed(held)
    untold = step_log.unreported(log, state.told)
    why, sampled = _cause(log, seen) if snapshot.status is Status.TERMINATED else (None, None)
    return msgspec.structs.replace(
        state,
        status=snapshot.status,
        since=state.since if snapshot.status is state.status and state.since is not None else now,
        first_seen_at=state.first_seen_at or now,
        version=snapshot.version if snapshot.version is not None else state.version,
        started_at=snapshot.started_at or state.started_at,
        completed_at=snapshot.completed_at,
        cause=why,
        sampled=sampled,
        steps=log,
        told=state.told.union(step.id for step in untold) if untold else state.told,
        misses=0,
        suspended=held,
        not_found=closed(state.not_found),
    )


def _cause(log: Sequence[StepExecution], seen: Seen) -> tuple[Cause, SampledCause | None]:
    """The cause of a termination, and what remains of the sample's. What is known of the instance itself counts."""
    own = cause(log, seen.errors)
    if seen.sampled is None or own in (Cause.UNKNOWN, seen.sampled.cause):
        return (own if seen.sampled is None else seen.sampled.cause), seen.sampled
    return own, SampledCause()


def _status_events(occasion: Transition) -> tuple[Event, ...]:
    before, after = occasion.before, occasion.after
    return tuple(status_event(told, occasion) for told in TABLE[before.status, after.status] if not _moot(told, before))


def _moot(type: EventType, before: TargetState) -> bool:
    """Whether the event would not change the condition."""
    match type:
        case EventType.SUSPENDED | EventType.NOT_FOUND:
            return condition(before, type).open
        case EventType.RESUMED | EventType.FOUND:
            return not condition(before, type.facts.ends[0]).open
        case _:
            return False


def _why(before: TargetState, after: TargetState) -> str:
    if before.first_seen_at is None:
        return f"first sight: {after.status.value}"
    if before.status is not after.status:
        return f"{before.status.value} -> {after.status.value}"
    return "the log went on" if before.steps != after.steps else "details changed"
