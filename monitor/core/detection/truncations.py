"""Truncated discoveries: one event when a discovery begins to find more than `max_instances`, one when it fits again.

The state is stored, so an episode survives a restart. After a restart the lists are read anew: a discovery fits again
only once all of its lists have been read. A discovery that leaves the configuration ends its episode, too.
"""

from datetime import datetime
from typing import Final

import msgspec

from monitor.core.detection.conditions import closed, named, opened
from monitor.core.discovery.following import Discovery, Truncation
from monitor.core.event_ids import event_id
from monitor.core.event_types import EventType
from monitor.core.formats.timestamps import format_timestamp
from monitor.core.model import Condition, Event, TruncationState
from monitor.core.text.summary import summary

UNWATCHED: Final = "unwatched"
"""The reason of an end without a fit: the discovery is not configured any more."""


class TruncationChange(msgspec.Struct, frozen=True, gc=False):
    state: TruncationState
    event: Event


def assess(
    state: TruncationState, wish: Discovery, found: Truncation, now: datetime, *, name: str | None, complete: bool
) -> TruncationChange | None:
    """The change of a discovery's state after a look at one of its lists; None: there is none.

    `name`: the definition's, for texts. `complete`: every list of the discovery has been read by this process.
    """
    watched = min(found.found, wish.max_instances)
    if found.newest_from is not None and not state.truncated.open:
        # The start of the oldest watched instance names the episode also if the store is empty.
        condition = opened(state.truncated, format_timestamp(found.newest_from))
        after = msgspec.structs.replace(state, truncated=condition, name=name)
        return _changed(EventType.DISCOVERY_TRUNCATED, after, now, found=found.found, watched=watched)
    if not found.truncated and state.truncated.open and complete:
        after = msgspec.structs.replace(state, truncated=closed(state.truncated), name=name)
        return _changed(EventType.DISCOVERY_COMPLETE, after, now, found=found.found, watched=watched)
    return None


def left(state: TruncationState, now: datetime) -> TruncationChange | None:
    """The change of the state of a discovery that is not configured any more; None: there is none."""
    if not state.truncated.open:
        return None
    after = msgspec.structs.replace(state, truncated=closed(state.truncated))
    return _changed(EventType.DISCOVERY_COMPLETE, after, now, reason=UNWATCHED)


def _changed(
    type: EventType,
    state: TruncationState,
    now: datetime,
    *,
    found: int | None = None,
    watched: int | None = None,
    reason: str | None = None,
) -> TruncationChange:
    event = Event(
        id=_id(type, state, state.truncated),
        type=type,
        severity=type.severity,
        summary="",
        account=state.account,
        definition=state.definition,
        definition_name=state.name,
        observed_at=now,
        found=found,
        watched=watched,
        reason=reason,
        closes=tuple([_id(opener, state, state.truncated) for opener in type.facts.ends]),
    )
    return TruncationChange(state, msgspec.structs.replace(event, summary=summary(event)))


def _id(type: EventType, state: TruncationState, condition: Condition) -> str:
    return event_id(type, state.account, state.definition, what=named(condition))
