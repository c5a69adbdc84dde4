"""A dead man's switch elsewhere is pinged while the monitor does its work, and calls when the pings stop.

Nobody outside can tell a monitor that hangs from one that has nothing to tell. So a ping is sent only while every loop
turns, the store commits and at least one receiver acknowledges; else it is withheld on purpose.
"""

import asyncio
from collections.abc import Awaitable, Callable
from datetime import datetime

from monitor.aio import TURN
from monitor.core.alerting.verdict import Delivered, Verdict
from monitor.core.records import HeartbeatOutcome, HeartbeatRecord

_SETTLED = 60.0
"""Seconds before the first ping, so that a monitor that fails soon after each start does not look alive."""


class Heartbeat:
    """`run` is its loop."""

    def __init__(
        self,
        ping: Callable[[], Awaitable[Verdict]],
        *,
        interval: float,
        reasons: Callable[[], str | None],
        now: Callable[[], datetime],
        report: Callable[[HeartbeatRecord], None],
        fault: Callable[[str, Exception], None] = lambda _loop, _error: None,
    ) -> None:
        """`interval`: seconds. `reasons`: why no ping may be sent now; None: it may. `report` is told of each turn.

        `ping` is one try, bounded in time; what fails is tried again at the next interval.
        """
        self._ping = ping
        self._interval = interval
        self._reasons = reasons
        self._now = now
        self._report = report
        self._fault = fault

    async def run(self, beat: Callable[[], None]) -> None:
        time = asyncio.get_running_loop().time
        due = time() + min(self._interval, _SETTLED)
        while True:
            beat()
            if (left := due - time()) > 0:
                await asyncio.sleep(min(left, TURN))
                continue
            due = max(due, time() - self._interval) + self._interval
            try:
                self._report(await self._once())
            except Exception as error:  # noqa: BLE001 - a fault of ours must not end the pings for good
                self._fault("heartbeat", error)

    async def _once(self) -> HeartbeatRecord:
        if (reason := self._reasons()) is not None:
            return HeartbeatRecord(self._now(), HeartbeatOutcome.WITHHELD, reason)
        verdict = await self._ping()
        if isinstance(verdict, Delivered):
            return HeartbeatRecord(self._now(), HeartbeatOutcome.PINGED)
        return HeartbeatRecord(self._now(), HeartbeatOutcome.FAILED, verdict.detail)
