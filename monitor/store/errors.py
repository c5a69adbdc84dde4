"""The errors of the store, each with advice; the database's exceptions are translated here and nowhere else.

Exception
├── StoreUnavailable    it cannot be read or written now; another try may succeed
├── StoreInUse          another daemon uses it
├── StoreNewer          a newer version of this program wrote it; no other try succeeds
└── Lost                another replica took over; what was believed is read again
"""

import re
from collections.abc import Iterator
from contextlib import contextmanager

from sqlalchemy import URL
from sqlalchemy.exc import DataError, DBAPIError, IntegrityError, NotSupportedError, ProgrammingError
from sqlalchemy.exc import TimeoutError as PoolTimeout

_LIMIT = 200
_FAULTS_OF_A_STATEMENT = (DataError, IntegrityError, NotSupportedError, ProgrammingError)
"""Errors of a statement, not of the store: they are bugs of this program, but for those in `_STATES_OF_A_SERVER`."""
_STATES_OF_A_SERVER = ("28", "3D", "3F", "42501", "42P01")

_ADVICE = {
    "SQLITE_FULL": "the disk is full: free some space",
    "SQLITE_IOERR": "the disk fails or is full: look at its health and its free space",
    "SQLITE_BUSY": "another process holds its lock: end whatever else has the file open",
    "SQLITE_LOCKED": "another process holds its lock: end whatever else has the file open",
    "SQLITE_READONLY": "it cannot be written: look at its permissions and those of its directory",
    "SQLITE_CANTOPEN": "it cannot be opened: its directory must exist and be writable",
    "SQLITE_CORRUPT": "it is damaged: put a copy in its place",
    "SQLITE_NOTADB": "it is no database: move the file away, or name another",
    "08": "the server does not answer: look whether it runs and can be reached",
    "25006": "the server is a standby, or read-only: name the primary, or all hosts of its group",
    "25P03": "a transaction took too long: look at the load of this machine",
    "28": "the server refuses this user: look at the user in store.url, at store.password_file and at pg_hba.conf",
    "3D": "there is no such database: create it, or look at its name in store.url",
    "3F": "there is no schema for the tables: name one by store.schema",
    "40": "another transaction was in the way: look at the server's log",
    "42501": "the user lacks a right: grant it CREATE on the schema or the database, or name a schema of its own by "
    "store.schema",
    "42P01": "its tables are not there any more: restart the monitor to make them, or put a copy in its place",
    "53": "the server is out of disk, memory or connections: look at its log",
    "55P03": "another transaction holds a lock: look at pg_stat_activity",
    "57": "the server starts, stops, or was told to end this connection",
    "58": "the server's disk fails: look at its log",
    "TLS": "TLS fails: look at sslmode and the certificates in store.url",
}
"""By the prefix of SQLite's name of the error, or of PostgreSQL's SQLSTATE."""

_PASSING = ("SQLITE_FULL", "SQLITE_IOERR", "SQLITE_BUSY", "SQLITE_LOCKED",
            "08", "25006", "25P03", "40", "53", "55P03", "57", "58")  # fmt: skip
"""Errors that may end without a change of the configuration."""

_AT_A_CONNECTION = (
    (r"no password supplied|authentication failed|pg_hba\.conf|role .* (does not exist|is not permitted)|no such user",
     "28"),
    (r"database .* does not exist|no such database", "3D"),
    (r"(starting up|shutting down|recovery mode)", "57"),
    (r"too many (clients|connections)|connection slots", "53"),
    (r"read-only|standby", "25006"),
    (r"does not support SSL|certificate|private key|does not match host name|pg_hba\.conf.*no encryption", "TLS"),
)  # fmt: skip
"""What a refused connection says, in the absence of a SQLSTATE, and the code for it; if nothing fits it is 08."""


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


class Lost(Exception):  # noqa: N818 - a fact about other replicas, not a mistake
    """Another replica holds this one for dead, or an account is not this replica's any more. Nothing was written."""


@contextmanager
def translated(url: URL) -> Iterator[None]:
    """Translates exceptions of the database that mean an unavailable store to StoreUnavailable."""
    try:
        yield
    except DBAPIError as error:
        code = _code(error)
        if isinstance(error, _FAULTS_OF_A_STATEMENT) and not code.startswith(_STATES_OF_A_SERVER):
            raise
        raise StoreUnavailable(f"{name_of(url)}: {_reason(error)}", passing=code.startswith(_PASSING)) from error
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
    said = error.orig
    known = getattr(said, "sqlite_errorname", None) or getattr(said, "sqlstate", None)
    if known or not hasattr(said, "pgconn"):
        return known or ""
    return next((code for pattern, code in _AT_A_CONNECTION if re.search(pattern, str(said))), "08")
