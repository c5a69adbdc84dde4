"""Lists of the API and requests for them: instances without their step logs, definitions, and counts.

An end on a row is true. Everything else on a list is a hint: a row may be missing, repeated, late or wrong.
"""

from datetime import datetime
from typing import Final

import msgspec

from monitor.core.model import Status

MOST_ROWS: Final = 500
"""The most that the API puts on one page."""


class ListRequest(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """One page of a definition's instances."""

    account: str
    definition: str
    version: int | None = None
    """None: the latest version alone. The instances of older versions are on no such page."""
    status: Status | None = None
    """One of the API's four; None: all."""
    started_from: datetime | None = None
    started_to: datetime | None = None
    """Bounds of the start time. Whether they are inclusive is not documented: neighbours overlap."""
    limit: int = MOST_ROWS
    """1 to `MOST_ROWS`."""
    offset: int = 0
    """Of rows or of pages; the API does not document which."""


class ListedInstance(msgspec.Struct, frozen=True, gc=False):
    """A row of a page: one instance."""

    workflow: str
    """Its id, fit for a URL's path."""
    status: Status
    """`UNKNOWN` stands for any word but the API's four, and for an absent one."""
    version: int | None
    started_at: datetime | None
    completed_at: datetime | None = None
    triggered_at: datetime | None = None
    """When the trigger that started it was raised; None also if that cannot be read."""

    @property
    def certain(self) -> bool:
        """Whether the row is complete and does not contradict itself; if not, a status look decides."""
        return (
            self.status is not Status.UNKNOWN
            and self.version is not None
            and self.started_at is not None
            and self.status.ended == (self.completed_at is not None)
        )


class ListPage(msgspec.Struct, frozen=True, gc=False):
    """An answer to a `ListRequest`."""

    rows: tuple[ListedInstance, ...]
    """In the order of the API. One instance may stand on several rows."""
    received: int
    """Rows on the page, including those that are not in `rows`. Fewer than the limit: it is the last page."""
    drifts: tuple[str, ...] = ()
    """Kinds of drift in this answer, sorted, e.g. `status:Paused`, `missing:list.startedAt`."""

    @property
    def unreadable(self) -> int:
        """Rows that name no instance of the definition."""
        return self.received - len(self.rows)


class ListedDefinition(msgspec.Struct, frozen=True, gc=False):
    """An active definition of an account."""

    definition: str
    """Its id, fit for a URL's path."""
    version: int | None
    """The latest; versions are counted from 1 without gaps."""
    name: str
    """For people; cut. Empty: it has none."""


class DefinitionList(msgspec.Struct, frozen=True, gc=False):
    """The active definitions of an account."""

    definitions: tuple[ListedDefinition, ...]
    """Each once, in the order of the API."""
    complete: bool
    """False: some could not be read, or there are more than requested, so an absent definition may still exist."""
    drifts: tuple[str, ...] = ()


class Usage(msgspec.Struct, frozen=True, gc=False):
    """How many workflows the account may start in a month, and has started. None: the API does not say."""

    allowed: int | None = None
    executed: int | None = None
