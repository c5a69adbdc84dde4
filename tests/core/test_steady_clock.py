"""The law of `core/steady_clock.py`."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from monitor.core.steady_clock import PATIENCE, STEP, Steady, heard, read

NOON = 1_767_614_400.0
"""Seconds since 1970, by the wall clock, when the loop's clock says 0."""
STEPS = st.one_of(st.floats(STEP, 1e8), st.floats(-1e8, -STEP))


def believed(steady: Steady, loop: float) -> float:
    return steady.offset + loop - NOON


@given(STEPS, st.floats(0, PATIENCE - 1))
def test_whatever_the_clock_is_set_to_time_goes_on(step: float, loop: float) -> None:
    steady = read(Steady(NOON), NOON + step, 0.0)
    steady = read(steady, NOON + loop + step, loop)
    assert believed(steady, loop) == pytest.approx(loop, abs=1e-3)


@given(st.lists(st.floats(-STEP + 0.1, STEP - 0.1), max_size=20))
def test_a_clock_that_is_put_right_bit_by_bit_is_followed(offs: list[float]) -> None:
    steady, wall = Steady(NOON), NOON
    for loop, off in enumerate(offs):
        wall += off
        steady = read(steady, wall + loop, loop)
        assert believed(steady, loop) == pytest.approx(wall + loop - NOON, abs=1e-3)
        assert not steady.step


def test_a_step_that_is_undone_leaves_nothing_behind() -> None:
    steady = read(Steady(NOON), NOON + 7200 + 10, 10)
    steady = read(steady, NOON + 20, 20)
    assert not steady.step
    assert believed(steady, 20) == pytest.approx(20)


@pytest.mark.parametrize(
    ("moved", "is_believed"),
    [
        pytest.param(7200, True, id="the API took the same step"),
        pytest.param(7250, True, id="nearly"),
        pytest.param(0, False, id="the API took none"),
        pytest.param(3600, False, id="the API took another one"),
        pytest.param(-7200, False, id="the other way"),
    ],
)
def test_a_step_is_believed_once_an_answer_took_it_too(moved: float, is_believed: bool) -> None:
    steady = heard(read(Steady(NOON), NOON + 7200, 0), moved, 5, moved)
    assert believed(steady, 5) == pytest.approx(7205 if is_believed else 5)
    assert bool(steady.step) is not is_believed


def test_a_step_of_which_nobody_says_anything_is_believed_in_the_end_and_one_that_is_contradicted_is_not() -> None:
    doubted = read(Steady(NOON), NOON + 7200, 0)
    assert believed(read(doubted, NOON + 7200 + PATIENCE, PATIENCE), 0) == pytest.approx(7200)
    contradicted = heard(doubted, 0, 3000, 0)
    assert believed(read(contradicted, NOON + 7200 + PATIENCE, PATIENCE), 0) == pytest.approx(0)


def test_without_a_step_an_answer_says_nothing() -> None:
    assert heard(Steady(NOON), 7200, 5, 7200) == Steady(NOON)


def test_a_clock_that_was_wrong_from_the_start_is_put_right_where_the_api_agrees() -> None:
    """The API's clock has not moved; it was ahead all along, by as much as the step."""
    steady = read(Steady(NOON - 2 * 86400), NOON + 20, 20)
    assert steady.step
    steady = heard(steady, 0.0, 25, 2 * 86400)
    assert not steady.step
    assert believed(steady, 25) == pytest.approx(25)
