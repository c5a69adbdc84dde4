"""Many callers share a transaction, and none of them pays for another."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from concurrent.futures import ThreadPoolExecutor
from threading import Event as Signal

import pytest
from sqlalchemy import Engine
from sqlalchemy import event as engine_event

from monitor.core.commits import Change, OutboxEntry
from monitor.core.records import DeliveryOutcome
from monitor.store import DeliveryMark, Store, StoreUnavailable, Writer
from tests.store.databases import Database
from tests.store.examples import STALE, at, belief, event, key, outgoing, telling


@pytest.fixture
def commits(store: Store) -> list[None]:
    """Grows by one for each COMMIT of the writing side."""
    seen: list[None] = []
    engine_event.listen(store._writing, "commit", lambda _: seen.append(None))
    return seen


@pytest.mark.looptime
async def test_concurrent_callers_share_a_transaction(store: Store, writer: Writer, commits: list[None]) -> None:
    await writer.commit(telling("first"))
    mark = DeliveryMark(seq=1, receiver="oncall", outcome=DeliveryOutcome.DELIVERED, attempts=1, at=at(1))
    changes = [Change(target=belief(n), outgoing=(outgoing(f"e{n}", "oncall"),)) for n in range(50)]
    await asyncio.gather(writer.mark(mark), *(writer.commit(change) for change in changes))
    assert len(commits) == 2
    assert len(await store.pending("oncall", 0, 100)) == 50


@pytest.mark.looptime
async def test_a_group_is_bounded(store: Store, commits: list[None]) -> None:
    writer = Writer(store, report=print, jitter=lambda: 0.0, max_group=20)
    loop = asyncio.create_task(writer.run())
    await asyncio.gather(*(writer.commit(Change(target=belief(n))) for n in range(50)))
    assert len(commits) == 3
    loop.cancel()


@pytest.mark.looptime
async def test_only_the_stale_members_of_a_group_are_dropped(store: Store, writer: Writer) -> None:
    stale = {3, 17, 18, 49}
    for number in stale:
        await writer.commit(Change(target=belief(number)))
    changes = [Change(target=belief(n), outgoing=(outgoing(f"e{n}", "oncall"),)) for n in range(50)]
    results = await asyncio.gather(*(writer.commit(change) for change in changes))
    assert {number for number, result in enumerate(results) if result == STALE} == stale
    told = {delivery.event_id for delivery in await store.pending("oncall", 0, 100)}
    assert told == {f"e{n}" for n in range(50) if n not in stale}
    assert told == {id_ for result in results for id_ in result.told}


@pytest.mark.looptime
async def test_a_change_that_cannot_be_stored_fails_alone(store: Store, writer: Writer) -> None:
    no_text = OutboxEntry(event("no text"), b"\xff", ("oncall",))
    results = await asyncio.gather(
        writer.commit(telling("before")),
        writer.commit(Change(outgoing=(no_text,))),
        writer.commit(telling("after")),
        return_exceptions=True,
    )
    assert [type(result).__name__ for result in results] == ["Committed", "UnicodeDecodeError", "Committed"]
    assert [d.event_id for d in await store.pending("oncall", 0, 10)] == ["before", "after"]
    assert writer.available


@pytest.mark.looptime
async def test_a_belief_is_written_at_most_once_in_a_group(writer: Writer, commits: list[None]) -> None:
    results = await asyncio.gather(*(writer.commit(Change(target=belief(revision=n))) for n in range(5)))
    assert not any(result.stale for result in results)
    assert len(commits) == 5


@pytest.mark.looptime
async def test_changes_of_one_belief_keep_their_order_in_small_groups(store: Store) -> None:
    writer = Writer(store, report=print, jitter=lambda: 0.0, max_group=2)
    loop = asyncio.create_task(writer.run())
    beliefs = [belief("a"), belief("a", 1), belief("b"), belief("a", 2), belief("b", 1), belief("a", 3)]
    results = await asyncio.gather(*(writer.commit(Change(target=each)) for each in beliefs))
    assert not any(result.stale for result in results)
    loop.cancel()


@pytest.mark.looptime
async def test_a_caller_that_is_cancelled_cancels_nothing(store: Store, writer: Writer) -> None:
    gone = asyncio.create_task(writer.commit(Change(target=belief("gone"))))
    stays = asyncio.create_task(writer.commit(Change(target=belief("stays"))))
    await asyncio.sleep(0)
    gone.cancel()
    assert not (await stays).stale
    assert await store.load_target(key("gone")) is not None


@pytest.mark.looptime
async def test_after_the_end_nobody_waits_for_what_will_not_come(store: Store) -> None:
    writer = Writer(store, report=print, jitter=lambda: 0.0)
    loop = asyncio.create_task(writer.run())
    await asyncio.sleep(0)
    waiting = asyncio.create_task(writer.commit(telling("e1")))
    loop.cancel()
    with pytest.raises(StoreUnavailable):
        await waiting
    with pytest.raises(StoreUnavailable):
        await writer.commit(telling("e2"))


@pytest.mark.looptime
async def test_draining_again_meanwhile_loses_no_sighting(store: Store, writer: Writer) -> None:
    await asyncio.gather(*(writer.commit(Change(target=belief(n))) for n in range(1200)))
    for number in range(1200):
        writer.touch(key(number), at(1))
    first = asyncio.create_task(writer.drain(1))
    await asyncio.sleep(0)
    writer.touch(key(5), at(2))
    assert await writer.drain(1)
    assert await first
    seen = [moment async for chunk in store.load_targets() for _, moment in chunk]
    assert seen.count(at(1)) == 1199
    assert seen.count(at(2)) == 1


@pytest.mark.looptime
async def test_draining_gives_up_after_its_time(store: Store) -> None:
    writer = Writer(store, report=print, jitter=lambda: 0.0)  # whose loop does not run
    writer.touch(key(), at(1))
    began = asyncio.get_running_loop().time()
    assert not await writer.drain(5)
    assert asyncio.get_running_loop().time() - began == 5


# --- with real threads ----------------------------------------------------------------------------------------


@pytest.fixture
def thread() -> Iterator[ThreadPoolExecutor]:
    with ThreadPoolExecutor(1) as executor:
        yield executor


@pytest.fixture
async def threaded(database: Database, thread: ThreadPoolExecutor) -> AsyncIterator[Store]:
    store = database.store(thread)
    await store.open()
    yield store
    await store.close()


class SlowDisk:
    """The next COMMIT waits until it may go on."""

    def __init__(self, store: Store) -> None:
        self._reached, self._may_go_on = Signal(), Signal()
        engine_event.listen(store._writing, "commit", self._hold, once=True)

    def _hold(self, _: object) -> None:
        self._reached.set()
        self._may_go_on.wait(5)

    async def reached(self) -> None:
        await asyncio.get_running_loop().run_in_executor(None, self._reached.wait, 5)

    def go_on(self) -> None:
        self._may_go_on.set()


async def test_a_loop_that_is_cancelled_awaits_its_transaction(threaded: Store) -> None:
    disk = SlowDisk(threaded)
    writer = Writer(threaded, report=print, jitter=lambda: 0.0)
    loop = asyncio.create_task(writer.run())
    caller = asyncio.create_task(writer.commit(telling("e1")))
    await disk.reached()
    loop.cancel()
    await asyncio.sleep(0)
    loop.cancel()
    assert not caller.done()
    disk.go_on()
    assert (await caller).told == {"e1"}
    await asyncio.wait([loop])
    assert loop.cancelled()


async def test_draining_awaits_what_was_given_by_callers_that_are_gone(threaded: Store) -> None:
    disk = SlowDisk(threaded)
    writer = Writer(threaded, report=print, jitter=lambda: 0.0)
    loop = asyncio.create_task(writer.run())
    callers = [asyncio.create_task(writer.commit(telling(id_))) for id_ in ("e1", "e2")]
    await disk.reached()
    for caller in callers:
        caller.cancel()
    draining = asyncio.create_task(writer.drain(5))
    await asyncio.wait(callers)
    assert not draining.done()
    disk.go_on()
    assert await draining
    assert len(await threaded.pending("oncall", 0, 10)) == 2
    loop.cancel()
    await asyncio.wait([loop])


async def test_a_cursor_misses_nothing_that_a_second_writer_commits(database: Database, threaded: Store) -> None:
    """Two writers, each with a connection of its own, and a reader that follows both."""
    with ThreadPoolExecutor(1) as other_thread:
        other = database.store(other_thread)
        await other.open()
        writers = [Writer(each, report=print, jitter=lambda: 0.0, max_group=7) for each in (threaded, other)]
        loops = [asyncio.create_task(writer.run()) for writer in writers]
        commits = asyncio.gather(
            *(writer.commit(telling(f"{n}-{name}")) for name, writer in enumerate(writers) for n in range(100))
        )
        cursor = 0
        followed: list[int] = []
        while not commits.done() or len(followed) < 200:
            page, cursor = await threaded.events(cursor, None, 50)
            followed += [each.seq for each in page]
            await asyncio.sleep(0)
        assert followed == list(range(1, 201))
        for loop in loops:
            loop.cancel()
        await asyncio.wait(loops)
        await other.close()


def test_the_engine_that_writes_has_one_connection(store: Store) -> None:
    engine: Engine = store._writing
    assert engine.pool.size() == 1  # type: ignore[attr-defined]  # of a QueuePool, which it is
