"""A share of the turns."""

from hypothesis import given
from hypothesis import strategies as st

from monitor.core.scheduling.share import Share


@given(st.floats(0.0, 1.0), st.integers(1, 500))
def test_a_share_of_all_turns_is_had_and_never_more(share: float, turns: int) -> None:
    one, had = Share(), 0
    for turn in range(1, turns + 1):
        had += one.due(share)
        assert share * turn - 1.0 - 1e-6 <= had <= share * turn + 1e-6
