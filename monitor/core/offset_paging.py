"""Reads a whole list by `offset`, whichever way the API means it: so many rows, or so many pages. Pure.

The second request asks for offset 1. The answer of an API that counts rows is the first page again but for one row;
that of one that counts pages is another page.
"""

from collections.abc import Sequence

import msgspec


class OffsetPaging(msgspec.Struct, frozen=True, kw_only=True):
    """What was read so far, and what to ask for next."""

    limit: int
    """Rows on a full page."""
    offset: int = 0
    """To ask for next."""
    done: bool = False
    """There is nothing more to ask for."""
    complete: bool = False
    """The end was seen. Not where a page showed nothing new: the API does not heed `offset`."""
    ids: frozenset[str] = frozenset()
    """Of all rows so far."""
    step: int = 0
    """Of the offset, from page to page; 0: not known yet."""

    def read(self, ids: Sequence[str], received: int) -> "OffsetPaging":
        """After the page at `offset`, with these ids on it; `received` counts those too that could not be read."""
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
    """After offset 1 rows are counted from the beginning again; so one row is read twice, and none is left out."""
    return step if offset == 1 and step > 1 else offset + step
