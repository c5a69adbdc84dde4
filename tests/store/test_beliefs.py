"""Beliefs change by compare-and-set, and come back as they were."""

import asyncio

import pytest
from msgspec.structs import replace

from monitor.core.commits import Change
from monitor.core.model import Condition, Episode, Status, TruncationState
from monitor.store import Store, Writer
from monitor.store.discoveries import DiscoveryStore
from tests.store.examples import NOON, STALE, account, at, belief, key, outgoing

pytestmark = pytest.mark.looptime


async def test_a_belief_comes_back_as_it_was_one_revision_on(store: Store, writer: Writer) -> None:
    committed = await writer.commit(Change(target=belief()))
    assert not committed.stale
    assert await store.load_target(key()) == (replace(belief(), revision=1), None)


async def test_an_account_comes_back_as_it_was_one_revision_on(store: Store, writer: Writer) -> None:
    await writer.commit(Change(account=account(closed_until=at(30))))
    assert await store.load_account("acme") == account(revision=1, closed_until=at(30))
    assert await store.load_accounts() == [account(revision=1, closed_until=at(30))]


async def test_what_was_never_committed_is_not_there(store: Store) -> None:
    assert await store.load_target(key()) is None
    assert await store.load_account("acme") is None
    assert [chunk async for chunk in store.load_targets()] == []


async def test_a_belief_follows_the_revision_that_it_is_based_on(store: Store, writer: Writer) -> None:
    for revision in range(3):
        assert not (await writer.commit(Change(target=belief(revision=revision)))).stale
    loaded = await store.load_target(key())
    assert loaded is not None
    assert loaded[0].revision == 3


@pytest.mark.parametrize("revision", [0, 1, 3], ids=["new, but there already", "an older one", "one that never was"])
async def test_a_stale_writer_changes_no_row(store: Store, writer: Writer, revision: int) -> None:
    for earlier in range(2):
        await writer.commit(Change(target=belief(revision=earlier)))
    late = Change(
        target=belief(revision=revision, status=Status.TERMINATED),
        account=account(),
        outgoing=(outgoing("late", "oncall"),),
    )
    assert await writer.commit(late) == STALE
    loaded = await store.load_target(key())
    assert loaded is not None
    assert loaded[0] == belief(revision=2)
    assert await store.load_account("acme") is None
    assert await store.events(0, None, 10) == ([], 0)
    assert await store.pending_counts() == {}


async def test_a_belief_that_was_never_written_cannot_be_followed(writer: Writer) -> None:
    assert await writer.commit(Change(target=belief(revision=4))) == STALE


async def test_a_stale_account_takes_its_target_with_it(store: Store, writer: Writer) -> None:
    await writer.commit(Change(account=account()))
    assert await writer.commit(Change(target=belief(), account=account())) == STALE
    assert await store.load_target(key()) is None


async def test_what_is_known_of_a_discovery_comes_back_and_a_stale_writer_publishes_nothing(
    store: Store, writer: Writer
) -> None:
    state = TruncationState(
        account="acme", definition="*", name="orders", truncated=Condition(open=True, last=Episode("a", 1))
    )
    event = outgoing("first")
    assert (await writer.commit(Change(truncation=state, outgoing=(event,)))).told == {"first"}
    assert await writer.commit(Change(truncation=state, outgoing=(outgoing("second"),))) == STALE
    known = DiscoveryStore(store)
    assert await known.load_truncations() == [replace(state, revision=1)]
    ended = replace(state, truncated=Condition(open=False, last=Episode("a", 1)), revision=1)
    assert not (await writer.commit(Change(truncation=ended))).stale
    assert await known.load_truncations() == [replace(ended, revision=2)]


async def test_of_two_who_change_the_same_belief_at_once_one_is_stale(store: Store, writer: Writer) -> None:
    first, second = Change(target=belief(status=Status.SUSPENDED)), Change(target=belief(status=Status.COMPLETE))
    results = await asyncio.gather(writer.commit(first), writer.commit(second))
    assert [result.stale for result in results] == [False, True]
    loaded = await store.load_target(key())
    assert loaded is not None
    assert loaded[0].status is Status.SUSPENDED


async def test_ids_are_opaque(store: Store, writer: Writer) -> None:
    odd = ["a'b", 'a"b', "a%b", "a\\b", "a:b", "ä€😀", " a ", "A", "a"]
    await asyncio.gather(*(writer.commit(Change(target=belief(workflow))) for workflow in odd))
    for workflow in odd:
        loaded = await store.load_target(key(workflow))
        assert loaded is not None
        assert loaded[0].key == key(workflow)


@pytest.mark.parametrize("chunk", [1, 3, 7, 8, 100])
async def test_all_targets_come_in_chunks_each_once(store: Store, writer: Writer, chunk: int) -> None:
    await asyncio.gather(*(writer.commit(Change(target=belief(number))) for number in range(7)))
    chunks = [found async for found in store.load_targets(chunk)]
    assert all(len(found) <= chunk for found in chunks)
    assert [state.key for found in chunks for state, _ in found] == [key(number) for number in range(7)]


async def test_targets_that_have_not_ended_come_in_pages(store: Store, writer: Writer) -> None:
    ended = dict.fromkeys((0, 3, 6), Status.COMPLETE)
    beliefs = [belief(number, status=ended.get(number, Status.RUNNABLE)) for number in range(7)]
    await asyncio.gather(*(writer.commit(Change(target=one)) for one in beliefs))
    first = await store.load_running(None, 3)
    assert [state.key for state, _ in first] == [key(1), key(2), key(4)]
    assert [state.key for state, _ in await store.load_running(key(4), 3)] == [key(5)]
    assert await store.load_running(key(5), 3) == []


async def test_a_sighting_is_kept_apart_from_the_belief(store: Store, writer: Writer) -> None:
    await writer.commit(Change(target=belief()))
    writer.touch(key(), at(9))
    await asyncio.sleep(60)
    assert await store.load_target(key()) == (belief(revision=1), at(9))
    assert [found async for found in store.load_targets()] == [[(belief(revision=1), at(9))]]
    assert not (await writer.commit(Change(target=belief(revision=1)))).stale


async def test_an_older_sighting_never_takes_the_place_of_a_later_one(store: Store, writer: Writer) -> None:
    await writer.commit(Change(target=belief()))
    for moment in (at(9), at(5)):
        writer.touch(key(), moment)
        assert await writer.drain(1)
    loaded = await store.load_target(key())
    assert loaded is not None
    assert loaded[1] == at(9)


async def test_sightings_reach_the_disk_within_a_minute_without_a_write_each(store: Store, writer: Writer) -> None:
    await asyncio.gather(*(writer.commit(Change(target=belief(number))) for number in range(1200)))
    for second in range(0, 200, 5):
        for number in range(1200):
            writer.touch(key(number), at(second))
        await asyncio.sleep(5)
    loaded = [seen async for found in store.load_targets() for _, seen in found]
    assert len(loaded) == 1200
    assert all(seen is not None and at(140) <= seen < at(195) for seen in loaded)


async def test_a_moment_without_a_time_zone_is_refused(store: Store, writer: Writer) -> None:
    told = outgoing("naive", "oncall")
    naive = replace(told, event=replace(told.event, observed_at=NOON.replace(tzinfo=None)))
    with pytest.raises(Exception, match="naive"):
        await writer.commit(Change(outgoing=(naive,)))
    assert await store.events(0, None, 10) == ([], 0)
