"""What the API said last about each target: most answers say the same again, and need not be read again.

Pure but for its memory, which is bounded: the answer that was read the longest ago makes way.
"""

from collections import OrderedDict
from collections.abc import Callable
from datetime import datetime

from monitor.core.model import PollFailed, Seen, TargetKey
from monitor.upstream.transport import Response
from monitor.upstream.wire import read_status

_OK = 200
_KEPT = 131_072
"""Targets; some 370 bytes each beside the belief, with which the step log is shared."""


class ResponseCache:
    """Reads answers of the status resource."""

    def __init__(self, kept: int = _KEPT) -> None:
        self._kept = kept
        self._last: OrderedDict[TargetKey, tuple[int, Seen]] = OrderedDict()
        """Each with the hash of its bytes, by a secret key that Python makes anew for each process (SipHash)."""

    def read(
        self, key: TargetKey, response: Response, *, now: Callable[[], datetime], secret: str
    ) -> Seen | PollFailed:
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
        self._last.pop(key, None)
        if seen.snapshot.status.ended:
            return  # it will not be asked for again
        self._last[key] = mark, seen
        if len(self._last) > self._kept:
            self._last.popitem(last=False)
