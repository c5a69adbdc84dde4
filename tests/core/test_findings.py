"""What follows from a row of a list, or from its absence."""

from datetime import datetime, timedelta

import pytest

from monitor.core.discovery.cohorts import Cohort, Sweep
from monitor.core.discovery.findings import (
    Follows,
    Horizon,
    Known,
    horizon,
    looked,
    of_absence,
    of_row,
    of_rows,
)
from monitor.core.listing import ListedInstance
from monitor.core.model import DefinitionVersion, Status
from tests.core.hostile_lists import at

RUNS, HELD, DONE, DEAD = Status.RUNNABLE, Status.SUSPENDED, Status.COMPLETE, Status.TERMINATED
GONE, ODD = Status.NOT_FOUND, Status.UNKNOWN
NOW = at(0)
HORIZON = Horizon(at(-3600), 7 * 86400.0)
NOTHING, BEGUN, LOOK = Follows.NOTHING, Follows.BEGUN, Follows.LOOK
COMPLETED, TERMINATED, RECORDED = Follows.COMPLETED, Follows.TERMINATED, Follows.RECORDED


STARTED, ENDED = at(-600), at(-60)


def row(status: Status, started: datetime | None = STARTED, ended: datetime | None = ENDED) -> ListedInstance:
    return ListedInstance("w1", status, 3, started, ended if status.ended else None)


@pytest.mark.parametrize(
    ("known", "listed", "follows", "look"),
    [
        # not known
        (None, row(RUNS), BEGUN, False),
        (None, row(HELD), BEGUN, True),
        (None, row(ODD), BEGUN, True),
        (None, row(RUNS, started=None), BEGUN, True),
        (None, row(DONE), COMPLETED, False),
        (None, row(DEAD), TERMINATED, False),
        (None, row(DEAD, ended=None), TERMINATED, False),
        (None, row(DONE, ended=None), LOOK, True),
        (None, row(DONE, ended=at(-3601)), RECORDED, False),
        (None, row(DEAD, ended=at(-3601)), RECORDED, False),
        (None, row(DEAD, ended=at(-3600)), TERMINATED, False),
        (None, row(RUNS, started=at(-8 * 86400)), NOTHING, False),
        (None, row(DEAD, started=at(-8 * 86400)), NOTHING, False),
        # alive
        (RUNS, row(RUNS), NOTHING, False),
        (RUNS, row(HELD), LOOK, True),
        (RUNS, row(ODD), LOOK, True),
        (RUNS, row(DONE), COMPLETED, False),
        (RUNS, row(DONE, ended=at(-9999)), COMPLETED, False),
        (RUNS, row(DONE, ended=None), LOOK, True),
        (RUNS, row(DEAD), TERMINATED, False),
        (HELD, row(HELD), NOTHING, False),
        (HELD, row(RUNS), LOOK, True),
        (HELD, row(DEAD), TERMINATED, False),
        (GONE, row(RUNS), LOOK, True),
        (ODD, row(RUNS), LOOK, True),
        (RUNS, row(RUNS, started=at(-30 * 86400)), NOTHING, False),
        (RUNS, row(DEAD, started=at(-30 * 86400)), TERMINATED, False),
        # ended
        (DONE, row(RUNS), NOTHING, False),
        (DONE, row(DEAD), NOTHING, False),
        (DEAD, row(DEAD), NOTHING, False),
        (DEAD, row(HELD), NOTHING, False),
    ],
)
def test_what_follows_from_a_row(known: Status | None, listed: ListedInstance, follows: Follows, look: bool) -> None:
    finding = of_row(listed, None if known is None else Known(known, at(-600)), HORIZON, NOW)

    assert (finding.follows, finding.look) == (follows, look)
    assert finding.reason


@pytest.mark.parametrize(
    ("known", "question", "look"),
    [
        (RUNS, RUNS, True),
        (RUNS, None, True),
        (RUNS, HELD, False),
        (RUNS, DONE, False),
        (RUNS, DEAD, False),
        (HELD, HELD, True),
        (HELD, None, True),
        (HELD, RUNS, False),
        (DONE, None, False),
        (DEAD, DEAD, False),
    ],
)
def test_what_is_missing_where_it_should_stand_is_looked_at(known: Status, question: Status | None, look: bool) -> None:
    finding = of_absence(Known(known, at(-600)), question, NOW)

    assert finding.look is look
    assert finding.follows in (NOTHING, LOOK)


def test_what_has_just_begun_is_not_missed() -> None:
    assert not of_absence(Known(RUNS, at(-29)), RUNS, NOW).look
    assert of_absence(Known(RUNS, at(-30)), RUNS, NOW).look


def test_a_hint_that_was_denied_rests_longer_each_time_and_a_true_one_is_followed_at_once() -> None:
    known, rests = Known(RUNS, at(-600)), []
    for _ in range(4):
        known = looked(known, RUNS, NOW)
        rests.append(next(s for s in range(10_000) if of_absence(known, RUNS, NOW + timedelta(seconds=s)).look))

    assert rests == [30, 60, 120, 240]
    assert of_row(row(HELD), known, HORIZON, NOW).follows is NOTHING
    assert of_row(row(DEAD), known, HORIZON, NOW).follows is TERMINATED
    assert of_row(row(RUNS), looked(known, HELD, NOW), HORIZON, NOW).look


@pytest.mark.parametrize(
    ("horizon_", "follows"),
    [
        pytest.param(Horizon(at(-3600), 1e9, newest_from=at(-600)), BEGUN, id="the oldest that is watched"),
        pytest.param(Horizon(at(-3600), 1e9, newest_from=at(-599)), NOTHING, id="too many"),
        pytest.param(Horizon(at(-3600), 1e9, adopts=False), NOTHING, id="only what is known"),
        pytest.param(Horizon(at(-3600), 600.0), BEGUN, id="young enough"),
        pytest.param(Horizon(at(-3600), 599.0), NOTHING, id="too old"),
    ],
)
def test_what_is_not_to_be_watched_is_left_alone(horizon_: Horizon, follows: Follows) -> None:
    assert of_row(row(RUNS), None, horizon_, NOW).follows is follows


def test_the_lookback_counts_from_the_very_first_start() -> None:
    first = horizon(at(-86400), lookback=3600.0, started_within=7 * 86400.0)

    assert of_row(row(DEAD, started=at(-99_000), ended=at(-86400 - 3601)), None, first, NOW).follows is RECORDED
    assert of_row(row(DEAD, started=at(-86400), ended=at(-80_000)), None, first, NOW).follows is TERMINATED


def test_of_a_page_only_what_matters_is_left_and_nothing_of_what_was_forgotten() -> None:
    version = DefinitionVersion("acme", "orders", 3)
    sweep = Sweep(version, (Cohort(at(-900), at(-300), closed=True), Cohort(at(-300), None)))
    page = [
        ListedInstance("known", RUNS, 3, at(-200)),
        ListedInstance("new", RUNS, 3, at(-200)),
        ListedInstance("forgotten", DEAD, 3, at(-600), at(-500)),
        ListedInstance("late", RUNS, 3, at(-600)),
    ]

    found = of_rows(page, {"known": Known(RUNS)}.get, sweep, HORIZON, NOW)

    assert [(listed.workflow, finding.follows) for listed, finding in found] == [("new", BEGUN), ("late", BEGUN)]
