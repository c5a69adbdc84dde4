"""The store on every backend, in virtual time: the contract suite asks for `store` and `writer`."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from monitor.core.records import StoreRecord
from monitor.store import Store, Writer
from tests.inline import InlineExecutor


@pytest.fixture(params=["sqlite"])
def database_url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """An empty database; each name of a backend makes one."""
    assert request.param == "sqlite"
    return f"sqlite:///{tmp_path}/monitor.db"


@pytest.fixture
async def store(database_url: str) -> AsyncIterator[Store]:
    store = Store(database_url, writer=InlineExecutor(), reader=InlineExecutor())
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
