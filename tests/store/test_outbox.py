"""Events are stored once, in an order that a cursor can follow, with their deliveries and alerts."""

import asyncio
import json
from typing import Any

import pytest

from monitor.core.alerts import AlertEnd, Closing
from monitor.core.commits import Change, Delivery, OutboxEntry
from monitor.core.event_types import EventType, Severity
from monitor.core.records import DeliveryOutcome
from monitor.core.text import cloudevent
from monitor.store import DeliveryMark, EventFilter, Store, StoredEvent, Writer
from tests.store.examples import NOON, alerting, at, belief, event, key, outgoing, telling

pytestmark = pytest.mark.looptime


async def _ids(store: Store, after: int = 0, type_: str | None = None) -> list[str]:
    found, _ = await store.events(after, type_, 100)
    return [each.body.decode().split('"')[3] for each in found]


async def test_an_event_is_told_with_its_belief(store: Store, writer: Writer) -> None:
    told = outgoing("e1", "oncall", "archive")
    committed = await writer.commit(Change(target=belief(), outgoing=(told,)))
    expected = Delivery(
        seq=1,
        receiver="oncall",
        event_id="e1",
        type=EventType.STEP_FAILED,
        severity=Severity.WARNING,
        subject="acme/orders/w",
        body=told.body,
        observed_at=NOON,
    )
    assert committed.told == {"e1"}
    assert committed.deliveries[0] == expected
    assert [delivery.receiver for delivery in committed.deliveries] == ["oncall", "archive"]
    assert await store.pending("oncall", 0, 10) == [expected]
    assert await store.events(0, None, 10) == ([StoredEvent(1, told.body)], 1)


async def test_a_delivery_about_an_account_has_the_same_subject_from_memory_and_from_disk(
    store: Store, writer: Writer
) -> None:
    committed = await writer.commit(telling(event("blind", EventType.BLIND, workflow=None)))
    assert committed.deliveries == tuple(await store.pending("oncall", 0, 10))
    assert committed.deliveries[0].subject == "acme/acme"


async def test_a_twin_makes_neither_a_delivery_nor_an_alert(store: Store, writer: Writer) -> None:
    await writer.commit(telling("e1"))
    again = await writer.commit(telling("e1", "e2"))
    assert again.told == {"e2"}
    assert [delivery.event_id for delivery in again.deliveries] == ["e2"]
    assert await _ids(store) == ["e1", "e2"]
    assert len(await store.open_alerts(NOON, 100)) == 2


async def test_of_twins_in_one_group_the_first_one_tells(store: Store, writer: Writer) -> None:
    first, second = await asyncio.gather(writer.commit(telling("e1")), writer.commit(telling("e1")))
    assert (first.told, second.told) == (frozenset({"e1"}), frozenset())
    assert len(await store.pending("oncall", 0, 10)) == 1


async def test_events_come_in_the_order_of_commits_page_by_page(store: Store, writer: Writer) -> None:
    for number in range(5):
        await writer.commit(telling(f"e{number}"))
    page, cursor = await store.events(0, None, 3)
    assert len(page) == 3
    assert await _ids(store, cursor) == ["e3", "e4"]
    _, end = await store.events(cursor, None, 3)
    assert await store.events(end, None, 3) == ([], end)


async def test_events_of_one_type(store: Store, writer: Writer) -> None:
    await writer.commit(telling("e1", event("done", EventType.COMPLETED), "e2"))
    assert await _ids(store, type_="workflow.completed") == ["done"]
    assert await _ids(store, type_="workflow.nonsense") == []


async def test_the_newest_events_of_one_target_oldest_first(store: Store, writer: Writer) -> None:
    await writer.commit(telling("e1", "e2", event("other", workflow="x"), "e3"))
    found = await store.target_events(key(), 2)
    assert [each.seq for each in found] == [2, 4]


@pytest.mark.parametrize(
    ("wanted", "page", "found"),
    [
        (EventFilter(), {"limit": 2}, ["e3", "done"]),
        (EventFilter(), {"limit": 2, "before": 3}, ["e1", "e2"]),
        (EventFilter(), {"limit": 2, "after": 1}, ["e2", "e3"]),
        (EventFilter(types=frozenset([EventType.COMPLETED])), {"limit": 9}, ["done"]),
        (EventFilter(severity=Severity.INFO), {"limit": 9}, ["done"]),
        (EventFilter(account="acme", definition="none"), {"limit": 9}, []),
        (EventFilter(account="none"), {"limit": 9}, []),
        (EventFilter(), {"limit": 2, "before": 1}, []),
    ],
)
async def test_events_like_a_filter_oldest_first(
    store: Store, writer: Writer, wanted: EventFilter, page: dict[str, int], found: list[str]
) -> None:
    await writer.commit(telling("e1", "e2", "e3", event("done", EventType.COMPLETED)))
    bounds: dict[str, Any] = {"before": None, "after": None, **page}
    stored = await store.chosen_events(wanted, **bounds)
    assert [json.loads(one.body)["id"] for one in stored] == found


async def test_pending_deliveries_of_one_receiver_from_a_cursor(store: Store, writer: Writer) -> None:
    await writer.commit(Change(outgoing=(outgoing("e1", "a"), outgoing("e2", "b"), outgoing("e3", "a", "b"))))
    assert [d.event_id for d in await store.pending("a", 0, 10)] == ["e1", "e3"]
    assert [d.event_id for d in await store.pending("a", 1, 10)] == ["e3"]
    assert [d.event_id for d in await store.pending("b", 0, 1)] == ["e2"]


async def test_a_delivery_says_what_it_is_about(store: Store, writer: Writer) -> None:
    done = event("done", EventType.COMPLETED)
    body = cloudevent.encode(done, base_url="https://api.example", external_url="https://watch.example")
    await writer.commit(Change(outgoing=(OutboxEntry(done, body, ("hook",), None, 0.0),)))
    await writer.commit(alerting("failed"))
    found = {one.receiver: (one.name, one.summary) for one in await store.deliveries(None, None, 0, 10)}
    name = "order-reminder"
    assert found == {
        "hook": (name, "summary of done"), "am": (name, "summary of failed"), "pager": (name, "summary of failed")
    }  # fmt: skip


async def test_a_delivery_says_what_it_waits_behind(store: Store, writer: Writer) -> None:
    await writer.commit(Change(outgoing=(outgoing("e1", "a"), outgoing("e2", "a", "b"), outgoing("e3", "a", "b"))))
    await writer.commit(Change(outgoing=(outgoing(event("e4", workflow="other"), "a"),)))
    found = {(one.receiver, one.ref): one.behind for one in await store.deliveries(None, None, 0, 10)}
    assert found == {("a", "e1"): None, ("a", "e2"): 1, ("b", "e2"): None, ("a", "e3"): 1, ("b", "e3"): 2,
                     ("a", "e4"): None}  # fmt: skip
    await writer.mark(_mark(1, "a", DeliveryOutcome.DELIVERED))
    found = {(one.receiver, one.ref): one.behind for one in await store.deliveries(None, "a", 0, 10)}
    assert found == {("a", "e1"): None, ("a", "e2"): None, ("a", "e3"): 2, ("a", "e4"): None}


async def test_a_delivery_that_has_overtaken_another_waits_behind_nothing(store: Store, writer: Writer) -> None:
    await writer.commit(Change(outgoing=(outgoing("e1", "a"), outgoing("e2", "a"))))
    await writer.mark(_mark(2, "a", DeliveryOutcome.RETRIED))
    found = {one.ref: (one.behind, one.next_try) for one in await store.deliveries(None, None, 0, 10)}
    assert found["e2"] == (None, at(9))


async def test_an_end_is_pending_until_its_receiver_was_told(store: Store, writer: Writer) -> None:
    committed = await writer.commit(Change(outgoing=(outgoing("e1", grouped=["pager", "other"]),)))
    incident = next(one.event_id for one in committed.deliveries)
    assert not await store.end_is_pending(incident, "pager")
    closed = await writer.commit(Change(closings=(Closing("e1", AlertEnd.CLOSED, at(1)),)))
    assert await store.end_is_pending(incident, "pager")
    for one in closed.deliveries:
        if one.receiver == "pager":
            await writer.mark(_mark(one.seq, "pager", DeliveryOutcome.DELIVERED))
    assert not await store.end_is_pending(incident, "pager")
    assert await store.end_is_pending(incident, "other")


async def test_pending_counts_tell_how_many_and_since_when(store: Store, writer: Writer) -> None:
    late, early = event("late", observed_at=at(5)), event("early", observed_at=at(1))
    await writer.commit(Change(outgoing=(outgoing(late, "a"), outgoing(early, "a", "b"))))
    assert await store.pending_counts() == {"a": (2, at(1)), "b": (1, at(1))}
    for seq in (1, 2):
        await writer.mark(_mark(seq, "a", DeliveryOutcome.DELIVERED))
    assert await store.pending_counts() == {"b": (1, at(1))}


def _mark(seq: int, receiver: str, outcome: DeliveryOutcome, attempts: int = 1) -> DeliveryMark:
    return DeliveryMark(
        seq=seq, receiver=receiver, outcome=outcome, attempts=attempts, at=at(2), not_before=at(9), detail="503"
    )


@pytest.mark.parametrize("outcome", [DeliveryOutcome.DELIVERED, DeliveryOutcome.DEAD])
async def test_what_was_delivered_or_given_up_is_pending_no_more(
    store: Store, writer: Writer, outcome: DeliveryOutcome
) -> None:
    await writer.commit(telling("e1", "e2"))
    await writer.mark(_mark(1, "oncall", outcome))
    await writer.mark(_mark(1, "oncall", DeliveryOutcome.RETRIED))
    assert [d.event_id for d in await store.pending("oncall", 0, 10)] == ["e2"]


async def test_what_is_tried_again_stays_pending_with_its_count_and_its_time(store: Store, writer: Writer) -> None:
    await writer.commit(telling("e1"))
    await writer.mark(_mark(1, "oncall", DeliveryOutcome.RETRIED, attempts=3))
    (delivery,) = await store.pending("oncall", 0, 10)
    assert (delivery.attempts, delivery.not_before) == (3, at(9))


async def test_drifts_are_known_per_account(store: Store, writer: Writer) -> None:
    for kind in ("status:Paused", "missing:startedAt"):
        await writer.commit(telling(event(kind, EventType.SCHEMA_DRIFT, reason=kind)))
    assert await store.known_drifts() == {"acme": frozenset({"status:Paused", "missing:startedAt"})}


async def _open(store: Store, seconds: float = 0) -> list[str]:
    return [found.alert.id for found in await store.open_alerts(at(seconds), 100)]


async def test_an_event_alert_stays_until_its_hold_ends(store: Store, writer: Writer) -> None:
    for told in (await writer.commit(telling("failed"))).deliveries:
        outcome = DeliveryOutcome.DELIVERED
        await writer.mark(DeliveryMark(seq=told.seq, receiver=told.receiver, outcome=outcome, attempts=1, at=NOON))
    assert await _open(store, 99) == ["failed"]
    assert await _open(store, 100) == []


async def test_a_condition_alert_stays_until_an_event_closes_it(store: Store, writer: Writer) -> None:
    await writer.commit(telling(event("suspended", EventType.SUSPENDED)))
    assert await _open(store, 1e6) == ["suspended"]
    await writer.commit(telling(event("resumed", EventType.RESUMED, closes=["suspended"])))
    assert await _open(store) == []


async def test_an_alert_may_open_and_close_in_one_group(store: Store, writer: Writer) -> None:
    suspended, resumed = event("s", EventType.SUSPENDED), event("r", EventType.RESUMED, closes=["s"])
    await asyncio.gather(writer.commit(telling(suspended)), writer.commit(telling(resumed)))
    assert await _open(store) == []


async def test_what_needs_nobody_opens_no_alert(store: Store, writer: Writer) -> None:
    quiet = event("quiet", EventType.SUSPENDED, severity=Severity.INFO)
    await writer.commit(telling(event("done", EventType.COMPLETED), quiet))
    assert await _open(store) == []


async def test_an_alert_tells_what_it_is_about(store: Store, writer: Writer) -> None:
    await writer.commit(telling("failed", event("blind", EventType.BLIND, workflow=None, observed_at=at(1))))
    blind, failed = [found.alert for found in await store.open_alerts(NOON, 100)]
    assert (blind.key, blind.type, blind.severity) == (None, EventType.BLIND, Severity.CRITICAL)
    assert (failed.key, failed.event.summary, failed.opened_at) == (key(), "summary of failed", NOON)
