"""Lines to streams that stall, vanish or are full."""

import contextlib
import io
import os
import threading
from collections.abc import Iterable
from datetime import UTC, datetime
from pathlib import Path
from typing import TextIO

import pytest

from monitor.telemetry import configure
from monitor.telemetry.log_stream import LogStream

BIG = "x" * 10_000


class Pipe:
    """Both ends of a pipe; what is written is read only when a test says so."""

    def __init__(self) -> None:
        self.reading, writing = os.pipe()
        self.stream: TextIO = os.fdopen(writing, "w")
        os.set_blocking(self.reading, False)

    def read(self) -> bytes:
        """What is in the pipe now."""
        pieces = []
        with contextlib.suppress(BlockingIOError):
            while piece := os.read(self.reading, 1 << 16):
                pieces.append(piece)
        return b"".join(pieces)

    def hang_up(self) -> None:
        os.close(self.reading)
        self.reading = -1

    def close(self) -> None:
        with contextlib.suppress(BrokenPipeError):
            self.stream.close()
        if self.reading >= 0:
            os.close(self.reading)


@pytest.fixture
def pipe() -> Iterable[Pipe]:
    pipe = Pipe()
    yield pipe
    pipe.close()


def drained(pipe: Pipe, outlet: LogStream) -> bytes:
    """All that comes out while the reader reads again."""
    pieces = []
    while piece := pipe.read():
        pieces.append(piece)
        outlet.flush()
    return b"".join(pieces)


def test_a_line_is_there_at_once(pipe: Pipe) -> None:
    outlet = LogStream(pipe.stream)
    outlet.write("one")
    assert pipe.read() == b"one\n"


def test_text_without_an_encoding_is_still_a_line(pipe: Pipe) -> None:
    outlet = LogStream(pipe.stream)
    outlet.write("\ud800")
    assert pipe.read() == b"\\ud800\n"


def test_a_reader_that_stalls_holds_up_nothing_and_gets_whole_lines_later(pipe: Pipe) -> None:
    outlet = LogStream(pipe.stream)
    lines = [f"{number} {BIG}" for number in range(50)]
    for line in lines:
        outlet.write(line)
    assert drained(pipe, outlet).decode().splitlines() == lines
    assert outlet.take_dropped() == 0


def test_what_is_too_much_for_a_stalled_reader_is_dropped_and_counted(pipe: Pipe) -> None:
    outlet = LogStream(pipe.stream)
    for number in range(300):
        outlet.write(f"{number} {BIG}")
    assert outlet.take_dropped() == 0  # nobody could be told yet
    kept = drained(pipe, outlet).decode().splitlines()
    assert [line.split()[0] for line in kept] == [str(number) for number in range(len(kept))]
    assert 1 << 20 <= sum(map(len, kept)) <= (1 << 20) + (1 << 17)
    assert outlet.take_dropped() == 300 - len(kept)
    assert outlet.take_dropped() == 0


def test_the_next_line_says_how_many_were_dropped(pipe: Pipe) -> None:
    logs = configure("info", "json", pipe.stream, now=lambda: datetime(2026, 1, 5, tzinfo=UTC))
    for _ in range(300):
        logs.log.info("line", text=BIG)
    while pipe.read():
        logs.flush()
    logs.log.info("last")
    logs.close()
    assert b'"event":"last","lines_dropped_before":' in pipe.read()


def test_a_reader_that_hangs_up_takes_nobody_with_it(pipe: Pipe) -> None:
    outlet = LogStream(pipe.stream)
    pipe.hang_up()
    for _ in range(3):
        outlet.write("nobody reads this")


def test_a_stream_that_was_closed_takes_nobody_with_it() -> None:
    stream = io.StringIO()
    outlet = LogStream(stream)
    stream.close()
    outlet.write("nobody reads this")


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs /dev/full")
def test_a_full_disk_loses_lines_and_counts_them() -> None:
    with open("/dev/full", "w") as stream:  # noqa: PTH123 - a device
        outlet = LogStream(stream)
        outlet.write("lost")
        assert outlet.take_dropped() == 1


def test_lines_of_many_threads_do_not_mix(pipe: Pipe) -> None:
    outlet = LogStream(pipe.stream)

    def write(name: str) -> None:
        for _ in range(20):
            outlet.write(name * 500)

    threads = [threading.Thread(target=write, args=(name,)) for name in "abcd"]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    lines = drained(pipe, outlet).decode().splitlines()
    assert sorted(lines) == sorted(name * 500 for name in "abcd" for _ in range(20))
