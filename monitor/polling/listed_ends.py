"""Publishes ends that lists show, without a request for each."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from typing import Final

from monitor.aio import chunks
from monitor.core.listing import ListedInstance
from monitor.core.model import Event, SampledCause, TargetKey
from monitor.polling.scheduler import Scheduler
from monitor.polling.watched import Watched, WatchedTargets

_AT_ONCE: Final = 100
"""Ends that are committed together."""

EndListed = Callable[[Watched, ListedInstance, SampledCause | None], Awaitable[tuple[Event, ...]]]
"""Publishes the end of a watched target that a list shows."""
ListedEnd = tuple[TargetKey, ListedInstance]


class ListedEnds:
    def __init__(self, end_listed: EndListed, scheduler: Scheduler, targets: WatchedTargets) -> None:
        self._end_listed = end_listed
        self._scheduler = scheduler
        self._targets = targets

    async def publish(self, ended: Sequence[ListedEnd], sampled: SampledCause | None = None) -> None:
        """Publish these ends, but not those that a poll is about to; commits share transactions.

        `sampled`: the cause of terminations, as others of their kind tell it.
        """
        async for some in chunks(ended, _AT_ONCE):
            await asyncio.gather(*(self._publish(key, row, sampled) for key, row in some))

    async def _publish(self, key: TargetKey, row: ListedInstance, sampled: SampledCause | None) -> None:
        watched = self._targets.get(key)
        if watched is None or watched.ended_at is not None or watched.judging or self._scheduler.in_flight(key):
            return
        await self._end_listed(watched, row, sampled)
        self._scheduler.end(key)
