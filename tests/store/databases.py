"""Databases of the contract suite, on each backend."""

from concurrent.futures import Executor
from typing import NamedTuple

from monitor.store import Store
from monitor.store.schema import metadata
from tests.inline import InlineExecutor
from tests.postgresql import Server


class Database(NamedTuple):
    """Where a store is."""

    url: str
    schema: str | None = None

    def store(self, writer: Executor | None = None) -> Store:
        """Another store on it, not opened yet; all calls run at once, but for writes in an executor of their own."""
        return Store(self.url, schema=self.schema, writer=writer or InlineExecutor(), reader=InlineExecutor())


def emptied(server: Server, schema: str) -> Database:
    """A schema without rows; migrated, if a test has used it before, since that takes the better part of a second."""
    with server.connect() as connection:
        found = connection.execute("SELECT tablename FROM pg_tables WHERE schemaname = %s", [schema]).fetchall()
        names = {name for (name,) in found} & metadata.tables.keys() - {"counters"}
        if names:
            tables = ", ".join(f"{schema}.{name}" for name in sorted(names))
            connection.execute(f"TRUNCATE {tables}; UPDATE {schema}.counters SET value = 0".encode())  # noqa: S608 - names of ours
    return Database(server.url(), schema)
