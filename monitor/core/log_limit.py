"""One log line per kind and minute: further lines of that kind are counted, not written."""

from collections.abc import Hashable
from typing import Final

_EVERY: Final = 60.0
"""Seconds between two lines of one kind."""
_MOST_KINDS: Final = 100
"""Kinds that are remembered; beyond that a kind may be written again sooner."""


class LogLimit:
    """The limit of one source of lines; not thread-safe."""

    def __init__(self) -> None:
        self._kinds: dict[Hashable, tuple[float, int]] = {}
        """When a line of each kind was last written, and how many were suppressed since."""

    def times(self, kind: Hashable, now: float) -> int:
        """How many times it happened since the last line, this time included; 0: no line now. `now`: seconds."""
        last, since = self._kinds.get(kind, (None, 0))
        if last is not None and now - last < _EVERY:
            self._kinds[kind] = last, since + 1
            return 0
        if len(self._kinds) >= _MOST_KINDS:
            self._kinds.clear()
        self._kinds[kind] = now, 0
        return since + 1
