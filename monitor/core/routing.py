"""Which receivers an event belongs to."""

from collections.abc import Iterable
from fnmatch import fnmatchcase

import msgspec

from monitor.core.model import Event, Severity


class Route(msgspec.Struct, frozen=True, gc=False):
    """What one receiver wants to be told; the defaults are the contract's."""

    receiver: str
    min_severity: Severity = Severity.WARNING
    events: tuple[str, ...] = ("*",)
    """Globs over event types, as in `fnmatch`: `workflow.*`, `monitor.blind`."""

    def takes(self, event: Event) -> bool:
        if event.severity.rank < self.min_severity.rank:
            return False
        return any(fnmatchcase(event.type.value, glob) for glob in self.events)


def receivers_for(event: Event, routes: Iterable[Route]) -> tuple[str, ...]:
    """The names of the receivers, in the order of the routes, each once."""
    return tuple(dict.fromkeys(route.receiver for route in routes if route.takes(event)))
