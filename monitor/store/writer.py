"""Group commit: many callers, one transaction at a time.

While one group is being made durable the next one gathers; nobody waits for a timer. A caller gets its result after
the disk has it. While the disk fails the group is kept and tried again; nobody's change is lost and nobody is told
otherwise.
"""

from collections.abc import Callable
from datetime import datetime

from monitor.core.model import Change, Committed, TargetKey
from monitor.core.records import StoreRecord
from monitor.store.store import Store
from monitor.store.values import DeliveryMark


class Writer:
    """Everything that is written on the poll path and by the deliverers goes through here."""

    def __init__(
        self,
        store: Store,
        *,
        report: Callable[[StoreRecord], None],
        jitter: Callable[[], float],
        max_group: int = 500,
        touch_every: float = 30.0,
    ) -> None:
        """`jitter` gives numbers in [0, 1). `touch_every`: seconds between two flushes of `touch`."""

    @property
    def available(self) -> bool:
        """False from the first failed write until one succeeds."""
        raise NotImplementedError

    async def wait_available(self) -> None:
        raise NotImplementedError

    async def run(self) -> None:
        """The loop. Never ends by itself; cancelled, it awaits the transaction under way."""
        raise NotImplementedError

    async def commit(self, change: Change) -> Committed:
        """Durable when it returns. A caller that is cancelled meanwhile cancels nothing.

        Raises StoreUnavailable only where `run` has ended; while the disk fails it waits.
        """
        raise NotImplementedError

    async def mark(self, mark: DeliveryMark) -> None:
        """Durable when it returns; otherwise like `commit`."""
        raise NotImplementedError

    def touch(self, key: TargetKey, seen_at: datetime) -> None:
        """The API answered about this target. Written with many others, within `touch_every` seconds."""
        raise NotImplementedError

    async def drain(self, timeout: float) -> bool:
        """Wait until everything given so far is durable, touches included; False where `timeout` seconds passed."""
        raise NotImplementedError
