import pytest
from hypothesis import given
from hypothesis import strategies as st

from monitor.core.formats.timespan import DAY, parse_timespan


@pytest.mark.parametrize(
    ("value", "seconds"),
    [
        pytest.param("1.6:30:15", 109_815.0, id="the document's example"),
        pytest.param("1.06:30:15", 109_815.0, id="two digits of an hour"),
        pytest.param("00:02:00", 120.0, id="without days"),
        pytest.param("0.12:00:00", 43_200.0, id="no day"),
        pytest.param("00:00:00.5", 0.5, id="a fraction"),
        pytest.param("00:00:01.2345678", 1.2345678, id="seven digits of a fraction"),
        pytest.param("2", 2 * DAY, id="text of digits"),
        pytest.param(2, 2 * DAY, id="a number"),
        pytest.param(0.5, DAY / 2, id="half of the unit"),
        pytest.param(" 00:02:00 ", 120.0, id="padded"),
        pytest.param(0, 0.0, id="nothing at all"),
    ],
)
def test_a_span_is_read(value: object, seconds: float) -> None:
    assert parse_timespan(value, bare=DAY) == seconds


def test_the_unit_of_a_bare_number_is_the_fields() -> None:
    assert (parse_timespan("5", bare=1.0), parse_timespan(5, bare=1.0)) == (5.0, 5.0)


@pytest.mark.parametrize(
    "value",
    [
        pytest.param("{{data.patience}}", id="a template"),
        pytest.param("1.{{data.hours}}:00:00", id="a template within"),
        pytest.param("", id="nothing"),
        pytest.param("soon", id="a word"),
        pytest.param("-1", id="negative text"),
        pytest.param("-00:01:00", id="a negative span"),
        pytest.param(-1, id="a negative number"),
        pytest.param("24:00:00", id="more hours than a day has"),
        pytest.param("00:60:00", id="more minutes than an hour has"),
        pytest.param("00:00:60", id="more seconds than a minute has"),
        pytest.param("10:30", id="a part is missing"),
        pytest.param("1.5", id="days or an hour"),
        pytest.param("٣", id="digits of another script"),
        pytest.param("9" * 400, id="digits without end"),
        pytest.param(10**400, id="a number without end"),
        pytest.param(float("nan"), id="not a number"),
        pytest.param(float("inf"), id="for ever"),
        pytest.param(True, id="a truth"),
        pytest.param(None, id="null"),
        pytest.param(["00:02:00"], id="a list"),
    ],
)
def test_what_is_no_span_is_not_known(value: object) -> None:
    assert parse_timespan(value, bare=DAY) is None


@given(st.integers(0, 9999), st.integers(0, 23), st.integers(0, 59), st.integers(0, 59))
def test_a_span_is_the_sum_of_its_parts(days: int, hours: int, minutes: int, seconds: int) -> None:
    span = f"{days}.{hours:02}:{minutes:02}:{seconds:02}"
    assert parse_timespan(span, bare=DAY) == days * DAY + hours * 3600 + minutes * 60 + seconds


@given(st.text() | st.floats() | st.integers())
def test_whatever_stands_there_is_a_span_or_not_known(value: object) -> None:
    seconds = parse_timespan(value, bare=DAY)
    assert seconds is None or 0 <= seconds < float("inf")
