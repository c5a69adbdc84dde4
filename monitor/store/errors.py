"""What can be wrong with the store, in words that say what to do; foreign exceptions are translated here, at one edge.

Exception
├── StoreUnavailable    it cannot be read or written now; trying again may help
├── StoreInUse          another daemon has it
└── StoreNewer          a newer version of this program wrote it; trying again does not help
"""

from collections.abc import Iterator
from contextlib import contextmanager

from sqlalchemy import URL
from sqlalchemy.exc import DataError, DBAPIError, IntegrityError, NotSupportedError, ProgrammingError
from sqlalchemy.exc import TimeoutError as PoolTimeout

_LIMIT = 200
_FAULTS_OF_A_STATEMENT = (DataError, IntegrityError, NotSupportedError, ProgrammingError)
"""These speak about what was asked, not about the store: they are errors of this program."""

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
"""By the beginning of SQLite's name of the error, or of PostgreSQL's SQLSTATE."""


_PASSING = ("SQLITE_FULL", "SQLITE_IOERR", "SQLITE_BUSY", "SQLITE_LOCKED", "53", "57", "08")
"""What may be over in a moment, without anybody changing the configuration."""


class StoreUnavailable(Exception):  # noqa: N818 - a state of the store, not a mistake
    """The store cannot be read or written now. The message names it, the reason, and what to do."""

    def __init__(self, message: str, *, passing: bool = False) -> None:
        """`passing`: it may be over by itself (a lock, a full disk), so that waiting is of use."""
        super().__init__(message)
        self.passing = passing


class StoreInUse(Exception):  # noqa: N818 - a fact about another process, not a mistake
    """Another daemon uses the database. The message names it, and says what to do."""


class StoreNewer(Exception):  # noqa: N818 - a fact about a file, not a mistake
    """A newer version of this program wrote the database, and this one would not understand it."""


@contextmanager
def translated(url: URL) -> Iterator[None]:
    """Lets no exception of the database through that says the store is unavailable, except as StoreUnavailable."""
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
    """The database, as a message may name it."""
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
