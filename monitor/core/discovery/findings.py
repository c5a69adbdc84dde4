"""What follows for an instance from a row, or from its absence where it should stand.

| known | row | what follows |
| --- | --- | --- |
| no | lives | it has begun; a status look too, if it is suspended or the row is odd |
| no | has ended before what is told | recorded, never told |
| no, or alive | Complete, with its time | it has completed: a fact, no request |
| no, or alive | Terminated | it has terminated: a fact, to be explained before it is told |
| alive | another status, or an odd row | a hint: a status look decides |
| alive | none, on a page that should show it | a hint: a status look decides |
| ended | anything | nothing: what has ended has ended |

A hint that a status look has denied is not followed again for a while, longer each time: lists lag, and some lie.
"""

import enum
from collections.abc import Callable, Iterable
from datetime import datetime, timedelta
from typing import Final

import msgspec

from monitor.core.discovery.cohorts import Question, Sweep, forgettable
from monitor.core.listing import ListedInstance
from monitor.core.model import Status

_FRESH: Final = timedelta(seconds=30)
"""An instance that began so recently may be missing in a list that lags, however it was found."""
_DENIED: Final = 30.0
"""Seconds that a hint rests after a status look has denied it; doubled by each denial, up to `_LONGEST`."""
_LONGEST: Final = 3600.0


class Known(msgspec.Struct, frozen=True, gc=False):
    """What the index knows of an instance."""

    status: Status
    started_at: datetime | None = None
    ended_at: datetime | None = None
    denied: int = 0
    """Hints in a row that a status look has denied."""
    denied_at: datetime | None = None


class Follows(enum.Enum):
    """What follows."""

    NOTHING = "nothing"
    BEGUN = "begun"
    """An instance that was not known lives: watch it. Begun is no event."""
    COMPLETED = "completed"
    """A fact: told from the row."""
    TERMINATED = "terminated"
    """A fact: told once it is explained, or with others of its kind."""
    RECORDED = "recorded"
    """It ended before what is told: kept, so that it is not told later."""
    LOOK = "look"
    """A status look decides."""


class Finding(msgspec.Struct, frozen=True, gc=False):
    follows: Follows
    reason: str
    look: bool = False
    """Whether a status look is wanted: of what has begun, too, if the row says more than that it lives."""


class Horizon(msgspec.Struct, frozen=True, gc=False):
    """What is new to a discovery, and what is told of it."""

    tell_from: datetime
    """What was not known and ended before is recorded. Fixed at the very first start, and stored."""
    started_within: float
    """Seconds; what is not known and began longer ago is left alone."""
    newest_from: datetime | None = None
    """What is not known and began before is left alone, since there are too many; None: there are not."""
    adopts: bool = True
    """False: only what is known is followed, to its end."""


NOTHING: Final = Finding(Follows.NOTHING, "as known")
_LEFT_ALONE: Final = Finding(Follows.NOTHING, "not watched: too old, or too many")
_DENIED_LATELY: Final = Finding(Follows.NOTHING, "a status look has just denied it")
_TOO_YOUNG: Final = Finding(Follows.NOTHING, "too young to be missed")
_BEGUN: Final = Finding(Follows.BEGUN, "begun")
_BEGUN_ODD: Final = Finding(Follows.BEGUN, "begun, its status is to be seen", look=True)
_COMPLETED: Final = Finding(Follows.COMPLETED, "listed as Complete")
_TERMINATED: Final = Finding(Follows.TERMINATED, "listed as Terminated")
_RECORDED: Final = Finding(Follows.RECORDED, "ended before what is told")
_MISFIT: Final = Finding(Follows.LOOK, "the row does not fit", look=True)
_MISSING: Final = Finding(Follows.LOOK, "missing where it should stand", look=True)


def horizon(first_start: datetime, lookback: float, started_within: float) -> Horizon:
    """Of a discovery that started for the very first time at `first_start`; both durations in seconds."""
    return Horizon(first_start - timedelta(seconds=lookback), started_within)


def of_rows(
    rows: Iterable[ListedInstance],
    known: Callable[[str], Known | None],
    sweep: Sweep,
    horizon: Horizon,
    now: datetime,
) -> list[tuple[ListedInstance, Finding]]:
    """What follows from the rows of a page, those from which nothing follows left out. `known`: by id, the index."""
    found = []
    for row in rows:
        before = known(row.workflow)
        if before is not None and before.status is row.status:  # the hot path
            continue
        finding = of_row(row, before, horizon, now)
        if finding.follows is Follows.NOTHING:
            continue
        if before is None and row.status.ended and row.started_at is not None and forgettable(sweep, row.started_at):
            continue
        found.append((row, finding))
    return found


def of_row(row: ListedInstance, known: Known | None, horizon: Horizon, now: datetime) -> Finding:
    """What follows from one row."""
    if known is None:
        return _of_unknown(row, horizon, now)
    if known.status.ended or known.status is row.status:
        return NOTHING
    if row.status.ended:
        return _of_end(row)
    return _DENIED_LATELY if _rests(known, now) else _MISFIT


def of_absence(known: Known, question: Question, now: datetime) -> Finding:
    """What follows if an instance is missing on a page that shows its start time wholly.

    Who asks for one status misses who is believed to have it; who asks for all misses everybody that lives. A list of
    what has ended is missed by nobody.
    """
    if known.status.ended or (question is not None and (question.ended or known.status is not question)):
        return NOTHING
    if known.started_at is not None and now - known.started_at < _FRESH:
        return _TOO_YOUNG
    return _DENIED_LATELY if _rests(known, now) else _MISSING


def looked(known: Known, status: Status, now: datetime) -> Known:
    """After the status look that a hint has caused: `status` is what it saw."""
    if status is known.status:
        return msgspec.structs.replace(known, denied=known.denied + 1, denied_at=now)
    return msgspec.structs.replace(known, status=status, denied=0, denied_at=None)


def _of_unknown(row: ListedInstance, horizon: Horizon, now: datetime) -> Finding:
    if _left_alone(row, horizon, now):
        return _LEFT_ALONE
    if not row.status.ended:
        return _BEGUN if row.certain and row.status is Status.RUNNABLE else _BEGUN_ODD
    if row.completed_at is not None and row.completed_at < horizon.tell_from:
        return _RECORDED
    return _of_end(row)


def _left_alone(row: ListedInstance, horizon: Horizon, now: datetime) -> bool:
    at = row.started_at
    if not horizon.adopts or at is None:
        return not horizon.adopts
    too_many = horizon.newest_from is not None and at < horizon.newest_from
    return too_many or (now - at).total_seconds() > horizon.started_within


def _of_end(row: ListedInstance) -> Finding:
    """Complete without its time is odd; Terminated is looked at in any case."""
    if row.status is Status.TERMINATED:
        return _TERMINATED
    return _COMPLETED if row.completed_at is not None else _MISFIT


def _rests(known: Known, now: datetime) -> bool:
    if known.denied_at is None:
        return False
    rest = min(_LONGEST, _DENIED * 2.0 ** min(known.denied - 1, 16))
    return (now - known.denied_at).total_seconds() < rest
