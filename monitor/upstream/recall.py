"""What the API said last about each target: most answers say the same again, and need not be read again.

Pure but for its memory, which is bounded: the answer that was read the longest ago makes way.
"""

from collections.abc import Callable
from datetime import datetime

from monitor.core.model import Failed, Seen, TargetKey
from monitor.upstream.transport import Response
from monitor.upstream.wire import read_status

_OK = 200
_KEPT = 131_072
"""Targets; some 300 bytes each beside the belief, with which the step log is shared."""


class Recall:
    """Reads answers of the status resource."""

    def __init__(self, kept: int = _KEPT) -> None:
        self._kept = kept
        self._last: dict[TargetKey, tuple[int, Seen]] = {}
        """Each with the hash of its bytes, by a secret key that Python makes anew for each process (SipHash)."""

    def read(self, key: TargetKey, response: Response, *, now: Callable[[], datetime], secret: str) -> Seen | Failed:
        """As `read_status` does; what was read before is the very same value."""
        status, headers, body = response.status, response.headers, response.body
        if status != _OK:
            return read_status(status, headers, body, now=now(), secret=secret)
        mark, last = hash(body), self._last.get(key)
        if last is not None and last[0] == mark:
            return last[1]
        read = read_status(status, headers, body, workflow=key.workflow)
        if isinstance(read, Seen):
            self._keep(key, mark, read)
        return read

    def _keep(self, key: TargetKey, mark: int, seen: Seen) -> None:
        if seen.snapshot.status.ended:
            self._last.pop(key, None)  # it will not be asked for again
            return
        self._last[key] = mark, seen
        if len(self._last) > self._kept:
            del self._last[next(iter(self._last))]
