"""What follows from a poll: the law of this monitor.

(belief, observation, policy, now) -> (belief', events, why). Nothing else decides what is told about a workflow.

What must be known here: what is believed, what was seen, and when.
What must not be known here: how it was asked, who will be told, whether anything was told before a crash. The same
observation of the same belief always gives the same events under the same ids; given again to the belief that it led
to, it gives none.

The law:

1.  A request that failed changes nothing, except that a 404 counts: `not_found_after` in a row are believed; and that
    a target which alone has no usable answer for long is told as unanswered, until it has one (`unanswered.py`).
2.  First sight is told like a change, without `from_status`; except Runnable, which is no news.
3.  Every failed or cancelled execution in the step log is told once, under its own id, whenever it is first seen.
4.  What has ended has ended: nothing that is seen afterwards changes it.
5.  An answer that is provably older than the belief changes nothing, unless it brings the end, or the instance back
    from NotFound (`core/step_log.py` says what proves it).
6.  A condition (suspended, not found, overdue) is an episode: opened once, closed once, by what contradicts it. Any
    answer (200) contradicts NotFound. Runnable, or the end, contradicts Suspended; NotFound and Unknown say nothing
    about it. What is overdue, and until when, is said in `overdue.py`; its end is told by an event of its own, also
    where the instance has ended.
7.  A word that is not known is believed as Unknown, and told once per kind for the account (`drifts.py`); it is never
    the end.
8.  In one observation: answered, found, then the steps in log order, then the status, then what is overdue (the
    instance, then its steps), then drift.
9.  A field or a log that is missing from an answer is not news: what was known of it stays.
10. What is overdue is judged whenever the belief changes, and whenever somebody asks (`overdue`): a deadline needs no
    poll to pass. A poll that sees what is believed judges nothing.
11. The alert of a failed execution is over once its step has completed after all, or its workflow has; which alerts are
    over with which event says `FACTS` in `core/event_types.py`.
12. Conditions of a target that left the watchlist are closed by others, and their beliefs with them. If it comes back
    and the condition is still believed, it opens again, as the next episode; what was not found is missed afresh.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Final

import msgspec

from monitor.core import step_log
from monitor.core.detection.blindness import NOWHERE, Site
from monitor.core.detection.conditions import closed, opened
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
from monitor.core.model import Event, Observation, Outcome, PollFailed, Seen, Snapshot, Status, Target, TargetState
from monitor.core.step_log import cause

_NEW, _RUNS, _HELD = Status.UNKNOWN, Status.RUNNABLE, Status.SUSPENDED
_DONE, _DEAD, _GONE = Status.COMPLETE, Status.TERMINATED, Status.NOT_FOUND

TABLE: Final[Mapping[tuple[Status, Status], tuple[EventType, ...]]] = {
    # believed, seen: what is told, in order. RESUMED and FOUND only close what is open, SUSPENDED and NOT_FOUND only
    # open what is closed: beneath NotFound and Unknown a suspension may be open still, and nothing is open of what was
    # not watched for a while.
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
    # The end: nothing follows.
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
    """What people may decide of the law."""

    not_found_after: int = 3
    """Consecutive 404s that are believed."""


class Detection(msgspec.Struct, frozen=True, gc=False):
    """What to believe from now on, what to tell, and why."""

    state: TargetState
    """The very object that was given, where `changed` is false."""
    events: tuple[Event, ...]
    changed: bool
    reason: str
    """For people who ask what a poll did."""
    over: tuple[str, ...] = ()
    """Ids of the events whose alerts have ended without an event of their own."""


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
    """Apply the law to one observation of `target`.

    `last_seen_at`: the last answer (200) before this one. `now`: when the observation was made. `known_drifts`: the
    kinds that were told for the account already. `limits`: of the version of the definition that is believed. `skew`:
    seconds that the API's clock is ahead of `now`. `silence`: seconds that this target alone has had no usable answer.
    `site`: whom its account asks, for the words.
    """
    if isinstance(observation, Seen):
        seen = observation.snapshot
        if (  # the hot path: a poll that sees what is believed
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
    """The API said something of the target."""
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
    """Only the judgement of what is overdue, for when a deadline passes or a limit changes; asked as `detect` is."""
    occasion = Transition(
        target=target, before=state, after=state, last_seen_at=last_seen_at, now=now, limits=limits, skew=skew
    )
    after, events = _judged(occasion)
    if after is state:
        return Detection(state, (), False, "nothing new is overdue")
    return Detection(after, events, True, ", ".join([event.type.value for event in events]))


def _judged(occasion: Transition) -> tuple[TargetState, tuple[Event, ...]]:
    """The belief after the occasion with what is overdue, and the events of that."""
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
    """The verdict on a belief that no answer brought."""
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
    """An end is never older than what has not ended; and what was not found is compared with nothing."""
    if snapshot.status.ended or state.status is Status.NOT_FOUND:
        return ""
    return step_log.why_stale(state.steps, snapshot.steps)


def _ignored(occasion: Transition, reason: str) -> Detection:
    """An old answer is still an answer: 404s before it are not in a row with those after it."""
    state = occasion.before
    if not state.misses:
        return Detection(state, (), False, reason)
    return _changed(occasion, msgspec.structs.replace(state, misses=0), reason)


def _believed(state: TargetState, seen: Seen, now: datetime) -> TargetState:
    """The belief after an answer, with the conditions that it opens and closes."""
    snapshot = seen.snapshot
    log = snapshot.steps or state.steps
    held = state.suspended
    if snapshot.status is Status.SUSPENDED:
        held = held if held.open else opened(held, step_log.newest_step_id(log))
    elif snapshot.status is not Status.UNKNOWN:
        held = closed(held)
    untold = step_log.unreported(log, state.told)
    return msgspec.structs.replace(
        state,
        status=snapshot.status,
        since=state.since if snapshot.status is state.status and state.since is not None else now,
        first_seen_at=state.first_seen_at or now,
        version=snapshot.version if snapshot.version is not None else state.version,
        started_at=snapshot.started_at or state.started_at,
        completed_at=snapshot.completed_at,
        cause=cause(log, seen.errors) if snapshot.status is Status.TERMINATED else None,
        steps=log,
        told=state.told.union(step.id for step in untold) if untold else state.told,
        misses=0,
        suspended=held,
        not_found=closed(state.not_found),
    )


def _status_events(occasion: Transition) -> tuple[Event, ...]:
    before, after = occasion.before, occasion.after
    return tuple(status_event(told, occasion) for told in TABLE[before.status, after.status] if not _moot(told, before))


def _moot(type: EventType, before: TargetState) -> bool:
    """Whether the episode of the condition is not changed."""
    match type:
        case EventType.SUSPENDED:
            return before.suspended.open
        case EventType.RESUMED:
            return not before.suspended.open
        case EventType.NOT_FOUND:
            return before.not_found.open
        case EventType.FOUND:
            return not before.not_found.open
        case _:
            return False


def _why(before: TargetState, after: TargetState) -> str:
    if before.first_seen_at is None:
        return f"first sight: {after.status.value}"
    if before.status is not after.status:
        return f"{before.status.value} -> {after.status.value}"
    return "the log went on" if before.steps != after.steps else "details changed"
