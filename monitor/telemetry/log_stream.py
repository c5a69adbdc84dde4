"""Writes lines to a stream; a stream that stalls, is full or was closed must not stop the monitor."""

import contextlib
import io
import os
import select
import threading
from collections import deque
from typing import TextIO

_PIECE = select.PIPE_BUF
"""Bytes that a pipe which polls as writable takes without blocking (POSIX, `write`)."""
_MOST = 1 << 20
"""Bytes that wait for a stalled reader; further lines are dropped and counted."""
_PATIENCE = 10
"""Milliseconds of waiting for a reader that has just fallen behind, once; the event loop is blocked meanwhile."""


class LogStream:
    """Writes complete lines, from any thread. A stream without a file descriptor is written to directly."""

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
        """Write a line, given without its line end. Never raises; takes 10 ms at worst."""
        with self._lock:
            self._keep(line.encode(errors="backslashreplace") + b"\n")
            self._flush(0 if self._stalled else _PATIENCE)

    # The names that structlog calls, one per level.
    debug = info = warning = error = critical = write

    def take_dropped(self) -> int:
        """How many lines were dropped since the last call; 0 while the reader is still behind."""
        with self._lock:
            if self._backlog:
                return 0
            dropped, self._dropped = self._dropped, 0
            return dropped

    def flush(self, patience: float = 0.0) -> None:
        """Write the waiting lines, with at most `patience` seconds for each piece."""
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
            # Nobody reads any more, or the stream was closed.
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
        """Drop the waiting lines, e.g. because the disk is full; the monitor goes on."""
        self._dropped += max(len(self._backlog), 1)
        self._backlog.clear()
        self._size = 0


def _descriptor(stream: TextIO) -> int | None:
    with contextlib.suppress(io.UnsupportedOperation):
        return stream.fileno()
    return None
