"""One ping of a dead man's switch: a POST without a body, which all usual services accept."""

from collections.abc import Callable
from datetime import datetime

from monitor.core.alerting.verdict import Verdict
from monitor.notify.http_sender import HttpSender


class Ping:
    """Call it to ping. No verdict repeats the URL, which may hold a token."""

    def __init__(self, url: str, *, now: Callable[[], datetime], timeout: float = 10.0) -> None:
        """`timeout` in seconds. Raises ValueError for an invalid URL."""
        self._sender = HttpSender(url, timeout=timeout, now=now)

    def __repr__(self) -> str:
        return f"Ping({self._sender!r})"

    async def __call__(self) -> Verdict:
        return await self._sender.post(b"", {})

    async def close(self) -> None:
        await self._sender.close()
