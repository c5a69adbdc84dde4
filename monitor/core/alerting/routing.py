"""Which receivers an event belongs to."""

import enum
from collections.abc import Iterable
from fnmatch import fnmatchcase

import msgspec

from monitor.core.event_types import EventType, Severity
from monitor.core.model import Event


class Feed(enum.Enum):
    """The unit of notification for a kind of receiver."""

    EVENTS = "events"
    """Every event by itself."""
    ALERTS = "alerts"
    """Every alert, and its end; the receiver groups them."""
    INCIDENTS = "incidents"
    """One incident for many alerts, and its end."""


_GOTTEN = {
    Feed.EVENTS: "every event by itself",
    Feed.ALERTS: "every alert and its end",
    Feed.INCIDENTS: "one incident for alerts with one cause, and its end",
}


class Route(msgspec.Struct, frozen=True, gc=False):
    """The events that one receiver gets; the defaults are the contract's."""

    receiver: str
    min_severity: Severity = Severity.WARNING
    events: tuple[str, ...] = ("*",)
    """Globs over event types, as in `fnmatch`: `workflow.*`, `monitor.blind`."""
    gets: Feed = Feed.EVENTS

    def text(self) -> str:
        """For people: the events that this receiver gets."""
        of = "every type" if "*" in self.events else ", ".join(self.events)
        above = "" if self.min_severity is Severity.CRITICAL else " and above"
        return f"{_GOTTEN[self.gets]}; {self.min_severity.value}{above}, of {of}"

    def takes(self, event: Event) -> bool:
        return self.refusal(event.type, event.severity) is None

    def refusal(self, type: EventType, severity: Severity) -> str | None:
        """For people: why the receiver does not get events of this type and severity; None: it gets them."""
        if severity.rank < self.min_severity.rank:
            return f"it gets {self.min_severity.value} and above, and this is {severity.value}"
        if not any(fnmatchcase(type.value, glob) for glob in self.events):
            return f"its events are {', '.join(self.events)}, and this is {type.value}"
        return None


def receivers_for(event: Event, routes: Iterable[Route], gets: Feed = Feed.EVENTS) -> tuple[str, ...]:
    """The names of the receivers that get the event, in the order of the routes, each once."""
    return tuple(dict.fromkeys(route.receiver for route in routes if route.gets is gets and route.takes(event)))
