"""What is forgotten, and what never is."""

import asyncio
from collections.abc import Collection

import pytest
from sqlalchemy import func, select

from monitor.core.alerts import AlertEnd, Closing
from monitor.core.commits import Change
from monitor.core.event_types import EventType
from monitor.core.model import Status
from monitor.core.records import DeliveryOutcome
from monitor.store import DeliveryMark, Pruned, Store, Writer, pruning
from monitor.store.schema import sightings
from tests.store.examples import NOON, alerting, at, belief, event, key, outgoing, telling

pytestmark = pytest.mark.looptime


async def _prune(
    store: Store,
    *,
    before: float = 100,
    watched: Collection[str] = (),
    receivers: Collection[str] = ("oncall",),
    batch: int = 500,
) -> Pruned:
    return await store.prune(
        events_before=at(before),
        targets_before=at(before),
        watched=lambda key: key.workflow in watched,
        receivers=receivers,
        batch=batch,
    )


async def _deliver(
    writer: Writer, *seqs: int, outcome: DeliveryOutcome = DeliveryOutcome.DELIVERED, receiver: str = "oncall"
) -> None:
    for seq in seqs:
        await writer.mark(DeliveryMark(seq=seq, receiver=receiver, outcome=outcome, attempts=1, at=at(1)))


async def _seqs(store: Store) -> list[int]:
    return [each.seq for each in (await store.events(0, None, 1000))[0]]


@pytest.mark.parametrize("outcome", [DeliveryOutcome.DELIVERED, DeliveryOutcome.DEAD])
async def test_old_events_that_nobody_waits_for_are_forgotten(
    store: Store, writer: Writer, outcome: DeliveryOutcome
) -> None:
    cancelled = EventType.STEP_CANCELLED
    await writer.commit(telling(event("old", cancelled), event("young", cancelled, observed_at=at(100))))
    await _deliver(writer, 1, 2, outcome=outcome)
    assert (await _prune(store)).events == 1
    assert await _seqs(store) == [2]


async def test_a_pending_delivery_keeps_its_event(store: Store, writer: Writer) -> None:
    await writer.commit(Change(outgoing=(outgoing("old", "oncall", "archive"),)))
    await _deliver(writer, 1)
    assert (await _prune(store, receivers=["oncall", "archive"])).events == 0
    assert len(await store.pending("archive", 0, 10)) == 1


async def test_a_receiver_that_is_configured_no_more_keeps_nothing_that_is_old(store: Store, writer: Writer) -> None:
    await writer.commit(
        Change(
            outgoing=(
                outgoing(event("old", EventType.COMPLETED), "gone"),
                outgoing(event("young", observed_at=at(100)), "gone"),
            )
        )
    )
    assert (await _prune(store)).events == 1
    assert [delivery.event_id for delivery in await store.pending("gone", 0, 10)] == ["young"]


async def test_a_kind_of_drift_is_known_for_ever(store: Store, writer: Writer) -> None:
    drift = event("drift", EventType.SCHEMA_DRIFT, reason="status:Paused")
    await writer.commit(telling(drift))
    await _deliver(writer, 1)
    await _prune(store, before=1e9)
    assert await store.known_drifts() == {"acme": frozenset({"status:Paused"})}
    assert (await writer.commit(telling(drift))).told == frozenset()


async def test_places_in_the_order_are_never_given_twice(store: Store, writer: Writer) -> None:
    await writer.commit(telling(event("e1", EventType.COMPLETED), event("e2", EventType.COMPLETED)))
    await _deliver(writer, 1, 2)
    await _prune(store)
    await writer.commit(telling("e3"))
    assert await _seqs(store) == [3]


async def test_ended_targets_that_are_not_watched_are_forgotten_with_their_sightings(
    store: Store, writer: Writer
) -> None:
    for workflow, status, since in [
        ("ended", Status.COMPLETE, NOON),
        ("watched", Status.TERMINATED, NOON),
        ("running", Status.RUNNABLE, NOON),
        ("young", Status.COMPLETE, at(100)),
    ]:
        await writer.commit(Change(target=belief(workflow, status=status, since=since)))
        writer.touch(key(workflow), at(150))
    await writer.drain(1)
    assert (await _prune(store, watched=["watched"])).targets == 1
    left = [state.key.workflow async for chunk in store.load_targets() for state, _ in chunk]
    assert left == ["running", "watched", "young"]
    with store._reading.connect() as connection:
        assert connection.execute(select(func.count()).select_from(sightings)).scalar() == 3


async def test_targets_that_nobody_watches_and_sees_any_more_are_forgotten(store: Store, writer: Writer) -> None:
    for workflow, status, seen in [
        ("left", Status.RUNNABLE, at(1)),
        ("watched", Status.RUNNABLE, at(1)),
        ("seen", Status.RUNNABLE, at(150)),
        ("new", Status.RUNNABLE, None),
        ("never", Status.NOT_FOUND, None),
    ]:
        await writer.commit(Change(target=belief(workflow, status=status)))
        if seen is not None:
            writer.touch(key(workflow), seen)
    await writer.drain(1)
    assert (await _prune(store, watched=["watched"])).targets == 2
    left = [state.key.workflow async for chunk in store.load_targets() for state, _ in chunk]
    assert left == ["new", "seen", "watched"]


async def test_an_alert_is_forgotten_with_its_incident_when_it_is_over(store: Store, writer: Writer) -> None:
    await writer.commit(alerting(event("s1", EventType.SUSPENDED), event("n1", EventType.NOT_FOUND)))
    await writer.commit(alerting(event("resumed", EventType.RESUMED, closes=["s1"])))
    await _deliver(writer, *range(1, 20), receiver="am")
    assert (await _prune(store, receivers=["am", "pager"])).alerts == 0, "the pager still waits for the incident"
    await _deliver(writer, *range(1, 20), receiver="pager")
    assert (await _prune(store, receivers=["am", "pager"])).alerts == 2
    assert [found.alert.id for found in await store.open_alerts(NOON, 1e6)] == ["n1"]


async def test_what_is_believed_of_a_target_stays_as_long_as_its_alerts(store: Store, writer: Writer) -> None:
    """Or its next episode would have the name of one that was told."""
    gone = event("n1", EventType.NOT_FOUND, workflow="never")
    told = Change(target=belief("never", status=Status.NOT_FOUND), outgoing=alerting(gone).outgoing)
    await writer.commit(told)
    await writer.commit(Change(closings=(Closing("n1", AlertEnd.UNWATCHED, at(2)),)))
    assert (await _prune(store, before=1)).targets == 0
    assert await store.load_target(key("never")) is not None
    await _deliver(writer, *range(1, 20), receiver="am")
    await _deliver(writer, *range(1, 20), receiver="pager")
    pruned = [await _prune(store, before=3, receivers=["am", "pager"]) for _ in range(2)]
    assert sum(each.targets for each in pruned) == 1


async def test_an_event_stays_while_its_alert_is_open(store: Store, writer: Writer) -> None:
    await writer.commit(telling("failed"))
    await _deliver(writer, 1)
    assert (await _prune(store)).events == 0
    await writer.commit(Change(closings=(Closing("failed", AlertEnd.EXPIRED, at(200)),)))
    assert (await _prune(store)).events == 0, "its alert is known still"
    assert (await _prune(store, before=201)).events == 1


@pytest.mark.parametrize("number", [0, 9, 10, 11, 25])
async def test_batches_are_bounded_and_end(store: Store, writer: Writer, number: int) -> None:
    for n in range(number):
        done = event(f"e{n}", EventType.COMPLETED)
        await writer.commit(Change(target=belief(n, status=Status.COMPLETE), outgoing=(outgoing(done),)))
    pruned = await _prune(store, batch=10)
    assert pruned == Pruned(events=number, targets=number)


async def test_commits_take_their_turns_between_batches(store: Store, writer: Writer) -> None:
    done = [event(f"e{n}", EventType.COMPLETED) for n in range(100)]
    await asyncio.gather(*(writer.commit(Change(outgoing=(outgoing(one),))) for one in done))
    under_way = asyncio.create_task(_prune(store, batch=1))
    await asyncio.sleep(0)
    await writer.commit(telling("between"))
    assert not under_way.done()
    await under_way


async def test_a_target_that_is_written_meanwhile_stays(store: Store, writer: Writer) -> None:
    ended = belief("again", status=Status.COMPLETE)
    await writer.commit(Change(target=ended))
    found = pruning.ended_targets(store._reading, at(100), None, 10)
    await writer.commit(Change(target=belief("again", revision=1)))
    assert pruning.forget_targets(store._writing, [ended for _, ended in found]) == 0
    assert await store.load_target(key("again")) is not None
