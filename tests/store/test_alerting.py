"""What becomes of alerts and incidents in the store, and whom it makes deliveries for."""

import asyncio
from collections.abc import Mapping, Sequence

import pytest

from monitor.core.alerting.routing import Feed, Route
from monitor.core.alerts import AlertEnd, Closing
from monitor.core.commits import Change, Committed, DeliveryKind
from monitor.core.event_types import EventType, Severity
from monitor.core.records import DeliveryOutcome
from monitor.store import DeliveryMark, DeliveryStatus, Store, Writer
from tests.store.examples import NOON, alerting, at, event, key, outgoing

pytestmark = pytest.mark.looptime


def _told(committed: Committed) -> list[tuple[str, DeliveryKind, int]]:
    return [(one.receiver, one.about, one.members) for one in committed.deliveries]


def _failed(number: int, **more: object) -> Change:
    return alerting(event(f"e{number}", workflow=f"w{number}", **more), storm_threshold=3)  # type: ignore[arg-type]


def _close(id_: str, end: AlertEnd = AlertEnd.CLOSED, seconds: float = 5) -> Change:
    return Change(closings=(Closing(id_, end, at(seconds)),))


async def _grow(writer: Writer, count: int) -> list[list[tuple[str, DeliveryKind, int]]]:
    return [_told(await writer.commit(_failed(number))) for number in range(1, count + 1)]


async def test_an_incident_is_told_at_its_first_alert_and_whenever_it_has_doubled(writer: Writer) -> None:
    told = await _grow(writer, 9)
    assert [[(about, members) for name, about, members in one if name == "pager"] for one in told] == [
        [(DeliveryKind.INCIDENT_OPENED, 1)],
        [(DeliveryKind.INCIDENT_GREW, 2)],
        [],
        [(DeliveryKind.INCIDENT_GREW, 4)],
        *([[]] * 3),
        [(DeliveryKind.INCIDENT_GREW, 8)],
        [],
    ]


async def _calm(store: Store, writer: Writer, seconds: float = 60) -> list[tuple[str, DeliveryKind, int]]:
    calmed = [(id_, at(seconds)) for id_ in await store.calm(at(seconds), 10)]
    return _told(await writer.commit(Change(calmed=tuple(calmed))))


async def test_alerts_are_told_one_by_one_until_they_are_a_storm_which_is_told_with_its_size(
    store: Store, writer: Writer
) -> None:
    told = await _grow(writer, 6)
    assert [[about for name, about, _ in one if name == "am"] for one in told] == [[DeliveryKind.ALERT_OPENED]] * 3 + [
        []
    ] * 3
    assert await _calm(store, writer, 59.9) == []
    assert await _calm(store, writer) == [
        ("pager", DeliveryKind.INCIDENT_GREW, 6),
        ("am", DeliveryKind.INCIDENT_OPENED, 6),
    ]
    assert await _calm(store, writer, 999) == [], "once"
    await writer.commit(_failed(7, observed_at=at(100)))
    assert await _calm(store, writer, 159.9) == []
    assert await _calm(store, writer, 160) == [
        ("pager", DeliveryKind.INCIDENT_GREW, 7),
        ("am", DeliveryKind.INCIDENT_GREW, 7),
    ]


async def test_a_storm_that_does_not_calm_down_is_told_all_the_same(store: Store, writer: Writer) -> None:
    await _grow(writer, 5)
    told = _told(await writer.commit(_failed(6, observed_at=at(900))))
    assert ("am", DeliveryKind.INCIDENT_OPENED, 6) in told


async def test_a_storm_that_is_over_before_it_was_told_is_told_with_its_end(store: Store, writer: Writer) -> None:
    await _grow(writer, 4)
    ends = [_told(await writer.commit(_close(f"e{number}"))) for number in range(1, 5)]
    assert [about for name, about, _ in ends[-1] if name == "am"] == [
        DeliveryKind.INCIDENT_OPENED,
        DeliveryKind.INCIDENT_CLOSED,
    ]
    assert await store.calm(at(1e6), 10) == []


async def test_what_grew_again_since_it_was_seen_calm_is_not_told_yet(store: Store, writer: Writer) -> None:
    await _grow(writer, 3)
    (id_,) = await store.calm(at(60), 10)
    await writer.commit(_failed(4, observed_at=at(59)))
    assert _told(await writer.commit(Change(calmed=((id_, at(60)),)))) == []


async def test_many_alerts_of_one_group_commit_are_counted_as_well(writer: Writer, store: Store) -> None:
    committed = await asyncio.gather(*(writer.commit(_failed(number)) for number in range(100)))
    told = [one for each in committed for one in _told(each) if one[0] == "pager"]
    assert [members for _, _, members in told] == [1, 2, 4, 8, 16, 32, 64]
    (first,) = {one.alert.incident for one in await store.open_alerts(NOON, 100)}
    incident = await store.incident(first)
    assert incident is not None
    assert (incident.members, incident.open, len(incident.samples)) == (100, 100, 5)


async def test_a_page_waits_for_more_of_its_kind(writer: Writer) -> None:
    told = (await writer.commit(_failed(1))).deliveries
    assert {one.receiver: one.not_before for one in told} == {"am": None, "pager": at(2)}


async def test_an_incident_is_resolved_with_its_last_alert(writer: Writer) -> None:
    await _grow(writer, 2)
    assert _told(await writer.commit(_close("e1"))) == [("am", DeliveryKind.ALERT_CLOSED, 0)]
    assert _told(await writer.commit(_close("e2"))) == [
        ("pager", DeliveryKind.INCIDENT_CLOSED, 2),
        ("am", DeliveryKind.ALERT_CLOSED, 0),
    ]


async def test_what_ended_because_time_passed_is_resolved_for_nobody(writer: Writer, store: Store) -> None:
    await _grow(writer, 2)
    await writer.commit(_close("e1", AlertEnd.EXPIRED))
    told = _told(await writer.commit(_close("e2")))
    assert [about for name, about, _ in told if name == "pager"] == []
    alert = await store.alert("e1")
    assert alert is not None
    assert (alert.end, alert.ended_at) == (AlertEnd.EXPIRED, at(5))


async def test_a_storm_ends_for_receivers_of_alerts_too(store: Store, writer: Writer) -> None:
    await _grow(writer, 5)
    await _calm(store, writer)
    ends = [_told(await writer.commit(_close(f"e{number}"))) for number in range(1, 6)]
    assert [[about for name, about, _ in one if name == "am"] for one in ends] == [
        *([[DeliveryKind.ALERT_CLOSED]] * 3),
        [],
        [DeliveryKind.INCIDENT_CLOSED],
    ]


async def test_an_alert_is_closed_once(writer: Writer) -> None:
    await writer.commit(_failed(1))
    twice = await asyncio.gather(writer.commit(_close("e1")), writer.commit(_close("e1")))
    assert [each.closed for each in twice] == [{"e1"}, frozenset()]
    assert (await writer.commit(_close("nobody"))) == Committed()


async def test_an_alert_of_an_older_incident_opens_a_new_one(writer: Writer, store: Store) -> None:
    await writer.commit(_failed(1))
    await writer.commit(_failed(2, observed_at=at(3601)))
    assert len({one.alert.incident for one in await store.open_alerts(NOON, 1e6)}) == 2


async def test_a_cause_is_known_to_have_had_an_incident_that_is_over(writer: Writer, store: Store) -> None:
    await writer.commit(_failed(1))
    (opened,) = await store.open_alerts(NOON, 100)
    group = opened.alert.fault_group
    assert await store.ended_groups([group, "another"]) == {}
    await writer.commit(_close("e1", seconds=7))
    assert await store.ended_groups([group, "another"]) == {group: at(7)}
    assert await store.ended_groups([]) == {}


async def _suspend(writer: Writer, number: int, seconds: float) -> Committed:
    return await writer.commit(alerting(event(f"s{number}", EventType.SUSPENDED, observed_at=at(seconds)), settle=60.0))


async def _resume(writer: Writer, number: int, seconds: float, settle: float = 60.0) -> Committed:
    told = event(f"r{number}", EventType.RESUMED, observed_at=at(seconds), closes=[f"s{number}"])
    return await writer.commit(Change(outgoing=(outgoing(told, settle=settle),)))


async def _due(store: Store, seconds: float) -> Sequence[Closing]:
    return await store.due(at(seconds), 4 * 3600, 100)


async def test_a_condition_that_comes_back_before_it_has_settled_is_the_same_alert(
    store: Store, writer: Writer
) -> None:
    await _suspend(writer, 1, 0)
    assert _told(await _resume(writer, 1, 10)) == []
    assert await store.open_alerts(at(10), 100) == [], "nothing is suspended"
    assert _told(await _suspend(writer, 2, 20)) == []
    assert [one.alert.id for one in await store.open_alerts(at(20), 100)] == ["s1"]
    assert await _due(store, 1000) == []
    await _resume(writer, 2, 30)
    assert await _due(store, 89.9) == []
    assert await _due(store, 90) == [Closing("s1", AlertEnd.RESOLVED, at(90))]


async def test_a_condition_may_end_at_once(store: Store, writer: Writer) -> None:
    await _suspend(writer, 1, 0)
    told = _told(await _resume(writer, 1, 10, settle=0))
    assert [about for _, about, _ in told] == [DeliveryKind.INCIDENT_CLOSED, DeliveryKind.ALERT_CLOSED]
    assert await _due(store, 1000) == []


async def test_an_unwatched_target_closes_its_alerts_at_once(store: Store, writer: Writer) -> None:
    await _suspend(writer, 1, 0)
    await writer.commit(_failed(1))
    left = event("left", EventType.UNWATCHED, closes=["e1", "s1"], observed_at=at(9))
    await writer.commit(Change(outgoing=(outgoing(left, settle=60.0),)))
    assert await store.open_alerts(at(9), 100) == []
    ends = [alert.end for id_ in ("e1", "s1") if (alert := await store.alert(id_))]
    assert ends == [AlertEnd.UNWATCHED] * 2


async def test_an_event_alert_that_belongs_to_no_receiver_is_due_when_it_was_open_for_its_hold(
    store: Store, writer: Writer
) -> None:
    await writer.commit(_failed(1))
    assert await store.due(at(99), 100, 10) == []
    assert await store.due(at(100), 100, 10) == [Closing("e1", AlertEnd.EXPIRED, at(100))]


RUNNING = (Route("am", gets=Feed.ALERTS), Route("pager", gets=Feed.INCIDENTS))


@pytest.mark.parametrize(
    ("acknowledged", "refused", "running", "due_at"),
    [
        pytest.param({}, {}, RUNNING, None, id="nobody was told yet"),
        pytest.param({}, {}, (), 2000, id="nobody runs who could be told"),
        pytest.param({}, {"am": 10, "pager": 20}, RUNNING, 2000, id="nobody takes it"),
        pytest.param({"am": 5000, "pager": 10}, {}, RUNNING, 5900, id="who shows alerts has shown it for a while"),
        pytest.param({"pager": 10}, {}, RUNNING, None, id="who shows alerts is away"),
        pytest.param({"pager": 10}, {}, RUNNING[1:], 2010, id="who shows alerts is not there any more"),
        pytest.param({"am": 40}, {}, RUNNING, 2040, id="who is away shows no end"),
        pytest.param({"am": 5000}, {}, RUNNING, 7000, id="the first one was told late"),
        pytest.param({"am": 40, "pager": 3000}, {}, RUNNING, 2040, id="who shows no end was told later"),
        pytest.param({"am": 40}, {"pager": 5}, RUNNING, 2040, id="one refused"),
    ],
)
async def test_a_hold_counts_from_the_first_acknowledgement(
    store: Store,
    writer: Writer,
    *,
    acknowledged: Mapping[str, float],
    refused: Mapping[str, float],
    running: Sequence[Route],
    due_at: float | None,
) -> None:
    marks = [(name, DeliveryOutcome.DELIVERED, seconds) for name, seconds in acknowledged.items()]
    marks += [(name, DeliveryOutcome.DEAD, seconds) for name, seconds in refused.items()]
    sent = {one.receiver: one.seq for one in (await writer.commit(_failed(1))).deliveries}
    for name, outcome, seconds in marks:
        await writer.mark(DeliveryMark(seq=sent[name], receiver=name, outcome=outcome, attempts=1, at=at(seconds)))
    if due_at is None:
        assert await store.due(at(1e6), 2000, 10, running) == []
        return
    assert await store.due(at(due_at - 0.1), 2000, 10, running) == []
    assert [one.end for one in await store.due(at(due_at), 2000, 10, running)] == [AlertEnd.EXPIRED]


async def test_what_is_told_by_its_incident_only_is_held_from_the_acknowledgement_of_that(
    store: Store, writer: Writer
) -> None:
    await _grow(writer, 4)
    calmed = Change(calmed=tuple([(id_, at(60)) for id_ in await store.calm(at(60), 1)]))
    (storm,) = [one for one in (await writer.commit(calmed)).deliveries if one.receiver == "am"]
    (last,) = [found.alert for found in await store.open_alerts(NOON, 100) if not found.alert.single]
    assert last.id not in [one.alert for one in await store.due(at(1000), 100, 10, RUNNING[:1])]
    told = DeliveryMark(seq=storm.seq, receiver="am", outcome=DeliveryOutcome.DELIVERED, attempts=1, at=at(950))
    await writer.mark(told)
    assert last.id not in [one.alert for one in await store.due(at(1049), 100, 10, RUNNING[:1])]
    assert last.id in [one.alert for one in await store.due(at(1050), 100, 10, RUNNING[:1])]


async def test_what_nobody_was_told_of_is_shown_as_open_however_long_that_takes(store: Store, writer: Writer) -> None:
    await writer.commit(_failed(1))
    assert [one.alert.id for one in await store.open_alerts(at(1e6), 100)] == ["e1"]


async def test_another_open_alert_with_the_same_labels_keeps_it_open(store: Store, writer: Writer) -> None:
    for id_ in ("e1", "e2"):
        await writer.commit(alerting(event(id_)))
    assert DeliveryKind.ALERT_CLOSED not in [about for _, about, _ in _told(await writer.commit(_close("e1")))]
    found = await store.alerts_of("am", after="", limit=10, ended_after=NOON)
    assert [alert.id for alert in found] == ["e2"]
    assert DeliveryKind.ALERT_CLOSED in [about for _, about, _ in _told(await writer.commit(_close("e2")))]


async def test_a_receiver_reads_its_alerts_in_pages(store: Store, writer: Writer) -> None:
    await _grow(writer, 5)
    await _calm(store, writer)
    await writer.commit(_close("e2", seconds=5))
    page = await store.alerts_of("am", after="", limit=2, ended_after=NOON)
    assert [(alert.id, alert.end) for alert in page] == [("e1", None), ("e2", AlertEnd.CLOSED)]
    rest = await store.alerts_of("am", after="e2", limit=2, ended_after=NOON)
    assert [alert.id for alert in rest] == ["e3"], "e4 and e5 are told as a storm"
    assert [storm.members for storm in await store.storms_of("am", ended_after=NOON)] == [5]
    assert [alert.id for alert in await store.alerts_of("am", after="", limit=9, ended_after=at(5))] == ["e1", "e3"]
    assert await store.alerts_of("a", after="", limit=2, ended_after=NOON) == []
    assert await store.alerts_of("%", after="", limit=2, ended_after=NOON) == []


async def test_a_receiver_reads_the_open_ends_of_some_workflows(store: Store, writer: Writer) -> None:
    ends = [event(f"end{n}", EventType.TERMINATED, workflow=f"w{n}") for n in range(4)]
    await writer.commit(alerting(*ends, event("step1", workflow="w1"), storm_threshold=9))
    await writer.commit(_close("end3"))
    found = await store.ends_of("am", {key(f"w{n}") for n in (1, 2, 3, 7)})
    assert sorted(alert.id for alert in found) == ["end1", "end2"]
    assert await store.ends_of("a", {key("w1")}) == []
    assert await store.ends_of("am", set()) == []


async def test_an_end_that_only_its_storm_tells_is_no_end_for_a_receiver(store: Store, writer: Writer) -> None:
    for n in range(5):
        await writer.commit(alerting(event(f"end{n}", EventType.TERMINATED, workflow=f"w{n}"), storm_threshold=3))
    found = await store.ends_of("am", {key(f"w{n}") for n in range(5)})
    assert sorted(alert.id for alert in found) == ["end0", "end1", "end2"]


# --- receivers that come later ---

NEW = [Route("new-am", gets=Feed.ALERTS), Route("new-pager", gets=Feed.INCIDENTS), Route("hook", gets=Feed.EVENTS)]


async def test_a_receiver_that_is_new_gets_what_is_open_once(store: Store, writer: Writer) -> None:
    await _grow(writer, 5)
    await writer.commit(_close("e1"))
    assert await store.introduce(NEW, NOON, 100) == (2 + 1) + 1 + 4
    assert await store.introduce(NEW, NOON, 100) == 0
    got = {route.receiver: await store.pending(route.receiver, 0, 100) for route in NEW}
    assert [one.about for one in got["new-am"]] == [DeliveryKind.ALERT_OPENED] * 2 + [DeliveryKind.INCIDENT_OPENED]
    assert [(one.about, one.members) for one in got["new-pager"]] == [(DeliveryKind.INCIDENT_OPENED, 5)]
    assert [(one.about, one.event_id, bool(one.body)) for one in got["hook"]] == [
        (DeliveryKind.EVENT, f"e{number}", True) for number in range(2, 6)
    ]
    told = _told(await writer.commit(_close("e2")))
    assert ("new-am", DeliveryKind.ALERT_CLOSED, 0) in told, "who was told of it hears of its end"


async def test_who_hears_of_a_fault_by_another_alert_is_spared(store: Store, writer: Writer) -> None:
    step = event("e1", workflow="w1")
    spared = Change(outgoing=(outgoing(step, spared=["pager"]),))
    assert _told(await writer.commit(spared)) == []
    assert await store.introduce([Route("pager", gets=Feed.INCIDENTS)], NOON, 100) == 0
    assert _told(await writer.commit(_failed(2))) == [
        ("pager", DeliveryKind.INCIDENT_OPENED, 2),
        ("am", DeliveryKind.ALERT_OPENED, 0),
    ], "this one is told by nothing else"


async def test_a_pager_that_comes_later_hears_of_a_fault_that_nobody_was_told_of(store: Store, writer: Writer) -> None:
    await writer.commit(Change(outgoing=(outgoing(event("e1", workflow="w1")),)))
    assert await store.introduce([Route("new-pager", gets=Feed.INCIDENTS)], NOON, 100) == 1


async def test_a_pager_that_comes_later_is_spared_what_others_are_spared(store: Store, writer: Writer) -> None:
    await writer.commit(Change(outgoing=(outgoing(event("e1", workflow="w1"), spared=["pager"]),)))
    assert await store.introduce([Route("new-pager", gets=Feed.INCIDENTS)], NOON, 100) == 0


async def test_a_receiver_gets_nothing_that_it_did_not_ask_for(store: Store, writer: Writer) -> None:
    await writer.commit(_failed(1))
    wishes = [Route(f"r{gets.value}", Severity.CRITICAL, ("*",), gets) for gets in Feed]
    assert await store.introduce(wishes, NOON, 100) == 0


# --- what was given up ---


async def test_what_was_given_up_can_be_tried_again(store: Store, writer: Writer) -> None:
    (sent,) = [one for one in (await writer.commit(_failed(1))).deliveries if one.receiver == "am"]
    await writer.mark(
        DeliveryMark(seq=sent.seq, receiver="am", outcome=DeliveryOutcome.DEAD, attempts=3, at=at(9), detail="HTTP 400")
    )
    assert await store.dead_counts() == {"am": 1}
    (dead,) = await store.deliveries(DeliveryStatus.DEAD, None, 0, 10)
    assert (dead.receiver, dead.detail, dead.attempts, dead.done_at) == ("am", "HTTP 400", 3, at(9))
    (alert,) = await store.open_alerts(NOON, 100)
    assert {(one.receiver, one.status) for one in alert.tellings} == {
        ("am", DeliveryStatus.DEAD),
        ("pager", DeliveryStatus.PENDING),
    }
    assert [again.seq for again in await store.retry("other")] == []
    assert [again.seq for again in await store.retry(None)] == [sent.seq]
    (pending,) = await store.pending("am", 0, 10)
    assert (pending.attempts, pending.about, pending.subject) == (0, sent.about, sent.subject)


async def test_targets_with_alerts_are_known(store: Store, writer: Writer) -> None:
    await writer.commit(_failed(1))
    await writer.commit(alerting(event("blind", EventType.BLIND, workflow=None)))
    assert await store.targets_with_alerts() == [key("w1")]
    assert [alert.id for alert in await store.alerts_about(key("w1"))] == ["e1"]
    assert await store.open_counts() == {Severity.WARNING: 1, Severity.CRITICAL: 1}


# --- what goes on meanwhile ---


async def test_a_condition_that_holds_again_is_not_resolved_by_who_saw_it_settled(store: Store, writer: Writer) -> None:
    await _suspend(writer, 1, 0)
    await _resume(writer, 1, 10)
    (due,) = await _due(store, 70)
    again = _suspend(writer, 2, 69), writer.commit(Change(closings=(due,)))
    _, closed = await asyncio.gather(*again)
    assert closed == Committed()
    assert [one.alert.id for one in await store.open_alerts(at(70), 100)] == ["s1"]


async def test_who_comes_later_hears_nothing_of_what_is_as_good_as_over(store: Store, writer: Writer) -> None:
    await _grow(writer, 5)
    await _suspend(writer, 1, 0)
    await _resume(writer, 1, 10)
    assert await store.introduce(NEW, at(100), 100) == 0, "of the receivers that were told none runs any more"


async def test_an_event_that_is_told_again_after_years_is_known_as_long_as_its_alert(
    store: Store, writer: Writer
) -> None:
    await writer.commit(_failed(1))
    await writer.commit(_close("e1", seconds=1000))
    await store.prune(events_before=at(500), targets_before=at(500), watched=lambda _: True, receivers=())
    assert (await writer.commit(_failed(1))).told == frozenset()


async def test_an_incident_that_cannot_be_read_holds_up_nobody_else(store: Store, writer: Writer) -> None:
    await writer.commit(_failed(1))
    with store._writing.begin() as connection:
        connection.exec_driver_sql("UPDATE incidents SET state = '{'")
    spoilt, sound = await asyncio.gather(
        writer.commit(_failed(2)),
        writer.commit(alerting(event("s1", EventType.SUSPENDED, workflow="w9"))),
        return_exceptions=True,
    )
    assert isinstance(spoilt, ValueError)
    assert isinstance(sound, Committed)
    assert sound.told == {"s1"}


async def test_the_end_of_a_single_alert_is_told_beside_a_storm_with_its_labels(store: Store, writer: Writer) -> None:
    for number in range(1, 6):
        await writer.commit(alerting(event(f"e{number}"), storm_threshold=3))
    told = [_told(await writer.commit(_close(f"e{number}"))) for number in (1, 2, 3)]
    assert [about for one in told for name, about, _ in one if name == "am"] == [DeliveryKind.ALERT_CLOSED]


async def test_names_of_receivers_that_differ_in_case_are_two(store: Store, writer: Writer) -> None:
    await writer.commit(_failed(1))
    assert await store.alerts_of("AM", after="", limit=9, ended_after=NOON) == []


async def test_what_is_open_is_found_by_the_id_of_the_alert_or_of_its_incident(store: Store, writer: Writer) -> None:
    await _grow(writer, 3)
    first = await store.alert("e1")
    assert first is not None
    assert await store.open_alert_ids("e1") == ["e1"]
    assert sorted(await store.open_alert_ids(first.incident)) == ["e1", "e2", "e3"]
    await writer.commit(_close("e2"))
    assert sorted(await store.open_alert_ids(first.incident)) == ["e1", "e3"]
    assert await store.open_alert_ids("e2") == await store.open_alert_ids("nobody") == []
