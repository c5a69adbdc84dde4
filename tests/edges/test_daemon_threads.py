"""Calls of libraries that block, each in a thread that nobody waits for in the end."""

import subprocess
import sys
import threading
from pathlib import Path

import pytest

from monitor.notify.daemon_threads import DaemonThreadExecutor

_HANGS = """
import threading
from monitor.notify.daemon_threads import DaemonThreadExecutor
begun = threading.Event()
DaemonThreadExecutor().submit(lambda: (begun.set(), threading.Event().wait()))
begun.wait(10)
print("ended")
"""


def test_a_call_gives_its_result_or_its_error() -> None:
    threads = DaemonThreadExecutor()
    assert threads.submit(pow, 2, 10).result(10) == 1024
    with pytest.raises(ZeroDivisionError):
        threads.submit(divmod, 1, 0).result(10)


def test_calls_that_hang_are_bounded() -> None:
    threads, free = DaemonThreadExecutor(), threading.Event()
    hanging = [threads.submit(free.wait, 10) for _ in range(64)]
    with pytest.raises(RuntimeError, match="64 calls are under way"):
        threads.submit(free.wait)
    free.set()
    assert all(one.result(10) for one in hanging)
    threads.shutdown()


def test_a_call_that_hangs_does_not_keep_the_process() -> None:
    done = subprocess.run(  # noqa: S603 - our own program
        [sys.executable, "-c", _HANGS],
        capture_output=True,
        text=True,
        timeout=30,
        check=True,
        cwd=Path(__file__).parents[2],
    )
    assert done.stdout == "ended\n"
