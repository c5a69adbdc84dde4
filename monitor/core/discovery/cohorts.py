"""Windows of start time of one version of a definition, and the lists' last answers about each.

A *cohort* holds the instances that started in its window. The cohorts of a version are adjacent, oldest first; the last
one, the *head*, is open: instances join it. This module decides which statuses are requested for a cohort:

| cohort | requested |
| --- | --- |
| never requested | all statuses, one page: a small definition needs no more |
| settled, and a status was not requested since, or long ago | that status, or all if one page shows them |
| few of its instances have failed | Terminated, Suspended, and Complete or Runnable, whichever needs fewer requests |
| fewer live than have failed | Runnable and Suspended: an instance missing there has ended, a status look shows how |
| nothing lives | all statuses, twice more, as far apart as lists lag |
| closed | nothing |

Moments are on the API's clock. Values are frozen and can be stored as JSON.
"""

from bisect import bisect_right
from collections.abc import Mapping
from datetime import datetime, timedelta
from operator import attrgetter
from typing import Final

import msgspec

from monitor.core.listing import MOST_ROWS
from monitor.core.model import DefinitionVersion, Status

LAG: Final = timedelta(minutes=5)
"""The longest delay of an instance, and of its status, on a list; the two clocks differ by less."""
GRAIN: Final = timedelta(milliseconds=10)
"""Bounds are multiples of it. A row has at least two digits of the second; the API may compare more with a bound."""
STATUSES: Final = (Status.RUNNABLE, Status.SUSPENDED, Status.COMPLETE, Status.TERMINATED)
"""The statuses by which a list can be filtered; counts have this order."""
AUDITS: Final = 2
"""Whole looks that show nothing alive and nothing new, after which a cohort is closed: a list may lack a row."""
_OLDER: Final = 2
_PLACE: Final[Mapping[Status, int]] = {status: place for place, status in enumerate(STATUSES)}

Question = Status | None
"""The requested status; None: all."""


class Count(msgspec.Struct, frozen=True, gc=False):
    """The lists' last answer about one status of a cohort."""

    rows: int = 0
    """An estimate if the cohort was split since."""
    asked_at: datetime | None = None
    """When the look began; None: never."""


_UNASKED = (Count(), Count(), Count(), Count())


class Cohort(msgspec.Struct, frozen=True, gc=False):
    """A window of start times: from `started_from` on, before `started_to`."""

    started_from: datetime
    started_to: datetime | None
    """None: the head."""
    counts: tuple[Count, Count, Count, Count] = _UNASKED
    """In the order of `STATUSES`."""
    left: int = 0
    """How many were missing among the running, or new among the complete, at the last look at these."""
    probed: bool = False
    """A page of all statuses was too small for its instances."""
    emptied_at: datetime | None = None
    """When the look began that first found no running instance; None: some run, or may run."""
    audits: int = 0
    """Whole looks since, `LAG` apart, without a running or new instance."""
    closed: bool = False
    reopened: bool = False
    """It was closed, and a running instance was found. Earlier ends were forgotten, and make no event again."""

    def rows(self, status: Status) -> int:
        return self.counts[_PLACE[status]].rows

    def asked_at(self, question: Question) -> datetime | None:
        """When it was last requested; for all statuses, the time of the least recently requested one."""
        if question is not None:
            return self.counts[_PLACE[question]].asked_at
        moments = [count.asked_at for count in self.counts if count.asked_at is not None]
        return min(moments) if len(moments) == len(STATUSES) else None

    @property
    def total(self) -> int:
        return sum([count.rows for count in self.counts])

    @property
    def alive(self) -> int:
        return self.rows(Status.RUNNABLE) + self.rows(Status.SUSPENDED)

    @property
    def settles_at(self) -> datetime | None:
        """From this time on no instance joins it; None: the head."""
        return None if self.started_to is None else self.started_to + LAG

    @property
    def audited_from(self) -> datetime:
        """The earliest time at which the next whole look at an emptied cohort counts."""
        return (self.emptied_at or self.started_from) + LAG * (self.audits + 1)

    def settled(self, now: datetime) -> bool:
        settles_at = self.settles_at
        return settles_at is not None and settles_at <= now

    def unenumerated(self, now: datetime) -> tuple[Status, ...]:
        """The statuses that must be requested for a settled cohort, independent of its content.

        Each once it is settled, and again whenever its age since has doubled: a list may lack the row of an instance
        that began and ended between two looks, which no other look would miss.
        """
        settles_at = self.settles_at
        if settles_at is None or settles_at > now:
            return ()
        since = settles_at + (now - settles_at - LAG) / _OLDER
        return tuple(
            [
                status
                for status, count in zip(STATUSES, self.counts, strict=True)
                if count.asked_at is None or count.asked_at < max(settles_at, since)
            ]
        )

    def counted(self, status: Status, rows: int, asked_at: datetime) -> "Cohort":
        """With a new answer, unless a newer one is known.

        New ends are subtracted from the running, until the next answer about those.
        """
        counts, left = list(self.counts), self.left
        before = counts[_PLACE[status]]
        if before.asked_at is not None and asked_at < before.asked_at:
            return self
        counts[_PLACE[status]] = Count(rows, asked_at)
        living = counts[0]
        older = living.asked_at is None or living.asked_at < asked_at
        if before.asked_at is not None and status.ended and older:
            counts[0] = Count(max(0, living.rows - max(0, rows - before.rows)), living.asked_at)
        if before.asked_at is not None and status in (Status.RUNNABLE, Status.COMPLETE):
            left = max(0, before.rows - rows if status is Status.RUNNABLE else rows - before.rows)
        return msgspec.structs.replace(self, counts=tuple(counts), left=left)


class Sweep(msgspec.Struct, frozen=True):
    """The state of the sweep of one version."""

    version: DefinitionVersion
    cohorts: tuple[Cohort, ...]
    """Oldest first, adjacent; the last one is the head."""
    by_creation: bool = False
    """A page was out of order by start time: the list is in the order of creation."""
    by_start: bool = False
    """A page was in order by start time and not in order by trigger, which nearly is the order of creation."""
    limit: int = MOST_ROWS
    """Rows that a page shows at most."""

    @property
    def may_hide(self) -> bool:
        """Whether a full page may lack instances that started later than its last row.

        A page can be in both orders. So this is true until a page was in order by start time alone.
        """
        return self.by_creation or not self.by_start

    @property
    def fill(self) -> int:
        """Rows that a page is meant to hold: it stays shorter than its limit if there are more than expected."""
        return self.limit * 4 // 5


def begin(version: DefinitionVersion, now: datetime, started_within: float, limit: int = MOST_ROWS) -> Sweep:
    """Before the first request. `started_within`: seconds; instances that started earlier are not searched for."""
    oldest = floor(now - timedelta(seconds=started_within))
    border = floor(now - LAG)
    if oldest >= border:
        return Sweep(version, (Cohort(oldest, None),), limit=limit)
    return Sweep(version, (Cohort(oldest, border), Cohort(border, None)), limit=limit)


def questions(cohort: Cohort, now: datetime, fill: int) -> tuple[Question, ...]:
    """The requests that a cohort needs; see the table above. The most useful first: failures."""
    if cohort.closed:
        return ()
    if cohort.emptied_at is not None:
        return (None,) if now >= cohort.audited_from else ()
    if all(count.asked_at is None for count in cohort.counts):
        return _ENDS_FIRST if cohort.probed else (None,)
    missing = cohort.unenumerated(now)
    if len(missing) > 1 and cohort.total <= fill and not cohort.probed:
        return (None,)
    wanted = regular(cohort, fill)
    return tuple([status for status in _ENDS_FIRST if status in missing or status in wanted])


_ENDS_FIRST: Final = (Status.TERMINATED, Status.SUSPENDED, Status.RUNNABLE, Status.COMPLETE)


def by_the_living(cohort: Cohort, fill: int) -> bool:
    """Whether failures are found by absence among the running, since that needs fewer requests."""
    return cohort.rows(Status.RUNNABLE) == 0 or _missing(cohort, fill) < cohort.rows(Status.TERMINATED) / fill


def _missing(cohort: Cohort, fill: int) -> float:
    """Requests for a look at the running: its share of a page, and a status look at each missing one."""
    return cohort.rows(Status.RUNNABLE) / fill + cohort.left


def regular(cohort: Cohort, fill: int) -> tuple[Status, ...]:
    """What a cohort that lives is asked for again and again."""
    if by_the_living(cohort, fill):
        return (Status.RUNNABLE, Status.SUSPENDED)
    by_complete = cohort.rows(Status.COMPLETE) / fill <= _missing(cohort, fill)
    return (Status.TERMINATED, Status.SUSPENDED, Status.COMPLETE if by_complete else Status.RUNNABLE)


def forgettable(sweep: Sweep, started_at: datetime) -> bool:
    """Whether an ended instance of that start time may be forgotten, and is skipped when it is listed again."""
    oldest = sweep.cohorts[0].started_from
    cohort = cohort_of(sweep, started_at)
    return started_at < oldest if cohort is None else cohort.closed or cohort.reopened


def cohort_of(sweep: Sweep, started_at: datetime) -> Cohort | None:
    place = bisect_right(sweep.cohorts, started_at, key=_started_from) - 1
    if place < 0:
        return None
    cohort = sweep.cohorts[place]
    return cohort if cohort.started_to is None or started_at < cohort.started_to else None


_started_from = attrgetter("started_from")


def floor(moment: datetime) -> datetime:
    """To a multiple of `GRAIN`."""
    return moment.replace(microsecond=moment.microsecond // 10_000 * 10_000)
