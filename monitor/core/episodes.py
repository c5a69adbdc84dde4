"""The episodes of a condition: how they open and close, and what they are called in the ids of their events."""

from monitor.core.model import Condition, Episode


def opened(condition: Condition, anchor: str) -> Condition:
    """The next episode of the condition, at `anchor`."""
    last = condition.last
    ordinal = last.ordinal + 1 if last is not None and last.anchor == anchor else 1
    return Condition(open=True, last=Episode(anchor, ordinal))


def closed(condition: Condition) -> Condition:
    return Condition(open=False, last=condition.last) if condition.open else condition


def named(condition: Condition) -> str:
    """`anchor#ordinal` of its last episode; "" where there was none."""
    return f"{condition.last.anchor}#{condition.last.ordinal}" if condition.last is not None else ""
