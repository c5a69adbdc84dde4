"""From page to page through a window of start times."""

from datetime import timedelta

import pytest

from monitor.core.discovery.list_looks import ListLook
from monitor.core.discovery.walk import Walk
from monitor.core.listing import ListedInstance, ListPage
from monitor.core.model import DefinitionVersion, Status
from tests.core.hostile_lists import at

LIMIT = 4
GRAIN = timedelta(milliseconds=10)
VERSION = DefinitionVersion("acme", "orders", 3)


def walk(low: float = -100, high: float | None = None, *, may_hide: bool = False) -> Walk:
    look = ListLook(
        version=VERSION,
        question=Status.TERMINATED,
        started_from=at(low),
        started_to=None if high is None else at(high),
        limit=LIMIT,
    )
    return Walk(look, at(0), may_hide=may_hide)


def page(*starts: float, status: Status = Status.RUNNABLE) -> ListPage:
    rows = tuple(ListedInstance(f"w{start}", status, 3, at(start)) for start in starts)
    return ListPage(rows, len(rows))


def test_it_asks_for_its_window_a_hundredth_of_a_second_wider_below() -> None:
    request = walk(-100, -50).request

    assert request is not None
    assert (request.account, request.definition, request.version) == VERSION
    assert (request.started_from, request.started_to) == (at(-100) - GRAIN, at(-50))
    assert (request.status, request.limit, request.offset) == (Status.TERMINATED, LIMIT, 0)


def test_bounds_are_whole_hundredths_around_the_window() -> None:
    request = walk(-100.005, -50.005).request

    assert request is not None
    assert (request.started_from, request.started_to) == (at(-100.01) - GRAIN, at(-50))


def test_a_short_page_is_complete_by_itself() -> None:
    going = walk()

    shown = going.take(page(-1, -2, -3))

    assert going.request is None
    assert going.complete
    assert [row.started_at for row in shown.rows] == [at(-1), at(-2), at(-3)]
    assert shown.span is not None
    assert (shown.span.low, shown.span.high) == (at(-100), None)


def test_a_full_page_is_cut_at_its_smallest_start_time_and_twins_are_dropped() -> None:
    going = walk()
    first = going.take(page(-1, -2, -3, -4))

    assert first.span is not None
    assert at(-3.5) in first.span
    assert at(-4) not in first.span
    assert going.request is not None
    assert (going.request.started_to, going.request.offset) == (at(-4) + GRAIN, 0)
    second = going.take(page(-4, -5))
    assert [row.started_at for row in second.rows] == [at(-5)]
    assert second.span is not None
    assert at(-4) in second.span
    assert going.complete


def test_rows_that_cannot_be_read_fill_a_page_too() -> None:
    going = walk()

    going.take(ListPage(page(-1, -2).rows, LIMIT))

    assert going.request is not None


def test_rows_beyond_the_window_are_left_to_its_neighbours() -> None:
    shown = walk(-100, -50).take(page(-50, -51, -100.0005))

    assert [row.started_at for row in shown.rows] == [at(-51)]


def test_of_twins_on_one_page_the_one_that_says_the_end_is_left() -> None:
    rows = (*page(-1).rows, *page(-1, status=Status.TERMINATED).rows, *page(-1).rows)

    assert [row.status for row in walk().take(ListPage(rows, 3)).rows] == [Status.TERMINATED]


def test_a_twin_on_a_later_page_counts_if_it_says_the_end() -> None:
    going = walk()
    going.take(page(-1, -2, -3, -4))

    shown = going.take(ListPage((*page(-4, status=Status.TERMINATED).rows, *page(-3).rows), 2))

    assert [(row.started_at, row.status) for row in shown.rows] == [(at(-4), Status.TERMINATED)]


@pytest.mark.parametrize("may_hide", [False, True], ids=["seen on this page", "seen before"])
def test_a_full_page_in_the_order_of_creation_shows_nothing_wholly(may_hide: bool) -> None:
    going = walk(may_hide=may_hide)

    shown = going.take(page(-1, -2, -3, -4) if may_hide else page(-1, -3, -2, -4))

    assert shown.span is None
    assert len(shown.rows) == LIMIT
    assert going.disordered is not may_hide
    assert [span.low for span in going.scattered] == [at(-4) + GRAIN]
    assert going.take(page(-4, -6, -5)).span is not None


def crowd(*numbers: int) -> ListPage:
    rows = tuple(ListedInstance(f"c{number}", Status.RUNNABLE, 3, at(-10)) for number in numbers)
    return ListPage(rows, len(rows))


@pytest.mark.parametrize("of_pages", [False, True], ids=["rows", "pages"])
def test_both_readings_of_offset_show_a_crowd_that_began_at_one_moment(of_pages: bool) -> None:
    """More than the limit have one start time: only then `offset` is used."""
    going, everyone, offsets = walk(), list(range(11)), []
    while going.request is not None:
        offsets.append(going.request.offset)
        skipped = going.request.offset * (LIMIT if of_pages else 1)
        going.take(crowd(*everyone[skipped : skipped + LIMIT]))

    assert len(going.rows) == 11
    assert going.complete
    assert offsets == ([0, 0, 1, 2] if of_pages else [0, 0, 1, 4, 8])


def test_an_api_that_ignores_every_bound_and_offset_ends_the_walk() -> None:
    going = walk()
    for _ in range(10):
        if going.request is None:
            break
        going.take(page(-1, -2, -3, -4))

    assert going.request is None
    assert not going.complete


def test_a_full_page_without_a_start_time_ends_the_walk() -> None:
    going = walk()
    rows = tuple(ListedInstance(f"w{n}", Status.RUNNABLE, 3, None) for n in range(LIMIT))

    shown = going.take(ListPage(rows, LIMIT))

    assert (len(shown.rows), shown.span, going.request) == (LIMIT, None, None)


def test_who_has_ended_takes_no_more_pages() -> None:
    going = walk()
    going.take(page())

    with pytest.raises(RuntimeError, match="ended"):
        going.take(page())


@pytest.mark.parametrize(("triggers", "alone"), [((-7, -9), False), ((-9, -7), True)], ids=["both orders", "one"])
def test_a_page_in_order_by_start_and_not_by_trigger_tells_the_order(triggers: tuple[float, ...], alone: bool) -> None:
    going = walk(may_hide=True)
    rows = [
        ListedInstance(f"w{start}", Status.RUNNABLE, 3, at(start), triggered_at=at(trigger))
        for start, trigger in zip((-1, -2), triggers, strict=True)
    ]

    going.take(ListPage(tuple(rows), len(rows)))

    assert going.by_start is alone
