"""Long lists, page by page."""

from collections.abc import Sequence
from typing import Generic, TypeVar

import msgspec

from monitor.web.api.query import page_number

_T = TypeVar("_T")


class SortLink(msgspec.Struct, frozen=True, kw_only=True):
    """The head of a column that the rows can be sorted by."""

    text: str
    path: str
    order: str | None
    """`ascending` or `descending`; None: another column decides."""


class PageLinks(msgspec.Struct, frozen=True):
    """Which part of a list is shown, and the paths of the parts beside it."""

    first: int
    """Counted from 1."""
    last: int
    total: int
    previous: str | None = None
    next: str | None = None


class Part(msgspec.Struct, Generic[_T], frozen=True):
    items: Sequence[_T]
    pager: PageLinks


def part_of(items: Sequence[_T], path: str, number: str | None, size: int) -> Part[_T]:
    """The part with this number (of a query), counted from 1; the last one instead of one beyond it.

    `path` may have a query.
    """
    last = max(1, -(-len(items) // size))
    chosen = min(page_number(number), last)
    start = (chosen - 1) * size
    stem = f"{path}{'&' if '?' in path else '?'}page="
    shown = items[start : start + size]
    pager = PageLinks(
        first=start + 1 if shown else 0,
        last=start + len(shown),
        total=len(items),
        previous=f"{stem}{chosen - 1}" if chosen > 1 else None,
        next=f"{stem}{chosen + 1}" if chosen < last else None,
    )
    return Part(shown, pager)
