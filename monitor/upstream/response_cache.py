"""The last answer about each target: most answers repeat it, and need not be decoded again.

Pure but for its memory, which is bounded: the least recently decoded answer is dropped.
"""

from collections import OrderedDict
from collections.abc import Callable
from datetime import datetime
from typing import Final

from monitor.core.model import PollFailed, Seen, TargetKey
from monitor.upstream.transport import Response
from monitor.upstream.wire import read_status

_OK = 200
MOST_KEPT: Final = 50_000
"""Targets; some 370 bytes each beside the state, with which it shares the step log."""
_DROPPED_AT_ONCE: Final = 16
"""A smaller bound is reached step by step, so that it holds nobody up."""


class ResponseCache:
    """Reads answers of the status resource."""

    def __init__(self, kept: Callable[[], int] = lambda: MOST_KEPT) -> None:
        """`kept`: how many answers, as configured now."""
        self._kept = kept
        self._last: OrderedDict[TargetKey, tuple[int, Seen]] = OrderedDict()
        """Each with the hash of its bytes (SipHash, with a secret key per process)."""

    def read(
        self, key: TargetKey, response: Response, *, now: Callable[[], datetime], secret: str
    ) -> Seen | PollFailed:
        """As `read_status`; a repeated answer returns the same object."""
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
            return  # it is not requested again
        self._last[key] = mark, seen
        for _ in range(min(len(self._last) - self._kept(), _DROPPED_AT_ONCE)):
            self._last.popitem(last=False)
