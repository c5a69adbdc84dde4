"""The look at a list as an arm of the budget: what it reveals, how often that happens, and what it costs.

Ends are learned per definition and version, under steps that no instance is at: `ENDS` says which. A window reveals the
ends of the instances that run in it, so its rate is the chance of one of them, times how many run. One more is counted
than is known to run: what begins and ends between two looks is known to no one.
"""

from collections.abc import Mapping
from typing import Final

from monitor.core.discovery.list_looks import ListLook
from monitor.core.event_types import EventType, Severity
from monitor.core.model import Status
from monitor.core.scheduling.arms import WEIGHTS, Terms

ENDS: Final[Mapping[Status, str]] = {
    Status.TERMINATED: "",
    Status.SUSPENDED: "*suspended",
    Status.COMPLETE: "*complete",
}
"""The step under which it is learned how often instances come to be so."""
_EVENTS: Final[Mapping[Status, EventType]] = {
    Status.TERMINATED: EventType.TERMINATED,
    Status.SUSPENDED: EventType.SUSPENDED,
    Status.COMPLETE: EventType.COMPLETED,
}
_BEGINS: Final = 1.0 / 60
"""Begins per second that are supposed; they make no event, so they weigh as little as they may."""
_WEIGHT_OF_BEGINS: Final = 0.01
_CROWD: Final = 300.0
"""Seconds that a round of status looks takes, beyond which only lists show ends in time."""
_SHARE, _SHARE_OF_A_CROWD = 0.25, 0.7
"""Of the rate: what the wanted intervals of all lists take at most; else they stretch by one factor."""
_SHORTEST: Final = 1.0
_OFTEN: Final = 10.0
"""A list is looked at this many times as often as wanted at most, however much of the budget is left."""


def list_terms(
    look: ListLook,
    living: int,
    rates: Mapping[Status, float],
    severities: Mapping[EventType, Severity],
    *,
    interval: float,
    longest: float,
) -> Terms:
    """`living`: instances known to run in its window. `rates`: how often one of them comes to be so, per second.

    `interval`: seconds between two looks that are wanted. `longest`: the same, as far as it can be promised.
    """
    shown = {status: (living + 1) * rates[status] for status in look.reveals}
    weighted = sum(rate * end_weight(status, severities) for status, rate in shown.items())
    rate = sum(shown.values())
    if look.begins:
        rate, weighted = rate + _BEGINS, weighted + _BEGINS * _WEIGHT_OF_BEGINS
    return Terms(
        rate=rate,
        weight=weighted / rate if rate else 0.0,
        cost=look.requests,
        longest=longest,
        shortest=shortest_between(interval),
    )


def is_crowd(instances: int, rate: float) -> bool:
    """Whether there are too many instances without a promise to look at each; `rate`: requests per second."""
    return instances > _CROWD * rate


def share_of_lists(*, crowd: bool) -> float:
    """Of the rate; see `wanted_interval`."""
    return _SHARE_OF_A_CROWD if crowd else _SHARE


def wanted_interval(look: ListLook, severities: Mapping[EventType, Severity], interval: float, *, crowd: bool) -> float:
    """Seconds between two looks that are wanted.

    In a crowd the few lists that show critical ends would hardly be looked at among so many instances, each of which
    may fail: one page of them shows more ends than a thousand status looks. So they are read as often as is of use.
    """
    critical = any(end_weight(status, severities) >= WEIGHTS[Severity.CRITICAL] for status in look.reveals)
    return shortest_between(interval) if crowd and critical and look.requests == 1 else interval


def end_weight(status: Status, severities: Mapping[EventType, Severity]) -> float:
    """By the severity that its event would have."""
    event = _EVENTS[status]
    return WEIGHTS[severities.get(event, event.severity)]


def shortest_between(interval: float) -> float:
    """Seconds between two looks at a list, within which another is of no use."""
    return min(max(interval / _OFTEN, _SHORTEST), interval)
