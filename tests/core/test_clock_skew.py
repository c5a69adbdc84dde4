import pytest
from hypothesis import given
from hypothesis import strategies as st

from monitor.core.detection.clock_skew import detection_delay, skew
from tests.core.beliefs import at


@pytest.mark.parametrize(
    ("date", "sent", "received", "expected"),
    [
        pytest.param(10, 10.2, 10.4, 0.0, id="in step"),
        pytest.param(10, 10.9, 11.1, 0.0, id="the second turned on the way"),
        pytest.param(10, 9.9, 10.0, 0.0, id="at the bound"),
        pytest.param(70, 10.2, 10.4, 59.6, id="ahead: at least so much"),
        pytest.param(0, 10.25, 10.5, -9.25, id="behind: at least so much"),
        pytest.param(10, 8.0, 14.0, 0.0, id="a slow answer proves nothing"),
    ],
)
def test_the_skew_is_what_the_date_proves(date: float, sent: float, received: float, expected: float) -> None:
    assert skew(at(date), at(sent), at(received)) == pytest.approx(expected)


@given(
    st.integers(-100_000_000, 100_000_000),
    st.integers(0, 5_000_000),
    st.integers(0, 5_000_000),
    st.integers(0, 86_400_000_000),
)
def test_the_skew_is_never_said_larger_than_it_is(truth: int, before: int, after: int, dated: int) -> None:
    """`truth` in microseconds; the API's clock shows `dated` + `truth` when ours shows `dated`."""
    date = (dated + truth) // 1_000_000
    said = skew(at(date), at((dated - before) / 1e6), at((dated + after) / 1e6))
    assert abs(said) <= abs(truth / 1e6) + 1e-5
    assert said == 0 or (said > 0) == (truth > 0)


@pytest.mark.parametrize(
    ("occurred", "observed", "ahead", "expected"),
    [
        pytest.param(10, 12.5, 0.0, 2.5, id="in step"),
        pytest.param(15, 12.5, 5.0, 2.5, id="the API's clock is ahead"),
        pytest.param(5, 12.5, -5.0, 2.5, id="the API's clock is behind"),
        pytest.param(13, 12.5, 0.0, 0.0, id="never negative"),
    ],
)
def test_a_delay_is_counted_on_one_clock(occurred: float, observed: float, ahead: float, expected: float) -> None:
    assert detection_delay(at(occurred), at(observed), ahead) == pytest.approx(expected)
