"""The episodes of a condition: how they open and close, and their names in the ids of their events.

The ordinal counts all episodes of a condition and never starts again: an anchor may come back (steps that began at the
same moment change places in the log), and an event under a used name would be dropped as a repetition.
"""

from typing import Final

from monitor.core.event_types import EventType
from monitor.core.model import Condition, Episode, TargetState

HELD: Final = tuple(type_ for type_ in EventType if type_.facts.held_in)
"""The types whose condition is about a target as a whole."""


def condition(state: TargetState, type: EventType) -> Condition:
    """The condition whose episodes events of this type open; `type` is one of `HELD`."""
    found: Condition = getattr(state, type.facts.held_in)
    return found


def all_closed(state: TargetState) -> dict[str, Condition]:
    """Every condition of the target as a whole, ended, by its field."""
    return {type_.facts.held_in: closed(condition(state, type_)) for type_ in HELD}


def opened(condition: Condition, anchor: str) -> Condition:
    """The next episode of the condition, at `anchor`."""
    last = condition.last
    return Condition(open=True, last=Episode(anchor, last.ordinal + 1 if last is not None else 1))


def closed(condition: Condition) -> Condition:
    return Condition(open=False, last=condition.last) if condition.open else condition


def named(condition: Condition) -> str:
    """`anchor#ordinal` of its last episode; "" if there was none."""
    return f"{condition.last.anchor}#{condition.last.ordinal}" if condition.last is not None else ""
