"""The last explained terminations, for those that have a sample of them: polls report what they have published."""

from collections import OrderedDict
from collections.abc import Callable
from typing import Final

from monitor.core.event_types import EventType
from monitor.core.model import Event, TargetKey
from monitor.core.records import PollRecord

_KEPT: Final = 1000


class ExplainedEnds:
    def __init__(self, report: Callable[[PollRecord], None]) -> None:
        """`report` gets each record, too."""
        self._report = report
        self._events: OrderedDict[TargetKey, Event] = OrderedDict()

    def polled(self, record: PollRecord) -> None:
        """A poll has ended; comes before its target is shown as polled."""
        for event in record.events:
            if event.type is EventType.TERMINATED:
                self._events[record.target.key] = event
                if len(self._events) > _KEPT:
                    self._events.popitem(last=False)
        self._report(record)

    def take(self, key: TargetKey) -> Event | None:
        """The event of the target's end, if a poll has just published it; only once."""
        return self._events.pop(key, None)
