"""Connections: SQLite's settings for durability and sharing, and the migration of the schema.

`postgresql.py` has PostgreSQL's.
"""

import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, Engine, create_engine, event, make_url
from sqlalchemy.exc import DBAPIError

from monitor.store.database_file import DatabaseFile
from monitor.store.errors import StoreNewer, StoreUnavailable, name_of
from monitor.store.postgresql import ARGUMENTS, Sessions, lock_migrations, prepare_postgresql

_PRAGMAS = (
    "PRAGMA busy_timeout = 5000",  # before journal_mode, which takes a lock
    "PRAGMA journal_mode = WAL",
    "PRAGMA synchronous = FULL",
    "PRAGMA foreign_keys = ON",
    f"PRAGMA journal_size_limit = {64 * 1024**2}",  # truncates it after a burst
)
_ONE_MIGRATION_AT_A_TIME = threading.Lock()
"""Alembic keeps the connection of a migration in a global variable."""


def database_file(url: str, *, writing: bool) -> DatabaseFile | None:
    """The file of a SQLite store; None for a server. Raises ValueError for a database in memory."""
    parsed = make_url(url)
    if parsed.get_backend_name() != "sqlite":
        return None
    if parsed.database in (None, "", ":memory:"):
        raise ValueError("expected the path of a file, as in sqlite:///monitor.db: memory forgets at every restart")
    return DatabaseFile(str(parsed.database), creates=writing)


def connect(
    url: str,
    *,
    writing: bool,
    file: DatabaseFile | None,
    schema: str | None = None,
    password: Callable[[], str] | None = None,
    sessions: Sessions | None = None,
) -> Engine:
    """An engine that reads, or the one that writes, with its single connection. Connects on first use.

    `schema`, `password` and `sessions` are PostgreSQL's.
    """
    parsed = make_url(url)
    limits = {"pool_size": 1, "max_overflow": 0} if writing else {"pool_pre_ping": True}
    engine = create_engine(parsed, hide_parameters=True, **limits, **({} if file is not None else ARGUMENTS))
    engine.update_execution_options(store_schema=schema)
    if file is not None:
        _prepare_sqlite(engine, file, writing=writing)
    else:
        prepare_postgresql(engine, schema, password, sessions or Sessions())
    return engine


def _prepare_sqlite(engine: Engine, file: DatabaseFile, *, writing: bool) -> None:
    """Begin transactions explicitly: DDL is part of them, and a writer waits for its lock at the start."""
    begin = "BEGIN IMMEDIATE" if writing else "BEGIN"

    @event.listens_for(engine, "do_connect")
    def connecting(*_: Any) -> None:
        file.connecting()

    @event.listens_for(engine, "connect")
    def connected(connection: Any, _record: Any) -> None:
        connection.isolation_level = None
        for pragma in _PRAGMAS:
            connection.execute(pragma)

    @event.listens_for(engine, "begin")
    def began(connection: Connection) -> None:
        file.look()
        connection.exec_driver_sql(begin)


def migrate(engine: Engine) -> None:
    """Migrate the schema to the newest version. Raises StoreNewer if the database is ahead of this program.

    Several processes may do so at once. On SQLite one transaction succeeds, the others fail and find the schema
    migrated; on PostgreSQL they wait for one another.
    """
    script = ScriptDirectory.from_config(_alembic())
    try:
        _upgrade(engine, script)
    except DBAPIError:
        if not _is_newest(engine, script):
            raise


def _upgrade(engine: Engine, script: ScriptDirectory) -> None:
    with _ONE_MIGRATION_AT_A_TIME, engine.begin() as connection:
        if engine.dialect.name == "postgresql":
            lock_migrations(connection, engine.get_execution_options()["store_schema"])
        found, newest = _version(connection), script.get_current_head()
        if found == newest:
            return
        if found is not None and found not in {step.revision for step in script.walk_revisions()}:
            raise StoreNewer(
                f"{name_of(engine.url)} has schema {found[:40]}, this version knows schemas up to {newest}: "
                "run the version that wrote it or a newer one, or put an older copy of the database in its place"
            )
        config = _alembic()
        config.attributes["connection"] = connection
        command.upgrade(config, "head")


def is_migrated(engine: Engine) -> bool:
    """Whether the schema is the newest; takes no lock if `engine` reads. False if that is unknown."""
    return _is_newest(engine, ScriptDirectory.from_config(_alembic()))


def _is_newest(engine: Engine, script: ScriptDirectory) -> bool:
    try:
        with engine.begin() as connection:
            return _version(connection) == script.get_current_head()
    except (DBAPIError, StoreUnavailable):
        return False


def _version(connection: Connection) -> str | None:
    return MigrationContext.configure(connection).get_current_revision()


def _alembic() -> Config:
    config = Config()
    folder = str(Path(__file__).with_name("migrations"))
    config.set_main_option("script_location", folder.replace("%", "%%"))
    config.set_main_option("path_separator", "os")
    return config
