"""One watched target of the running daemon: configuration, last known state, last polls."""

import asyncio
from datetime import datetime

from monitor.core.detection.unanswered import NO_SILENCE
from monitor.core.model import (
    Target,
    TargetState,
)
from monitor.core.records import PollTrace


class Watched:
    """One target of the running daemon: what is asked, what is believed, what the last polls did."""

    __slots__ = ("ended_at", "failures", "followed", "judging", "last_seen_at", "silence", "state", "target", "traces")

    def __init__(self, target: Target, state: TargetState, last_seen_at: datetime | None) -> None:
        self.target = target
        self.state = state
        self.last_seen_at = last_seen_at
        """The last answer (200); kept in memory, written to the store within a minute."""
        self.traces: list[PollTrace] = []
        """The last few polls worth a note, oldest first: the newest, and those that failed or told something."""
        self.ended_at: datetime | None = state.since if state.status.ended else None
        """When we learned that it had ended."""
        self.failures = 0
        """Consecutive polls that did not say what was asked."""
        self.silence = NO_SILENCE
        """For how long it alone has had no usable answer."""
        self.followed: TargetState | None = None
        """The belief that its next deadline was taken from."""
        self.judging: asyncio.Event | None = None
        """Set once a judgement without a poll, which is being committed, is over: a turn waits for it."""

    def succeed(self, other: "Watched") -> None:
        """The target left and came back while `other` was being polled: what was learned by that holds."""
        self.state, self.last_seen_at, self.ended_at = other.state, other.last_seen_at, other.ended_at
        self.traces, self.failures, self.silence = other.traces, other.failures, other.silence
