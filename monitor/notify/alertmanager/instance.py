"""One instance of Alertmanager: one POST at a time, of all alerts that wait by then.

Alerts from one observation go into one POST, the open ends of workflows first: the alert about a step that ended its
workflow is inhibited by the one about the end only if Alertmanager has that one before it. Resolved ends go last.

Alertmanager notifies at once of an alert that is older than its `group_wait`, and it processes alerts for notification
and for inhibition in parallel. So old alerts are posted a moment after the ends, not with them.
"""

import asyncio
from collections.abc import Callable, Collection, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Final, Protocol

from monitor.core.alerting.verdict import Delivered, Retry, Verdict
from monitor.notify.alertmanager.auth import Credentials
from monitor.notify.alertmanager.dedup import Dedup
from monitor.notify.alertmanager.payload import PostableAlert, encode
from monitor.notify.http_sender import HttpResult

BATCH: Final = 200
"""Alerts in one POST."""
_GATHERING = 0.05
"""Seconds that a POST waits for more alerts of the same observation."""
_OLD = timedelta(seconds=1)
"""The age from which an alert may be older than `group_wait`."""
_INHIBITS_AFTER = 0.2
"""Seconds from the acknowledgement of an end until Alertmanager inhibits by it, with a wide margin."""
_BATCH_BYTES = 1024 * 1024
_BAD_CONTENT = (400, 413, 422)
"""Answers about the posted alerts, not about the sender: an invalid alert, too many, a violation of the schema."""
_REMEMBERED = 1000
"""Alerts that were refused; each is posted alone from then on."""
OLD_NEWS: Final = Delivered("nothing to tell any more", sent=False)


class Channel(Protocol):
    """The connection to one instance: `HttpSender`, or a fake."""

    async def ask(self, body: bytes, headers: Mapping[str, str], secrets: Collection[str] = ()) -> HttpResult: ...
    async def close(self) -> None: ...


class _Waiting:
    """A posting in the queue, with the future of its verdict."""

    def __init__(self, posting: PostableAlert) -> None:
        self.posting = posting
        self.verdict: asyncio.Future[Verdict] = asyncio.get_running_loop().create_future()


class _PostedAlert:
    """One element of a POST, and the postings that wait for it, which Alertmanager takes for one alert."""

    def __init__(self, waiting: Sequence[_Waiting], now: datetime, lasts: float) -> None:
        posting = max(reversed(waiting), key=lambda one: one.posting.opened_at).posting
        self.key = posting.key
        self.body = encode(posting, now=now, lasts=lasts)
        self.is_open_end = _place(posting) == 0
        self.is_old = not self.is_open_end and posting.starts_at < now - _OLD
        self._waiting = waiting

    def told(self, verdict: Verdict) -> None:
        for one in self.untold:
            one.verdict.set_result(verdict)

    @property
    def untold(self) -> list[_Waiting]:
        return [one for one in self._waiting if not one.verdict.done()]


class AlertmanagerInstance:
    """`sick`: it did not answer the last POST, or refuses all of ours. `acknowledged`: it accepted the last POST.

    The refusal of one alert changes neither.
    """

    def __init__(
        self,
        channel: Channel,
        credentials: Credentials,
        known: Dedup,
        *,
        now: Callable[[], datetime],
        lasts: float,
    ) -> None:
        """`lasts`: seconds until Alertmanager ends an open alert that is not posted again."""
        self.sick = False
        self.acknowledged = False
        self._channel = channel
        self._credentials = credentials
        self._known = known
        self._now = now
        self._lasts = lasts
        self._queue: list[_Waiting] = []
        self._posting = asyncio.Lock()
        self._refused: set[str] = set()
        self._ends_inhibit_at = 0.0
        """When Alertmanager inhibits by the ends that were posted last, on the loop's clock."""

    def __repr__(self) -> str:
        return f"Peer({self._channel!r})"

    async def post(self, postings: Sequence[PostableAlert]) -> list[Verdict]:
        """The verdict on each. Postings that come during a POST go into the next one, which any caller may make."""
        waiting = [_Waiting(posting) for posting in postings]
        self._queue += waiting
        try:
            for one in waiting:
                await self._until_told(one)
        finally:
            for one in waiting:
                one.verdict.cancel()
        return [one.verdict.result() for one in waiting]

    async def close(self) -> None:
        await self._channel.close()

    async def _until_told(self, one: _Waiting) -> None:
        while not one.verdict.done():
            async with self._posting:
                if not one.verdict.done() and len(self._queue) < BATCH:
                    await asyncio.sleep(_GATHERING)
                if not one.verdict.done():
                    await self._post_next()

    async def _post_next(self) -> None:
        """POST the beginning of the queue. If it is cancelled, postings without a verdict return to the queue."""
        batch = self._take()
        try:
            if batch:
                await self._until_ends_inhibit(batch)
                await self._post_all(batch)
        finally:
            self._queue[:0] = [one for entry in batch for one in entry.untold]

    async def _until_ends_inhibit(self, batch: Sequence[_PostedAlert]) -> None:
        wait = self._ends_inhibit_at - asyncio.get_running_loop().time()
        if wait > 0 and any(entry.is_old for entry in batch):
            await asyncio.sleep(wait)

    def _take(self) -> list[_PostedAlert]:
        """As many as one POST may hold. A refused alert goes alone, so that the others need no halving."""
        now, size = self._now(), 0
        batch: list[_PostedAlert] = []
        groups = self._grouped()
        for waiting in groups.values():
            entry = _PostedAlert(waiting, now, self._lasts)
            alone = entry.key in self._refused
            size += len(entry.body) + 1
            if batch and (alone or size > _BATCH_BYTES or (entry.is_old and batch[0].is_open_end)):
                break
            batch.append(entry)
            if alone or len(batch) == BATCH:
                break
        self._queue = [one for waiting in list(groups.values())[len(batch) :] for one in waiting]
        return batch

    def _grouped(self) -> dict[str, list[_Waiting]]:
        """The queue by Alertmanager's identity, in the order of `_place`; outdated postings get their verdict."""
        groups: dict[str, list[_Waiting]] = {}
        for one in sorted(self._queue, key=lambda one: _place(one.posting)):
            if one.verdict.done():
                continue
            if self._known.is_current(one.posting):
                groups.setdefault(one.posting.key, []).append(one)
            else:
                one.verdict.set_result(OLD_NEWS)
        return groups

    async def _post_all(self, batch: Sequence[_PostedAlert]) -> None:
        """POST the batch; if it is refused, by halves, until the invalid alert is alone."""
        answer = await self._request(b"[" + b",".join(entry.body for entry in batch) + b"]")
        if batch[0].is_open_end:
            self._ends_inhibit_at = asyncio.get_running_loop().time() + _INHIBITS_AFTER
        if answer.status in _BAD_CONTENT and len(batch) > 1:
            half = len(batch) // 2
            for part in (batch[:half], batch[half:]):
                if not self.sick:
                    await self._post_all(part)
            return
        for entry in batch:
            entry.told(answer.verdict)
        self._remember(batch, answer)
        if self.sick:
            self._give_up(answer.verdict)

    async def _request(self, body: bytes) -> HttpResult:
        try:
            headers, secrets = self._credentials.read()
        except (OSError, ValueError):
            answer = HttpResult(Retry("the credentials cannot be read", receiver_down=True))
        else:
            answer = await self._channel.ask(body, {"Content-Type": "application/json", **headers}, secrets)
        delivered = isinstance(answer.verdict, Delivered)
        self.sick = not delivered and answer.status not in _BAD_CONTENT
        if delivered or self.sick:
            self.acknowledged = delivered
        return answer

    def _remember(self, batch: Sequence[_PostedAlert], answer: HttpResult) -> None:
        if isinstance(answer.verdict, Delivered):
            self._refused.difference_update(entry.key for entry in batch)
        elif answer.status in _BAD_CONTENT:
            if len(self._refused) >= _REMEMBERED:
                self._refused.clear()
            self._refused.update(entry.key for entry in batch)

    def _give_up(self, verdict: Verdict) -> None:
        """Fail the whole queue at once: if each caller tried again, each would wait for another timeout."""
        queue, self._queue = self._queue, []
        for one in queue:
            if not one.verdict.done():
                one.verdict.set_result(verdict)


def _place(posting: PostableAlert) -> int:
    """The order in a POST: an end opens before its steps, and resolves after them, so that it always inhibits them."""
    if not posting.is_end:
        return 1
    return 0 if posting.ended_at is None else 2
