"""A list that is read by offset, whichever way the API means it."""

from collections.abc import Callable, Sequence

import hypothesis.strategies as st
import pytest
from hypothesis import given

from monitor.core.offset_paging import OffsetPaging

Api = Callable[[Sequence[str], int, int], Sequence[str]]
"""A page of a list, by limit and offset."""


def by_rows(rows: Sequence[str], limit: int, offset: int) -> Sequence[str]:
    return rows[offset : offset + limit]


def by_pages(rows: Sequence[str], limit: int, offset: int) -> Sequence[str]:
    return rows[offset * limit : (offset + 1) * limit]


def deaf(rows: Sequence[str], limit: int, _offset: int) -> Sequence[str]:
    return rows[:limit]


def read_all(api: Api, rows: Sequence[str], limit: int) -> tuple[OffsetPaging, int]:
    """And how many requests it took."""
    paging, requests = OffsetPaging(limit=limit), 0
    while not paging.done:
        page = api(rows, limit, paging.offset)
        paging, requests = paging.read(page, len(page)), requests + 1
    return paging, requests


@pytest.mark.parametrize("api", [by_rows, by_pages])
@given(count=st.integers(0, 60), limit=st.integers(2, 12))
def test_every_row_is_read_and_the_end_is_seen(api: Api, count: int, limit: int) -> None:
    rows = [str(number) for number in range(count)]
    paging, requests = read_all(api, rows, limit)
    assert paging.ids == set(rows)
    assert paging.complete
    assert requests <= count // limit + 3


@given(count=st.integers(0, 60), limit=st.integers(2, 12))
def test_an_api_that_does_not_heed_the_offset_is_noticed(count: int, limit: int) -> None:
    paging, requests = read_all(deaf, [str(number) for number in range(count)], limit)
    assert paging.complete == (count < limit)
    assert requests <= 3


def test_one_page_that_is_not_full_is_one_request() -> None:
    assert read_all(by_rows, ["a", "b"], 100) == (
        OffsetPaging(limit=100, done=True, complete=True, ids=frozenset("ab")),
        1,
    )


@pytest.mark.parametrize("api", [by_rows, by_pages])
def test_a_row_that_comes_meanwhile_does_not_change_how_the_offset_is_read(api: Api) -> None:
    rows = [str(number) for number in range(40)]
    paging = OffsetPaging(limit=10).read(rows[:10], 10)
    later = ["new", *rows]
    while not paging.done:
        page = api(later, 10, paging.offset)
        paging = paging.read(page, len(page))
    assert paging.ids >= set(rows)


def test_rows_that_cannot_be_read_count_as_rows() -> None:
    assert OffsetPaging(limit=3).read(["a"], received=3).offset == 1
