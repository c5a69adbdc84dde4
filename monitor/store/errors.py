"""The errors of the store, each with advice; the database's exceptions are translated here and nowhere else.

Exception
├── StoreUnavailable    it cannot be read or written now; another try may succeed
├── StoreInUse          another daemon uses it
└── StoreNewer          a newer version of this program wrote it; no other try succeeds
"""

from collections.abc import Iterator
from contextlib import contextmanager

from sqlalchemy import URL
from sqlalchemy.exc import DataError, DBAPIError, IntegrityError, NotSupportedError, ProgrammingError
from sqlalchemy.exc import TimeoutError as PoolTimeout

_LIMIT = 200
_FAULTS_OF_A_STATEMENT = (DataError, IntegrityError, NotSupportedError, ProgrammingError)
"""Errors of a statement, not of the store: they are bugs of this program."""

_ADVICE = {
    "SQLITE_FULL": "the disk is full: free some space",
    "SQLITE_IOERR": "the disk fails or is full: look at its health and its free space",
    "SQLITE_BUSY": "another process holds its lock: end whatever else has the file open",
    "SQLITE_LOCKED": "another process holds its lock: end whatever else has the file open",
    "SQLITE_READONLY": "it cannot be written: look at its permissions and those of its directory",
    "SQLITE_CANTOPEN": "it cannot be opened: its directory must exist and be writable",
    "SQLITE_CORRUPT": "it is damaged: put a copy in its place",
    "SQLITE_NOTADB": "it is no database: move the file away, or name another",
    "53": "the server is out of disk, memory or connections: look at its log",
    "28": "the server refuses this user: look at name, password and database",
    "57": "the server is shutting down or was told to stop this connection",
    "08": "the connection was lost: look whether the server runs and can be reached",
}
"""By the prefix of SQLite's name of the error, or of PostgreSQL's SQLSTATE."""


_PASSING = ("SQLITE_FULL", "SQLITE_IOERR", "SQLITE_BUSY", "SQLITE_LOCKED", "53", "57", "08")
"""Errors that may end without a change of the configuration."""


class StoreUnavailable(Exception):  # noqa: N818 - a state of the store, not a mistake
    """The store cannot be read or written now. The message names it, the reason, and what to do."""

    def __init__(self, message: str, *, passing: bool = False) -> None:
        """`passing`: it may end by itself (a lock, a full disk), so that waiting makes sense."""
        super().__init__(message)
        self.passing = passing


class StoreInUse(Exception):  # noqa: N818 - a fact about another process, not a mistake
    """Another daemon uses the database. The message names the daemon, and what to do."""


class StoreNewer(Exception):  # noqa: N818 - a fact about a file, not a mistake
    """A newer version of this program wrote the database, and this one cannot read it."""


@contextmanager
def translated(url: URL) -> Iterator[None]:
    """Translates exceptions of the database that mean an unavailable store to StoreUnavailable."""
    try:
        yield
    except _FAULTS_OF_A_STATEMENT:
        raise
    except DBAPIError as error:
        passing = _code(error).startswith(_PASSING)
        raise StoreUnavailable(f"{name_of(url)}: {_reason(error)}", passing=passing) from error
    except PoolTimeout as error:
        raise StoreUnavailable(f"{name_of(url)}: every connection is busy", passing=True) from error


def name_of(url: URL) -> str:
    """The name of the database for messages, without a password."""
    return url.render_as_string(hide_password=True)


def _reason(error: DBAPIError) -> str:
    code = _code(error)
    said = " ".join(str(error.orig).split())[:_LIMIT]
    for beginning, advice in _ADVICE.items():
        if code.startswith(beginning):
            return f"{advice} ({said})"
    return said


def _code(error: DBAPIError) -> str:
    """SQLite's name of the error, or PostgreSQL's SQLSTATE; empty if there is none."""
    return getattr(error.orig, "sqlite_errorname", None) or getattr(error.orig, "sqlstate", None) or ""
