"""Send, then mark: the deliverer with a real store, receivers that follow a script, in virtual time."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from monitor.alerting.deliverer import Deliverer, Ledger, Receiver
from monitor.core.alerting.verdict import Delivered, Refused, Retry, Verdict
from monitor.core.commits import Change, Delivery, OutboxEntry
from monitor.core.event_types import EventType, Severity
from monitor.core.model import Event
from monitor.core.records import DeliveryOutcome, DeliveryRecord
from monitor.core.scheduling.token_bucket import RateQuota
from monitor.store import DeliveryMark, Store, StoreUnavailable, Writer
from tests.inline import InlineExecutor

NOON = datetime(2026, 1, 5, 12, tzinfo=UTC)
OK = Delivered("HTTP 200")
DOWN = Retry("connection refused", receiver_down=True)
JITTER = 0.5

Answer = Verdict | Exception


class Scripted:
    """A receiver's notifier that answers by a script: `answer(event_id, attempts)`, after `duration` seconds."""

    def __init__(self, answer: Callable[[str, int], Answer] = lambda *_: OK, duration: float = 0.0) -> None:
        self.answer = answer
        self.duration = duration
        self.sent: list[tuple[str, float]] = []
        """(event id, seconds since the test began) of every request."""
        self.attempts: list[int] = []
        self.under_way = self.most_under_way = 0
        self.closed = False

    @property
    def ids(self) -> list[str]:
        return [name for name, _ in self.sent]

    async def send(self, delivery: Delivery) -> Verdict:
        self.sent.append((delivery.event_id, time()))
        self.attempts.append(delivery.attempts)
        self.under_way += 1
        self.most_under_way = max(self.most_under_way, self.under_way)
        try:
            await asyncio.sleep(self.duration)
        finally:
            self.under_way -= 1
        answer = self.answer(delivery.event_id, delivery.attempts)
        if isinstance(answer, Exception):
            raise answer
        return answer

    async def close(self) -> None:
        self.closed = True


class Slow:
    """A writer whose marks take their time, or fail."""

    def __init__(self, writer: Writer, seconds: float = 0.0, error: Exception | None = None) -> None:
        self.writer = writer
        self.seconds = seconds
        self.error = error
        self.marks: list[DeliveryMark] = []

    async def mark(self, mark: DeliveryMark) -> None:
        await asyncio.sleep(self.seconds)
        if self.error is not None:
            raise self.error
        self.marks.append(mark)
        await self.writer.mark(mark)


class Busy(Store):
    """A store whose first reads of pending deliveries fail."""

    failures = 3

    async def pending(self, receiver: str, after_seq: int, limit: int) -> list[Delivery]:
        self.failures -= 1
        if self.failures >= 0:
            raise StoreUnavailable("busy")
        return await super().pending(receiver, after_seq, limit)


class House:
    """A store on disk, and what runs on it."""

    def __init__(self, folder: Path) -> None:
        self.records: list[DeliveryRecord] = []
        self.faults: list[Exception] = []
        self.beats: list[str] = []
        self.told = 0
        self.url = f"sqlite:///{folder}/monitor.db"
        self.store = Store(self.url, writer=InlineExecutor(), reader=InlineExecutor())
        self.writer = Writer(self.store, report=lambda _: None, jitter=lambda: 0.0)
        self.deliverer: Deliverer | None = None

    def outcomes(self, event_id: str) -> list[DeliveryOutcome]:
        return [record.outcome for record in self.records if record.event_id == event_id]

    async def tell(
        self,
        *ids: str,
        to: Sequence[str] = ("oncall",),
        offer: bool = True,
        severity: Severity = Severity.CRITICAL,
    ) -> None:
        """Commit events, one a line; `a3` is the third event of workflow `a`."""
        change = Change(outgoing=tuple(OutboxEntry(event(each, severity), b"{}", tuple(to)) for each in ids))
        committed = await self.writer.commit(change)
        if offer and self.deliverer is not None:
            self.deliverer.enqueue(committed.deliveries)

    async def pending(self, receiver: str = "oncall") -> list[Delivery]:
        """What a restart would find."""
        return await self.store.pending(receiver, 0, 100_000)

    @contextlib.asynccontextmanager
    async def delivering(
        self,
        ledger: Ledger | None = None,
        *,
        store: Store | None = None,
        window: int = 5000,
        concurrency: int = 16,
        urgent_first: bool = False,
        pace: RateQuota | None = None,
        **notifiers: Scripted,
    ) -> AsyncIterator[Deliverer]:
        """A deliverer that is killed at the end, with whatever was under way."""
        deliverer = self.deliverer = Deliverer(
            [Receiver(name, notifier, concurrency, urgent_first, pace) for name, notifier in notifiers.items()],
            store or self.store,
            ledger or self.writer,
            now=now,
            jitter=lambda: JITTER,
            report=self.records.append,
            fault=lambda _, error: self.faults.append(error),
            window=window,
        )
        running = asyncio.create_task(deliverer.run(self.beats.append))
        try:
            yield deliverer
        finally:
            self.deliverer = None
            running.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await running


def time() -> float:
    return asyncio.get_running_loop().time()


def now() -> datetime:
    return NOON + timedelta(seconds=time())


def event(id: str, severity: Severity) -> Event:
    return Event(
        id=id,
        type=EventType.TERMINATED,
        severity=severity,
        summary=id,
        account="acme",
        definition="orders",
        workflow=id.rstrip("0123456789"),
        observed_at=now(),
    )


@contextlib.asynccontextmanager
async def house_in(folder: Path) -> AsyncIterator[House]:
    house = House(folder)
    await house.store.open()
    writing = asyncio.create_task(house.writer.run())
    yield house
    writing.cancel()
    await asyncio.wait([writing])
    await house.store.close()


@pytest.fixture
async def house(tmp_path: Path) -> AsyncIterator[House]:
    async with house_in(tmp_path) as house:
        yield house


pytestmark = pytest.mark.looptime


# --- the ordinary case ------------------------------------------------------------------------------------


async def test_an_event_is_sent_at_once_told_and_marked(house: House) -> None:
    oncall = Scripted(duration=0.25)
    async with house.delivering(oncall=oncall) as deliverer:
        await asyncio.sleep(5)
        await house.tell("a1")
        assert deliverer.pending() == {"oncall": 1}
        assert deliverer.oldest() == {"oncall": now()}
        await asyncio.sleep(1)

    assert oncall.sent == [("a1", 5.0)]
    assert house.records == [
        DeliveryRecord(
            receiver="oncall",
            event_id="a1",
            type=EventType.TERMINATED,
            outcome=DeliveryOutcome.DELIVERED,
            attempts=1,
            delay=0.25,
            detail="HTTP 200",
            at=house.records[0].at,
        )
    ]
    assert house.records[0].at is not None
    assert await house.pending() == []
    assert deliverer.pending() == {"oncall": 0}
    assert deliverer.oldest() == {"oncall": None}


async def test_an_event_for_nobody_we_know_stays_in_the_store(house: House) -> None:
    async with house.delivering(oncall=Scripted()) as deliverer:
        await house.tell("a1", to=["former"])
        await asyncio.sleep(60)

    assert deliverer.pending() == {"oncall": 0}
    assert len(await house.pending("former")) == 1


async def test_an_idle_loop_turns(house: House) -> None:
    async with house.delivering(oncall=Scripted()):
        await asyncio.sleep(60)

    assert house.beats.count("deliver oncall") >= 6


async def test_no_more_than_concurrency_are_under_way(house: House) -> None:
    oncall = Scripted(duration=1.0)
    async with house.delivering(oncall=oncall, concurrency=3):
        await house.tell(*(f"{letter}1" for letter in "abcdefg"))
        await asyncio.sleep(10)

    assert oncall.most_under_way == 3
    assert [sent for _, sent in oncall.sent] == [0, 0, 0, 1, 1, 1, 2]


# --- order ------------------------------------------------------------------------------------------------


async def test_a_workflows_events_keep_their_order_while_others_overtake(house: House) -> None:
    oncall = Scripted(lambda which, attempts: Retry("HTTP 500") if which == "a1" and attempts < 3 else OK, duration=0.1)
    async with house.delivering(oncall=oncall):
        await house.tell("a1", "a2", "b1", "a3", "b2")
        await asyncio.sleep(60)

    assert [each for each in oncall.ids if each.startswith("a")] == ["a1", "a1", "a1", "a1", "a2", "a3"]
    assert [each for each in oncall.ids if each.startswith("b")] == ["b1", "b2"]
    assert oncall.ids.index("b2") < oncall.ids.index("a2")


async def test_the_next_event_of_a_workflow_waits_for_the_mark_of_the_last(house: House) -> None:
    oncall = Scripted()
    async with house.delivering(Slow(house.writer, 0.5), oncall=oncall):
        await house.tell("a1", "a2", "b1")
        await asyncio.sleep(10)

    assert oncall.sent == [("a1", 0.0), ("b1", 0.0), ("a2", 0.5)]


async def test_a_store_that_is_away_holds_up_no_event_for_long(house: House) -> None:
    oncall = Scripted()
    async with house.delivering(Slow(house.writer, 3600.0), oncall=oncall):
        await house.tell("a1", "a2", "b1")
        await asyncio.sleep(10)

    assert oncall.sent == [("a1", 0.0), ("b1", 0.0), ("a2", 1.0)]


# --- receivers in trouble ---------------------------------------------------------------------------------


async def test_a_slow_receiver_holds_up_no_other(house: House) -> None:
    slow, quick = Scripted(duration=9.0), Scripted()
    async with house.delivering(slow=slow, quick=quick, concurrency=1):
        await house.tell(*(f"{letter}1" for letter in "abcde"), to=["slow", "quick"])
        await asyncio.sleep(30)

    assert [sent for _, sent in quick.sent] == [0.0] * 5
    assert [sent for _, sent in slow.sent] == [0, 9, 18, 27]


async def test_a_dead_receiver_is_not_hammered_and_gets_everything_when_it_lives(house: House) -> None:
    oncall = Scripted(lambda *_: DOWN if time() < 3600 else OK)
    ids = [f"{'abcdefghij'[n % 10] * (1 + n // 10)}1" for n in range(1000)]
    async with house.delivering(oncall=oncall):
        await house.tell(*ids)
        await asyncio.sleep(3600)
        requests = len(oncall.sent)
        await asyncio.sleep(310)

    assert requests < 16 + 40
    assert sorted(oncall.ids[requests:]) == sorted(ids)
    assert oncall.sent[-1][1] < 3600 + 300
    assert await house.pending() == []


async def test_a_receiver_that_fails_whatever_it_gets_is_not_hammered_either(house: House) -> None:
    oncall = Scripted(lambda *_: Retry("HTTP 500"))
    async with house.delivering(oncall=oncall):
        await house.tell(*(f"{chr(97 + n % 26) * (1 + n // 26)}1" for n in range(500)))
        await asyncio.sleep(3600)

    assert len(oncall.sent) < 500 + 3600 / 10 + 20, "each is tried once; then one in ten seconds"


async def test_thousands_that_a_receiver_cannot_digest_hold_up_nothing_that_it_takes(house: House) -> None:
    oncall = Scripted(lambda which, _: Retry("HTTP 500") if which.startswith("poison") else OK, duration=0.01)
    async with house.delivering(oncall=oncall, window=500):
        await house.tell(*(f"poison{'x' * n}1" for n in range(3000)))
        await asyncio.sleep(600)
        for n in range(50):
            await house.tell(f"good{'x' * n}1")
            told = time()
            await asyncio.sleep(60)
            assert [at for which, at in oncall.sent if which == f"good{'x' * n}1" and at - told < 60]

    assert len(await house.pending()) == 3000, "nothing is given up"


async def test_thousands_that_wait_since_the_last_life_hold_up_nothing_either(house: House) -> None:
    refusing = Scripted(lambda *_: Retry("HTTP 500"))
    async with house.delivering(oncall=refusing, window=500):
        await house.tell(*(f"poison{'x' * n}1" for n in range(2000)))
        await asyncio.sleep(600)
    oncall = Scripted(lambda which, _: Retry("HTTP 500") if which.startswith("poison") else OK, duration=0.01)
    async with house.delivering(oncall=oncall, window=500):
        await house.tell("good1")
        await asyncio.sleep(60)
        assert "good1" in oncall.ids


async def test_what_is_more_severe_overtakes_what_a_receiver_cannot_digest(house: House) -> None:
    oncall = Scripted(lambda which, _: Retry("HTTP 500") if which == "a1" else OK)
    async with house.delivering(oncall=oncall):
        await house.tell("a1", severity=Severity.WARNING)
        await house.tell("a2", severity=Severity.WARNING)
        await house.tell("a3", severity=Severity.CRITICAL)
        await asyncio.sleep(60)
        assert "a3" in oncall.ids, "a termination does not wait for the failed step before it"
        assert "a2" not in oncall.ids, "what is as severe keeps its place"


async def test_what_is_more_severe_overtakes_also_while_the_receiver_is_in_doubt(house: House) -> None:
    def answer(which: str, _: int) -> Answer:
        return DOWN if time() < 120 else Retry("HTTP 500") if which.endswith("1") else OK

    oncall = Scripted(answer)
    async with house.delivering(oncall=oncall):
        for n in range(30):
            await house.tell(f"w{'x' * n}1", severity=Severity.WARNING)
            await house.tell(f"w{'x' * n}2", severity=Severity.CRITICAL)
        await asyncio.sleep(1200)
    assert len({which for which in oncall.ids if which.endswith("2")}) == 30


async def test_the_order_stays_for_a_receiver_that_is_down(house: House) -> None:
    oncall = Scripted(lambda *_: OK if time() > 600 else DOWN)
    async with house.delivering(oncall=oncall):
        await house.tell("a1", severity=Severity.WARNING)
        await house.tell("a2", severity=Severity.CRITICAL)
        await asyncio.sleep(1800)
    assert [which for which, at in oncall.sent if at > 600] == ["a1", "a2"]
    assert "a2" not in [which for which, at in oncall.sent if at <= 600]


async def test_what_was_never_offered_is_delivered_within_minutes(house: House) -> None:
    oncall = Scripted()
    async with house.delivering(oncall=oncall):
        await asyncio.sleep(10)
        await house.tell("a1", offer=False)
        await house.tell("b1")
        await asyncio.sleep(180)
        assert sorted(oncall.ids) == ["a1", "b1"]


async def test_a_body_that_was_left_in_the_store_is_sent_whole(house: House) -> None:
    bodies: list[bytes] = []

    class Keeping(Scripted):
        async def send(self, delivery: Delivery) -> Verdict:
            bodies.append(delivery.body)
            return await super().send(delivery)

    async with house.delivering(oncall=Keeping(lambda *_: Retry("HTTP 500")), window=4):
        await house.tell(*(f"w{'x' * n}1" for n in range(20)))
        await asyncio.sleep(600)
    assert len(bodies) > 40
    assert set(bodies) == {b"{}"}


async def test_one_delivery_that_never_succeeds_does_not_silence_the_others(house: House) -> None:
    oncall = Scripted(lambda which, _: DOWN if which == "poison1" else OK, duration=0.01)
    async with house.delivering(oncall=oncall):
        await house.tell("poison1")
        for n in range(100):
            await asyncio.sleep(10)
            await house.tell(f"w{'x' * n}1")
        await asyncio.sleep(600)

    assert len(set(oncall.ids)) == 101
    assert len(await house.pending()) == 1
    assert oncall.ids.count("poison1") < 40


async def test_retry_after_closes_the_receiver_until_it_has_passed(house: House) -> None:
    oncall = Scripted(lambda which, attempts: Retry("HTTP 429", 30.0, receiver_down=True) if time() < 1 else OK)
    async with house.delivering(oncall=oncall):
        await house.tell("a1")
        await asyncio.sleep(1)
        await house.tell("b1")
        await asyncio.sleep(60)

    assert oncall.ids[0] == "a1"
    assert sorted(oncall.ids[1:]) == ["a1", "b1"]
    assert [sent for _, sent in oncall.sent] == [0, 30, 30]


async def test_retry_after_of_one_delivery_holds_up_only_that_one(house: House) -> None:
    oncall = Scripted(lambda which, attempts: Retry("HTTP 500", 30.0) if (which, attempts) == ("a1", 0) else OK)
    async with house.delivering(oncall=oncall):
        await house.tell("a1", "b1")
        await asyncio.sleep(60)

    assert oncall.sent == [("a1", 0.0), ("b1", 0.0), ("a1", 30.0)]


async def test_a_refusal_is_final_and_told_once(house: House) -> None:
    oncall = Scripted(lambda which, _: Refused("HTTP 400: no such field") if which == "a1" else OK)
    async with house.delivering(oncall=oncall):
        await house.tell("a1", "a2")
        await asyncio.sleep(3600)

    assert oncall.ids == ["a1", "a2"]
    assert house.outcomes("a1") == [DeliveryOutcome.DEAD]
    assert await house.pending() == []


async def test_a_failure_says_when_it_is_tried_again(house: House) -> None:
    oncall = Scripted(lambda _, attempts: OK if attempts == 3 else Retry("HTTP 500"))
    async with house.delivering(oncall=oncall):
        await house.tell("a1")
        await asyncio.sleep(3600)

    assert [(record.attempts, record.retry_in) for record in house.records] == [
        (1, 0.375), (2, 0.75), (3, 1.5), (4, None),
    ]  # fmt: skip
    assert [sent for _, sent in oncall.sent] == [0.0, 0.375, 1.125, 2.625]


async def test_an_error_of_our_own_is_reported_and_holds_up_only_its_delivery(house: House) -> None:
    oncall = Scripted(lambda which, attempts: TypeError("ours") if (which, attempts) == ("a1", 0) else OK)
    async with house.delivering(oncall=oncall):
        await house.tell("a1", "b1")
        await asyncio.sleep(60)

    assert [str(fault) for fault in house.faults] == ["ours"]
    assert house.outcomes("a1") == [DeliveryOutcome.RETRIED, DeliveryOutcome.DELIVERED]
    assert house.outcomes("b1") == [DeliveryOutcome.DELIVERED]


# --- restarts ---------------------------------------------------------------------------------------------


async def test_what_was_pending_is_delivered_after_a_restart_with_its_attempts(house: House) -> None:
    down, up = Scripted(lambda *_: Retry("HTTP 500", 100.0)), Scripted()
    async with house.delivering(oncall=down):
        await house.tell("a1")
        await asyncio.sleep(10)
    await house.tell("a2", "b1", offer=False)
    async with house.delivering(oncall=up):
        await asyncio.sleep(200)

    assert up.sent == [("b1", 10.0), ("a1", 100.0), ("a2", 100.0)]
    assert up.attempts == [0, 1, 0]


async def test_a_crash_between_send_and_mark_gives_a_twin_with_the_same_id(house: House) -> None:
    first, second = Scripted(), Scripted()
    async with house.delivering(Slow(house.writer, 3600.0), oncall=first):
        await house.tell("a1")
        await asyncio.sleep(0.5)
    async with house.delivering(oncall=second):
        await asyncio.sleep(1)

    assert first.ids == second.ids == ["a1"]


async def test_a_crash_repeats_only_the_last_delivery_of_a_workflow(house: House) -> None:
    first, second = Scripted(), Scripted()
    async with house.delivering(Slow(house.writer, 0.4), oncall=first):
        await house.tell("a1", "a2", "a3")
        await asyncio.sleep(0.6)
    async with house.delivering(oncall=second):
        await asyncio.sleep(10)

    assert first.ids == ["a1", "a2"]
    assert second.ids == ["a2", "a3"]


@pytest.mark.parametrize("error", [StoreUnavailable("closed"), TypeError("ours")], ids=["store", "ours"])
async def test_what_was_delivered_but_could_not_be_marked_is_not_sent_again(house: House, error: Exception) -> None:
    oncall = Scripted()
    async with house.delivering(Slow(house.writer, error=error), oncall=oncall, window=2):
        await house.tell("a1", "a2", "b1", "c1", "c2")
        await asyncio.sleep(3600)

    assert sorted(oncall.ids) == ["a1", "a2", "b1", "c1", "c2"]
    assert len(await house.pending()) == 5


async def test_a_store_that_cannot_be_read_is_asked_again(house: House) -> None:
    oncall, store = Scripted(), Busy(house.url, writer=InlineExecutor(), reader=InlineExecutor())
    await house.tell("a1")
    async with house.delivering(store=store, oncall=oncall) as deliverer:
        await asyncio.sleep(0.1)
        await house.tell("b1")
        assert deliverer.pending() == {"oncall": 2}
        await asyncio.sleep(60)

    assert oncall.ids == ["a1", "b1"]
    await store.close()
    assert house.faults == [], "of a store that is away the writer tells"


# --- more than memory holds -------------------------------------------------------------------------------


async def test_far_more_than_the_window_is_delivered_once_and_in_order(house: House) -> None:
    workflows = [f"{first}{second}" for first in "abcdefghij" for second in "abcdefghijklmnopqrst"]
    ids = [f"{workflow}{n}" for n in range(100) for workflow in workflows]
    for start in range(0, 15_000, 500):
        await house.tell(*ids[start : start + 500])
    oncall = Scripted(duration=0.001)
    async with house.delivering(oncall=oncall, window=1000, concurrency=200) as deliverer:
        for start in range(15_000, 20_000, 200):
            await house.tell(*ids[start : start + 200])
            assert deliverer.pending()["oncall"] + len(oncall.ids) >= start + 200
            await asyncio.sleep(0.002)
        await asyncio.sleep(60)

    assert len(oncall.ids) == 20_000
    for workflow in workflows:
        assert [each for each in oncall.ids if each.startswith(workflow)] == [f"{workflow}{n}" for n in range(100)]
    assert await house.pending() == []
    assert deliverer.pending() == {"oncall": 0}


async def test_the_gauges_know_what_is_in_the_store_only(house: House) -> None:
    await house.tell(*(f"a{n}" for n in range(50)))
    await asyncio.sleep(5)
    async with house.delivering(oncall=Scripted(lambda *_: DOWN), window=10) as deliverer:
        await asyncio.sleep(1)
        await house.tell("b1")

        assert deliverer.pending() == {"oncall": 51}
        assert deliverer.oldest() == {"oncall": NOON}


# --- shutdown ---------------------------------------------------------------------------------------------


async def test_drain_delivers_what_it_can_and_says_what_is_left(house: House) -> None:
    oncall = Scripted(lambda which, _: Retry("HTTP 500", 60.0) if which.startswith("a") else OK, duration=1.0)
    async with house.delivering(oncall=oncall, concurrency=2) as deliverer:
        await house.tell("a1", "a2", "b1", "c1", "d1")
        left = await deliverer.drain(10.0)

    assert left == 2
    assert time() == 2.0
    assert [delivery.event_id for delivery in await house.pending()] == ["a1", "a2"]


async def test_drain_tries_what_becomes_due_within_the_timeout(house: House) -> None:
    oncall = Scripted(lambda _, attempts: OK if attempts else Retry("HTTP 500", 5.0))
    async with house.delivering(oncall=oncall) as deliverer:
        await house.tell("a1")
        await asyncio.sleep(1)

        assert await deliverer.drain(10.0) == 0


async def test_drain_ends_in_time_whatever_hangs(house: House) -> None:
    hangs, well = Scripted(duration=3600.0), Scripted()
    async with house.delivering(hangs=hangs, well=well) as deliverer:
        await house.tell("a1", to=["hangs", "well"])

        assert await deliverer.drain(10.0) == 1
        assert time() == 10.0


async def test_drain_waits_for_marks(house: House) -> None:
    async with house.delivering(Slow(house.writer, 4.0), oncall=Scripted()) as deliverer:
        await house.tell("a1")

        assert await deliverer.drain(10.0) == 0
        assert await house.pending() == []


async def test_drain_delivers_what_was_never_loaded(house: House) -> None:
    ids = [f"a{n}" for n in range(30)]
    await house.tell(*ids)
    oncall = Scripted()
    async with house.delivering(oncall=oncall, window=4) as deliverer:
        assert await deliverer.drain(10.0) == 0

    assert oncall.ids == ids


async def test_run_ends_after_drain(house: House) -> None:
    deliverer = Deliverer(
        [Receiver("oncall", Scripted(duration=3600.0))],
        house.store,
        house.writer,
        now=now,
        jitter=lambda: JITTER,
        report=house.records.append,
        fault=lambda *_: None,
    )
    async with asyncio.timeout(60), asyncio.TaskGroup() as daemon:
        daemon.create_task(deliverer.run(house.beats.append))
        house.deliverer = deliverer
        await house.tell("a1")
        await deliverer.drain(5.0)

    assert time() == 5.0
    assert house.records == []
