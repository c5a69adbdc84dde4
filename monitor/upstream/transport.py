"""One GET over HTTP: bounded in time and in size, sent once, without redirects, cookies and proxies.

No aiohttp type leaves this module: its exceptions become the three below.

    TransportError
    ├── TransportTimeout
    ├── TransportBroken
    └── ResponseTooLarge
"""

import os
import ssl
from collections.abc import Mapping
from typing import Protocol

import aiohttp
import msgspec
from aiohttp import hdrs
from aiohttp.http_exceptions import HttpProcessingError
from yarl import URL

from monitor.core.formats.clean import clean

_READ_AHEAD = 2**16
"""Bytes that are read or decompressed ahead; at most a few times as many exceed the bound."""
_LONGEST_REASON = 100
_KEEP_ALIVE = 15.0
"""Seconds; shorter than the idle timeout of servers, so that a connection rarely closes during a request."""


class TransportError(Exception):
    """There is no complete answer. The message is for people, without secrets and paths."""


class TransportTimeout(TransportError):  # noqa: N818 - it says what happened
    """Connecting, waiting and reading together took longer than the timeout."""


class TransportBroken(TransportError):  # noqa: N818 - it says what happened
    """No connection, an insecure one, or one that ended or sent invalid data before the answer was complete."""


class ResponseTooLarge(TransportError):  # noqa: N818 - it says what happened
    """The answer is larger than the bound: by its header, as sent, or as decompressed."""


class Response(msgspec.Struct, frozen=True, gc=False):
    """A complete answer, decompressed."""

    status: int
    headers: Mapping[str, str]
    """Finds names in any case."""
    body: bytes


class Transport(Protocol):
    """The way of requests to the API; tests use one to the simulated API without a network."""

    async def get(self, url: URL, headers: Mapping[str, str]) -> Response:
        """Raises a TransportError."""

    async def close(self) -> None: ...


class AiohttpTransport:
    """The real network: one session with kept connections for all accounts.

    Proxies of the environment, `.netrc` and cookies are not used: the key goes to the configured host only.
    Certificates are verified against OpenSSL's store (`SSL_CERT_FILE` adds others).
    """

    def __init__(self, *, timeout: float, max_response_bytes: int, connections: int = 0) -> None:
        """`timeout`: seconds for the whole request. `connections`: the most at once; 0: no limit.

        Must be created inside the running loop.
        """
        self._timeout = timeout
        self._bound = max_response_bytes
        self._session = aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(limit=connections, keepalive_timeout=_KEEP_ALIVE),
            cookie_jar=aiohttp.DummyCookieJar(),
            # gzip alone: its decompression is bounded, and it is always available.
            headers={hdrs.ACCEPT_ENCODING: "gzip"},
            read_bufsize=_READ_AHEAD,
            timeout=aiohttp.ClientTimeout(total=timeout),
            trust_env=False,
        )
        # aiohttp repeats a GET whose kept connection broke, but a permit is for one request. The only public way to
        # turn that off is a middleware, which costs 5 % of a poll; aiohttp's own test client does it like this.
        self._session._retry_connection = False  # noqa: SLF001

    async def get(self, url: URL, headers: Mapping[str, str]) -> Response:
        try:
            answer = await self._session.get(url, headers=headers, allow_redirects=False)
            try:
                body = self._whole(answer) or await self._read(answer)
            except BaseException:
                answer.close()
                raise
            if answer.connection is not None:  # an answer that has no end, such as 101
                answer.close()
            return Response(answer.status, answer.headers, body)
        except TimeoutError as error:
            raise TransportTimeout(f"no whole answer within {self._timeout:g}s") from error
        except (aiohttp.ClientError, HttpProcessingError, OSError, ValueError) as error:
            raise TransportBroken(_reason(error)) from error

    async def close(self) -> None:
        await self._session.close()

    def _whole(self, answer: aiohttp.ClientResponse) -> bytes:
        """The body if all of it came with the head, as it nearly always does; empty if more is to come."""
        content = answer.content
        if not content.is_eof():
            return b""
        body = content.read_nowait()
        if len(body) > self._bound:
            raise ResponseTooLarge(f"the answer is larger than the bound of {self._bound} bytes")
        return body

    async def _read(self, answer: aiohttp.ClientResponse) -> bytes:
        """The body. Reading its end frees the connection for the next request."""
        content, bound = answer.content, self._bound
        if (announced := answer.content_length) is not None and announced > bound:
            raise ResponseTooLarge(f"an answer of {announced} bytes was announced, the bound is {bound}")
        gathered = bytearray()
        while len(gathered) <= bound:
            if content.at_eof():
                return bytes(gathered)
            gathered += await content.readany()
        raise ResponseTooLarge(f"the answer is larger than the bound of {bound} bytes")


_REASONS: tuple[tuple[type[Exception], str], ...] = (
    (aiohttp.ClientConnectorDNSError, "the host's name cannot be resolved"),
    (aiohttp.ClientConnectorCertificateError, "the host's certificate is not accepted"),
    (aiohttp.ClientSSLError, "no TLS connection"),
    (aiohttp.ClientConnectorError, "no connection"),
    (aiohttp.ServerDisconnectedError, "the connection was closed before an answer"),
    (aiohttp.ClientPayloadError, "the answer broke off, or could not be unpacked"),
    (aiohttp.ClientResponseError, "the answer is not HTTP"),
    (HttpProcessingError, "the answer is not HTTP"),
    (UnicodeError, "the host's name is none that can be resolved"),
)
"""The first match counts. The texts are ours, since aiohttp's quote URLs and bytes of the answer."""


def _reason(error: Exception) -> str:
    reason = next((reason for kind, reason in _REASONS if isinstance(error, kind)), "the connection broke")
    cause = error.os_error if isinstance(error, aiohttp.ClientConnectorError) else error
    if isinstance(cause, ssl.SSLCertVerificationError):
        return f"{reason}: {clean(cause.verify_message, _LONGEST_REASON)}"
    if isinstance(cause, OSError) and isinstance(cause.errno, int) and cause.errno > 0:
        return f"{reason}: {os.strerror(cause.errno)}"
    return reason
