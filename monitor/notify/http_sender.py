"""One POST to a receiver, for every notifier: bounded in time and size, no redirects, one verdict.

No aiohttp type and no part of the URL leaves this module, except the scheme, host and port.
"""

import asyncio
import os
from collections.abc import Callable, Collection, Mapping
from datetime import datetime

import aiohttp
import msgspec
from yarl import URL

from monitor import __version__
from monitor.core.alerting.verdict import Retry, Verdict
from monitor.core.formats.units import format_duration
from monitor.notify import http_verdict
from monitor.notify.tls import Contexts, Tls

_MAX_ANSWER = 64 * 1024
_MAX_READING = 2.0
"""Seconds for the text of an answer; its status, which decides, is known by then."""
_KEEP_ALIVE = 4.0
"""Seconds. Servers close idle connections after 5 s or more; if we are first, no POST meets a closed connection."""


class HttpResult(msgspec.Struct, frozen=True):
    """The result of one request."""

    verdict: Verdict
    status: int | None = None
    """The HTTP status; None without an answer."""


class HttpSender:
    """Requests to one URL. Connections are opened on first use, in the running loop."""

    def __init__(
        self,
        url: str,
        *,
        timeout: float,
        now: Callable[[], datetime],
        path: str = "",
        tls: Tls | None = None,
    ) -> None:
        """`timeout`: seconds until the status of an answer. `path`: a fixed path that is appended to the URL's.

        Raises ValueError for an invalid URL, OSError if a file of `tls` cannot be used.
        """
        self._url = URL(url)
        if self._url.scheme not in ("http", "https") or not self._url.host:
            raise ValueError("expected the receiver's URL to begin with http:// or https:// and a host")
        self._timeout = timeout
        self._now = now
        self._secrets = http_verdict.secrets_of(self._url)
        if path:
            self._url = self._url.joinpath(*path.split("/")).with_query(self._url.query)
        self._contexts = Contexts(tls) if tls is not None else None
        self._server_name = tls.server_name if tls is not None else None
        self._session: aiohttp.ClientSession | None = None

    def __repr__(self) -> str:
        return f"Sender({self._url.origin()})"

    async def post(self, body: bytes, headers: Mapping[str, str], secrets: Collection[str] = ()) -> Verdict:
        """One request. `secrets`: texts that the detail must not repeat, besides those of the URL."""
        return (await self.ask(body, headers, secrets)).verdict

    async def ask(self, body: bytes, headers: Mapping[str, str], secrets: Collection[str] = ()) -> HttpResult:
        """As `post`, with the status."""
        try:
            async with asyncio.timeout(self._timeout):
                response = await self._open().post(
                    self._url,
                    data=body,
                    headers=headers,
                    allow_redirects=False,
                    ssl=self._contexts.current() if self._contexts is not None else True,
                    server_hostname=self._server_name,
                )
        except (aiohttp.ClientError, OSError, UnicodeError) as error:
            # OSError: TimeoutError, and errors that aiohttp does not wrap; UnicodeError: an invalid host name
            return HttpResult(self._trouble(error))
        async with response:
            text = http_verdict.withhold(
                await _text(response, min(self._timeout, _MAX_READING)), [*self._secrets, *secrets]
            )
            return HttpResult(
                http_verdict.verdict(response.status, response.headers, text, self._now()), response.status
            )

    async def close(self) -> None:
        if self._session is not None:
            await self._session.close()

    def _open(self) -> aiohttp.ClientSession:
        if self._session is None:
            self._session = aiohttp.ClientSession(
                connector=aiohttp.TCPConnector(limit=0, keepalive_timeout=_KEEP_ALIVE),
                headers={"User-Agent": f"workflow-monitor/{__version__}", "Accept-Encoding": "identity"},
                cookie_jar=aiohttp.DummyCookieJar(),
                timeout=aiohttp.ClientTimeout(total=None),
                auto_decompress=False,
            )
        return self._session

    def _trouble(self, error: Exception) -> Retry:  # noqa: PLR0911 - a table
        """Why no answer came, without the error's own text, which may name the URL."""
        match error:
            case TimeoutError():
                return Retry(f"no answer within {format_duration(self._timeout)}", receiver_down=True)
            case aiohttp.ClientConnectorDNSError() | UnicodeError():
                return Retry(f"the name {self._url.host} cannot be resolved", receiver_down=True)
            case aiohttp.ClientConnectorCertificateError() | aiohttp.ClientSSLError():
                return Retry(f"no trusted TLS with {self._authority}", receiver_down=True)
            case aiohttp.ClientConnectorError():
                return Retry(f"cannot connect to {self._authority}: {_reason(error)}", receiver_down=True)
            case aiohttp.ServerDisconnectedError():
                return Retry("the connection was closed without an answer")
            case aiohttp.ClientOSError() | OSError():
                return Retry(f"the connection broke: {_reason(error)}")
            case aiohttp.ClientResponseError() | aiohttp.ClientPayloadError():
                return Retry("the answer is not HTTP")
            case _:
                return Retry(f"cannot send: {type(error).__name__}", receiver_down=True)

    @property
    def _authority(self) -> str:
        return f"{self._url.host}:{self._url.port}"


def _reason(error: OSError) -> str:
    return os.strerror(error.errno) if error.errno and error.errno > 0 else "unknown reason"


async def _text(response: aiohttp.ClientResponse, seconds: float) -> str:
    """The text of an answer, or its beginning if it is long, slow or broken."""
    read = bytearray()
    try:
        async with asyncio.timeout(seconds):
            while len(read) < _MAX_ANSWER and (chunk := await response.content.readany()):
                read += chunk
    except (aiohttp.ClientError, OSError):
        response.close()
    return read[:_MAX_ANSWER].decode(errors="replace")
