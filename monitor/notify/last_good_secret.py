"""A secret that is read at every use, from a file that may be replaced, or be absent for a moment."""

from collections.abc import Callable


class LastReadable:
    """The present secret, or the last one that could be read."""

    def __init__(self, read: Callable[[], str], *, called: str) -> None:
        """`read` raises OSError or ValueError if there is none. `called`: its name for people."""
        self.called = called
        self._read = read
        self._last: str | None = None

    def __repr__(self) -> str:
        return f"LastReadable({self.called})"

    def __call__(self) -> str:
        """Raises OSError or ValueError if it could never be read."""
        try:
            self._last = self._read()
        except (OSError, ValueError):
            if self._last is None:
                raise
        return self._last
