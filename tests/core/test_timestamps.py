from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from monitor.core.formats.timestamps import format_timestamp, parse_timestamp


def moment(microsecond: int = 0, second: int = 2) -> datetime:
    return datetime(2026, 1, 5, 10, 0, second, microsecond, tzinfo=UTC)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        pytest.param("2026-01-05T10:00:02Z", moment(), id="no fraction"),
        pytest.param("2026-01-05T10:00:02.4Z", moment(400000), id="1 digit"),
        pytest.param("2026-01-05T10:00:02.49Z", moment(490000), id="2 digits, as the API writes"),
        pytest.param("2026-01-05T10:00:02.3857479Z", moment(385747), id="7 digits, as the API writes"),
        pytest.param("2026-01-05T10:00:02.999999999Z", moment(999999), id="9 digits are cut, not rounded"),
        pytest.param("2026-01-05T12:00:02.5+02:00", moment(500000), id="offset"),
        pytest.param("2026-01-05T10:00:02-00:00", moment(), id="offset of nothing"),
        pytest.param("2026-01-05T10:00:02", moment(), id="no zone means UTC"),
        pytest.param("2026-01-05 10:00:02Z", moment(), id="a space"),
        pytest.param("2026-01-05t10:00:02z", moment(), id="small letters"),
        pytest.param("20260105T100002Z", moment(), id="basic format"),
    ],
)
def test_a_moment_is_read_in_utc(text: str, expected: datetime) -> None:
    parsed = parse_timestamp(text)
    assert parsed == expected
    assert parsed is not None
    assert parsed.tzinfo is UTC


@pytest.mark.parametrize(
    "text",
    [
        "",
        "z",
        "never",
        "2026-01-05",
        "2026-13-05T10:00:02Z",
        "2026-01-05T10:00:61Z",
        "1767607202",
        "2026-01-05T10:00:02Zz",
        " 2026-01-05T10:00:02Z",
        "0001-01-01T00:00:00+10:00",
        "9999-12-31T23:59:59-10:00",
        "2026-01-05T10:00:02+99:00",
        "\uff12\uff10\uff12\uff16-01-05T10:00:02Z",
    ],
)
def test_what_is_no_moment_is_none(text: str) -> None:
    assert parse_timestamp(text) is None


@given(st.text() | st.text("0123456789-:.TtZz+ ", max_size=40))
def test_no_text_raises(text: str) -> None:
    parsed = parse_timestamp(text)
    assert parsed is None or parsed.tzinfo is UTC


@given(st.datetimes(timezones=st.just(UTC)))
def test_what_is_written_is_read_back(when: datetime) -> None:
    assert parse_timestamp(format_timestamp(when)) == when


def test_a_moment_is_written_in_utc_with_microseconds() -> None:
    when = datetime(2026, 1, 5, 12, 0, 2, 500000, tzinfo=timezone(timedelta(hours=2)))
    assert format_timestamp(when) == "2026-01-05T10:00:02.500000Z"
    assert format_timestamp(moment()) == "2026-01-05T10:00:02.000000Z"
