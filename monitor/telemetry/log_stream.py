"""Lines to a stream that may stall, fill up or go away, and must not take the monitor with it."""

import contextlib
import io
import os
import select
import threading
from collections import deque
from typing import TextIO

_PIECE = select.PIPE_BUF
"""A pipe that polls as writable takes so many bytes without blocking (POSIX, `write`)."""
_MOST = 1 << 20
"""Bytes that wait for a stalled reader; what comes then is dropped and counted."""
_PATIENCE = 10
"""Milliseconds that a reader who was just behind is waited for, once; the event loop stands still meanwhile."""


class LogStream:
    """Writes whole lines, from any thread. A stream without a file descriptor is written to as it is."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream
        self._fd = _descriptor(stream)
        self._poll = select.poll()
        if self._fd is not None:
            stream.flush()
            self._poll.register(self._fd, select.POLLOUT)
        self._lock = threading.Lock()
        self._backlog: deque[bytes] = deque()
        self._size = 0
        self._stalled = False
        self._gone = False
        self._dropped = 0

    def write(self, line: str) -> None:
        """Write a line, without its end. Never raises; takes 10 ms at worst."""
        with self._lock:
            self._keep(line.encode(errors="backslashreplace") + b"\n")
            self._flush(0 if self._stalled else _PATIENCE)

    # The names that structlog calls, one per level.
    debug = info = warning = error = critical = write

    def take_dropped(self) -> int:
        """How many lines were dropped since the last call; 0 as long as the reader is still behind."""
        with self._lock:
            if self._backlog:
                return 0
            dropped, self._dropped = self._dropped, 0
            return dropped

    def flush(self, patience: float = 0.0) -> None:
        """Write what waits, waiting `patience` seconds for each piece at most."""
        with self._lock:
            self._flush(round(patience * 1000))

    def _keep(self, piece: bytes) -> None:
        if self._gone:
            return
        if self._size + len(piece) > _MOST:
            self._dropped += 1
            return
        self._backlog.append(piece)
        self._size += len(piece)

    def _flush(self, patience: int) -> None:
        try:
            while self._backlog:
                if self._fd is not None and not self._poll.poll(patience):
                    self._stalled = True
                    return
                self._write(self._backlog.popleft())
            self._stalled = False
        except BlockingIOError:
            self._stalled = True
        except (BrokenPipeError, ValueError):
            # Nobody reads any more, or the stream was closed: nobody is left to tell.
            self._gone = True
            self._drop()
        except OSError:
            self._drop()

    def _write(self, line: bytes) -> None:
        self._size -= len(line)
        if self._fd is None:
            self._stream.write(line.decode())
            self._stream.flush()
            return
        piece, rest = line[:_PIECE], line[_PIECE:]
        try:
            written = os.write(self._fd, piece)
        except BlockingIOError:
            written = 0
        rest = piece[written:] + rest
        if rest:
            self._backlog.appendleft(rest)
            self._size += len(rest)
        if not written:
            raise BlockingIOError

    def _drop(self) -> None:
        """The disk behind it is full, say: the lines are lost, the monitor is not."""
        self._dropped += max(len(self._backlog), 1)
        self._backlog.clear()
        self._size = 0


def _descriptor(stream: TextIO) -> int | None:
    with contextlib.suppress(io.UnsupportedOperation):
        return stream.fileno()
    return None
