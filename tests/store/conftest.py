"""The store on every backend, in virtual time: the contract suite asks for `store` and `writer`."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from monitor.core.records import StoreRecord
from monitor.store import Store, Writer
from tests.postgresql import Server
from tests.store.databases import Database, emptied


@pytest.fixture(params=["sqlite", "postgresql"])
def database(request: pytest.FixtureRequest, tmp_path: Path) -> Database:
    """One without rows."""
    if request.param == "sqlite":
        return Database(f"sqlite:///{tmp_path}/monitor.db")
    server: Server = request.getfixturevalue("postgresql")
    return emptied(server, "contract")


@pytest.fixture(params=["sqlite", "postgresql"])
def new_database(request: pytest.FixtureRequest, tmp_path: Path) -> Database:
    """One without tables."""
    if request.param == "sqlite":
        return Database(f"sqlite:///{tmp_path}/monitor.db")
    server: Server = request.getfixturevalue("postgresql")
    with server.connect() as connection:
        connection.execute("DROP SCHEMA IF EXISTS new CASCADE")
    return Database(server.url(), "new")


@pytest.fixture
async def store(database: Database) -> AsyncIterator[Store]:
    store = database.store()
    await store.open()
    yield store
    await store.close()


@pytest.fixture
def records() -> list[StoreRecord]:
    """What the writer reported."""
    return []


@pytest.fixture
async def writer(store: Store, records: list[StoreRecord]) -> AsyncIterator[Writer]:
    writer = Writer(store, report=records.append, jitter=lambda: 0.0)
    loop = asyncio.create_task(writer.run())
    yield writer
    loop.cancel()
    await asyncio.wait([loop])
