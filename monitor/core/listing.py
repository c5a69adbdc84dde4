"""What a list says: instances without their step logs, definitions, and counts. And what can be asked of one.

The end that a row tells is true. Everything else of a list is a hint: a row may be missing, repeated, late or odd.
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
    """Of rows or of pages, which is not documented either."""


class ListedInstance(msgspec.Struct, frozen=True, gc=False):
    """A row of a page: what a list says of one instance."""

    workflow: str
    """Its id, fit for a URL's path."""
    status: Status
    """`UNKNOWN` stands for any word but the API's four, and for none."""
    version: int | None
    started_at: datetime | None
    completed_at: datetime | None = None
    triggered_at: datetime | None = None
    """When the trigger that started it was raised; None also where that cannot be read."""

    @property
    def certain(self) -> bool:
        """Whether the row says all that it has to, and nothing that contradicts itself; else a status look decides."""
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
    """Rows on the page, also those that are not in `rows`. Fewer than the limit: no more follow."""
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
    """As people see it; cut. Empty: it has none."""


class DefinitionList(msgspec.Struct, frozen=True, gc=False):
    """The active definitions of an account."""

    definitions: tuple[ListedDefinition, ...]
    """Each once, in the order of the API."""
    complete: bool
    """False: some could not be read, or there are more than were asked for. What is absent may exist all the same."""
    drifts: tuple[str, ...] = ()


class Usage(msgspec.Struct, frozen=True, gc=False):
    """How many workflows the account may start in a month, and has started. None: the API does not say."""

    allowed: int | None = None
    executed: int | None = None
