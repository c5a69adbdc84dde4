"""The step log of an instance as a drawing to scale: where each execution stands, and which idle times are folded.

Pure geometry. Time is mapped to 0..100 (percent of the width) by straight pieces: a stretch in which nothing begins or
ends, and that would leave no room for the rest, is folded to a fixed width and bears its length. Executions of one step
share a row, in the order of the log, so that retries stand beside each other.
"""

from bisect import bisect_right
from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta
from itertools import pairwise
from typing import Final

import msgspec

from monitor.core.model import StepExecution, StepStatus

WIDTH: Final = 100.0
MOST_ROWS: Final = 60
"""Steps that are drawn; of more, those that were executed last."""
_FOLD: Final = 4.0
"""Width of a folded stretch; less if there are so many that they would take more than a third of the width."""
_FOLDED: Final = WIDTH / 3
_LEAST: Final = 0.6
"""Width of the shortest execution."""
_BUSY: Final = 3.0
"""A stretch with an active execution is folded if it is this many times as long as all the rest."""
_IDLE: Final = 0.05
"""A stretch without one is folded if it is longer than this share of the whole."""
_WORTH_FOLDING: Final = 60.0
"""Seconds; shorter stretches are never folded."""
_ACTIVE: Final = frozenset(StepStatus) - {StepStatus.SLEEPING, StepStatus.WAITING_FOR_EVENT, StepStatus.PENDING}
_UNDER_WAY: Final = (StepStatus.RUNNING, StepStatus.SLEEPING, StepStatus.WAITING_FOR_EVENT)


class Segment(msgspec.Struct, frozen=True, kw_only=True):
    """One execution."""

    x: float
    width: float
    status: StepStatus
    started_at: datetime
    ended_at: datetime | None
    """None: it is under way."""
    seconds: float


class TimelineRow(msgspec.Struct, frozen=True, kw_only=True):
    """All executions of one step, oldest first."""

    step: str
    status: StepStatus
    """Of the last one."""
    segments: tuple[Segment, ...]


class Fold(msgspec.Struct, frozen=True, kw_only=True):
    """A stretch that is not drawn to scale."""

    x: float
    width: float
    seconds: float


class Timeline(msgspec.Struct, frozen=True, kw_only=True):
    rows: tuple[TimelineRow, ...]
    """In the order in which the steps were executed first."""
    folds: tuple[Fold, ...]
    begin: datetime
    end: datetime
    left_out: int = 0
    """Steps that are not drawn: there are too many."""


class _ExecutionSpan(msgspec.Struct, frozen=True):
    """Seconds from the beginning."""

    begin: float
    end: float
    active: bool

    @property
    def length(self) -> float:
        return self.end - self.begin


def drawn(steps: Sequence[StepExecution], now: datetime) -> Timeline | None:
    """The drawing at `now` (on the API's clock); None if no execution has a time."""
    timed = [step for step in {step.id: step for step in steps}.values() if step.started_at is not None]
    if not timed:
        return None
    begin = min(step.started_at for step in timed if step.started_at is not None)
    spans = [_span(step, begin, now) for step in timed]
    scale = _Scale(spans)
    rows: dict[str, list[tuple[StepExecution, _ExecutionSpan]]] = {}
    for step, span in zip(timed, spans, strict=True):
        rows.setdefault(step.step, []).append((step, span))
    names = sorted(rows, key=lambda name: max(span.end for _, span in rows[name]))[-MOST_ROWS:]
    return Timeline(
        rows=tuple(_row(name, rows[name], scale) for name in rows if name in set(names)),
        folds=tuple(scale.folds()),
        begin=begin,
        end=begin + timedelta(seconds=scale.length),
        left_out=len(rows) - len(names),
    )


def _span(step: StepExecution, begin: datetime, now: datetime) -> _ExecutionSpan:
    started = step.started_at or begin
    ended = step.completed_at or (now if step.status in _UNDER_WAY else started)
    at = (started - begin).total_seconds()
    return _ExecutionSpan(at, max((ended - begin).total_seconds(), at), step.status in _ACTIVE)


def _row(name: str, executions: Sequence[tuple[StepExecution, _ExecutionSpan]], scale: "_Scale") -> TimelineRow:
    ordered = sorted(executions, key=lambda one: one[1].begin)
    return TimelineRow(
        step=name,
        status=ordered[-1][0].status,
        segments=tuple(
            _segment(step, step.started_at, span, scale) for step, span in ordered if step.started_at is not None
        ),
    )


def _segment(step: StepExecution, started_at: datetime, span: _ExecutionSpan, scale: "_Scale") -> Segment:
    x, end = scale.at(span.begin), scale.at(span.end)
    width = max(end - x, _LEAST)
    return Segment(
        x=round(min(x, WIDTH - width), 3),
        width=round(width, 3),
        status=step.status,
        started_at=started_at,
        ended_at=None if step.completed_at is None and step.status in _UNDER_WAY else step.completed_at,
        seconds=span.length,
    )


class _Scale:
    """From seconds to widths."""

    def __init__(self, spans: Sequence[_ExecutionSpan]) -> None:
        points = sorted({0.0, *[span.begin for span in spans], *[span.end for span in spans]})
        self._stretches = list(_stretches(points, spans))
        self.length = points[-1]
        self._folded = _folded(self._stretches)
        scaled = sum(one.length for one in self._stretches if one not in self._folded)
        fold = min(_FOLD, _FOLDED / len(self._folded)) if self._folded else 0.0
        fold = WIDTH / len(self._folded) if self._folded and not scaled else fold
        per_second = (WIDTH - fold * len(self._folded)) / scaled if scaled else 0.0
        self._points, self._xs, x = points, [0.0], 0.0
        for stretch in self._stretches:
            x += fold if stretch in self._folded else stretch.length * per_second
            self._xs.append(min(x, WIDTH))

    def at(self, seconds: float) -> float:
        after = bisect_right(self._points, seconds)
        if after == len(self._points):
            return self._xs[-1]
        begin, end = self._points[after - 1], self._points[after]
        share = (seconds - begin) / (end - begin)
        return self._xs[after - 1] + share * (self._xs[after] - self._xs[after - 1])

    def folds(self) -> Iterable[Fold]:
        for stretch, (x, end) in zip(self._stretches, pairwise(self._xs), strict=True):
            if stretch in self._folded:
                yield Fold(x=round(x, 3), width=round(end - x, 3), seconds=stretch.length)


def _stretches(points: Sequence[float], spans: Sequence[_ExecutionSpan]) -> Iterable[_ExecutionSpan]:
    """What lies between two neighbouring points, each with whether an execution is active all through it."""
    changes = sorted(
        [(span.begin, 1) for span in spans if span.active and span.length]
        + [(span.end, -1) for span in spans if span.active and span.length]
    )
    active = at = 0
    for begin, end in pairwise(points):
        while at < len(changes) and changes[at][0] <= begin:
            active += changes[at][1]
            at += 1
        yield _ExecutionSpan(begin, end, active > 0)


def _folded(stretches: Sequence[_ExecutionSpan]) -> set[_ExecutionSpan]:
    """The longest first, as long as one would leave no room for the rest."""
    whole = left = sum(one.length for one in stretches)
    folded: set[_ExecutionSpan] = set()
    for one in sorted(stretches, key=lambda one: one.length, reverse=True):
        rest = left - one.length
        if one.length <= _WORTH_FOLDING or rest <= 0:
            break
        if one.length > (_BUSY * rest if one.active else _IDLE * whole):
            folded.add(one)
            left = rest
    return folded
