"""The instances that live, in the order of their start."""

from hypothesis import given
from hypothesis import strategies as st

from monitor.core.discovery.running import RunningIndex
from tests.core.hostile_lists import at

MEMBERS = st.lists(st.tuples(st.integers(0, 20), st.integers(0, 5)))


@given(MEMBERS, MEMBERS, st.integers(-1, 21), st.integers(-1, 21))
def test_it_holds_each_once_in_order(
    added: list[tuple[int, int]], removed: list[tuple[int, int]], low: int, high: int
) -> None:
    index = RunningIndex()
    for start, number in added:
        index.add(f"{start}-{number}", at(start))
    for start, number in removed:
        index.remove(f"{start}-{number}", at(start))

    left = set(added) - set(removed)
    inside = {f"{start}-{number}" for start, number in left if low <= start < high}
    assert len(index) == len(left)
    assert set(index.between(at(low), at(high))) == inside
    assert index.count(at(low), at(high)) == len(inside)
    starts = [int(id_.split("-")[0]) for id_ in index.between(at(-1), None)]
    assert starts == sorted(starts)
