"""The explanation of a termination that was told before anybody had looked at it, when a look comes later.

Its failed and cancelled steps have their events then, as always. The termination has a second event only if the
explanation contradicts the sample whose cause the first one had: under an id of its own, derived from the same fact,
with the first one's id in `corrects`. It closes the first one's alert and opens one with the right cause.
"""

from collections import Counter
from collections.abc import Sequence
from typing import Final

import msgspec

from monitor.core import step_log
from monitor.core.alerting.fault_groups import fault_of
from monitor.core.detection.detect import Detection
from monitor.core.detection.events import Transition, status_event, step_event
from monitor.core.discovery.storm import SampleExplanation, StormSample, StormTold, contradicts
from monitor.core.event_ids import event_id
from monitor.core.event_types import EventType
from monitor.core.model import Cause, Event, SampledCause, Seen, Status, TargetState
from monitor.core.text.summary import said, summary

_CORRECTED: Final = "corrected"
_MOST_KINDS: Final = 3


def explanation(event: Event) -> SampleExplanation:
    """What an explained termination says; equal for instances with the same fault."""
    return SampleExplanation(event.cause or Cause.UNKNOWN, "\n".join(fault_of(event)))


def told_as(sampled: SampledCause, event: Event) -> StormTold:
    """What the event said that came from the list. `event`: the explained one of the same instance."""
    if sampled.cause is Cause.UNKNOWN:
        return StormTold(Cause.UNKNOWN)
    told = msgspec.structs.replace(event, cause=sampled.cause, sampled=sampled, step=None, errors=())
    return StormTold(sampled.cause, explanation(told).group, from_sample=True)


def sampled_cause(events: Sequence[Event]) -> SampledCause:
    """What the events of explained terminations say of others of their version, if there are enough and they agree."""
    known = [(explanation(event), event) for event in events]
    sample = StormSample(len(known), tuple([one for one, _ in known]))
    if sample.agreed() is None:
        counts = Counter([explained for explained, _ in known]).most_common(_MOST_KINDS)
        first = dict(reversed(known))
        kinds = [f"{number:,} {_kind(first[explained])}" for explained, number in counts]
        return SampledCause(looked=len(known), kinds=tuple(kinds) if len(kinds) > 1 else ())
    event = known[0][1]
    error = step_log.error_of(event)
    step = event.step.step if event.step is not None else error.step if error is not None else ""
    return SampledCause(event.cause or Cause.UNKNOWN, step, error.message if error is not None else "", len(known))


def _kind(event: Event) -> str:
    """One explanation for people."""
    error = step_log.error_of(event)
    if error is not None:
        return f"with {said(error)}"
    if event.step is not None:
        return f"with {event.step.step} failed"
    return "without an error"


class Explained(msgspec.Struct, frozen=True, gc=False):
    """What follows from a late explanation."""

    detection: Detection
    termination: Event | None = None
    """What the event of the end would say now, told or not; None: the answer explains nothing."""


def explained(occasion: Transition, seen: Seen) -> Explained:
    """After a status look at a Terminated target whose explanation is owed. `occasion.after` is not read.

    An answer that does not know of the end changes nothing. Without the answer of `/errors` only its steps are new.
    """
    state, snapshot = occasion.before, seen.snapshot
    if snapshot.status is not Status.TERMINATED or state.sampled is None:
        return Explained(Detection(state, (), False, f"{snapshot.status.value}, although it is Terminated"))
    log = snapshot.steps or state.steps
    untold = step_log.unreported(log, state.told)
    own = step_log.cause(log, seen.errors)
    after = msgspec.structs.replace(
        state,
        cause=own if own is not Cause.UNKNOWN else state.cause,
        sampled=None,
        steps=log,
        told=state.told.union(step.id for step in untold),
    )
    occasion = msgspec.structs.replace(occasion, after=msgspec.structs.replace(after, cause=own), errors=seen.errors)
    ended = status_event(EventType.TERMINATED, occasion)
    events = tuple([step_event(step, occasion) for step in untold])
    if contradicts(told_as(state.sampled, ended), explanation(ended)):
        return Explained(Detection(after, (*events, _correction(ended)), True, "the sample was wrong"), ended)
    return Explained(Detection(after, events, True, "explained"), ended)


def given_up(state: TargetState) -> Explained:
    """The API does not know it any more, so it is never explained."""
    after = msgspec.structs.replace(state, sampled=None)
    return Explained(Detection(after, (), state.sampled is not None, "it is not found any more"))


def _correction(ended: Event) -> Event:
    """The same fact again, with its own cause."""
    key = ended.account, ended.definition or "", ended.workflow or ""
    return msgspec.structs.replace(
        ended,
        id=event_id(EventType.TERMINATED, *key, what=_CORRECTED),
        corrects=ended.id,
        from_status=None,
        closes=(ended.id,),
        summary=summary(
            msgspec.structs.replace(ended, corrects=ended.id),
            headline=step_log.best_error(ended.step, ended.errors),
        ),
    )
