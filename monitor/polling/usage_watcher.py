"""Asks each account now and then how many workflows it may start and has started: a number for graphs, never an event.

It waits for its turn among the polls. Without an answer the last one stands, and it is asked for again soon.
"""

import asyncio
from collections.abc import Callable, Iterable
from typing import Final, Protocol

from monitor.aio import TURN, beating
from monitor.core.listing import Usage
from monitor.core.model import PollFailed
from monitor.core.records import UsageRecord

EVERY: Final = 600.0
"""Seconds between two answers."""
_FIRST: Final = 20.0
"""Seconds to the first request about an account: its first polls come before."""
_AGAIN: Final = 60.0
"""Seconds after a request that had none."""
_LONGEST: Final = 30.0
"""Seconds that one account, whose lane is closed or which hangs, keeps the others waiting."""


class UsageSource(Protocol):
    """Where it is asked."""

    async def usage(self, account: str) -> Usage | PollFailed: ...


class UsageWatcher:
    """`run` is its loop."""

    def __init__(
        self,
        api: UsageSource,
        watching: Callable[[], Iterable[str]],
        *,
        report: Callable[[UsageRecord], None],
        fault: Callable[[str, Exception], None],
    ) -> None:
        """`watching`: the accounts that have something to watch, now; no others are asked.

        `report` is told of each answer.
        """
        self._api = api
        self._watching = watching
        self._report = report
        self._fault = fault
        self._due: dict[str, float] = {}
        """Loop time, of the accounts that were asked."""

    async def run(self, beat: Callable[[], None]) -> None:
        time = asyncio.get_running_loop().time
        while True:
            beat()
            now = time()
            self._due = {name: self._due.get(name, now + _FIRST) for name in self._watching()}
            due = [self._ask(account) for account, at in self._due.items() if at <= now]
            await beating(asyncio.gather(*due), beat)
            await asyncio.sleep(TURN)

    async def _ask(self, account: str) -> None:
        pause = _AGAIN
        try:
            async with asyncio.timeout(_LONGEST):
                answer = await self._api.usage(account)
            if isinstance(answer, Usage):
                self._report(UsageRecord(account, answer))
                pause = EVERY
        except TimeoutError:
            pass
        except Exception as error:  # noqa: BLE001 - a fault of ours about one account ends no loop
            self._fault("usage", error)
        self._due[account] = asyncio.get_running_loop().time() + pause
