"""The file of a SQLite store: readable by its owner only, and the same file as long as the process lives.

SQLite continues to write to a file that was deleted or replaced, and the next start does not find those commits. So the
file at the path is compared with the open one before each transaction. Alerts still go out (a silent monitor is worse),
but the monitor reports that they are not kept on disk.
"""

import os
from pathlib import Path

from monitor.store.errors import StoreUnavailable


class DatabaseFile:
    """The file of one engine. Used in the threads of the store; `lost` may be read from any thread."""

    def __init__(self, path: str, *, creates: bool) -> None:
        """`creates`: the writer makes the file if there is none; a reader never does."""
        self.lost: str | None = None
        """Why the open file is not at its path any more, and what to do; None while it is."""
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
        """Before a transaction: set `lost` unless the open file is still the one at the path."""
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
        """Readable by its owner only, since it holds error texts. SQLite gives -wal and -shm the same permissions."""
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
