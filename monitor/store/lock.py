"""One daemon per SQLite file: an OS lock on a file beside it.

The kernel releases the lock at the end of the process, also after a crash, so a restart never waits. The file names the
holder, for people; only the lock counts. The file is never deleted, or two daemons could lock two files of one name.
"""

import contextlib
import fcntl
import os
import socket
from datetime import datetime
from pathlib import Path

from sqlalchemy import make_url

from monitor.core.formats.clean import clean
from monitor.store.errors import StoreInUse, StoreUnavailable

_LONGEST_HOLDER = 200


class StoreLock:
    """Held from `acquire` to `release`, or to the end of the process."""

    def __init__(self, url: str) -> None:
        """`url` is SQLAlchemy's. A store on a server needs no lock: `acquire` does nothing."""
        parsed = make_url(url)
        sqlite = parsed.get_backend_name() == "sqlite" and parsed.database
        self._database = parsed.database or ""
        self._path = Path(f"{os.path.realpath(str(parsed.database))}.lock") if sqlite else None
        self._descriptor: int | None = None

    def acquire(self, now: datetime) -> None:
        """Raises StoreInUse while another process holds it, StoreUnavailable if the file cannot be made."""
        if self._path is None or self._descriptor is not None:
            return
        try:
            descriptor = os.open(self._path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        except OSError as error:
            raise StoreUnavailable(
                f"{self._path}: {error.strerror}: the database's directory must exist and be writable"
            ) from error
        try:
            self._lock(descriptor)
        except BaseException:
            os.close(descriptor)
            raise
        self._descriptor = descriptor
        with contextlib.suppress(OSError):  # a full disk: the lock is held without the name
            os.ftruncate(descriptor, 0)
            os.pwrite(
                descriptor, f"pid {os.getpid()} on {socket.gethostname()} since {now:%Y-%m-%dT%H:%M:%SZ}\n".encode(), 0
            )

    def release(self) -> None:
        if self._descriptor is not None:
            os.close(self._descriptor)
            self._descriptor = None

    def _lock(self, descriptor: int) -> None:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            holder = clean(os.pread(descriptor, _LONGEST_HOLDER, 0).decode(errors="replace"), _LONGEST_HOLDER)
            raise StoreInUse(
                f"another monitor uses {self._database}: {holder or 'it did not say which'}; "
                "stop it, or give this one a database of its own (store.url)"
            ) from error
        except OSError as error:
            raise StoreUnavailable(
                f"{self._path}: the file system grants no locks ({error.strerror}); put the database on a local disk"
            ) from error
