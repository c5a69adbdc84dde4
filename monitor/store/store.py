"""The face of the store: async calls that read, and what is written beside the poll path.

Every database call runs in one of two injected executors, so that the loop never waits for a disk and tests run in
virtual time. All calls raise StoreUnavailable where the database cannot be used now.
"""

import asyncio
from collections.abc import AsyncIterator, Callable, Collection, Sequence
from concurrent.futures import Executor
from datetime import datetime
from typing import TypeVar

from monitor.core.model import AccountState, Delivery, TargetKey, TargetState
from monitor.store.values import Alert, Pruned, StoredEvent

T = TypeVar("T")

Loaded = tuple[TargetState, datetime | None]
"""A belief, and when the API last answered about it (to within a minute)."""


class Store:
    """One database. `open` before anything else, `close` at the end."""

    def __init__(self, url: str, *, writer: Executor, reader: Executor) -> None:
        """`url` is SQLAlchemy's. `writer` has one thread: transactions follow each other."""

    async def open(self) -> None:
        """Create or migrate the schema. Raises StoreUnavailable, or StoreNewer where this version is too old."""
        raise NotImplementedError

    async def close(self) -> None:
        raise NotImplementedError

    async def load_targets(self, chunk: int = 2000) -> AsyncIterator[list[Loaded]]:
        """Every belief, in chunks, so that nothing else waits for long."""
        raise NotImplementedError
        yield []

    async def load_target(self, key: TargetKey) -> Loaded | None:
        raise NotImplementedError

    async def load_accounts(self) -> list[AccountState]:
        raise NotImplementedError

    async def load_account(self, account: str) -> AccountState | None:
        raise NotImplementedError

    async def known_drifts(self) -> dict[str, frozenset[str]]:
        """Per account the kinds of drift that were told, ever."""
        raise NotImplementedError

    async def pending(self, receiver: str, after_seq: int, limit: int) -> list[Delivery]:
        """Deliveries that `receiver` has not had, in the order of `seq`."""
        raise NotImplementedError

    async def pending_counts(self) -> dict[str, tuple[int, datetime | None]]:
        """Per receiver that has any: how many are pending, and when the oldest was observed."""
        raise NotImplementedError

    async def events(self, after: int, type: str | None, limit: int) -> tuple[list[StoredEvent], int]:
        """Events after the cursor, oldest first, and the cursor to go on with."""
        raise NotImplementedError

    async def target_events(self, key: TargetKey, limit: int) -> list[StoredEvent]:
        """The newest `limit` events of one target, oldest first."""
        raise NotImplementedError

    async def alerts(self, now: datetime, hold: float = 4 * 3600.0) -> list[Alert]:
        """What is open, newest first: conditions that hold, and event alerts observed within `hold` seconds."""
        raise NotImplementedError

    async def prune(
        self,
        *,
        events_before: datetime,
        targets_before: datetime,
        watched: Callable[[TargetKey], bool],
        receivers: Collection[str],
        batch: int = 500,
    ) -> Pruned:
        """Forget, in batches that delay commits little, what nobody needs any more.

        Events observed before `events_before` (further back than the hold of alerts) that none of `receivers` still
        waits for; targets that ended before `targets_before` and are not `watched` (called on the loop). What says
        that a kind of drift was told stays for ever.
        """
        raise NotImplementedError

    async def probe(self) -> None:
        """A tiny durable write; raises StoreUnavailable where it does not succeed."""
        raise NotImplementedError

    async def _in(self, executor: Executor, call: Callable[[], T]) -> T:
        return await asyncio.get_running_loop().run_in_executor(executor, call)


_ = Sequence
