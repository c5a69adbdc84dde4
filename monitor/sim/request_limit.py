"""A real rate limit: the requests of a sliding window, counted."""

from collections import deque


class RequestLimit:
    """Allows `limit` requests in any window of `window` seconds. Refused requests do not count."""

    def __init__(self, limit: int, window: float) -> None:
        self._limit = max(1, limit)
        self._window = window
        self._passed: deque[float] = deque()

    def wait(self, t: float) -> float:
        """0.0: the request is allowed and counted. Else the seconds until one would be. `t` must not decrease."""
        while self._passed and self._passed[0] + self._window <= t:
            self._passed.popleft()
        if len(self._passed) < self._limit:
            self._passed.append(t)
            return 0.0
        return self._passed[0] + self._window - t
