"""Groups alerts with one cause into one incident: its members, the notifications of its growth, and its end.

An incident begins with the first alert of its group and takes in every alert of the group for `window` seconds from
then on, while some alert of it is open. Receivers of incidents are notified of the first, second, fourth, eighth alert
and so on, of the size once the incident has calmed down, and of the end, once no alert of it is open. Receivers of
alerts are notified of a storm once it has calmed down or has lasted long, and therefore with its size. If any alert
expired, nobody is notified of an end: nobody knows whether the fault is over.
"""

import json
import uuid
from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta
from typing import Final

import msgspec

from monitor.core.alerts import AlertEnd, Incident, Sample
from monitor.core.event_types import EventType
from monitor.core.model import Event, TargetKey
from monitor.core.text.summary import label

SAMPLES: Final = 5
"""The most workflows that an incident shows, the first ones."""
GROUP_WAIT: Final = 2.0
"""Seconds that an incident's first notification waits for more alerts, so that it can say how many there are."""
_CALM: Final = 60.0
"""Seconds without another alert after which an incident has calmed down; more if it has lasted long."""
LONG: Final = 900.0
"""Seconds after which a storm is sent although it has not calmed down."""
_NAMESPACE = uuid.UUID("0d8f9a4e-1b8e-5f0a-8d0f-3c2b7a6e5d41")


def opened(event: Event, fault_group: str) -> Incident:
    """An incident with its first alert."""
    return Incident(
        id=str(uuid.uuid5(_NAMESPACE, f"{fault_group}/{event.id}")),
        fault_group=fault_group,
        event=event,
        opened_at=event.observed_at,
        first_at=event.time,
        last_at=event.time,
        listed=int(event.sampled is not None),
        sampled=event.sampled,
        samples=(_sample(event),),
        labels=event.labels,
    )


def accepts(incident: Incident, event: Event, window: float) -> bool:
    """Whether an alert of its group is taken in, also if the clock was set back."""
    if incident.ended_at is not None:
        return False
    return abs(event.observed_at - incident.opened_at) <= timedelta(seconds=window)


def with_alert(incident: Incident, event: Event, storm_threshold: int) -> Incident:
    """With one more alert."""
    members = incident.members + 1
    return msgspec.structs.replace(
        incident,
        members=members,
        open=incident.open + 1,
        first_at=min(incident.first_at, event.time),
        last_at=max(incident.last_at, event.time),
        listed=incident.listed + (event.sampled is not None),
        sampled=event.sampled or incident.sampled,
        samples=_with_sample(incident.samples, _sample(event)),
        storm=incident.storm or members > storm_threshold,
        labels=incident.labels if incident.storm else _common(incident.labels, event.labels),
        calms_at=_calms_at(incident, event.observed_at),
    )


def _with_sample(samples: tuple[Sample, ...], one: Sample) -> tuple[Sample, ...]:
    """A workflow that fails many times is shown once."""
    shown = any((each.key, each.label) == (one.key, one.label) for each in samples)
    return samples if shown or len(samples) >= SAMPLES else (*samples, one)


def _calms_at(incident: Incident, now: datetime) -> datetime:
    """The required pause grows with the age, so that the size of a long incident is sent a few times only."""
    lasts = (now - incident.opened_at).total_seconds()
    return now + timedelta(seconds=min(max(_CALM, lasts / 2), LONG))


def lasts_long(incident: Incident, now: datetime) -> bool:
    """Whether receivers of alerts are notified of the storm at once."""
    return now - incident.opened_at >= timedelta(seconds=LONG)


def calmed(incident: Incident, now: datetime) -> Incident | None:
    """With its size sent; None if it has grown meanwhile, is over, or its size was sent already."""
    if incident.ended_at is not None or incident.calms_at is None or incident.calms_at > now:
        return None
    return storm_told(msgspec.structs.replace(incident, calms_at=None))


def storm_told(incident: Incident) -> Incident:
    """With the storm sent to the receivers that were to be notified later."""
    told = (*incident.storm_receivers, *incident.storm_told_later)
    return msgspec.structs.replace(incident, storm_receivers=tuple(dict.fromkeys(told)), storm_told_later=())


def _common(one: Mapping[str, str], other: Mapping[str, str]) -> Mapping[str, str]:
    return one if one == other else {name: value for name, value in one.items() if other.get(name) == value}


def should_renotify(incident: Incident) -> bool:
    """Whether its size is sent again, because it has doubled."""
    return incident.members & (incident.members - 1) == 0


def without_alert(incident: Incident, end: AlertEnd, at: datetime) -> Incident:
    """With one open alert less; without open alerts it is over."""
    left = incident.open - 1
    return msgspec.structs.replace(
        incident,
        open=left,
        expired=incident.expired + (end is AlertEnd.EXPIRED),
        end=end,
        ended_at=at if left <= 0 else None,
    )


def is_resolved(incident: Incident) -> bool:
    """Whether receivers may be notified that it is over."""
    return incident.ended_at is not None and not incident.expired


def covered_by(event: Event, others: Iterable[Event]) -> Event | None:
    """The termination that a failed step has led to, if both were seen at once: one fault makes one page."""
    if event.type is not EventType.STEP_FAILED or event.step is None:
        return None
    for other in others:
        of_the_step = other.step is not None and other.step.id == event.step.id
        if other.type is EventType.TERMINATED and of_the_step and other.opens_alert:
            return other
    return None


def condition_of(event: Event) -> str:
    """The key of a target's or account's condition; the same in each of its episodes."""
    execution = event.step.id if event.step is not None else ""
    return json.dumps((event.type.value, event.account, event.definition, event.workflow, execution))


def _sample(event: Event) -> Sample:
    if event.definition is None or event.workflow is None:
        return Sample(event.account, None, event.time)
    return Sample(label(event), TargetKey(event.account, event.definition, event.workflow), event.time)
