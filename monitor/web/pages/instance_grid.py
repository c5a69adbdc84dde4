"""A grid of instances and steps: one column per instance, one row per step. Pure."""

import enum
from collections.abc import Iterable, Sequence
from typing import Final

import msgspec

from monitor.core.model import StepExecution, StepStatus

MOST_STEPS: Final = 30
"""Rows; with as many columns as a page has, it stays small enough for a phone."""
_TROUBLE: Final = {StepStatus.FAILED: 3, StepStatus.CANCELLED: 2, StepStatus.RUNNING: 1}


class NoStatus(enum.StrEnum):
    """Why a step of an instance has no status."""

    NOT_REACHED = "not reached"
    """The step log is known and has no execution of it."""
    NOT_SEEN = "not seen yet"
    """No step log of the instance is known."""


class GridCell(msgspec.Struct, frozen=True):
    status: StepStatus | NoStatus
    """Of the last execution."""
    executions: int = 0


class GridRow(msgspec.Struct, frozen=True):
    step: str
    cells: tuple[GridCell, ...]
    """In the order of the instances."""

    @property
    def failed(self) -> int:
        return sum(cell.status is StepStatus.FAILED for cell in self.cells)


class Grid(msgspec.Struct, frozen=True):
    rows: tuple[GridRow, ...]
    left_out: int
    """Steps without a row: those with the least trouble."""


def grid(logs: Sequence[Sequence[StepExecution]], most: int = MOST_STEPS) -> Grid:
    """`logs`: the step log of each instance; an empty one is not known."""
    found = [_cells(log) for log in logs]
    order = ordered([execution.step for execution in log] for log in logs)
    rows = [GridRow(step, tuple(_cell(step, cells) for cells in found)) for step in order]
    kept = sorted(sorted(range(len(rows)), key=lambda place: -_trouble(rows[place]))[:most])
    return Grid(tuple(rows[place] for place in kept), len(rows) - len(kept))


def ordered(logs: Iterable[Sequence[str]]) -> list[str]:
    """The steps of all logs: each behind the one that it first came after."""
    order: list[str] = []
    known: set[str] = set()
    for log in logs:
        place = 0
        for step in log:
            if step in known:
                place = order.index(step) + 1
            else:
                order.insert(place, step)
                known.add(step)
                place += 1
    return order


def _cells(log: Sequence[StepExecution]) -> dict[str, GridCell] | None:
    if not log:
        return None
    cells: dict[str, GridCell] = {}
    for execution in log:
        before = cells.get(execution.step)
        cells[execution.step] = GridCell(execution.status, 1 if before is None else before.executions + 1)
    return cells


def _cell(step: str, cells: dict[str, GridCell] | None) -> GridCell:
    if cells is None:
        return GridCell(NoStatus.NOT_SEEN)
    return cells.get(step) or GridCell(NoStatus.NOT_REACHED)


def _trouble(row: GridRow) -> int:
    return max((_TROUBLE.get(cell.status, 0) for cell in row.cells if isinstance(cell.status, StepStatus)), default=0)


def last_execution(log: Iterable[StepExecution], step: str) -> StepExecution | None:
    return next((execution for execution in reversed(list(log)) if execution.step == step), None)
