from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from monitor.core.formats.http_dates import parse_http_date, parse_retry_after

NOW = datetime(1994, 11, 6, 8, 49, 0, tzinfo=UTC)
THEN = datetime(1994, 11, 6, 8, 49, 37, tzinfo=UTC)
DATES = {
    "imf": "Sun, 06 Nov 1994 08:49:37 GMT",
    "rfc 850": "Sunday, 06-Nov-94 08:49:37 GMT",
    "asctime": "Sun Nov  6 08:49:37 1994",
    "offset": "Sun, 06 Nov 1994 09:49:37 +0100",
    "unknown zone": "Sun, 06 Nov 1994 08:49:37 -0000",
}


@pytest.mark.parametrize("text", DATES.values(), ids=DATES.keys())
def test_a_moment_of_http_is_read_in_every_format(text: str) -> None:
    assert parse_http_date(text) == THEN
    assert parse_retry_after(text, NOW) == 37.0


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("30", 30.0),
        ("0", 0.0),
        (" 2.5 ", 2.5),
        ("172800", 172_800.0),
        ("999999999", 999_999_999.0),
        ("Tue, 08 Nov 1994 08:49:00 GMT", 172_800.0),
        ("Sun, 06 Nov 1994 08:49:00 GMT", 0.0),
    ],
)
def test_what_is_asked_is_never_shortened(text: str, seconds: float) -> None:
    assert parse_retry_after(text, NOW) == seconds


@pytest.mark.parametrize(
    "text",
    [None, "", "-1", "soon", "nan", "inf", "1e3", "1_0", "٣", "1,5", "Sun, 06 Nov 1994 08:48:59 GMT", "9" * 400],
)
def test_nonsense_is_no_answer(text: str | None) -> None:
    assert parse_retry_after(text, NOW) is None


def test_a_date_without_a_now_says_nothing() -> None:
    assert parse_retry_after(DATES["imf"], None) is None


@given(st.text() | st.from_regex(r"[A-Z][a-z]{2}, \d+ [A-Za-z]{3} \d+ \d+:\d+:\d+ ([A-Z]{3}|[+-]\d{4,9})"))
def test_no_text_breaks_it(text: str) -> None:
    seconds = parse_retry_after(text, NOW)
    assert seconds is None or 0 <= seconds < float("inf")
