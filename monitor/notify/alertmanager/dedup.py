"""Drops outdated postings: an alert that ended after it was read must not open again, nor the other way round. Pure."""

from datetime import datetime, timedelta

from monitor.notify.alertmanager.payload import PostableAlert


class Dedup:
    """The last known state of each alert, forgotten after `memory` seconds without a record.

    Alerts may share all labels, as two executions of one step do; for Alertmanager they are one, open while one of them
    is open. An id that ended never opens again, unless it expired before it was posted: then it lapses by its `endsAt`.
    """

    def __init__(self, memory: float) -> None:
        """`memory`: seconds; more than the time from reading an alert to its POST."""
        self._memory = timedelta(seconds=memory)
        self._open: dict[str, dict[str, datetime]] = {}
        """When each open id was last recorded, by key."""
        self._ended: dict[str, datetime] = {}
        self._lapsing: dict[str, datetime] = {}

    def __len__(self) -> int:
        return len(self._ended) + len(self._lapsing) + sum(map(len, self._open.values()))

    def record(self, posting: PostableAlert, now: datetime) -> None:
        """Record a posting that was read from the store; in any order."""
        if posting.lapses:
            self._lapsing[posting.id] = now
            return
        ids = self._open.setdefault(posting.key, {})
        if posting.ended_at is not None:
            self._ended[posting.id] = now
        if posting.id in self._ended:
            ids.pop(posting.id, None)
        else:
            ids[posting.id] = now
        if not ids:
            del self._open[posting.key]

    def is_current(self, posting: PostableAlert) -> bool:
        """Whether it is still to be posted."""
        if posting.lapses or posting.id in self._lapsing:
            return posting.lapses
        if posting.ended_at is None:
            return posting.id not in self._ended
        return posting.key not in self._open

    def forget(self, now: datetime) -> None:
        """Drop what was not recorded for `memory` seconds."""
        self._ended = self._fresh(self._ended, now)
        self._lapsing = self._fresh(self._lapsing, now)
        fresh = {key: self._fresh(ids, now) for key, ids in self._open.items()}
        self._open = {key: ids for key, ids in fresh.items() if ids}

    def _fresh(self, heard: dict[str, datetime], now: datetime) -> dict[str, datetime]:
        return {one: at for one, at in heard.items() if now - at <= self._memory}
