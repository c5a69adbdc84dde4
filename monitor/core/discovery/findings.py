"""The effect of a row, or of its absence from a page that should show it, on an instance.

| known | row | effect |
| --- | --- | --- |
| no | runs | it has begun; a status look, too, if it is suspended or the row is odd |
| no | has ended before the horizon | recorded, without an event |
| no, or running | Complete, with its time | it has completed: a fact, no request |
| no, or running | Terminated | it has terminated: a fact, to be explained before its event |
| running | another status, or an odd row | a hint: a status look decides |
| running | none, on a page that should show it | a hint: a status look decides |
| ended | any | none: an end is final |

A hint that a status look has refuted is ignored for a while, longer each time: lists lag, and some are wrong.
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
"""The age up to which an instance may be missing from a list that lags, in whichever way it was found."""
_DENIED: Final = 30.0
"""Seconds that a hint is ignored after a status look has refuted it; doubled each time, up to `_LONGEST`."""
_LONGEST: Final = 3600.0


class Known(msgspec.Struct, frozen=True, gc=False):
    """An instance in the index."""

    status: Status
    started_at: datetime | None = None
    ended_at: datetime | None = None
    denied: int = 0
    """Consecutive hints that a status look has refuted."""
    denied_at: datetime | None = None


class Follows(enum.Enum):
    """The effect on an instance."""

    NOTHING = "nothing"
    BEGUN = "begun"
    """An unknown instance runs: watch it. It makes no event."""
    COMPLETED = "completed"
    """A fact: its event comes from the row."""
    TERMINATED = "terminated"
    """A fact: its event comes after its explanation, or with others of its kind."""
    RECORDED = "recorded"
    """It ended before the horizon: stored, so that it makes no event later."""
    LOOK = "look"
    """A status look decides."""


class Finding(msgspec.Struct, frozen=True, gc=False):
    follows: Follows
    reason: str
    look: bool = False
    """Whether a status look is needed; also for a new instance, if its row is not simply Runnable."""


class Horizon(msgspec.Struct, frozen=True, gc=False):
    """The unknown instances that a discovery watches, and those that have events."""

    tell_from: datetime
    """An unknown instance that ended before is recorded. Fixed at the very first start, and stored."""
    started_within: float
    """Seconds; an unknown instance that began longer ago is ignored."""
    newest_from: datetime | None = None
    """An unknown instance that began before is ignored, since there are too many; None: there are not."""
    adopts: bool = True
    """False: only known instances are followed, to their end."""


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
    """The horizon of a discovery whose very first start was at `first_start`; durations in seconds."""
    return Horizon(first_start - timedelta(seconds=lookback), started_within)


def of_rows(
    rows: Iterable[ListedInstance],
    known: Callable[[str], Known | None],
    sweep: Sweep,
    horizon: Horizon,
    now: datetime,
) -> list[tuple[ListedInstance, Finding]]:
    """The effects of the rows of a page, without rows that have none. `known`: the index, by id."""
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
    """The effect of one row."""
    if known is None:
        return _of_unknown(row, horizon, now)
    if known.status.ended or known.status is row.status:
        return NOTHING
    if row.status.ended:
        return _of_end(row)
    return _DENIED_LATELY if _rests(known, now) else _MISFIT


def of_absence(known: Known, question: Question, now: datetime) -> Finding:
    """The effect of an absence from a page that shows the instance's start time completely.

    A list of one status should show instances with that last known status; a list of all statuses every running one.
    Absence from a list of ended instances has no effect.
    """
    if known.status.ended or (question is not None and (question.ended or known.status is not question)):
        return NOTHING
    if known.started_at is not None and now - known.started_at < _FRESH:
        return _TOO_YOUNG
    return _DENIED_LATELY if _rests(known, now) else _MISSING


def looked(known: Known, status: Status, now: datetime) -> Known:
    """After a status look that a hint has caused, with its result `status`."""
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
    """Complete without its time is odd; Terminated is explained in any case."""
    if row.status is Status.TERMINATED:
        return _TERMINATED
    return _COMPLETED if row.completed_at is not None else _MISFIT


def _rests(known: Known, now: datetime) -> bool:
    if known.denied_at is None:
        return False
    rest = min(_LONGEST, _DENIED * 2.0 ** min(known.denied - 1, 16))
    return (now - known.denied_at).total_seconds() < rest
