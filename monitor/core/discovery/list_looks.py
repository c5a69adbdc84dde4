"""The looks at the lists of one version that are needed now: neighbouring cohorts share a page if it has room.

Each look is an arm for the policy: its request, its cost, and the changes that it can reveal. The policy decides when
to make it. The looks change only with an answer or with time; most keep their keys then, too. Computing them takes
about 13 us per cohort, so once a second is often enough.
"""

import math
from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import NamedTuple

import msgspec

from monitor.core.discovery.cohorts import STATUSES, Cohort, Question, Sweep, by_the_living, questions
from monitor.core.model import DefinitionVersion, Status


class LookKey(NamedTuple):
    """The identity of a look, the same while its window begins at the same time."""

    version: DefinitionVersion
    question: Question
    started_from: datetime


class ListLook(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """A window of start times, and the request for it."""

    version: DefinitionVersion
    question: Question
    started_from: datetime
    started_to: datetime | None
    """None: until now."""
    rows: int = 0
    """Expected, by the last answers."""
    limit: int
    reveals: frozenset[Status] = frozenset()
    """The statuses that it shows, or hints at, sooner than any other look."""
    begins: bool = False
    """Whether it shows new instances."""
    asked_at: datetime | None = None
    """When the last look at its least recently requested part began; None: a part was never requested."""
    probe: bool = False
    """One page is enough; other looks request the rest."""

    @property
    def key(self) -> LookKey:
        return LookKey(self.version, self.question, self.started_from)

    @property
    def requests(self) -> int:
        """Expected; an answer with more rows than before may take one more."""
        return 1 if self.probe else max(1, math.ceil(self.rows / self.limit))


def looks(sweep: Sweep, now: datetime) -> tuple[ListLook, ...]:
    """All needed looks: first the newest cohorts that fit one page, then the others by status."""
    young = _young(sweep)
    old = sweep.cohorts[:young]
    asked = [questions(cohort, now, sweep.fill) for cohort in old]
    found = [_look(sweep, None, sweep.cohorts[young:], probe=_unasked(sweep.cohorts[young:]))]
    for question in (*STATUSES, None):
        found.extend(_packed(sweep, question, old, asked))
    return tuple(found)


def resolving(sweep: Sweep, missing: Sequence[datetime]) -> ListLook | None:
    """A look at Complete that explains instances missing among the running, by their start times.

    None: status looks at each need no more requests.
    """
    if not missing:
        return None
    first, last = min(missing), max(missing)
    window = [cohort for cohort in sweep.cohorts if _overlaps(cohort, first, last)]
    look = _look(sweep, Status.COMPLETE, window) if window else None
    return look if look is not None and 2 * look.requests < len(missing) else None


def _young(sweep: Sweep) -> int:
    """Index of the oldest cohort that shares one page of all statuses with the head."""
    room = sweep.fill - sweep.cohorts[-1].total
    first = at = len(sweep.cohorts) - 1
    for at in range(len(sweep.cohorts) - 2, -1, -1):
        cohort = sweep.cohorts[at]
        room -= cohort.total
        if room < 0 or cohort.probed:
            break
        if not cohort.closed:
            first = at
    return first


def _packed(
    sweep: Sweep, question: Question, cohorts: Sequence[Cohort], asked: Sequence[tuple[Question, ...]]
) -> Iterable[ListLook]:
    """Looks at neighbours with the same request; cohorts between them are included if they have few rows."""
    group: list[Cohort] = []
    between: list[Cohort] = []
    room = 0
    for cohort, wants in zip(cohorts, asked, strict=True):
        rows = _rows(cohort, question)
        if question not in wants:
            between.append(cohort)
            room -= rows
            continue
        if group and not (room >= rows and _alike(group[-1], cohort, question, sweep.fill)):
            yield _look(sweep, question, group)
            group = []
        if not group:
            room = sweep.fill
            between = []
        group += [*between, cohort]
        between = []
        room -= rows
    if group:
        yield _look(sweep, question, group, probe=question is None and _unasked(group))


def _alike(one: Cohort, other: Cohort, question: Question, fill: int) -> bool:
    """Whether a look at both reveals the same about both; a cohort that was never requested is requested alone."""
    if question is None and (_unasked((one,)) or _unasked((other,))):
        return False
    return question is not Status.RUNNABLE or by_the_living(one, fill) == by_the_living(other, fill)


def _look(sweep: Sweep, question: Question, cohorts: Sequence[Cohort], *, probe: bool = False) -> ListLook:
    moments = [cohort.asked_at(question) for cohort in cohorts if not cohort.closed]
    known = [moment for moment in moments if moment is not None]
    return ListLook(
        version=sweep.version,
        question=question,
        started_from=cohorts[0].started_from,
        started_to=cohorts[-1].started_to,
        rows=sum([_rows(cohort, question) for cohort in cohorts]),
        limit=sweep.limit,
        reveals=_reveals(question, cohorts, sweep.fill),
        begins=cohorts[-1].started_to is None,
        asked_at=min(known) if known and len(known) == len(moments) else None,
        probe=probe,
    )


def _reveals(question: Question, cohorts: Sequence[Cohort], fill: int) -> frozenset[Status]:
    if question is None:
        return frozenset((Status.SUSPENDED, Status.COMPLETE, Status.TERMINATED))
    if question is not Status.RUNNABLE:
        return frozenset((question,))
    return frozenset((Status.COMPLETE, Status.TERMINATED) if by_the_living(cohorts[0], fill) else (Status.COMPLETE,))


def _rows(cohort: Cohort, question: Question) -> int:
    return cohort.total if question is None else cohort.rows(question)


def _unasked(cohorts: Iterable[Cohort]) -> bool:
    return any(count.asked_at is None for cohort in cohorts for count in cohort.counts)


def _overlaps(cohort: Cohort, first: datetime, last: datetime) -> bool:
    return cohort.started_from <= last and (cohort.started_to is None or first < cohort.started_to)
