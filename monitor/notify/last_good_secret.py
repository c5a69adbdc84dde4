"""A secret that is read at every use, from a file that may be replaced, or be away for a moment."""

from collections.abc import Callable


class LastReadable:
    """The secret as it reads now, or, while it cannot be read, as it did last."""

    def __init__(self, read: Callable[[], str], *, called: str) -> None:
        """`read` raises OSError or ValueError where there is none. `called`: what people call it."""
        self.called = called
        self._read = read
        self._last: str | None = None

    def __repr__(self) -> str:
        return f"LastReadable({self.called})"

    def __call__(self) -> str:
        """Raises OSError or ValueError as long as it could never be read."""
        try:
            self._last = self._read()
        except (OSError, ValueError):
            if self._last is None:
                raise
        return self._last
