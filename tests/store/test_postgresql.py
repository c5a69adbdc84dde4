"""What only a server does: it refuses, goes away, comes back, stands by, or is reached through a pooler."""

import asyncio
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from monitor.core.commits import Change
from monitor.core.records import StoreRecord
from monitor.store import Store, StoreUnavailable, Writer
from tests.inline import InlineExecutor
from tests.postgresql import Server, pooler
from tests.store.databases import Database, emptied
from tests.store.examples import belief, key, outgoing, telling

pytestmark = pytest.mark.looptime

TELLING = Change(target=belief(), outgoing=(outgoing("e1", "oncall"), outgoing("e2", "oncall")))


def _store(url: str, **more: Any) -> Store:
    return Store(url, writer=InlineExecutor(), reader=InlineExecutor(), **more)


async def _refusal(url: str, **more: Any) -> StoreUnavailable:
    store = _store(url, **more)
    with pytest.raises(StoreUnavailable) as refused:
        await store.open()
    await store.close()
    return refused.value


# --- errors ---------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def users(postgresql: Server) -> Iterator[Server]:
    """A server with users that may do less and less."""
    with postgresql.connect() as connection:
        connection.execute("CREATE ROLE with_password LOGIN PASSWORD 'right'")
        connection.execute("CREATE SCHEMA of_with_password AUTHORIZATION with_password")
        connection.execute("CREATE ROLE refused LOGIN; CREATE ROLE reads LOGIN; CREATE ROLE plain LOGIN")
        connection.execute("ALTER ROLE reads SET default_transaction_read_only = on")
    yield postgresql
    with postgresql.connect() as connection:
        connection.execute("DROP SCHEMA of_with_password CASCADE")
        connection.execute("DROP ROLE with_password, refused, reads, plain")


@pytest.mark.parametrize(
    ("user", "more", "advice"),
    [
        ("with_password", {}, "look at the user in store.url, at store.password_file and at pg_hba.conf"),
        ("with_password", {"password": lambda: "wrong"}, "look at the user in store.url, at store.password_file"),
        ("refused", {}, "look at the user in store.url, at store.password_file and at pg_hba.conf"),
        ("unknown", {}, "look at the user in store.url"),
        ("plain", {}, "grant it CREATE on the schema or the database"),
        ("plain", {"schema": "other"}, "grant it CREATE on the schema or the database, or name a schema of its own"),
    ],
    ids=[
        "no password",
        "wrong password",
        "by address",
        "no such user",
        "no right to make tables",
        "no right to a schema",
    ],
)
async def test_a_refusal_says_what_to_do_and_is_not_waited_for(
    users: Server, user: str, more: dict[str, Any], advice: str
) -> None:
    refused = await _refusal(users.url(user), **more)
    assert advice in str(refused)
    assert "wrong" not in str(refused)
    assert not refused.passing


async def test_a_database_that_is_not_there_and_a_server_without_tls_are_told(users: Server) -> None:
    absent, plain = await _refusal(users.url(database="gone")), await _refusal(f"{users.url()}?sslmode=require")
    assert "there is no such database: create it, or look at its name in store.url" in str(absent)
    assert "TLS fails: look at sslmode and the certificates in store.url" in str(plain)
    assert not absent.passing
    assert not plain.passing


async def test_a_standby_and_a_server_that_is_away_are_waited_for(users: Server) -> None:
    standby = await _refusal(users.url("reads"))
    away = await _refusal(users.url().replace(f":{users.port}", ":1"))
    assert "the server is a standby, or read-only: name the primary, or all hosts of its group" in str(standby)
    assert "the server does not answer: look whether it runs and can be reached" in str(away)
    assert standby.passing
    assert away.passing


async def test_the_password_is_read_again_at_each_connection(users: Server) -> None:
    passwords = iter(["wrong", "right", "right"])
    store = _store(users.url("with_password"), schema="of_with_password", password=lambda: next(passwords))
    with pytest.raises(StoreUnavailable, match="refuses this user"):
        await store.load_accounts()
    await store.open()
    assert await store.load_accounts() == []
    await store.close()


async def test_a_password_that_cannot_be_read_is_waited_for(users: Server) -> None:
    def gone() -> str:
        raise ValueError("there is no such file")

    refused = await _refusal(users.url("with_password"), password=gone)
    assert str(refused) == "the password of the store cannot be read: there is no such file"
    assert refused.passing


async def test_of_several_hosts_the_one_that_takes_writes_is_used(users: Server) -> None:
    hosts = f"postgresql+psycopg://postgres@/postgres?host=127.0.0.1,127.0.0.1&port=1,{users.port}"
    store = _store(hosts, schema="contract")
    await store.open()
    await store.close()


# --- sharing a database ---------------------------------------------------------------------------------------


@pytest.fixture
def database(postgresql: Server) -> Database:
    return emptied(postgresql, "contract")


async def test_stores_in_two_schemas_know_nothing_of_each_other(
    store: Store, writer: Writer, postgresql: Server
) -> None:
    other = emptied(postgresql, "staging").store()
    await other.open()
    await writer.commit(Change(target=belief()))
    assert await other.load_target(key()) is None
    assert await store.load_target(key()) is not None
    await other.close()


async def test_a_transaction_leaves_nothing_in_its_session(store: Store) -> None:
    with store._writing.connect() as connection:
        inside = [connection.exec_driver_sql(f"SHOW {name}").scalar() for name in _SETTINGS]
        connection.rollback()
        raw = connection.connection.cursor()
        outside = [raw.execute(f"SHOW {name}").fetchone()[0] for name in _SETTINGS]
    assert inside == ["10s", "3s", '"contract"']
    assert outside == ["0", "0", '"$user", public']


_SETTINGS = ("idle_in_transaction_session_timeout", "lock_timeout", "search_path")


# --- a server that goes away ----------------------------------------------------------------------------------


async def test_a_connection_that_the_server_ends_costs_one_try(
    store: Store, writer: Writer, postgresql: Server, records: list[StoreRecord]
) -> None:
    await writer.commit(telling("before"))
    with postgresql.connect() as connection:
        connection.execute("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE pid <> pg_backend_pid()")
    committed = await writer.commit(TELLING)
    assert committed.told == {"e1", "e2"}
    assert [record.available for record in records] == [False, True]
    assert [delivery.event_id for delivery in await store.pending("oncall", 0, 10)] == ["before", "e1", "e2"]


async def test_a_row_that_another_transaction_holds_is_waited_for_again(
    store: Store, writer: Writer, postgresql: Server, records: list[StoreRecord]
) -> None:
    """A replica that was stopped within a transaction, for as long as its server lets it."""
    with postgresql.connect() as connection:
        connection.execute("BEGIN; UPDATE contract.counters SET value = value")
        committing = asyncio.create_task(writer.commit(telling("e1")))
        while not records:  # noqa: ASYNC110 - the writer says it, and nothing else does
            await asyncio.sleep(0.1)
        connection.execute("ROLLBACK")
    assert "another transaction holds a lock" in records[0].detail
    assert (await committing).told == {"e1"}


@pytest.mark.parametrize("stop", [Server.stop, Server.crash], ids=["stopped", "crashed"])
async def test_nothing_is_lost_or_repeated_while_the_server_is_away(
    own_postgresql: Server, records: list[StoreRecord], stop: Callable[[Server], None]
) -> None:
    store = _store(own_postgresql.url())
    await store.open()
    writer = Writer(store, report=records.append, jitter=lambda: 0.0)
    loop = asyncio.create_task(writer.run())
    await writer.commit(telling("before"))
    stop(own_postgresql)
    committing = asyncio.gather(
        *(writer.commit(Change(target=belief(n), outgoing=(outgoing(f"e{n}", "oncall"),))) for n in range(20))
    )
    await asyncio.sleep(60)
    assert not committing.done()
    assert not writer.available
    with pytest.raises(StoreUnavailable):
        await store.load_accounts()
    own_postgresql.start()
    async with asyncio.timeout(2):
        results = await committing
    assert [sorted(result.told) for result in results] == [[f"e{n}"] for n in range(20)]
    assert len(await store.pending("oncall", 0, 100)) == 21
    assert [record.available for record in records] == [False, True]
    assert "the server " in records[0].detail
    loop.cancel()
    await asyncio.wait([loop])
    await store.close()


# --- through a pooler -----------------------------------------------------------------------------------------


async def test_a_pooler_that_gives_each_transaction_another_session_is_no_matter(
    postgresql: Server, records: list[StoreRecord]
) -> None:
    with pooler(postgresql, pool_mode="transaction", default_pool_size=3) as port:
        url = f"postgresql+psycopg://postgres@127.0.0.1:{port}/postgres"
        with postgresql.connect() as connection:
            connection.execute("DROP SCHEMA IF EXISTS pooled CASCADE")
        stores = [_store(url, schema="pooled") for _ in range(3)]
        writers = [Writer(store, report=records.append, jitter=lambda: 0.0) for store in stores]
        for store in stores:
            await store.open()
        loops = [asyncio.create_task(writer.run()) for writer in writers]
        await asyncio.gather(
            *(
                writer.commit(Change(target=belief(f"{n}-{name}"), outgoing=(outgoing(f"{n}-{name}", "oncall"),)))
                for name, writer in enumerate(writers)
                for n in range(50)
            )
        )
        assert len({event.seq for event in (await stores[0].events(0, None, 200))[0]}) == 150
        assert records == []
        for loop in loops:
            loop.cancel()
        await asyncio.wait(loops)
        for store in stores:
            await store.close()
