"""Which found instances count as begun, and how long they waited in the API's queue.

Only those count that began after this process had first seen their version. What was there before may have been counted
before a restart: to count it again would be wrong, and so what begins while nobody looks is never counted. A version
that an earlier answer of this process did not list yet counts from that answer on, so a deploy loses none.
"""

from collections.abc import Mapping
from datetime import datetime

import msgspec

from monitor.core.listing import ListedInstance


class DefinitionListing(msgspec.Struct, frozen=True):
    """The latest versions of an account's definitions, as they were listed at some time."""

    at: datetime
    """When the list was requested, on the API's clock."""
    latest: Mapping[str, int]
    """By definition."""


def counted_from(definition: str, version: int, before: DefinitionListing | None, now: datetime) -> datetime:
    """From which start time on the instances of a version count that is followed from now on.

    `before`: the list before the one that was answered last; None: there was one answer at most. `now` and the result
    are on the API's clock.
    """
    is_new = before is not None and version > before.latest.get(definition, 0)
    return before.at if before is not None and is_new else now


def counts(row: ListedInstance, since: datetime) -> bool:
    """Whether a row of an instance that was unknown shows one that has begun since."""
    return row.started_at is not None and row.started_at >= since


def queue_delay(row: ListedInstance) -> float | None:
    """Seconds from the trigger to the start; None if a time is missing, or the trigger would come later."""
    if row.started_at is None or row.triggered_at is None or row.triggered_at > row.started_at:
        return None
    return (row.started_at - row.triggered_at).total_seconds()
