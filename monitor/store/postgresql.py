"""Connections to PostgreSQL, directly or through a pooler that gives each transaction another session.

So nothing relies on the state of a session: no prepared statements, no session locks, and each transaction sets what
it needs for itself, the search path included.
"""

import os
import socket
from collections.abc import Callable
from contextlib import suppress
from threading import Lock
from typing import Any, Final
from weakref import WeakSet

from sqlalchemy import Connection, Engine, event

from monitor.store.errors import StoreUnavailable

_CONNECTION: Final = {
    "application_name": "workflow-monitor",
    "connect_timeout": "3",
    # A broken network is noticed within about 5 s, also while an answer is awaited.
    "keepalives_idle": "3",
    "keepalives_interval": "1",
    "keepalives_count": "3",
    "tcp_user_timeout": "5000",
    "target_session_attrs": "read-write",  # of several hosts the primary; never a standby
}
"""Options of libpq; those of the URL come first."""
ARGUMENTS: Final[dict[str, Any]] = {"use_native_hstore": False, "connect_args": {"prepare_threshold": None}}
"""Of SQLAlchemy's `create_engine`. Prepared statements belong to a session, so there are none."""
_TRANSACTION: Final = {
    # A process that was stopped within a transaction releases its locks.
    "idle_in_transaction_session_timeout": "10s",
    "lock_timeout": "3s",
}
_MIGRATION = 0x776D
"""The first key of the lock of migrations; the second is the schema's."""


class Sessions:
    """The connections of a store. Used in its threads, but for `cut`."""

    def __init__(self) -> None:
        self._open: WeakSet[Any] = WeakSet()
        self._lock = Lock()
        self._is_cut = False

    def may_begin(self) -> None:
        """Raises StoreUnavailable after `cut`."""
        if self._is_cut:
            raise StoreUnavailable("the monitor stops")

    def begun(self, connection: Any) -> None:
        with self._lock:
            self._open.add(connection)

    def cut(self) -> None:
        """End every call that waits for a server which does not answer. The server is not told: a COMMIT goes on."""
        with self._lock:
            self._is_cut = True
            connections = list(self._open)
        for connection in connections:
            if connection.closed:
                continue
            with suppress(OSError), socket.socket(fileno=os.dup(connection.fileno())) as way:
                way.shutdown(socket.SHUT_RDWR)


def prepare_postgresql(
    engine: Engine, schema: str | None, password: Callable[[], str] | None, sessions: Sessions
) -> None:
    """`password` is read at each connection; it raises ValueError."""
    settings = dict(_TRANSACTION) if schema is None else {**_TRANSACTION, "search_path": f'"{schema}"'}
    values = ", ".join(f"set_config('{name}', '{value}', true)" for name, value in settings.items())

    @event.listens_for(engine, "do_connect")
    def connecting(_dialect: Any, _record: Any, _arguments: Any, parameters: dict[str, Any]) -> None:
        sessions.may_begin()
        for name, value in _CONNECTION.items():
            parameters.setdefault(name, value)
        if password is not None:
            parameters["password"] = _read(password)

    @event.listens_for(engine, "connect")
    def connected(connection: Any, _record: Any) -> None:
        sessions.begun(connection)

    @event.listens_for(engine, "begin")
    def began(connection: Connection) -> None:
        connection.exec_driver_sql(f"SELECT {values}")


def _read(password: Callable[[], str]) -> str:
    try:
        return password()
    except ValueError as error:
        raise StoreUnavailable(f"the password of the store cannot be read: {error}", passing=True) from error


def lock_migrations(connection: Connection, schema: str | None) -> None:
    """Wait for the migration of another process, and make the schema. The lock ends with the transaction.

    After `lock_timeout` it raises what means an unavailable store; the next try waits again.
    """
    key = "hashtext(coalesce(%(schema)s, current_schema(), ''))"
    connection.exec_driver_sql(f"SELECT pg_advisory_xact_lock({_MIGRATION}, {key})", {"schema": schema})
    if schema is not None:
        there = "SELECT 1 FROM pg_namespace WHERE nspname = %(schema)s"
        if connection.exec_driver_sql(there, {"schema": schema}).scalar() is None:
            connection.exec_driver_sql(f'CREATE SCHEMA "{schema}"')
