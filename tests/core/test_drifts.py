"""Kinds of drift: each is told once, and there is an end to it."""

from hypothesis import given
from hypothesis import strategies as st

from monitor.core.detection.drifts import AND_MORE, MOST_KINDS, news

KINDS = st.lists(st.integers(0, 99).map(lambda number: f"status:{number}"), max_size=10)


def test_a_kind_is_told_once() -> None:
    assert news(["a", "b", "a"], frozenset({"b"})) == ["a"]


def test_beyond_so_many_it_is_said_once_that_there_are_more() -> None:
    known = frozenset(str(number) for number in range(MOST_KINDS - 1))
    assert news(["a", "b", "c"], known) == ["a", AND_MORE]
    assert news(["d"], known | {"a", AND_MORE}) == []
    assert news(["a"], known | {"a"}) == []


@given(st.lists(KINDS, max_size=60))
def test_there_is_an_end_to_it_whatever_the_api_says(answers: list[list[str]]) -> None:
    known: frozenset[str] = frozenset()
    told: list[str] = []
    for kinds in answers:
        fresh = news(kinds, known)
        told += fresh
        known |= set(fresh)
        assert set(kinds) <= known or AND_MORE in known
    assert len(set(told)) == len(told) <= MOST_KINDS + 1
