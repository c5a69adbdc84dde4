"""The network as it is: every way in which a request can fail, on a real socket where one can be had."""

import asyncio
import gzip
import logging
import shutil
import ssl
import subprocess
import tracemalloc
import zlib
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager
from pathlib import Path

import aiohttp
import pytest
from aiohttp.client_reqrep import ConnectionKey
from aioresponses import aioresponses
from yarl import URL

from monitor.upstream.fast_zlib import FASTEST, use_fast_zlib
from monitor.upstream.transport import (
    AiohttpTransport,
    Response,
    ResponseTooLarge,
    TransportBroken,
    TransportError,
    TransportTimeout,
)
from tests.edges.scripted import Script, answering, answering_in_turn, http, serving

SECRET = "s3cr3t-of-the-account"
HEADERS = {"Authorization": f"Bearer {SECRET}"}
BOUND = 1000


@asynccontextmanager
async def transport(patience: float = 5.0, max_response_bytes: int = BOUND) -> AsyncIterator[AiohttpTransport]:
    network = AiohttpTransport(timeout=patience, max_response_bytes=max_response_bytes)
    try:
        yield network
    finally:
        await network.close()


async def get(network: AiohttpTransport, url: str, path: str = "/x?y=z") -> Response:
    return await network.get(URL(url + path, encoded=True), HEADERS)


@pytest.fixture(params=["zlib", *FASTEST])
def unpacking(request: pytest.FixtureRequest) -> Iterator[None]:
    """By each library that may unpack; there is not one of them for every machine."""
    pytest.importorskip(request.param)
    assert use_fast_zlib([request.param]) == request.param
    yield
    use_fast_zlib([])


# --- answers ---


async def test_an_answer_comes_whole_with_headers_in_any_case() -> None:
    async with serving(answering(http(200, b'{"a": 1}', {"X-Thing": "yes"}))) as server, transport() as network:
        answer = await get(network, server.url)
    assert (answer.status, answer.body, answer.headers.get("x-thing")) == (200, b'{"a": 1}', "yes")


async def test_a_request_is_a_get_with_our_headers_and_no_others_of_weight() -> None:
    async with serving(answering(http(200))) as server, transport() as network:
        await get(network, server.url, "/a%2Fb/%C3%B6?includeLogs=true")
    head = server.heads[0]
    assert head.startswith("GET /a%2Fb/%C3%B6?includeLogs=true HTTP/1.1\r\n")
    assert f"Authorization: Bearer {SECRET}\r\n" in head
    assert "Accept-Encoding: gzip\r\n" in head


@pytest.mark.parametrize("status", [204, 304, 400, 401, 404, 418, 429, 500, 503, 599])
async def test_any_status_is_an_answer(status: int) -> None:
    async with serving(answering(http(status))) as server, transport() as network:
        answer = await get(network, server.url)
    assert (answer.status, answer.body) == (status, b"")


async def test_a_chunked_answer_is_put_together() -> None:
    chunks = b"".join(b"%x\r\n%s\r\n" % (len(part), part) for part in (b"one ", b"two ", b"three")) + b"0\r\n\r\n"
    whole = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n" + chunks

    async def script(_head: str, writer: asyncio.StreamWriter) -> None:
        for start in range(0, len(whole), 7):
            writer.write(whole[start : start + 7])
            await writer.drain()
            await asyncio.sleep(0)

    async with serving(script) as server, transport() as network:
        assert (await get(network, server.url)).body == b"one two three"


async def test_an_answer_without_length_ends_with_its_connection() -> None:
    async def script(_head: str, writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 200 OK\r\n\r\nto the end")
        writer.close()

    async with serving(script) as server, transport() as network:
        assert (await get(network, server.url)).body == b"to the end"


@pytest.mark.usefixtures("unpacking")
@pytest.mark.parametrize(
    ("encoding", "pack"), [("gzip", gzip.compress), ("deflate", zlib.compress)], ids=["gzip", "deflate"]
)
async def test_a_packed_answer_is_unpacked(encoding: str, pack: Callable[[bytes], bytes]) -> None:
    packed = http(200, pack(b"abc" * 100), {"Content-Encoding": encoding})
    async with serving(answering(packed)) as server, transport() as network:
        assert (await get(network, server.url)).body == b"abc" * 100


async def test_connections_are_kept() -> None:
    async with serving(answering(http(200, b"x"))) as server, transport() as network:
        for _ in range(5):
            await get(network, server.url)
    assert (server.connections, len(server.heads)) == (1, 5)


async def test_a_redirect_is_an_answer_and_not_followed() -> None:
    async with serving(answering(http(302, b"", {"Location": "/elsewhere"}))) as server, transport() as network:
        assert (await get(network, server.url)).status == 302
    assert len(server.heads) == 1


async def test_cookies_are_not_kept() -> None:
    async with serving(answering(http(200, b"x", {"Set-Cookie": "a=b; Path=/"}))) as server, transport() as network:
        await get(network, server.url)
        await get(network, server.url)
    assert "cookie" not in server.heads[1].lower()


async def test_proxies_of_the_environment_are_not_used(monkeypatch: pytest.MonkeyPatch) -> None:
    async with serving(answering(http(502))) as proxy, serving(answering(http(200))) as server, transport() as network:
        for name in ("http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY"):
            monkeypatch.setenv(name, proxy.url)
        assert (await get(network, server.url)).status == 200
    assert proxy.connections == 0


async def test_an_upgrade_that_nobody_asked_for_does_not_keep_its_connection() -> None:
    upgrade = b"HTTP/1.1 101 Switching Protocols\r\nConnection: upgrade\r\nUpgrade: nonsense\r\n\r\n"
    async with serving(answering_in_turn(upgrade, http(200, b"x"))) as server, transport(patience=0.2) as network:
        assert (await get(network, server.url)).status == 101
        assert (await get(network, server.url)).body == b"x"
    assert server.connections == 2


# --- size ---

LARGE = b"x" * (BOUND + 1)


async def endless(_head: str, writer: asyncio.StreamWriter) -> None:
    writer.write(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
    for _ in range(100_000):
        writer.write(b"1000\r\n" + b"x" * 0x1000 + b"\r\n")
        await writer.drain()


TOO_LARGE: dict[str, Script] = {
    "announced": answering(f"HTTP/1.1 200 OK\r\nContent-Length: {10**12}\r\n\r\n".encode()),
    "one over": answering(http(200, LARGE)),
    "until the end": answering(b"HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n" + LARGE),
    "endless": endless,
    "unpacked": answering(http(200, gzip.compress(LARGE), {"Content-Encoding": "gzip"})),
    "an error": answering(http(500, LARGE)),
}


@pytest.mark.parametrize("script", TOO_LARGE.values(), ids=TOO_LARGE.keys())
async def test_what_is_larger_than_the_bound_is_refused(script: Script) -> None:
    async with serving(script) as server, transport() as network:
        with pytest.raises(ResponseTooLarge, match="bound"):
            await get(network, server.url)
        await asyncio.wait_for(server.closed.wait(), 2) if script is endless else None


async def test_what_is_just_at_the_bound_is_not_refused() -> None:
    async with serving(answering(http(200, LARGE[:-1]))) as server, transport() as network:
        assert len((await get(network, server.url)).body) == BOUND


@pytest.mark.usefixtures("unpacking")
async def test_a_bomb_is_not_unpacked_beyond_the_bound() -> None:
    bomb = http(200, gzip.compress(bytes(64 * 2**20), 9), {"Content-Encoding": "gzip"})
    async with serving(answering(bomb)) as server, transport(max_response_bytes=2**20) as network:
        tracemalloc.start()
        try:
            with pytest.raises(ResponseTooLarge):
                await get(network, server.url)
            _, peak = tracemalloc.get_traced_memory()
        finally:
            tracemalloc.stop()
    assert peak < 6 * 2**20


@pytest.mark.usefixtures("unpacking")
async def test_what_was_packed_in_pieces_is_unpacked_whole() -> None:
    packed = http(200, gzip.compress(b"abc") + gzip.compress(b"def" * 100), {"Content-Encoding": "gzip"})
    async with serving(answering(packed)) as server, transport() as network:
        assert (await get(network, server.url)).body == b"abc" + b"def" * 100


@pytest.mark.usefixtures("unpacking")
async def test_a_large_answer_within_the_bound_comes_whole() -> None:
    large = bytes(range(256)) * 4 * 2**12
    packed = http(200, gzip.compress(large), {"Content-Encoding": "gzip"})
    async with serving(answering(packed)) as server, transport(max_response_bytes=len(large)) as network:
        assert (await get(network, server.url)).body == large


def test_where_no_faster_library_is_installed_the_standard_one_unpacks() -> None:
    assert use_fast_zlib(["no_such_module"]) == "zlib"


# --- time ---


async def silent(_head: str, _writer: asyncio.StreamWriter) -> None:
    await asyncio.sleep(5)


async def stuck_in_the_body(_head: str, writer: asyncio.StreamWriter) -> None:
    writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nabc")
    await asyncio.sleep(5)


async def trickling(_head: str, writer: asyncio.StreamWriter) -> None:
    writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n")
    for _ in range(1000):
        writer.write(b"x")
        await writer.drain()
        await asyncio.sleep(0.01)


@pytest.mark.parametrize("script", [silent, stuck_in_the_body, trickling], ids=lambda script: script.__name__)
async def test_the_timeout_is_for_the_whole_request(script: Script) -> None:
    started = asyncio.get_running_loop().time()
    async with serving_until_hung_up(script) as url, transport(patience=0.1) as network:
        with pytest.raises(TransportTimeout, match=r"within 0\.1s"):
            await get(network, url)
        assert 0.09 < asyncio.get_running_loop().time() - started < 1


@asynccontextmanager
async def serving_until_hung_up(script: Script) -> AsyncIterator[str]:
    """A script that would go on for long ends when the test does."""
    tasks: list[asyncio.Task[None]] = []

    async def bounded(head: str, writer: asyncio.StreamWriter) -> None:
        tasks.append(asyncio.ensure_future(script(head, writer)))
        await asyncio.wait(tasks)
        writer.close()

    async with serving(bounded) as server:
        try:
            yield server.url
        finally:
            for task in tasks:
                task.cancel()


async def test_a_cancelled_request_ends_as_cancelled_and_leaves_no_connection() -> None:
    async with serving_until_hung_up(silent) as url, transport() as network:
        asking = asyncio.ensure_future(get(network, url))
        await asyncio.sleep(0.05)
        asking.cancel()
        with pytest.raises(asyncio.CancelledError):
            await asking


# --- what breaks ---


def breaking_off(sent: bytes) -> Script:
    async def script(_head: str, writer: asyncio.StreamWriter) -> None:
        writer.write(sent)
        await writer.drain()
        writer.transport.abort() if not sent else writer.close()

    return script


BROKEN: dict[str, tuple[Script, str]] = {
    "closed without an answer": (breaking_off(b""), "closed|broke"),
    "cut in the head": (breaking_off(b"HTTP/1.1 200 OK\r\nContent-Le"), "closed"),
    "cut in the body": (breaking_off(b"HTTP/1.1 200 OK\r\nContent-Length: 50\r\n\r\nabc"), "broke off"),
    "cut in a chunk": (breaking_off(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n9\r\nab"), "broke off"),
    "a bad chunk": (
        answering(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n" + SECRET.encode()),
        "broke|not HTTP",
    ),
    "not HTTP": (answering(b"220 mail.example ESMTP\r\n\r\n"), "not HTTP"),
    "garbage": (answering(bytes(range(256)) * 4), "not HTTP"),
    "a length that is none": (answering(b"HTTP/1.1 200 OK\r\nContent-Length: many\r\n\r\n"), "not HTTP"),
    "two lengths": (answering(b"HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nab"), "not HTTP"),
    "a head without end": (answering(b"HTTP/1.1 200 OK\r\nX: " + b"y" * 100_000 + b"\r\n\r\n"), "not HTTP"),
    "not gzip": (answering(http(200, b"plain words of an API", {"Content-Encoding": "gzip"})), "unpacked|not HTTP"),
}


@pytest.mark.usefixtures("unpacking")
@pytest.mark.parametrize(("script", "said"), BROKEN.values(), ids=BROKEN.keys())
async def test_what_breaks_is_said_in_words_of_our_own(
    script: Script, said: str, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    async with serving(script) as server, transport(patience=1.0) as network:
        with pytest.raises(TransportBroken, match=said) as caught:
            await get(network, server.url)
    assert len(server.heads) == 1, "it was sent again"
    assert SECRET not in str(caught.value) + caplog.text
    assert "127.0.0.1" not in str(caught.value)


async def test_a_request_is_not_repeated_when_a_kept_connection_breaks() -> None:
    async def script(_head: str, writer: asyncio.StreamWriter) -> None:
        if len(server.heads) == 1:
            writer.write(http(200, b"x"))
        else:
            writer.close()

    async with serving(script) as server, transport() as network:
        await get(network, server.url)
        with pytest.raises(TransportBroken):
            await get(network, server.url)
    assert len(server.heads) == 2


async def test_nobody_listening_is_no_connection() -> None:
    async with serving(answering(b"")) as server:
        pass
    async with transport() as network:
        with pytest.raises(TransportBroken, match="no connection: Connection refused"):
            await get(network, server.url)


async def test_tls_with_somebody_who_speaks_none_is_no_connection() -> None:
    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read(1)
        writer.write(http(400))
        writer.close()

    server = await asyncio.start_server(talk, "127.0.0.1", 0)
    async with transport() as network:
        with pytest.raises(TransportBroken, match="no TLS connection"):
            await get(network, f"https://127.0.0.1:{server.sockets[0].getsockname()[1]}")
    server.close()
    await server.wait_closed()


@pytest.mark.skipif(shutil.which("openssl") is None, reason="a certificate is made by openssl")
async def test_a_certificate_that_nobody_vouches_for_is_not_accepted(tmp_path: Path) -> None:
    key, certificate = tmp_path / "key.pem", tmp_path / "certificate.pem"
    made = ["-newkey", "rsa:2048", "-nodes", "-subj", "/CN=127.0.0.1", "-keyout", str(key), "-out", str(certificate)]
    subprocess.run(["openssl", "req", "-x509", *made], check=True, capture_output=True)  # noqa: ASYNC221, S603, S607 - a moment, ours, from the path
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)
    seen: list[bytes] = []

    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        seen.append(await reader.read())
        writer.close()

    server = await asyncio.start_server(talk, "127.0.0.1", 0, ssl=context)
    port = server.sockets[0].getsockname()[1]
    async with transport() as network:
        with pytest.raises(TransportBroken, match=r"certificate is not accepted: self.signed"):
            await get(network, f"https://127.0.0.1:{port}")
    server.close()
    await server.wait_closed()
    assert seen == []


# --- what no server on this machine can do ---

_KEY = ConnectionKey("api.example", 443, is_ssl=True, ssl=True, proxy=None, proxy_auth=None, proxy_headers_hash=None)
FAULTS: dict[str, tuple[Exception, type[TransportError], str]] = {
    "no such host": (aiohttp.ClientConnectorDNSError(_KEY, OSError(-2, "unknown")), TransportBroken, "name cannot be"),
    "host unreachable": (aiohttp.ClientConnectorError(_KEY, OSError(113, "x")), TransportBroken, "No route to host"),
    "reset": (aiohttp.ClientOSError(104, "x"), TransportBroken, "broke: Connection reset by peer"),
    "out of files": (OSError(24, "x"), TransportBroken, "Too many open files"),
    "connecting takes too long": (aiohttp.ConnectionTimeoutError(f"{SECRET}"), TransportTimeout, "within 5s"),
    "reading takes too long": (aiohttp.SocketTimeoutError(f"{SECRET}"), TransportTimeout, "within 5s"),
    "payload": (aiohttp.ClientPayloadError(f"<{SECRET}>"), TransportBroken, "broke off"),
    "a bad address": (aiohttp.InvalidURL(f"https://{SECRET}"), TransportBroken, "broke"),
    "no name": (UnicodeError(f"label empty or too long: {SECRET}"), TransportBroken, "none that can be resolved"),
    "something new": (aiohttp.ClientError(f"{SECRET}"), TransportBroken, "broke"),
}


@pytest.mark.parametrize(("fault", "kind", "said"), FAULTS.values(), ids=FAULTS.keys())
async def test_nothing_of_aiohttp_passes(fault: Exception, kind: type[TransportError], said: str) -> None:
    async with transport() as network:
        with aioresponses() as faults:
            faults.get("https://api.example/x?y=z", exception=fault)
            with pytest.raises(kind, match=said) as caught:
                await get(network, "https://api.example")
    assert SECRET not in str(caught.value)
