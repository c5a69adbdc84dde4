"""The disk is full, fails, or answers a COMMIT with an error although it has succeeded."""

import asyncio
import resource
import subprocess
import sys
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path

import pytest
from sqlalchemy import Connection, Engine, make_url
from sqlalchemy import event as engine_event
from sqlalchemy.exc import OperationalError

from monitor.core.commits import Change
from monitor.core.records import StoreRecord
from monitor.store import Store, StoreUnavailable, Writer
from monitor.store.errors import translated
from tests.inline import InlineExecutor
from tests.store.examples import STALE, account, at, belief, key, outgoing, telling

pytestmark = pytest.mark.looptime

TELLING = Change(target=belief(), outgoing=(outgoing("e1", "oncall"), outgoing("e2", "oncall")))


class Disk:
    """Bounds how far a SQLite database may grow; what it refuses then is what a full disk refuses."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._pages = 2**30
        engine_event.listen(engine, "connect", self._connected)

    def _connected(self, connection: object, _: object) -> None:
        connection.execute(f"PRAGMA max_page_count = {self._pages}")  # type: ignore[attr-defined]  # a driver's own

    def fill(self) -> None:
        """SQLite takes the number of pages that there are as the smallest bound."""
        self._bound(1)

    def free(self) -> None:
        self._bound(2**30)

    def _bound(self, pages: int) -> None:
        self._pages = pages
        self._engine.dispose()


@pytest.fixture
def disk(store: Store) -> Disk:
    if store._writing.dialect.name != "sqlite":
        pytest.skip("the bound is SQLite's")
    return Disk(store._writing)


async def _fill_up(writer: Writer) -> asyncio.Task[list[object]]:
    """Enough to need new pages."""
    changes = [Change(target=belief(n), outgoing=(outgoing(f"e{n}", "oncall"),)) for n in range(300)]
    task: asyncio.Task[list[object]] = asyncio.ensure_future(asyncio.gather(*map(writer.commit, changes)))
    await asyncio.sleep(0.1)
    return task


async def test_a_full_disk_keeps_callers_waiting_and_resumes_by_itself(
    store: Store, writer: Writer, disk: Disk, records: list[StoreRecord]
) -> None:
    disk.fill()
    task = await _fill_up(writer)
    await asyncio.sleep(3600)
    assert not task.done()
    assert not writer.available
    assert [record.available for record in records] == [False]
    assert "free some space" in records[0].detail
    assert await store.events(0, None, 10) == ([], 0)
    disk.free()
    waited = asyncio.create_task(writer.wait_available())
    assert len(await task) == 300
    await waited
    assert [record.available for record in records] == [False, True]
    assert records[1].detail == "after 1h"
    assert len(await store.pending("oncall", 0, 1000)) == 300


async def test_tries_are_seldom_at_last_but_never_rarer_than_every_half_minute(writer: Writer, disk: Disk) -> None:
    disk.fill()
    tries: list[float] = []
    loop = asyncio.get_running_loop()
    engine_event.listen(disk._engine, "begin", lambda _: tries.append(loop.time()))
    task = await _fill_up(writer)
    await asyncio.sleep(120)
    disk.free()
    await task
    pauses = [round(b - a, 1) for a, b in pairwise(tries)]
    assert pauses[:6] == [0.5, 1, 2, 4, 8, 15]
    assert max(pauses) == 15


async def test_sightings_wait_for_the_disk_too(store: Store, writer: Writer, disk: Disk) -> None:
    await writer.commit(Change(target=belief(0)))
    disk.fill()
    task = await _fill_up(writer)
    writer.touch(key(0), at(5))
    assert not await writer.drain(60)
    disk.free()
    await asyncio.wait([task])
    assert await writer.drain(60)
    loaded = await store.load_target(key(0))
    assert loaded is not None
    assert loaded[1] == at(5)


def _doubt(store: Store, before: Callable[[Connection], None]) -> list[int]:
    """The next COMMIT does `before`, and its answer is an error."""
    tries: list[int] = []

    def commit(connection: Connection) -> None:
        tries.append(1)
        if len(tries) == 1:
            before(connection)
            raise OperationalError("COMMIT", None, Exception("server closed the connection"))

    engine_event.listen(store._writing, "commit", commit)
    return tries


def _land(connection: Connection) -> None:
    raw = connection.connection.dbapi_connection
    assert raw is not None
    raw.commit()


def _do_not_land(connection: Connection) -> None:
    raw = connection.connection.dbapi_connection
    assert raw is not None
    raw.rollback()


@pytest.mark.parametrize("landed", [_land, _do_not_land], ids=["landed", "not landed"])
@pytest.mark.parametrize(
    "change",
    [
        TELLING,
        Change(target=belief()),
        Change(account=account()),
        Change(target=belief(), account=account()),
        telling("e1", "e2"),
    ],
    ids=["belief and events", "belief", "account", "both beliefs", "events"],
)
async def test_a_commit_in_doubt_has_the_outcome_that_it_has_without_the_doubt(
    store: Store, writer: Writer, change: Change, landed: Callable[[Connection], None]
) -> None:
    tries = _doubt(store, landed)
    committed = await writer.commit(change)
    assert tries
    assert not committed.stale
    assert committed.told == {out.event.id for out in change.outgoing}
    assert [d.seq for d in committed.deliveries] == list(range(1, len(change.outgoing) + 1))
    assert committed.deliveries == tuple(await store.pending("oncall", 0, 10))
    if change.target:
        loaded = await store.load_target(key())
        assert loaded is not None
        assert loaded[0] == belief(revision=1)


async def test_a_whole_group_in_doubt_keeps_its_outcomes(store: Store, writer: Writer) -> None:
    await writer.commit(Change(target=belief(2)))
    changes = [Change(target=belief(n), outgoing=(outgoing(f"e{n}", "oncall"),)) for n in range(5)]
    _doubt(store, _land)
    results = await asyncio.gather(*map(writer.commit, changes))
    assert [sorted(result.told) for result in results] == [["e0"], ["e1"], [], ["e3"], ["e4"]]
    assert results[2] == STALE
    assert len(await store.pending("oncall", 0, 10)) == 4


async def test_what_landed_is_recognised_after_somebody_wrote_on_top(store: Store, writer: Writer) -> None:
    def land_and_be_overtaken(connection: Connection) -> None:
        connection.exec_driver_sql("UPDATE targets SET revision = 9, state = '{}'")
        _land(connection)

    _doubt(store, land_and_be_overtaken)
    committed = await writer.commit(TELLING)
    assert committed.told == {"e1", "e2"}
    assert committed.deliveries == tuple(await store.pending("oncall", 0, 10))


async def test_what_did_not_land_and_was_overtaken_is_stale(store: Store, writer: Writer) -> None:
    def be_overtaken(connection: Connection) -> None:
        _do_not_land(connection)
        schema = connection.get_execution_options()["store_schema"]  # the search path ended with the transaction
        table = "targets" if schema is None else f"{schema}.targets"
        connection.exec_driver_sql(
            f"INSERT INTO {table} (account, definition, workflow, status, state, revision)"  # noqa: S608 - names of ours
            " VALUES ('acme', 'orders', 'w', 'Complete', '{}', 1)"
        )
        _land(connection)

    _doubt(store, be_overtaken)
    assert await writer.commit(TELLING) == STALE
    assert await store.events(0, None, 10) == ([], 0)


async def test_a_twin_stays_a_twin_when_its_commit_is_in_doubt(store: Store, writer: Writer) -> None:
    await writer.commit(telling("e1"))
    _doubt(store, _land)
    committed = await writer.commit(Change(target=belief(), outgoing=(outgoing("e1", "oncall"),)))
    assert not committed.stale
    assert committed.told == frozenset()
    assert len(await store.pending("oncall", 0, 10)) == 1


async def test_a_database_that_cannot_be_opened_says_what_to_do(tmp_path: Path) -> None:
    store = Store(f"sqlite:///{tmp_path}/none/monitor.db", writer=InlineExecutor(), reader=InlineExecutor())
    with pytest.raises(StoreUnavailable, match="its directory must exist and be writable"):
        await store.open()


async def test_a_file_that_is_no_database_says_what_to_do(tmp_path: Path) -> None:
    (tmp_path / "monitor.db").write_text("something else entirely" * 100)
    store = Store(f"sqlite:///{tmp_path}/monitor.db", writer=InlineExecutor(), reader=InlineExecutor())
    with pytest.raises(StoreUnavailable, match="move the file away"):
        await store.open()
    await store.close()


@pytest.mark.parametrize("url", ["sqlite://", "sqlite:///:memory:"])
def test_memory_is_refused(url: str) -> None:
    with pytest.raises(ValueError, match="path of a file"):
        Store(url, writer=InlineExecutor(), reader=InlineExecutor())


def test_a_password_never_gets_into_a_message() -> None:
    url = make_url("postgresql+psycopg://monitor:hunter2@db/monitor")
    with pytest.raises(StoreUnavailable) as caught, translated(url):
        raise OperationalError("SELECT 1", None, Exception("no route\nto host"))
    assert str(caught.value) == "postgresql+psycopg://monitor:***@db/monitor: no route to host"


_SMALL_DISK = """
import asyncio, resource, sys
from concurrent.futures import ThreadPoolExecutor
from monitor.core.commits import Change
from monitor.store import Store, Writer
from tests.store.examples import belief

async def main(path):
    with ThreadPoolExecutor(1) as executor:
        store = Store(f"sqlite:///{path}", writer=executor, reader=executor)
        await store.open()
        writer = Writer(store, report=lambda record: print(record.available, flush=True), jitter=lambda: 0.0)
        loop = asyncio.create_task(writer.run())
        resource.setrlimit(resource.RLIMIT_FSIZE, (200_000, resource.RLIM_INFINITY))
        commits = asyncio.gather(*(writer.commit(Change(target=belief(n))) for n in range(2000)))
        while writer.available:
            await asyncio.sleep(0.01)
        resource.setrlimit(resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
        await commits
        print(sum([len(chunk) async for chunk in store.load_targets()]))
        loop.cancel()
        await asyncio.wait([loop])
        await store.close()

asyncio.run(main(sys.argv[1]))
"""


@pytest.mark.skipif(resource.getrlimit(resource.RLIMIT_FSIZE)[1] != resource.RLIM_INFINITY, reason="a limit is set")
def test_a_file_that_may_not_grow_is_survived_by_a_real_process(tmp_path: Path) -> None:
    done = subprocess.run(  # noqa: S603 - our own program
        [sys.executable, "-c", _SMALL_DISK, str(tmp_path / "monitor.db")],
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
    )
    assert done.stdout.split() == ["False", "True", "2000"], done.stderr
