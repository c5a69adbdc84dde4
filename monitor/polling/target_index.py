"""What memory holds of every watched target whatever else is in the store: flat columns, by a number.

Some 60 bytes each, besides the id and the place in a dict. Everything here can be read without the store; the rest of
a belief (step log, conditions, cause) is read from there when it is needed.
"""

from array import array
from datetime import UTC, datetime, timedelta
from typing import Final, NamedTuple

from monitor.core.model import Status

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND: Final = timedelta(microseconds=1)
_NEVER: Final = -(1 << 63)
_STATUSES: Final = tuple(Status)
_CODES: Final = {status: code for code, status in enumerate(_STATUSES)}
_NO_VERSION: Final = -1
_MOST_FAILURES: Final = 65_535
_HEARD, _FAILED = 1, 2
_ROOM: Final = 4096
"""Rows that are added at once: columns that grow one by one take most of the time of adding."""


class IndexRow(NamedTuple):
    """One target, as the columns have it."""

    status: Status
    version: int | None
    revision: int
    since: datetime | None
    started_at: datetime | None
    last_seen_at: datetime | None
    ended_at: datetime | None
    """When the monitor learned that it had ended."""
    failures: int
    heard: bool
    """Whether it has answered since it is watched."""
    failed: bool
    """Whether it was terminated by a fault, or has a failed step that was not retried."""


class Glance(NamedTuple):
    """What the index tells of a target at a glance."""

    status: Status
    version: int | None
    started_at: datetime | None
    ended: bool


class TargetIndex:
    """Rows by number. A number that was given back is used again."""

    __slots__ = (
        "_allotted",
        "_ended",
        "_failures",
        "_flags",
        "_free",
        "_revisions",
        "_seen",
        "_since",
        "_started",
        "_statuses",
        "_versions",
        "groups",
        "settings",
    )

    def __init__(self) -> None:
        self._statuses, self._flags = array("B"), array("B")
        self._versions, self._revisions, self._failures = array("i"), array("I"), array("H")
        self._since, self._started, self._seen, self._ended = array("q"), array("q"), array("q"), array("q")
        """Microseconds since 1970."""
        self.settings, self.groups = array("b"), array("i")
        """Where the registry has what several targets share: their configuration, and the group they count in."""
        self._free = array("I")
        self._allotted = 0

    def allot(self) -> int:
        """The number of a new row; what it holds is undefined until `put`."""
        if self._free:
            return self._free.pop()
        if self._allotted == len(self._statuses):
            self._make_room()
        self._allotted += 1
        return self._allotted - 1

    def _make_room(self) -> None:
        for name in self.__slots__:
            column = getattr(self, name)
            if isinstance(column, array) and column is not self._free:
                column.frombytes(bytes(column.itemsize * _ROOM))

    def free(self, number: int) -> None:
        self._free.append(number)

    def put(self, number: int, row: IndexRow) -> None:
        self._statuses[number] = _CODES[row.status]
        self._flags[number] = _HEARD * row.heard | _FAILED * row.failed
        self._versions[number] = _NO_VERSION if row.version is None else row.version
        self._revisions[number], self._failures[number] = row.revision, min(row.failures, _MOST_FAILURES)
        self._since[number], self._started[number] = _micros(row.since), _micros(row.started_at)
        self._seen[number], self._ended[number] = _micros(row.last_seen_at), _micros(row.ended_at)

    def row(self, number: int) -> IndexRow:
        flags = self._flags[number]
        return IndexRow(
            _STATUSES[self._statuses[number]],
            self.version(number),
            self._revisions[number],
            _moment(self._since[number]),
            _moment(self._started[number]),
            _moment(self._seen[number]),
            _moment(self._ended[number]),
            self._failures[number],
            bool(flags & _HEARD),
            bool(flags & _FAILED),
        )

    def glance(self, number: int) -> Glance:
        return Glance(
            _STATUSES[self._statuses[number]],
            self.version(number),
            _moment(self._started[number]),
            self._ended[number] != _NEVER,
        )

    def failed(self, number: int) -> bool:
        return bool(self._flags[number] & _FAILED)

    def looked_at(self, number: int) -> datetime | None:
        """When it was last seen, or found; None for what has ended, or vanished."""
        if self._ended[number] != _NEVER or self._statuses[number] == _CODES[Status.NOT_FOUND]:
            return None
        seen = self._seen[number]
        return _moment(self._since[number] if seen == _NEVER else seen)

    def version(self, number: int) -> int | None:
        version = self._versions[number]
        return None if version == _NO_VERSION else version


def _micros(moment: datetime | None) -> int:
    return _NEVER if moment is None else (moment - _EPOCH) // _MICROSECOND


def _moment(micros: int) -> datetime | None:
    return None if micros == _NEVER else _EPOCH + timedelta(microseconds=micros)
