"""The effect of a look on a sweep: cohorts are split, counted, emptied, closed and merged."""

from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Sequence
from datetime import datetime
from itertools import pairwise

import msgspec

from monitor.core.discovery.cohorts import AUDITS, GRAIN, STATUSES, Cohort, Count, Sweep, floor, regular
from monitor.core.discovery.running import RunningIndex
from monitor.core.discovery.walk import Span, Walk
from monitor.core.model import Status

_FEW = 1
"""Instances that leave between two looks at a quiet cohort."""


class _Listed:
    """The start times that a walk has listed, by status and in order."""

    def __init__(self, walk: Walk) -> None:
        self.question = walk.look.question
        self.answers: tuple[Status, ...] = STATUSES if self.question is None else (self.question,)
        rows = walk.rows.values()
        if self.question is not None:
            self._starts = {self.question: sorted([row.started_at for row in rows if row.started_at is not None])}
            return
        self._starts = {status: [] for status in STATUSES}
        for row in rows:
            if row.started_at is not None:
                self._starts[_counted_as(row.status)].append(row.started_at)
        for starts in self._starts.values():
            starts.sort()

    def count(self, status: Status, low: datetime, high: datetime | None) -> int:
        starts = self._starts[status]
        return (len(starts) if high is None else bisect_left(starts, high)) - bisect_left(starts, low)

    def within(self, low: datetime, high: datetime | None) -> list[datetime]:
        found: list[datetime] = []
        for starts in self._starts.values():
            found += starts[bisect_left(starts, low) : len(starts) if high is None else bisect_left(starts, high)]
        return sorted(found) if len(self._starts) > 1 else found


def answered(sweep: Sweep, walk: Walk, running: RunningIndex, news: Iterable[datetime] = ()) -> Sweep:
    """After a walk has ended, or was given up: the part that it has shown completely counts.

    `running`: the known running instances, including this walk's. `news`: start times of the listed instances that were
    unknown before.
    """
    if walk.reached is None:
        return sweep
    answer = _CohortAnswer(sweep, walk, _Listed(walk), running, sorted(news))
    first, last = _touched(sweep.cohorts, walk)
    before, after = sweep.cohorts[:first], sweep.cohorts[last:]
    cohorts = [piece for cohort in sweep.cohorts[first:last] for piece in answer.of(cohort)]
    ordered = msgspec.structs.replace(
        sweep, by_creation=sweep.by_creation or walk.disordered, by_start=sweep.by_start or walk.by_start
    )
    merged = _merged([*before[-1:], *cohorts, *after[:1]], walk.asked_at, sweep.fill, may_hide=ordered.may_hide)
    return msgspec.structs.replace(ordered, cohorts=(*before[:-1], *merged, *after[1:]))


def _touched(cohorts: Sequence[Cohort], walk: Walk) -> tuple[int, int]:
    """The cohorts that overlap the window, as a slice."""
    starts = walk.look.started_from, walk.look.started_to
    first = max(0, bisect_right(cohorts, starts[0], key=_started_from) - 1)
    return first, len(cohorts) if starts[1] is None else bisect_left(cohorts, starts[1], key=_started_from)


class _CohortAnswer:
    """The answer of one walk about each cohort."""

    def __init__(
        self, sweep: Sweep, walk: Walk, listed: _Listed, running: RunningIndex, news: Sequence[datetime]
    ) -> None:
        assert walk.reached is not None  # noqa: S101 - `answered` has checked it
        self._fill = sweep.fill
        self._window = Span(walk.look.started_from, walk.look.started_to)
        self._shown = Span(walk.reached, walk.look.started_to)
        self._scattered = walk.scattered
        self._probe = walk.look.probe and not walk.complete
        self._asked_at = walk.asked_at
        self._listed = listed
        self._running = running
        self._news = news

    def of(self, cohort: Cohort) -> list[Cohort]:
        if not _overlaps(cohort, self._window):
            return [cohort]
        pieces = [cohort]
        if self._probe:
            pieces = _split(cohort, [self._shown.low])
            pieces = [piece if _within(piece, self._shown) else _marked(piece) for piece in pieces]
        pieces = [smaller for piece in pieces for smaller in self._smaller(piece)]
        return [self._told(piece) for piece in pieces]

    def _smaller(self, cohort: Cohort) -> list[Cohort]:
        """Split if a page could not hold the rows of repeated requests, or did not show them completely."""
        if cohort.closed:
            late = [floor(start) for start in self._news if _holds(cohort, start)]
            return _split(cohort, [*late, *[start + GRAIN for start in late]])
        if not self._is_scattered(cohort):
            again = self._listed.question not in (Status.SUSPENDED, Status.COMPLETE)
            return _split(cohort, self._crowded(cohort)) if again and _within(cohort, self._shown) else [cohort]
        return _split(cohort, [*self._crowded(cohort), *[span.low for span in self._scattered]])

    def _crowded(self, cohort: Cohort) -> list[datetime]:
        """Borders so that a page holds each piece; none if it holds the whole cohort."""
        starts = self._listed.within(cohort.started_from, cohort.started_to)
        room = self._fill // 2 if cohort.started_to is None else self._fill
        if len(starts) <= room:
            return []
        pieces = max(2, -(-len(starts) // self._fill))
        borders = [floor(cohort.started_from)]
        for place in range(1, pieces):
            border = floor(starts[len(starts) * place // pieces])
            borders.append(border if border > borders[-1] else borders[-1] + GRAIN)
        return borders

    def _told(self, cohort: Cohort) -> Cohort:
        news = bisect_left(self._news, cohort.started_from)
        is_news = news < len(self._news) and _holds(cohort, self._news[news])
        if cohort.closed and not is_news:
            return cohort
        if cohort.closed:
            return msgspec.structs.replace(cohort, closed=False, reopened=True, emptied_at=None, audits=0)
        whole = _within(cohort, self._shown) and not self._is_scattered(cohort)
        if not whole:
            return self._at_least(cohort) if self._is_scattered(cohort) else cohort
        for status in self._listed.answers:
            rows = self._listed.count(status, cohort.started_from, cohort.started_to)
            cohort = cohort.counted(status, rows, self._asked_at)
        if cohort.probed and cohort.asked_at(None) is not None:
            cohort = msgspec.structs.replace(cohort, probed=False)
        return self._emptied(cohort, is_news=is_news)

    def _at_least(self, cohort: Cohort) -> Cohort:
        """Shown in part: no answer, but a lower bound of the counts."""
        counts = list(cohort.counts)
        for status in self._listed.answers:
            place = STATUSES.index(status)
            rows = self._listed.count(status, cohort.started_from, cohort.started_to)
            counts[place] = Count(max(rows, counts[place].rows), counts[place].asked_at)
        return msgspec.structs.replace(cohort, counts=tuple(counts))

    def _emptied(self, cohort: Cohort, *, is_news: bool) -> Cohort:
        """If no instance runs, request all of it later, twice. If none runs then, and none is new, it is closed."""
        question = self._listed.question
        if question is not None and question.ended:
            return cohort
        missing = cohort.unenumerated(self._asked_at)
        empty = (
            cohort.settled(self._asked_at)
            and cohort.alive == 0
            and Status.RUNNABLE not in missing
            and Status.SUSPENDED not in missing
            and self._running.count(cohort.started_from, cohort.started_to) == 0
        )
        if not empty:
            return msgspec.structs.replace(cohort, emptied_at=None, audits=0)
        if cohort.emptied_at is None or is_news:
            return msgspec.structs.replace(cohort, emptied_at=self._asked_at, audits=0)
        if question is not None or self._asked_at < cohort.audited_from:
            return cohort
        return msgspec.structs.replace(cohort, audits=cohort.audits + 1, closed=cohort.audits + 1 >= AUDITS)

    def _is_scattered(self, cohort: Cohort) -> bool:
        return any(_overlaps(cohort, span) for span in self._scattered)


# --- splitting and merging ----------------------------------------------------------------------------------


def _split(cohort: Cohort, borders: Iterable[datetime]) -> list[Cohort]:
    """Split at multiples of `GRAIN`; borders outside are ignored. Counts are estimates until the next answer."""
    inner = [
        border
        for border in sorted({floor(border) for border in borders})
        if border > cohort.started_from and _holds(cohort, border)
    ]
    if not inner:
        return [cohort]
    edges = [cohort.started_from, *inner, cohort.started_to]
    share = len(edges) - 1
    counts = tuple([Count(-(-count.rows // share), count.asked_at) for count in cohort.counts])
    return [
        msgspec.structs.replace(cohort, started_from=low, started_to=high, counts=counts, left=-(-cohort.left // share))
        for low, high in pairwise(edges)
        if low is not None
    ]


def _marked(cohort: Cohort) -> Cohort:
    """Marked as the part below a probe that did not fit one page."""
    unasked = not cohort.closed and cohort.asked_at(None) is None
    return msgspec.structs.replace(cohort, probed=True) if unasked else cohort


def _merged(cohorts: Iterable[Cohort], now: datetime, fill: int, *, may_hide: bool) -> list[Cohort]:
    """Neighbours become one if a page holds all their running instances."""
    merged: list[Cohort] = []
    for cohort in cohorts:
        before = merged[-1] if merged else None
        if before is not None and _mergeable(before, cohort, now, fill, may_hide=may_hide):
            merged[-1] = _joined(before, cohort)
        else:
            merged.append(cohort)
    return merged


def _mergeable(one: Cohort, other: Cohort, now: datetime, fill: int, *, may_hide: bool) -> bool:
    if one.closed or other.closed:
        return one.closed and other.closed
    if one.reopened is not other.reopened:
        return False
    for cohort in (one, other):
        if cohort.probed or cohort.emptied_at is not None or not cohort.settled(now) or cohort.unenumerated(now):
            return False
    if may_hide and one.total + other.total > fill:
        return False
    return one.alive + other.alive <= fill and _quiet(one, other, fill)


def _quiet(one: Cohort, other: Cohort, fill: int) -> bool:
    """Only quiet cohorts share their pages better as one.

    If many leave, it is cheap to ask for Complete while few have completed: that must not become dear by what is old.
    """
    return one.left + other.left <= _FEW and Status.RUNNABLE in regular(_joined(one, other), fill)


def _joined(one: Cohort, other: Cohort) -> Cohort:
    counts = [_sum(first, second) for first, second in zip(one.counts, other.counts, strict=True)]
    return msgspec.structs.replace(one, started_to=other.started_to, counts=tuple(counts), left=one.left + other.left)


def _sum(one: Count, other: Count) -> Count:
    if one.asked_at is None or other.asked_at is None:
        return Count(one.rows + other.rows)
    return Count(one.rows + other.rows, min(one.asked_at, other.asked_at))


# --- windows ------------------------------------------------------------------------------------------------


def _within(cohort: Cohort, span: Span) -> bool:
    if cohort.started_from < span.low:
        return False
    return span.high is None or (cohort.started_to is not None and cohort.started_to <= span.high)


def _overlaps(cohort: Cohort, span: Span) -> bool:
    return (cohort.started_to is None or span.low < cohort.started_to) and (
        span.high is None or cohort.started_from < span.high
    )


def _started_from(cohort: Cohort) -> datetime:
    return cohort.started_from


def _holds(cohort: Cohort, moment: datetime) -> bool:
    return cohort.started_from <= moment and (cohort.started_to is None or moment < cohort.started_to)


def _counted_as(status: Status) -> Status:
    """An unknown status counts as Runnable, since it proves no end."""
    return status if status in STATUSES else Status.RUNNABLE
