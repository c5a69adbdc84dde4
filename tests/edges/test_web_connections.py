"""Connections on which no whole request comes: bounded in number, cut off in time, and never in a probe's way."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import aiohttp
import pytest
from aiohttp import web

from monitor.web.connections import BoundedRunner

HALF = b"GET / HTTP/1.1\r\nHost: x\r\nX-"
Connection = tuple[asyncio.StreamReader, asyncio.StreamWriter]


@asynccontextmanager
async def serving(most: int = 100, head_timeout: float = 60.0) -> AsyncIterator[int]:
    """The port of a server that answers `/` at once and `/slow` when `release` is asked for."""
    gate = asyncio.Event()

    async def slow(_request: web.Request) -> web.Response:
        await gate.wait()
        return web.Response(text="slow")

    async def release(_request: web.Request) -> web.Response:
        gate.set()
        return web.Response()

    async def well(_request: web.Request) -> web.Response:
        return web.Response(text="well")

    application = web.Application()
    application.add_routes([web.get("/", well), web.get("/slow", slow), web.get("/release", release)])
    runner = BoundedRunner(application, most=most, head_timeout=head_timeout)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    try:
        yield runner.addresses[0][1]
    finally:
        await runner.cleanup()


async def connected(port: int, sent: bytes = HALF) -> Connection:
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(sent)
    await writer.drain()
    return reader, writer


async def ended(connection: Connection) -> None:
    """Once the server has closed it."""
    reader, writer = connection
    try:
        async with asyncio.timeout(10):
            assert await reader.read() == b""
    except ConnectionError:
        pass
    finally:
        writer.close()


async def asked(port: int, path: str = "/") -> str:
    async with aiohttp.ClientSession() as session, session.get(f"http://127.0.0.1:{port}{path}") as response:
        return await response.text()


async def test_a_request_is_answered_however_many_half_sent_ones_are_held() -> None:
    async with serving(most=20) as port:
        held = [await connected(port) for _ in range(300)]
        assert await asked(port) == "well"
        for connection in held[:250]:
            await ended(connection)
        for _, writer in held[250:]:
            writer.close()


async def test_what_is_being_answered_does_not_give_way_to_what_is_not() -> None:
    async with serving(most=5) as port:
        slow = asyncio.create_task(asked(port, "/slow"))
        held = [await connected(port) for _ in range(30)]
        assert await asked(port, "/release") == ""
        assert await slow == "slow"
        for _, writer in held:
            writer.close()


@pytest.mark.parametrize("sent", [b"", HALF], ids=["nothing", "half a head"])
async def test_a_head_that_does_not_come_is_cut_off(sent: bytes) -> None:
    async with serving(head_timeout=0.05) as port:
        await ended(await connected(port, sent))


async def test_a_connection_that_went_away_leaves_its_place() -> None:
    async with serving(most=3) as port:
        for _ in range(10):
            assert await asked(port) == "well"
