"""Tables for people: rows of short cells, with longer texts on lines below the row; at most 120 columns."""

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any, Final, NamedTuple

from monitor.core.formats.clean import clean
from monitor.core.formats.units import format_duration

WIDTH: Final = 120
"""Columns."""
MOST: Final = 200
"""Rows that are shown; the others are counted."""
_INDENT: Final = "    "
ABSENT: Final = "-"


class TableRow(NamedTuple):
    cells: Sequence[str]
    beneath: Sequence[str] = ()
    """Lines below the row; an empty one is left out."""


def table(head: Sequence[str], limits: Sequence[int], rows: Sequence[TableRow]) -> str:
    """`limits`: characters that a cell of each column gets at most."""
    shown = [
        TableRow([clean(c, n) for c, n in zip(row.cells, limits, strict=True)], row.beneath) for row in rows[:MOST]
    ]
    widths = [max(map(len, column)) for column in zip(head, *(row.cells for row in shown), strict=True)]
    lines = [_line(head, widths)]
    for row in shown:
        lines += [_line(row.cells, widths), *_beneath(row)]
    if len(rows) > MOST:
        lines.append(f"and {len(rows) - MOST} more; --json gives all of them")
    return "\n".join(lines)


def _line(cells: Sequence[str], widths: Sequence[int]) -> str:
    return "  ".join(f"{cell or ABSENT:<{width}}" for cell, width in zip(cells, widths, strict=True)).rstrip()


def _beneath(row: TableRow) -> Iterator[str]:
    return (_INDENT + clean(line, WIDTH - len(_INDENT)) for line in row.beneath if line)


def age(moment: object, now: datetime) -> str:
    """How long ago the moment is, as the daemon writes it; "" if it is none."""
    at = _moment(moment)
    return format_duration(max(round((now - at).total_seconds()), 0)) if at is not None else ""


def until(moment: object, now: datetime) -> str:
    """The time until the moment; "" if it is none."""
    at = _moment(moment)
    return format_duration(max(round((at - now).total_seconds()), 0)) if at is not None else ""


def _moment(moment: object) -> datetime | None:
    try:
        return datetime.fromisoformat(str(moment))
    except ValueError:
        return None


def said(shown: Mapping[str, Any], *keys: str) -> str:
    """The value of the first key that has one; empty if none has."""
    return next((str(shown[key]) for key in keys if shown.get(key) is not None), "")
