"""Group commit: many callers, one transaction at a time.

While one group is being committed the next one gathers, without a timer. A caller gets its result once it is durable.
While the disk fails the group is kept and tried again: no change is lost, and none is reported as durable too early.
"""

import asyncio
from collections import deque
from collections.abc import Callable, Hashable
from datetime import datetime
from typing import NamedTuple

from monitor.aio import TURN, sleep
from monitor.core.commits import Change, Committed
from monitor.core.formats.units import format_duration
from monitor.core.model import TargetKey
from monitor.core.records import StoreRecord
from monitor.store import transaction
from monitor.store.errors import StoreUnavailable
from monitor.store.store import Store
from monitor.store.transaction import CommitRequest
from monitor.store.values import DeliveryMark

_TOUCHES = 500
"""Sightings of one transaction: few enough that commits wait only milliseconds for it."""
_FIRST_PAUSE = 1.0
"""The first pause in seconds between two tries while the disk fails; it doubles each time, and half is random."""


def _ignore(_committed: Committed) -> None:
    """The default `durable`: the caller waits for the result, or does not need it."""


class _WaitingCommit(NamedTuple):
    work: CommitRequest
    answer: asyncio.Future[Committed]
    durable: Callable[[Committed], None]

    def beliefs(self) -> set[Hashable]:
        change = self.work.change
        return {belief for belief in (change.target and change.target.key, change.account and change.account.account)
                if belief is not None}  # fmt: skip


class Writer:
    """All writes of polls, watchers and deliverers."""

    def __init__(
        self,
        store: Store,
        *,
        report: Callable[[StoreRecord], None],
        jitter: Callable[[], float],
        max_group: int = 500,
        touch_every: float = 45.0,
    ) -> None:
        """`jitter` gives numbers in [0, 1). `touch_every`: seconds between two flushes of `touch`."""
        self._store = store
        self._report = report
        self._jitter = jitter
        self._max_group = max_group
        self._touch_every = touch_every
        self._queue: deque[_WaitingCommit] = deque()
        self._group: list[_WaitingCommit] = []
        self._touched: dict[TargetKey, datetime] = {}
        self._flushing: dict[TargetKey, datetime] = {}
        self._flush_timer: asyncio.TimerHandle | None = None
        self._wake = asyncio.Event()
        self._flushed = asyncio.Event()
        self._flushed.set()
        self._usable = asyncio.Event()
        self._usable.set()
        self._failing_since: float | None = None
        self._lost: str | None = None
        self._ended = False
        self._beat: Callable[[], None] = lambda: None

    @property
    def available(self) -> bool:
        """False from the first failed write until one succeeds."""
        return self._usable.is_set()

    async def wait_available(self) -> None:
        await self._usable.wait()

    async def commit(self, change: Change, durable: Callable[[Committed], None] = _ignore) -> Committed:
        """Durable when it returns. Cancelling the caller does not cancel the commit; `durable` is called in any case.

        Raises StoreUnavailable only if `run` has ended; while the disk fails it waits.
        """
        return await self._enqueue(CommitRequest(change), durable)

    async def mark(self, mark: DeliveryMark) -> None:
        """Durable when it returns; like `commit`."""
        await self._enqueue(CommitRequest(Change(), mark))

    def touch(self, key: TargetKey, seen_at: datetime) -> None:
        """The API answered about this target. It is written with many others, within `touch_every` seconds."""
        self._touched[key] = seen_at
        if self._flush_timer is None:
            loop = asyncio.get_running_loop()
            self._flush_timer = loop.call_later(self._touch_every, self._begin_flush)

    async def drain(self, timeout: float) -> bool:  # noqa: ASYNC109 - False is an answer, not an error
        """Wait until all previous calls are durable, touches included; False if `timeout` seconds passed before."""
        answers = [waiting.answer for waiting in (*self._group, *self._queue)]
        try:
            async with asyncio.timeout(timeout):
                self._begin_flush()
                await self._flushed.wait()
                if answers:
                    await asyncio.wait(answers)
        except TimeoutError:
            return False
        return True

    def _enqueue(
        self, work: CommitRequest, durable: Callable[[Committed], None] = _ignore
    ) -> asyncio.Future[Committed]:
        if self._ended:
            raise StoreUnavailable("the store is closed: start the monitor again")
        answer: asyncio.Future[Committed] = asyncio.get_running_loop().create_future()
        self._queue.append(_WaitingCommit(work, answer, durable))
        self._wake.set()
        return asyncio.shield(answer)

    def _begin_flush(self) -> None:
        if self._flush_timer is not None:
            self._flush_timer.cancel()
            self._flush_timer = None
        if self._flushing:
            self._touched = self._flushing | self._touched
        self._flushing, self._touched = self._touched, {}
        if self._flushing:
            self._flushed.clear()
            self._wake.set()

    # --- the loop -------------------------------------------------------------------------------------------

    async def run(self, beat: Callable[[], None] = lambda: None) -> None:
        """The loop. It runs until cancelled, and then awaits the transaction under way. Calls `beat` at each turn."""
        self._beat = beat
        try:
            while True:
                beat()
                await self._rest()
                await self._commit_group()
                await self._write_touches()
        finally:
            self._end()

    async def _rest(self) -> None:
        if self._queue or self._flushing:
            return
        self._wake.clear()
        await sleep(TURN, self._wake)

    async def _commit_group(self) -> None:
        self._group = self._next_group()
        works = [waiting.work for waiting in self._group]
        if works:
            await self._insist(lambda: self._store.write(transaction.commit_group, works))
            self._group = []

    async def _write_touches(self) -> None:
        """One small transaction; a group comes before the next one."""
        some = [self._flushing.popitem() for _ in range(min(_TOUCHES, len(self._flushing)))]
        if some:
            await self._insist(lambda: self._store.write(transaction.touch, some))
        if not self._flushing:
            self._flushed.set()

    def _next_group(self) -> list[_WaitingCommit]:
        """First come, first served, except that a state is written at most once in a group."""
        group: list[_WaitingCommit] = []
        later: list[_WaitingCommit] = []
        taken: set[Hashable] = set()
        while self._queue and len(group) < self._max_group:
            waiting = self._queue.popleft()
            beliefs = waiting.beliefs()
            (group if taken.isdisjoint(beliefs) else later).append(waiting)
            taken |= beliefs
        self._queue.extendleft(reversed(later))
        return group

    async def _insist(self, write: Callable[[], asyncio.Future[None]]) -> None:
        """Try until it succeeds; after every try answer the callers whose requests are durable."""
        pause = _FIRST_PAUSE
        while True:
            try:
                await _outcome(write())
            except StoreUnavailable as error:
                self._failed(error)
            else:
                self._succeeded()
                return
            finally:
                self._answer()
            self._beat()
            await asyncio.sleep(pause * (1 + self._jitter()) / 2)
            pause = min(pause * 2, self._store.longest_pause)

    def _answer(self) -> None:
        for waiting in self._group:
            outcome = waiting.work.outcome
            if outcome is None or waiting.answer.done():
                continue
            if isinstance(outcome, Exception):
                _fail(waiting.answer, outcome)
            else:
                waiting.answer.set_result(outcome)
                waiting.durable(outcome)

    def _failed(self, error: StoreUnavailable) -> None:
        if self._failing_since is None:
            self._failing_since = asyncio.get_running_loop().time()
            self._usable.clear()
            self._report(StoreRecord(available=False, detail=str(error)))

    def _succeeded(self) -> None:
        if self._failing_since is not None:
            lasted = asyncio.get_running_loop().time() - self._failing_since
            self._failing_since = None
            self._usable.set()
            self._report(StoreRecord(available=True, detail=f"after {format_duration(lasted)}"))
        if self._store.lost != self._lost:
            self._lost = self._store.lost
            self._report(
                StoreRecord(available=self._lost is None, detail=self._lost or "the file is in its place again")
            )

    def _end(self) -> None:
        """Fail the callers that still wait, since no further transaction comes."""
        self._ended = True
        for waiting in (*self._group, *self._queue):
            if not waiting.answer.done():
                _fail(waiting.answer, StoreUnavailable("the store was closed before this was written"))


def _fail(answer: asyncio.Future[Committed], error: Exception) -> None:
    answer.set_exception(error)
    answer.exception()  # marks it as retrieved, since its caller may be gone


async def _outcome(write: asyncio.Future[None]) -> None:
    """Await a transaction to its end, also when cancelled meanwhile."""
    cancelled: asyncio.CancelledError | None = None
    while not write.done():
        try:
            await asyncio.wait([write])
        except asyncio.CancelledError as error:
            cancelled = error
    if cancelled is not None:
        write.exception()
        raise cancelled
    write.result()
