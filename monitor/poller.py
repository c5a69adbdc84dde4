"""One turn of a target: observe, detect, commit."""

from collections import deque
from datetime import datetime

from monitor.core.model import Target, TargetState
from monitor.core.records import PollTrace


class Watched:
    """One target of the running daemon: what is asked, what is believed, what the last polls did."""

    __slots__ = ("ended_at", "last_seen_at", "state", "target", "traces")

    def __init__(self, target: Target, state: TargetState, last_seen_at: datetime | None) -> None:
        self.target = target
        self.state = state
        self.last_seen_at = last_seen_at
        """The last answer (200); kept in memory, written to the store within a minute."""
        self.traces: deque[PollTrace] | None = None
        """The last few polls worth a note: the newest, and those that changed something or failed."""
        self.ended_at: datetime | None = None
        """When we learned that it had ended."""
