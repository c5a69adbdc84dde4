"""Reads a whole list by `offset`, whether the API counts rows or pages. Pure.

The second request has offset 1. An API that counts rows answers with the first page again but for one row; an API that
counts pages answers with another page.
"""

from collections.abc import Sequence

import msgspec


class OffsetPaging(msgspec.Struct, frozen=True, kw_only=True):
    """The state of reading, and the next request."""

    limit: int
    """Rows on a full page."""
    offset: int = 0
    """Of the next request."""
    done: bool = False
    """There is no further request."""
    complete: bool = False
    """The end was seen. False if a page showed nothing new: then the API ignores `offset`."""
    ids: frozenset[str] = frozenset()
    """Of all rows so far."""
    step: int = 0
    """Of the offset, from page to page; 0: not known yet."""

    def read(self, ids: Sequence[str], received: int) -> "OffsetPaging":
        """After the page at `offset` with these ids; `received` also counts rows that could not be read."""
        known = self.ids.union(ids)
        if received < self.limit:
            return msgspec.structs.replace(self, ids=known, done=True, complete=True)
        if self.offset == 0:
            return msgspec.structs.replace(self, ids=known, offset=1)
        repeated = sum(each in self.ids for each in ids)
        if self.step and repeated == len(ids):
            return msgspec.structs.replace(self, ids=known, done=True)
        step = self.step or (self.limit if 2 * repeated >= len(ids) else 1)
        return msgspec.structs.replace(self, ids=known, step=step, offset=_next(self.offset, step))


def _next(offset: int, step: int) -> int:
    """After offset 1 rows are counted from the beginning again, so that one row is read twice and none is left out."""
    return step if offset == 1 and step > 1 else offset + step
