"""A line per kind and minute, that counts what it stands for."""

from monitor.core.log_limit import LogLimit


def test_a_kind_is_written_once_a_minute_with_how_often_it_came() -> None:
    limit = LogLimit()
    assert [limit.times("accept", 0.001 * n) for n in range(1000)] == [1] + [0] * 999
    assert limit.times("accept", 59.0) == 0
    assert limit.times("accept", 60.0) == 1001


def test_kinds_do_not_silence_one_another() -> None:
    limit = LogLimit()
    assert [limit.times(kind, 0.0) for kind in ("accept", "header", "accept")] == [1, 1, 0]


def test_kinds_without_end_take_no_memory_without_end() -> None:
    limit = LogLimit()
    for n in range(100_000):
        assert limit.times(n, 0.0) == 1
    assert len(limit._kinds) <= 100
