"""Send, then mark: every pending delivery reaches its receiver at least once, always under the same id.

Receivers do not wait for one another, and polling waits for none of them. Of one subject the next delivery is sent
when the one before it has ended and its mark is durable, so that a crash can repeat only the last one: a receiver never
sees old news after new news of one subject, unless the store is away for longer than `_MARKING`.
"""

import asyncio
import contextlib
import math
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Protocol, assert_never

import msgspec

from monitor.aio import TURN, sleep
from monitor.core.alerting.backlog import Backlog, needs_body, seconds_until
from monitor.core.alerting.circuit_breaker import BreakerState, CircuitBreaker
from monitor.core.alerting.verdict import Delivered, Refused, Retry, Verdict
from monitor.core.backoff import backoff
from monitor.core.commits import Delivery
from monitor.core.records import DeliveryOutcome, DeliveryRecord
from monitor.core.scheduling.token_bucket import RateQuota, TokenBucket
from monitor.notify import Notifier
from monitor.store import DeliveryMark, Store, StoreUnavailable

_MARKING = 1.0
"""Seconds that a subject waits for the mark of its last delivery before it goes on without."""
_CLOSE_ENOUGH = 1e-6
"""Seconds; a delivery due this soon is sent now, else the rounding of a timer would wake the loop in vain."""
_RECOUNT = 60.0
"""Seconds between two counts of what the store holds."""
_UNMARKED = 1000
"""Deliveries of one receiver whose mark is under way; beyond that the receiver waits for the store."""


class Receiver(msgspec.Struct, frozen=True):
    name: str
    notifier: Notifier
    concurrency: int = 16
    """Requests under way at once, each about another subject."""
    urgent_first: bool = False
    """Whether more severe deliveries overtake older ones; the order within a subject stays. See `Backlog`."""
    pace: RateQuota | None = None
    """How often it may be sent anything; every try counts."""


class Ledger(Protocol):
    """Makes marks durable; it tries again by itself until they are."""

    async def mark(self, mark: DeliveryMark) -> None: ...


class Surroundings(msgspec.Struct, frozen=True):
    """Shared by the loops of all receivers."""

    store: Store
    ledger: Ledger
    now: Callable[[], datetime]
    jitter: Callable[[], float]
    report: Callable[[DeliveryRecord], None]
    fault: Callable[[str, Exception], None]


class Breaker(msgspec.Struct, frozen=True):
    """The circuit breaker of one receiver, as pages show it."""

    state: BreakerState
    failed_probes: int
    """In a row."""
    wait: float | None
    """Seconds until the next probe; None: it is closed, or a probe is under way."""


class Deliverer:
    """One loop per receiver."""

    def __init__(
        self,
        receivers: Sequence[Receiver],
        store: Store,
        writer: Ledger,
        *,
        now: Callable[[], datetime],
        jitter: Callable[[], float],
        report: Callable[[DeliveryRecord], None],
        fault: Callable[[str, Exception], None],
        window: int = 5000,
    ) -> None:
        """`jitter` gives numbers in [0, 1). `fault` hears of our own errors, with the loop's name.

        `window`: how many pending deliveries a receiver has in memory; the rest stays in the store.
        """
        around = Surroundings(store, writer, now, jitter, report, fault)
        self._couriers = {receiver.name: ReceiverWorker(receiver, around, window) for receiver in receivers}

    def enqueue(self, deliveries: Sequence[Delivery]) -> None:
        """Take what a commit made pending, right after it. Deliveries of an unknown receiver stay in the store."""
        for delivery in deliveries:
            if (courier := self._couriers.get(delivery.receiver)) is not None:
                courier.offer(delivery)

    def retry(self, deliveries: Sequence[Delivery]) -> None:
        """Take deliveries that had been given up and are pending again, right after that was stored."""
        for delivery in deliveries:
            if (courier := self._couriers.get(delivery.receiver)) is not None:
                courier.retry(delivery)

    async def run(self, beat: Callable[[str], None]) -> None:
        """Until `drain`. `beat` is told the name of a loop at each of its turns."""
        async with asyncio.TaskGroup() as loops:
            for courier in self._couriers.values():
                loops.create_task(courier.run(beat), name=courier.loop_name)

    async def drain(self, timeout: float) -> int:  # noqa: ASYNC109 - what is left is an answer, not an error
        """Deliver what becomes due within `timeout` seconds, then end `run`; returns how many are left pending."""
        deadline = asyncio.get_running_loop().time() + timeout
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout_at(deadline), asyncio.TaskGroup() as waiting:
                for courier in self._couriers.values():
                    waiting.create_task(courier.settle(deadline))
        for courier in self._couriers.values():
            courier.stop()
        return sum(self.pending().values())

    def pending(self) -> Mapping[str, int]:
        """Per receiver, those included that are in the store only."""
        return {name: courier.backlog.pending for name, courier in self._couriers.items()}

    def oldest(self) -> Mapping[str, datetime | None]:
        """Per receiver, when the event of its oldest pending delivery was observed."""
        return {name: courier.oldest for name, courier in self._couriers.items()}

    def acknowledges(self) -> Mapping[str, bool]:
        """Per receiver, whether it took the last delivery; True before the first one."""
        return {name: courier.acknowledges for name, courier in self._couriers.items()}

    def breakers(self) -> Mapping[str, Breaker]:
        """Per receiver, its circuit breaker."""
        return {name: courier.breaker for name, courier in self._couriers.items()}


class ReceiverWorker:
    """One receiver's loop."""

    def __init__(self, receiver: Receiver, around: Surroundings, window: int) -> None:
        self.loop_name = f"deliver {receiver.name}"
        self.backlog = Backlog(window, urgent_first=receiver.urgent_first)
        self._receiver = receiver
        self._around = around
        self._wellness = CircuitBreaker()
        self._bucket: TokenBucket | None = None
        """What is left of its rate, from the start of the loop on."""
        self._took_the_last = True
        self._sending = 0
        self._tasks: set[asyncio.Task[None]] = set()
        self._changed = asyncio.Event()
        self._retrying = 0
        self._unmarkable = 0
        """Ended here, but pending in the store, which did not take the mark."""
        self._recount_at = -math.inf
        self._oldest_stored: datetime | None = None
        self._failed_loads = 0
        self._load_at = -math.inf
        self._stopping = False
        self._deadline: float | None = None
        self._settled = asyncio.Event()

    @property
    def oldest(self) -> datetime | None:
        if (delivery := self.backlog.turns.oldest) is not None:
            return delivery.observed_at
        return self._oldest_stored if self.backlog.pending else None

    @property
    def acknowledges(self) -> bool:
        return self._took_the_last and not self._wellness.failed_probes

    @property
    def breaker(self) -> Breaker:
        state, wait = self._wellness.state, self._wellness.wait(_time())
        closed = state is BreakerState.CLOSED
        return Breaker(state, self._wellness.failed_probes, None if closed or math.isinf(wait) else wait)

    def offer(self, delivery: Delivery) -> None:
        delay = 0.0 if delivery.not_before is None else seconds_until(delivery.not_before, self._around.now())
        self.backlog.offer(delivery, _time(), delay)
        self._make_way(delivery.subject)
        self._changed.set()

    def retry(self, delivery: Delivery) -> None:
        self.backlog.requeue(delivery, _time())
        self._changed.set()

    async def settle(self, deadline: float) -> None:
        """Until nothing is under way, and nothing becomes due before `deadline`."""
        self._deadline = deadline
        self._changed.set()
        await self._settled.wait()

    def stop(self) -> None:
        """End `run`; what is being sent now is given up, and stays pending."""
        self._stopping = True
        self._changed.set()
        for task in self._tasks:
            task.cancel()

    # --- the loop -------------------------------------------------------------------------------------------

    async def run(self, beat: Callable[[str], None]) -> None:
        if self._receiver.pace is not None:
            self._bucket = self._receiver.pace.begun(_time())
        async with asyncio.TaskGroup() as sends:
            while not self._stopping:
                beat(self.loop_name)
                await self._load()
                self._dispatch(sends)
                wait = self._wait()
                if self._deadline is not None and not self._tasks and _time() + wait > self._deadline:
                    self._settled.set()
                await self._pause(min(wait, max(self._recount_at, self._load_at) - _time(), TURN))

    async def _load(self) -> None:
        """Load a page of what is in the store only, if there is room for it."""
        if _time() < self._load_at or not (self.backlog.needs_page or _time() >= self._recount_at):
            return
        try:
            if _time() >= self._recount_at:
                await self._count()
            if not self.backlog.needs_page:
                return
            page = await self._around.store.pending(self._receiver.name, *self.backlog.next_page())
        except Exception as error:  # noqa: BLE001 - what is in memory can be delivered meanwhile
            self._failed_loads += 1
            self._load_at = _time() + backoff(self._failed_loads, 1.0)
            if not isinstance(error, StoreUnavailable):  # the writer reports that
                self._around.fault(self.loop_name, error)
        else:
            self._failed_loads = 0
            self.backlog.loaded(page, _time(), self._around.now())

    async def _count(self) -> None:
        """Count what the store holds: at the start and once a minute, in case something was never enqueued here."""
        counts = await self._around.store.pending_counts()
        count, self._oldest_stored = counts.get(self._receiver.name, (0, None))
        if self._recount_at == -math.inf:
            self.backlog.count(count)
        elif count > self.backlog.pending + len(self._tasks) + self._unmarkable:
            self.backlog.reread()
        self._recount_at = _time() + _RECOUNT

    def _dispatch(self, sends: asyncio.TaskGroup) -> None:
        while not self._stopping and (fresh := self._next()) is not None:
            if self._bucket is not None:
                self._bucket = self._bucket.spend(_time()) or self._bucket  # `_wait_to_send` saw that there is one
            delivery = self.backlog.turns.pop(fresh=fresh)
            retry = delivery.attempts > 0
            self._sending += 1
            self._retrying += retry
            task = sends.create_task(self._deliver(delivery, probe=self._wellness.on_send(fresh=not retry)))
            self._tasks.add(task)
            task.add_done_callback(self._finished)

    def _next(self) -> bool | None:
        """What may be sent now. True: only deliveries never tried; False: any; None: none."""
        if self._wait_to_send(fresh=False) <= 0:
            return False
        return True if self._wait_to_send(fresh=True) <= 0 else None

    def _finished(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        self._changed.set()

    def _wait(self) -> float:
        """Seconds until there is something to do, unless something changes before."""
        to_load = max(0.0, self._load_at - _time()) if self.backlog.needs_page else math.inf
        return min(to_load, self._wait_to_send(fresh=False), self._wait_to_send(fresh=True))

    def _wait_to_send(self, *, fresh: bool) -> float:
        """`fresh`: only deliveries never tried. Failed ones take at most half of the places."""
        if self._sending >= self._receiver.concurrency or len(self._tasks) >= _UNMARKED:
            return math.inf
        if not fresh and self._retrying >= max(self._receiver.concurrency // 2, 1):
            return math.inf
        now = _time()
        wait = max(self._wellness.wait(now, fresh=fresh), self.backlog.turns.wait(now, fresh=fresh))
        paced = 0.0 if self._bucket is None else self._bucket.wait(now)  # exactly: it is the receiver's limit
        return max(wait if wait > _CLOSE_ENOUGH else 0.0, paced)

    def _make_way(self, subject: str) -> None:
        if not self._wellness.failed_probes or self._wellness.doubted:
            self.backlog.turns.make_way(subject)

    async def _pause(self, seconds: float) -> None:
        """Until something changed, at most `seconds`."""
        self._changed.clear()
        if self._stopping or seconds <= 0:
            return
        await sleep(seconds, self._changed)

    # --- one delivery ---------------------------------------------------------------------------------------

    async def _deliver(self, delivery: Delivery, *, probe: bool) -> None:
        """One try: send, report, mark; then the subject's next delivery."""
        verdict = await self._send(delivery)
        self._sending -= 1
        self._retrying -= delivery.attempts > 0
        now = _time()
        if isinstance(verdict, Delivered) and not verdict.sent:
            self._wellness.on_skip(probe=probe)
        else:
            self._wellness.on_result(now, verdict, self._around.jitter(), probe=probe)
            self._took_the_last = isinstance(verdict, Delivered)
        retry_at = self._retry_at(delivery, verdict, now)
        self._changed.set()
        mark = asyncio.ensure_future(
            self._mark(self._tell(delivery, verdict, None if retry_at is None else retry_at - now))
        )
        await asyncio.wait({mark}, timeout=_MARKING)
        if retry_at is None:
            self.backlog.ended(delivery, _time(), dead=isinstance(verdict, Refused))
        else:
            self.backlog.again(msgspec.structs.replace(delivery, attempts=delivery.attempts + 1), retry_at)
            self._make_way(delivery.subject)
        self._changed.set()
        await mark

    async def _send(self, delivery: Delivery) -> Verdict:
        try:
            whole = await self._with_body(delivery) if needs_body(delivery) else delivery
            if whole is None:
                return Delivered("it is not pending any more", sent=False)
            return await self._receiver.notifier.send(whole)
        except Exception as error:  # noqa: BLE001 - our own error in one delivery must not hold up the others
            self._around.fault(self.loop_name, error)
            return Retry(f"an error of the monitor's own: {type(error).__name__}")

    async def _with_body(self, delivery: Delivery) -> Delivery | None:
        """As the store has it; None if it is not pending there any more."""
        found = await self._around.store.pending(delivery.receiver, delivery.seq - 1, 1)
        return next((one for one in found if one.seq == delivery.seq), None)

    def _retry_at(self, delivery: Delivery, verdict: Verdict, now: float) -> float | None:
        """When it is tried again; None if it has ended."""
        if not isinstance(verdict, Retry):
            return None
        pause = self._wellness.wait(now)
        pause = 0.0 if pause == math.inf else pause
        if verdict.receiver_down and self._wellness.failed_probes > 1:
            return now + pause  # the outage is not this delivery's fault; the next probe is another one
        return now + max(pause, backoff(delivery.attempts + 1, self._around.jitter(), at_least=verdict.after))

    def _tell(self, delivery: Delivery, verdict: Verdict, retry_in: float | None) -> DeliveryMark:
        """Report the try; returns the mark to store."""
        moment = self._around.now()
        record = DeliveryRecord(
            receiver=delivery.receiver,
            event_id=delivery.event_id,
            type=delivery.type,
            outcome=_outcome(verdict),
            attempts=delivery.attempts + 1,
            at=moment,
            delay=max(0.0, (moment - delivery.observed_at).total_seconds()),
            detail=verdict.detail,
            retry_in=retry_in,
        )
        self._around.report(record)
        return DeliveryMark(
            seq=delivery.seq,
            receiver=delivery.receiver,
            outcome=record.outcome,
            attempts=record.attempts,
            at=moment,
            not_before=None if retry_in is None else moment + timedelta(seconds=retry_in),
            detail="" if record.outcome is DeliveryOutcome.DELIVERED else verdict.detail,
        )

    async def _mark(self, mark: DeliveryMark) -> None:
        """Whatever happens here, this process does not send an ended delivery again."""
        try:
            await self._around.ledger.mark(mark)
        except StoreUnavailable:
            self._unmarkable += 1  # it was closed; after the next start the receiver gets a twin
        except Exception as error:  # noqa: BLE001 - one mark that fails must not hold up the others
            self._unmarkable += 1
            self._around.fault(self.loop_name, error)


def _outcome(verdict: Verdict) -> DeliveryOutcome:
    match verdict:
        case Delivered():
            return DeliveryOutcome.DELIVERED
        case Refused():
            return DeliveryOutcome.DEAD
        case Retry():
            return DeliveryOutcome.RETRIED
        case _:
            assert_never(verdict)


def _time() -> float:
    return asyncio.get_running_loop().time()
