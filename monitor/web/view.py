"""What the pages need to know of the running daemon."""

from collections.abc import Iterable, Mapping
from typing import Protocol

from monitor.core.liveness import LoopHealth
from monitor.core.model import Status, TargetKey
from monitor.core.records import NextPoll
from monitor.polling.watched import Watched
from monitor.store import DeliveryStatus, OpenAlert, StoredDelivery, StoredEvent


class View(Protocol):
    """The daemon as others may see it. What is awaited may raise StoreUnavailable."""

    def loops(self) -> Mapping[str, LoopHealth]:
        """Whether each loop turns."""
        ...

    def loaded(self) -> bool:
        """Whether there is anything to show yet: False while the daemon starts."""
        ...

    def ready(self) -> str | None:
        """Why it is not ready, for people; None: it is."""
        ...

    async def reload(self, trigger: str) -> tuple[str, ...]:
        """Read the configuration again; what is wrong with it, nothing where it was applied."""
        ...

    def totals(self) -> Mapping[Status, int]:
        """How many targets there are in each status."""
        ...

    def targets(self) -> Iterable[Watched]:
        """Every target that is shown, in any order."""
        ...

    def target(self, key: TargetKey) -> Watched | None: ...

    def next_poll(self, key: TargetKey) -> NextPoll:
        """Of a target that is shown."""
        ...

    async def events(self, after: int, type: str | None, limit: int) -> tuple[list[StoredEvent], int]:
        """Events after the cursor, oldest first, and the cursor to go on with; `after` again where there are none."""
        ...

    async def target_events(self, key: TargetKey) -> list[StoredEvent]:
        """The newest events of one target, oldest first; also of one that is not watched any more."""
        ...

    async def alerts(self) -> list[OpenAlert]:
        """What is open now, newest first."""
        ...

    async def deliveries(
        self, status: DeliveryStatus | None, receiver: str | None, after: int, limit: int
    ) -> list[StoredDelivery]:
        """The first `limit` deliveries with a greater `seq` than `after`, in the order of (seq, receiver)."""
        ...

    async def close_alert(self, id: str) -> int:
        """A person has seen to it: `id` is of an alert, or of an incident with all its alerts.

        How many were closed; 0: nothing of it is open, or there is none.
        """
        ...

    async def retry_deliveries(self, receiver: str | None) -> int:
        """Try again what was given up, of one receiver or of all; how many deliveries are pending again."""
        ...
