"""The world over HTTP: every request is answered by `World.answer` at the time of the given clock."""

import asyncio
import gzip
import socket
import struct
from collections.abc import Callable

from aiohttp import web

from monitor.sim.responses import Broken, SimResponse
from monitor.sim.world import World

_RESET_ON_CLOSE = struct.pack("ii", 1, 0)
_LONG = 1024
"""Bytes; longer bodies are compressed."""
_GZIP_LEVEL = 1
_SHUTDOWN = 0.5
"""Seconds for slow answers when the server closes; a hanging one would take for ever."""


async def serve(world: World, host: str, port: int, clock: Callable[[], float]) -> web.ServerRunner:
    """Listens. `clock`: world time, in seconds. The caller ends it with `await runner.cleanup()`; see also `base_url`.

    Raises OSError if the port is in use.
    """
    desk = _Desk(world, clock)
    # The plain server: no routes, no middlewares, no access log; the benches measure the client, not this one.
    # Cancellation ends what hangs as soon as the client has gone.
    runner = web.ServerRunner(
        web.Server(desk.reply, handler_cancellation=True, access_log=None), shutdown_timeout=_SHUTDOWN
    )
    await runner.setup()
    try:
        await web.TCPSite(runner, host, port, backlog=1024).start()
    except OSError:
        await runner.cleanup()
        raise
    return runner


def base_url(runner: web.ServerRunner) -> str:
    """Its address, e.g. `http://127.0.0.1:40123`."""
    host, port = runner.addresses[0][:2]
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"


class _Desk:
    def __init__(self, world: World, clock: Callable[[], float]) -> None:
        self._world = world
        self._clock = clock

    async def reply(self, request: web.BaseRequest) -> web.StreamResponse:
        body = await request.read() if request.can_read_body else None
        url = request.rel_url
        answer = self._world.answer(
            request.method,
            url.raw_path,
            url.query if url.raw_query_string else {},
            _bearer(request.headers.get("Authorization")),
            self._clock(),
            body=body,
        )
        if answer.delay:
            await asyncio.sleep(answer.delay)
        if answer.broken is Broken.RESET:
            _reset(request)
        if answer.broken is Broken.HANG:
            await asyncio.Event().wait()  # until the client or the server closes
        if self._world.scenario.gzip and _gains_by_gzip(request, answer):
            headers = {**answer.headers, "Content-Encoding": "gzip", "Vary": "Accept-Encoding"}
            return web.Response(status=answer.status, headers=headers, body=gzip.compress(answer.body, _GZIP_LEVEL))
        return web.Response(status=answer.status, headers=answer.headers, body=answer.body)


def _gains_by_gzip(request: web.BaseRequest, answer: SimResponse) -> bool:
    return len(answer.body) >= _LONG and "gzip" in request.headers.get("Accept-Encoding", "")


def _bearer(authorization: str | None) -> str | None:
    scheme, _, token = (authorization or "").partition(" ")
    return token.strip() if scheme.lower() == "bearer" else None


def _reset(request: web.BaseRequest) -> None:
    """Closes the connection with a TCP reset; never returns."""
    transport = request.transport
    if transport is not None:
        connection: socket.socket | None = transport.get_extra_info("socket")
        if connection is not None:
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET_ON_CLOSE)
        transport.abort()
    raise ConnectionResetError("the scenario says so")
