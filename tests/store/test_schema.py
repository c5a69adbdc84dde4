"""The schema: up from nothing, at once from several processes, never down."""

import subprocess
import sys
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path

import pytest
from alembic.autogenerate import compare_metadata
from alembic.runtime.migration import MigrationContext
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import make_url

from monitor.core.commits import Change
from monitor.store import Store, StoreNewer, Writer, engine
from monitor.store.schema import Moment, metadata
from tests.store.databases import Database
from tests.store.examples import belief, key


def test_the_migrations_arrive_at_the_tables_that_the_store_speaks_of(new_database: Database) -> None:
    url, schema = new_database
    writing = engine.connect(url, writing=True, file=engine.database_file(url, writing=True), schema=schema)
    engine.migrate(writing)
    with writing.begin() as connection:
        context = MigrationContext.configure(connection, opts={"compare_type": True})
        assert compare_metadata(context, metadata) == []
    writing.dispose()


@pytest.mark.looptime
async def test_opening_again_keeps_what_is_there(store: Store, writer: Writer, database: Database) -> None:
    await writer.commit(Change(target=belief()))
    again = database.store()
    await again.open()
    assert await again.load_target(key()) is not None
    await again.close()


@pytest.mark.looptime
async def test_a_database_of_a_newer_version_is_refused_and_left_alone(new_database: Database) -> None:
    store = new_database.store()
    await store.open()
    with store._writing.begin() as connection:
        connection.exec_driver_sql("UPDATE alembic_version SET version_num = '9999'")
    newer = new_database.store()
    with pytest.raises(StoreNewer, match=r"has schema 9999, this version knows schemas up to 0008: run the version"):
        await newer.open()
    with store._writing.begin() as connection:
        assert connection.exec_driver_sql("SELECT version_num FROM alembic_version").scalar() == "9999"
    await newer.close()
    await store.close()


_OPEN = """
import asyncio, os, sys
from datetime import UTC, datetime
from monitor.core.model import TargetKey
from monitor.store import StoreUnavailable, transaction
from tests.store.databases import Database

async def main():
    print("ready", flush=True)
    sys.stdin.readline()
    store = Database(sys.argv[1], sys.argv[2] or None).store()
    while True:  # as the daemon does: a busy machine may take longer than a lock is waited for
        try:
            await store.open()
            break
        except StoreUnavailable as error:
            if not error.passing:
                raise
    await store.write(transaction.touch, [(TargetKey('acme', 'd', str(os.getpid())), datetime.now(UTC))])
    await store.close()

asyncio.run(main())
"""


def test_processes_that_start_at_once_do_not_break_each_other(new_database: Database) -> None:
    processes = [
        subprocess.Popen(  # noqa: S603 - our own program
            [sys.executable, "-c", _OPEN, new_database.url, new_database.schema or ""],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        for _ in range(4)
    ]
    for process in processes:
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
    for process in processes:
        assert process.stdin is not None
        process.stdin.write("go\n")
        process.stdin.flush()
    errors = [process.communicate(timeout=30)[1] for process in processes]
    assert [process.returncode for process in processes] == [0, 0, 0, 0], errors


def test_every_part_of_the_migrations_is_a_module_of_a_package() -> None:
    """Or an installed wheel would lack it."""
    folder = Path(engine.__file__).with_name("migrations")
    files = [path for path in folder.rglob("*") if path.is_file() and "__pycache__" not in path.parts]
    assert all(path.suffix == ".py" for path in files)
    assert all((path.parent / "__init__.py").exists() for path in files)


@given(st.datetimes(timezones=st.sampled_from([UTC, timezone(timedelta(hours=5, minutes=45))])))
def test_a_moment_comes_back_to_the_microsecond_in_utc(moment: datetime) -> None:
    for url in ("sqlite://", "postgresql+psycopg://"):
        dialect = make_url(url).get_dialect()()
        stored = Moment().process_bind_param(moment, dialect)
        assert stored is not None
        assert -(2**63) <= stored < 2**63
        back = Moment().process_result_value(stored, dialect)
        assert back == moment
        assert back.tzinfo is UTC
