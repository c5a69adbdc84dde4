"""Durations and sizes as people write them."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from monitor.core.formats.units import format_duration, parse_duration, parse_size


@pytest.mark.parametrize(
    ("text", "seconds"),
    [("250ms", 0.25), ("30s", 30.0), ("5m", 300.0), ("2h", 7200.0), ("7d", 604800.0), ("1.5h", 5400.0), (" 0s ", 0.0)],
)
def test_a_duration_is_a_number_with_its_unit(text: str, seconds: float) -> None:
    assert parse_duration(text) == pytest.approx(seconds)


@pytest.mark.parametrize("text", ["", "30", "s", "-1s", "1 h", "1h30m", "1S", "1e3s", "infs", ".5s"])
def test_anything_else_is_refused_with_examples(text: str) -> None:
    with pytest.raises(ValueError, match="expected a duration such as 250ms, 30s, 5m, 2h or 7d"):
        parse_duration(text)


@pytest.mark.parametrize(("text", "count"), [("0B", 0), ("512KiB", 524288), ("8MiB", 8388608), ("1GiB", 1073741824)])
def test_a_size_is_a_whole_number_with_its_unit(text: str, count: int) -> None:
    assert parse_size(text) == count


@pytest.mark.parametrize("text", ["", "8", "8MB", "8mib", "1.5MiB", "-1B"])
def test_other_sizes_are_refused_with_examples(text: str) -> None:
    with pytest.raises(ValueError, match="expected a size such as 512KiB or 8MiB"):
        parse_size(text)


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (-1, "0ms"),
        (0, "0ms"),
        (0.25, "250ms"),
        (0.9994, "999ms"),
        (0.9996, "1s"),
        (31, "31s"),
        (59.6, "1m"),
        (3605, "1h"),
        (7505, "2h 5m"),
        (86400, "1d"),
    ],
)
def test_people_see_the_two_largest_units_that_matter(seconds: float, text: str) -> None:
    assert format_duration(seconds) == text


@given(st.integers(0, 10_000), st.sampled_from(["ms", "s", "m", "h", "d"]))
def test_what_is_shown_without_a_blank_can_be_written(count: int, unit: str) -> None:
    seconds = parse_duration(f"{count}{unit}")
    shown = format_duration(seconds)
    assert sum(parse_duration(part) for part in shown.split()) <= max(seconds * 1.5, 0.5)
