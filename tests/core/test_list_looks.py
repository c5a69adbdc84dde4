"""What the lists of a version are asked next, and what an answer changes."""

import msgspec
import pytest

from monitor.core.discovery.answers import answered
from monitor.core.discovery.cohorts import (
    AUDITS,
    LAG,
    STATUSES,
    Cohort,
    Count,
    Question,
    Sweep,
    begin,
    forgettable,
    questions,
)
from monitor.core.discovery.list_looks import ListLook, looks, resolving
from monitor.core.discovery.running import RunningIndex
from monitor.core.discovery.walk import Walk
from monitor.core.listing import ListedInstance, ListPage
from monitor.core.model import DefinitionVersion, Status
from tests.core.hostile_lists import at

RUNS, HELD, DONE, DEAD = STATUSES
VERSION = DefinitionVersion("acme", "orders", 3)
HOUR = 3600.0
NOBODY = RunningIndex()


def cohort(low: float, high: float | None, *rows: int, asked: float | None = 0.0, **facts: object) -> Cohort:
    """Rows in the order of `STATUSES`."""
    counts = [Count(number, None if asked is None else at(asked)) for number in (*rows, 0, 0, 0, 0)[:4]]
    return Cohort(at(low), None if high is None else at(high), tuple(counts), **facts)  # type: ignore[arg-type]


def sweep(*cohorts: Cohort, limit: int = 500) -> Sweep:
    return Sweep(VERSION, cohorts, by_start=True, limit=limit)


def listed(number: int, status: Status, started: float) -> ListedInstance:
    return ListedInstance(f"w{number}", status, 3, at(started), at(started + 1) if status.ended else None)


def asked(before: Sweep, look: ListLook, now: float, *pages: list[ListedInstance], news: bool = False) -> Sweep:
    """The sweep after a walk with these pages."""
    walk = Walk(look, at(now))
    for page in pages:
        walk.take(ListPage(tuple(page), len(page)))
    starts = [row.started_at for page in pages for row in page if row.started_at is not None]
    return answered(before, walk, NOBODY, starts if news else ())


@pytest.mark.parametrize(
    ("cohort_", "expected"),
    [
        pytest.param(cohort(-HOUR, -600, asked=None), (None,), id="never asked: one page of all"),
        pytest.param(cohort(-HOUR, -600, asked=None, probed=True), (DEAD, HELD, RUNS, DONE), id="too much for that"),
        pytest.param(cohort(-HOUR, -600, 90, 1, 300, 9), (DEAD, HELD, RUNS), id="few have failed, most are done"),
        pytest.param(cohort(-HOUR, -600, 90, 1, 30, 9), (DEAD, HELD, DONE), id="few have failed, few are done"),
        pytest.param(cohort(-HOUR, -600, 90, 1, 300, 9, left=1), (DEAD, HELD, DONE), id="each that left needs a look"),
        pytest.param(cohort(-HOUR, -600, 90, 1, 900, 9, left=1), (DEAD, HELD, RUNS), id="they are cheaper than pages"),
        pytest.param(cohort(-HOUR, -600, 8, 1, 300, 9), (HELD, RUNS), id="fewer live than have failed"),
        pytest.param(cohort(-HOUR, -600, 8, 1, 300, 9, left=1), (DEAD, HELD, DONE), id="they leave too fast for that"),
        pytest.param(cohort(-HOUR, -600, 0, 1, 300, 0), (HELD, RUNS), id="only a suspended one"),
        pytest.param(cohort(-HOUR, -600, 9, 0, 9, 9, asked=-400), (None,), id="settled since"),
        pytest.param(cohort(-HOUR, -600, 9, 0, 999, 1, asked=-400), (DEAD, HELD, RUNS, DONE), id="much, settled since"),
        pytest.param(cohort(-HOUR, -600, 0, 0, 9, 9, emptied_at=at(-299)), (), id="just emptied"),
        pytest.param(cohort(-HOUR, -600, 0, 0, 9, 9, emptied_at=at(-300)), (None,), id="to be looked at once more"),
        pytest.param(cohort(-HOUR, -600, 0, 0, 9, 9, closed=True), (), id="closed"),
    ],
)
def test_what_a_cohort_is_asked_for(cohort_: Cohort, expected: tuple[Question, ...]) -> None:
    assert questions(cohort_, at(0), fill=400) == expected


def test_the_first_look_is_one_at_everything() -> None:
    found = looks(begin(VERSION, at(0), 7 * 86400.0), at(0))

    assert [(look.question, look.probe, look.requests, look.begins) for look in found] == [(None, True, 1, True)]
    assert (found[0].started_from, found[0].started_to) == (at(-7 * 86400), None)


def test_neighbours_share_a_page_while_it_has_room() -> None:
    old = [cohort(-HOUR + 60 * n, -HOUR + 60 * n + 60, 380, 0, 10, 90) for n in range(10)]
    found = looks(sweep(*old, cohort(-3000, None, 390)), at(0))

    dead = [look for look in found if look.question is DEAD]
    assert [look.rows for look in dead] == [360, 360, 180]
    assert [look.requests for look in dead] == [1, 1, 1]
    assert dead[0].started_to == dead[1].started_from
    assert len([look for look in found if look.question is HELD]) == 1
    assert len([look for look in found if look.question is DONE]) == 1


def test_what_lies_between_is_passed_over_if_it_has_few_rows() -> None:
    few = [cohort(-HOUR, -3000, 2, 0, 900, 9), cohort(-3000, -2000, 0, 0, 9, 9, closed=True)]
    found = looks(sweep(*few, cohort(-2000, -1000, 2, 0, 900, 9), cohort(-1000, None, 390)), at(0))

    [living] = [look for look in found if look.question is RUNS]
    assert (living.started_from, living.started_to, living.rows) == (at(-HOUR), at(-1000), 4)
    assert living.reveals == {DEAD, DONE}


def test_a_small_definition_needs_one_look_however_old_it_is() -> None:
    found = looks(sweep(cohort(-HOUR, -600, 20, 1, 30, 9), cohort(-600, None, 9)), at(0))

    assert [(look.question, look.started_from, look.rows) for look in found] == [(None, at(-HOUR), 69)]


def test_a_full_probe_is_not_followed_further_and_the_rest_is_asked_by_status() -> None:
    before = begin(VERSION, at(0), HOUR, limit=5)
    [look] = looks(before, at(0))
    walk = Walk(look, at(0))
    walk.take(ListPage(tuple(listed(n, RUNS, -500 - n) for n in range(5)), 5))
    assert walk.request is None

    after = answered(before, walk, NOBODY)

    rest = [look.question for look in looks(after, at(0)) if look.started_from == at(-HOUR)]
    assert set(rest) == set(STATUSES)
    assert looks(after, at(0))[0].rows == 4


def test_the_head_is_cut_when_it_holds_half_a_page_and_the_past_into_pages() -> None:
    before = sweep(cohort(-HOUR, None), limit=10)
    [look] = looks(before, at(0))
    rows = [listed(n, RUNS, -n) for n in range(30)]

    after = asked(before, look, 0, rows[:10], rows[9:19], rows[18:28], rows[27:])

    assert len(after.cohorts) > 2
    assert all(piece.rows(RUNS) <= before.fill for piece in after.cohorts)
    assert sum(piece.rows(RUNS) for piece in after.cohorts) == 30


def test_old_cohorts_are_packed_until_a_page_is_well_filled() -> None:
    old = [cohort(-HOUR + 60 * n, -HOUR + 60 * n + 60, 100, 0, 900, 200) for n in range(9)]
    before = sweep(*old, cohort(-3000, None, 390))
    living = [look for look in looks(before, at(0)) if look.question is RUNS]

    for look in living:
        span = (look.started_from - at(0)).total_seconds()
        rows = [listed(n, RUNS, span + 0.6 * n) for n in range(look.rows - 1, -1, -1)]
        before = asked(before, look, 0, rows)

    assert [piece.rows(RUNS) for piece in before.cohorts[:-1]] == [400, 400, 100]


def test_an_empty_cohort_is_closed_for_ever_after_looks_that_show_nothing_new() -> None:
    before = sweep(cohort(-HOUR, -600, 1, 0, 9, 9), cohort(-600, None, 400))
    now = 0.0
    [look] = [look for look in looks(before, at(now)) if look.question is RUNS]
    before = asked(before, look, now, [])
    for _ in range(AUDITS):
        assert not before.cohorts[0].closed
        assert not [look for look in looks(before, at(now)) if look.started_from == at(-HOUR)]
        now += LAG.total_seconds()
        [look] = [look for look in looks(before, at(now)) if look.started_from == at(-HOUR)]
        before = asked(before, look, now, [listed(1, DONE, -HOUR + 9)])

    assert before.cohorts[0].closed
    assert not [look for look in looks(before, at(1e6)) if look.started_from == at(-HOUR)]
    assert forgettable(before, at(-HOUR + 9))
    assert forgettable(before, at(-2 * HOUR))
    assert not forgettable(before, at(-1))


@pytest.mark.parametrize("known", [True, False], ids=["one is known to live", "something new is found"])
def test_a_cohort_stays_open_while_it_may_hold_more(known: bool) -> None:
    running = RunningIndex()
    if known:
        running.add("w", at(-HOUR + 9))
    before = sweep(cohort(-HOUR, -600, 0, 0, 9, 9, emptied_at=at(-9999), audits=1), cohort(-600, None, 390))
    [look] = [look for look in looks(before, at(0)) if look.started_from == at(-HOUR)]
    walk = Walk(look, at(0))
    walk.take(ListPage((listed(1, DONE, -HOUR + 9),), 1))

    after = answered(before, walk, running, () if known else [at(-HOUR + 9)])

    assert not after.cohorts[0].closed
    assert after.cohorts[0].audits == 0


def test_who_lives_in_a_closed_cohort_opens_its_own_hundredth_of_a_second() -> None:
    closed = cohort(-HOUR, -600, 0, 0, 9, 9, emptied_at=at(-9999), closed=True)
    before = sweep(cohort(-2 * HOUR, -HOUR, 1, 0, 9, 9), closed, cohort(-600, None, 390))
    look = msgspec.structs.replace(looks(before, at(0))[1], started_to=at(-600))

    after = asked(before, look, 0, [listed(1, RUNS, -HOUR + 9)], news=True)

    [opened] = [piece for piece in after.cohorts if piece.reopened]
    assert (opened.started_from, opened.started_to) == (at(-HOUR + 9), at(-HOUR + 9.01))
    assert [piece.closed for piece in after.cohorts] == [False, True, False, True, False]
    assert forgettable(after, opened.started_from)


def test_a_look_that_was_given_up_on_its_way_counts_as_far_as_it_came() -> None:
    before = sweep(cohort(-HOUR, -1800, 9, 0, 1, 0), cohort(-1800, -600, 9, 0, 1, 0), cohort(-600, None, 390), limit=5)
    look = msgspec.structs.replace(looks(before, at(0))[1], started_from=at(-HOUR), started_to=at(-600))
    walk = Walk(look, at(0))
    walk.take(ListPage(tuple(listed(n, DEAD, -1000 - 200 * n) for n in range(5)), 5))

    after = answered(before, walk, NOBODY)

    moments = {piece.started_from: piece.asked_at(look.question) for piece in after.cohorts}
    assert walk.reached == at(-1799.99)
    assert moments[at(-HOUR)] == at(0)


def test_cohorts_that_many_leave_are_not_packed() -> None:
    """As one they would be asked for all that ever completed in both."""
    busy, quiet = cohort(-HOUR, -3000, 90, 1, 200, 9, left=5), cohort(-3000, -2000, 9, 1, 900, 9)
    before = sweep(busy, quiet, cohort(-2000, None, 400))

    for look in looks(before, at(0)):
        if look.question is HELD:
            before = asked(before, look, 0, [])

    assert len(before.cohorts) == 3


def test_an_answer_that_was_overtaken_changes_no_count() -> None:
    before = sweep(cohort(-HOUR, -600, 90, 1, 900, 9, asked=50.0), cohort(-600, None, 400))
    [look] = [look for look in looks(before, at(60)) if look.question is RUNS]

    assert asked(before, look, 40, []).cohorts[0].rows(RUNS) == 90
    assert asked(before, look, 60, []).cohorts[0].rows(RUNS) == 0


def test_ends_on_a_page_of_all_are_not_taken_from_the_running_on_the_same_page() -> None:
    before = sweep(cohort(-600, None, 8, 0, 0, 0))
    [look] = looks(before, at(60))

    after = asked(before, look, 60, [listed(n, DONE if n < 4 else RUNS, -300 - n) for n in range(8)])

    assert after.cohorts[0].counts == tuple([Count(rows, at(60)) for rows in (4, 0, 4, 0)])


def test_what_left_between_two_looks_is_counted() -> None:
    before = sweep(cohort(-HOUR, -600, 90, 1, 900, 9), cohort(-600, None, 400))
    [look] = [look for look in looks(before, at(0)) if look.question is RUNS]

    after = asked(before, look, 0, [listed(n, RUNS, -700 - n) for n in range(87)])

    assert (after.cohorts[0].rows(RUNS), after.cohorts[0].left) == (87, 3)
    assert [look.question for look in looks(after, at(0))] == [None, HELD, DONE, DEAD]


@pytest.mark.parametrize(
    ("missing", "requests"),
    [(0, None), (1, None), (2, None), (3, 1), (400, 1)],
)
def test_many_that_vanish_at_once_are_explained_by_a_list(missing: int, requests: int | None) -> None:
    before = sweep(cohort(-HOUR, -600, 400, 0, 60, 9), cohort(-600, None, 390))

    look = resolving(before, [at(-HOUR + n) for n in range(missing)])

    assert (look and (look.question, look.requests)) == (requests and (DONE, requests))


def test_many_complete_ones_make_status_looks_cheaper() -> None:
    before = sweep(cohort(-HOUR, -600, 400, 0, 6000, 9), cohort(-600, None, 390))

    assert resolving(before, [at(-HOUR + n) for n in range(20)]) is None
