"""The last looks at instances, for `explain`: one bounded log of the whole daemon, whatever is watched.

A small watchlist has its last 20 looks in it. With a hundred thousand instances an instance that was looked at long
ago has none left; its last known state is in the store all the same.
"""

from collections import deque
from collections.abc import Callable
from datetime import datetime
from itertools import islice
from typing import Final

import msgspec

from monitor.core.model import Outcome, TargetKey
from monitor.core.records import ListedEndRecord, PollRecord

_KEPT: Final = 20_000
"""Looks of all instances; about 5 MB."""
SHOWN: Final = 20
"""Looks of one instance."""


class Look(msgspec.Struct, frozen=True, gc=False):
    """One look at an instance, and what came of it."""

    key: TargetKey
    at: datetime
    seen_by: str
    """`status` or `list`."""
    outcome: Outcome
    duration: float = 0.0
    """Seconds from sent to committed; 0 for an end on a list."""
    delay: float = 0.0
    """Seconds from due to sent."""
    detail: str = ""
    events: tuple[str, ...] = ()
    """Types of the events that were stored."""


class LookLog:
    """Runs in the loop's thread and never waits."""

    def __init__(self, report: Callable[[PollRecord], None], report_listed: Callable[[ListedEndRecord], None]) -> None:
        """Each record goes on to these."""
        self._report = report
        self._report_listed = report_listed
        self._looks = deque[Look](maxlen=_KEPT)

    def polled(self, record: PollRecord) -> None:
        self._report(record)
        self._looks.append(
            Look(
                record.target.key,
                record.observed_at,
                "status",
                record.outcome,
                record.duration,
                record.delay,
                record.detail,
                tuple(event.type.value for event in record.events),
            )
        )

    def listed_end(self, record: ListedEndRecord) -> None:
        self._report_listed(record)
        events = tuple(event.type.value for event in record.events)
        if (at := record.state.since) is not None:
            detail = f"a list shows {record.state.status.value}"
            self._looks.append(Look(record.target.key, at, "list", Outcome.OK, detail=detail, events=events))

    def of(self, key: TargetKey) -> list[Look]:
        """The last looks at one instance, the newest first."""
        return list(islice((look for look in reversed(self._looks) if look.key == key), SHOWN))
