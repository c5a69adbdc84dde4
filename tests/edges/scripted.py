"""A server of bytes: it answers each request as a script says, also as no HTTP server would."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from dataclasses import dataclass, field

Script = Callable[[str, asyncio.StreamWriter], Awaitable[None]]
"""Gets the head of a request and where to write; returning keeps the connection open for the next one."""


@dataclass
class Scripted:
    url: str = ""
    heads: list[str] = field(default_factory=list)
    """Of every request, as it came."""
    connections: int = 0
    closed: asyncio.Event = field(default_factory=asyncio.Event)
    """Set when a client closed a connection."""


@contextlib.asynccontextmanager
async def serving(script: Script) -> AsyncIterator[Scripted]:
    server = Scripted()
    talks: set[asyncio.Task[None]] = set()

    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if (task := asyncio.current_task()) is not None:
            talks.add(task)
        server.connections += 1
        try:
            while True:
                head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1")
                server.heads.append(head)
                await script(head, writer)
                await writer.drain()
        except (asyncio.IncompleteReadError, ConnectionError):
            server.closed.set()
        finally:
            writer.close()
            with contextlib.suppress(ConnectionError):
                await writer.wait_closed()

    listening = await asyncio.start_server(talk, "127.0.0.1", 0)
    server.url = f"http://127.0.0.1:{listening.sockets[0].getsockname()[1]}"
    try:
        yield server
    finally:
        listening.close()
        # From Python 3.12 on, `wait_closed` waits for every connection, and a script that hangs keeps its own.
        for task in talks:
            task.cancel()
        await asyncio.gather(*talks, return_exceptions=True)
        await listening.wait_closed()


def http(status: int, body: bytes = b"", headers: Mapping[str, str] | None = None) -> bytes:
    """A whole answer as bytes, with its length."""
    lines = [f"HTTP/1.1 {status} Whatever", f"Content-Length: {len(body)}"]
    lines += [f"{name}: {value}" for name, value in (headers or {}).items()]
    return "\r\n".join([*lines, "", ""]).encode() + body


def answering(answer: bytes) -> Script:
    """The same answer to everything."""

    async def script(_head: str, writer: asyncio.StreamWriter) -> None:
        writer.write(answer)

    return script


def answering_in_turn(*answers: bytes) -> Script:
    """One answer after the other; the last one stays."""
    left = list(answers)

    async def script(_head: str, writer: asyncio.StreamWriter) -> None:
        writer.write(left.pop(0) if len(left) > 1 else left[0])

    return script
