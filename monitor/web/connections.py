"""A server whose connections are bounded, in number and in time.

A port scanner, a half-open load balancer or a browser behind a broken NAT keeps connections without a complete request.
Each occupies a descriptor, and without descriptors the monitor cannot poll. So a connection without a complete head in
time is closed, and if the limit is reached, the connection that has been idle longest is closed: a probe of the
orchestrator always succeeds.
"""

import asyncio
from collections.abc import Callable, Iterable
from typing import Final

from aiohttp import web
from aiohttp.typedefs import Handler
from aiohttp.web_protocol import RequestHandler

MOST_CONNECTIONS: Final = 100
HEAD_TIMEOUT: Final = 10.0
"""Seconds from the connection, or from the last answer on it, to the end of the next request's head."""
SHUTDOWN_TIMEOUT: Final = 1.0
"""Seconds for answers under way at the end."""


class BoundedRunner(web.AppRunner):
    """An AppRunner with at most `most` connections, each idle for at most `head_timeout` seconds."""

    def __init__(
        self, application: web.Application, *, most: int = MOST_CONNECTIONS, head_timeout: float = HEAD_TIMEOUT
    ) -> None:
        self._busy: set[object] = set()
        """Connections with a request that is being answered."""
        self._most = most
        application.middlewares.append(self._answering)
        super().__init__(
            application,
            access_log=None,
            shutdown_timeout=SHUTDOWN_TIMEOUT,
            keepalive_timeout=head_timeout,
            lingering_time=head_timeout,
        )

    @property
    def server(self) -> Callable[[], asyncio.Protocol] | None:  # type: ignore[override]  # sites only call it
        """The factory of the protocol for an accepted connection."""
        return None if super().server is None else self._connected

    def _connected(self) -> asyncio.Protocol:
        server = super().server
        if server is None:
            raise RuntimeError("a connection before setup or after cleanup")
        self._make_room(server.connections)
        return server()

    def _make_room(self, connections: Iterable[RequestHandler]) -> None:
        """At the limit, close the oldest idle connection, or the oldest of all."""
        open_ = [connection for connection in connections if connection.transport is not None]
        if len(open_) >= self._most:
            next((one for one in open_ if one not in self._busy), open_[0]).force_close()

    @web.middleware
    async def _answering(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        self._busy.add(request.protocol)
        try:
            return await handler(request)
        finally:
            self._busy.discard(request.protocol)
