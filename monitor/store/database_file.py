"""The file behind a SQLite store: readable to its user alone, and the same one as long as the process lives.

SQLite goes on writing to a file that was deleted or replaced: what is committed is then in no file that the next start
finds. So the file at the path is compared with the one that was opened, before each transaction. Alerts still go out
(a monitor that falls silent is worse), but it is said that they are kept on no disk.
"""

import os
from pathlib import Path

from monitor.store.errors import StoreUnavailable


class DatabaseFile:
    """One engine's. Used in the threads of the store; `lost` may be read from any."""

    def __init__(self, path: str, *, creates: bool) -> None:
        """`creates`: the writer makes the file if there is none; a reader never does."""
        self.lost: str | None = None
        """What became of the file that is written, and what to do; None while it is in its place."""
        self._path = path
        self._creates = creates
        self._opened: tuple[int, int] | None = None

    def connecting(self) -> None:
        """Raises StoreUnavailable if there is no file, or another one than at the first connection."""
        found = self._identity()
        if found is None and self._opened is None and self._creates:
            self._create()
            found = self._identity()
        if self._opened is None:
            self._opened = found
        if found is None and self._opened is None:
            raise StoreUnavailable(f"{self._path}: there is no database yet; `run` makes it")
        self.look()
        if self.lost is not None:
            raise StoreUnavailable(self.lost)

    def look(self) -> None:
        """Before a transaction: set `lost` by whether the file that is written is still the one at the path."""
        found = self._identity()
        if found == self._opened:
            self.lost = None
            return
        what = "deleted" if found is None else "replaced by another one"
        self.lost = (
            f"{self._path}: the file was {what} while the monitor runs, so what it commits is lost at its end: "
            "put the old file back, or restart the monitor to go on with what is there"
        )

    def _create(self) -> None:
        """It holds error texts and names: nobody else may read it. SQLite gives -wal and -shm the same permissions."""
        try:
            os.close(os.open(self._path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600))
        except OSError as error:
            raise StoreUnavailable(
                f"{self._path}: it cannot be opened: its directory must exist and be writable ({error.strerror})"
            ) from error

    def _identity(self) -> tuple[int, int] | None:
        try:
            status = Path(self._path).stat()
        except OSError:
            return None
        return status.st_dev, status.st_ino
