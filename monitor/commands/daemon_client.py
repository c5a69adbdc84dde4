"""HTTP requests to the running daemon of a configuration.

A token is sent to this machine, to the host that the configuration names, or anywhere by https. Redirects are
not followed, and the length of an answer is limited.
"""

import asyncio
import json
from collections.abc import Mapping
from typing import Any, Final
from urllib.parse import urlsplit

import aiohttp

from monitor.commands.options import CommandError, UsageError
from monitor.core.formats.clean import clean
from monitor.core.formats.urls import parse_base_url, require_https
from monitor.settings import Settings
from monitor.settings.secrets import SecretSource

_TIMEOUT: Final = 30.0
"""Seconds for one answer; a commit of the daemon may take a while on a busy disk."""
_MOST = 64 * 1024 * 1024
"""The most bytes of an answer."""
_SHOWN = 300
_EVERYWHERE: Final = {"0.0.0.0": "127.0.0.1", "::": "::1", "": "127.0.0.1"}  # noqa: S104 - read, not bound
"""Addresses to listen on, each with the address that a client on this machine uses."""
STRANGE: Final = "the daemon answers as no version that this one knows"
_OK = 200


def address(settings: Settings, url: str | None) -> str:
    """The URL of the daemon: `--url`, or else that of the configuration. Raises UsageError."""
    if url is not None:
        try:
            return parse_base_url(url)
        except ValueError as error:
            raise UsageError(f"--url: {error}") from None
    server = settings.server
    if not server.port:
        raise UsageError(f"{settings.path}: server.port is 0, any free port; say by --url where the daemon is")
    host = _EVERYWHERE.get(server.host, server.host)
    return f"http://{f'[{host}]' if ':' in host else host}:{server.port}"


def admin_token(settings: Settings, site: str) -> str:
    """The token, if it may be sent there. Raises UsageError."""
    source = settings.server.admin_token
    if source is None:
        raise UsageError(
            f"{settings.path}: no admin token is configured, so nothing can be changed; name a file that holds one "
            "by server.admin_token_file, and restart the daemon"
        )
    return _sendable(source, "admin_token", settings, site)


def read_token(settings: Settings, site: str) -> str | None:
    """The token for what only reads, if it may be sent there; None: none is configured. Raises UsageError."""
    source = settings.server.read_token
    return None if source is None else _sendable(source, "read_token", settings, site)


def _sendable(source: SecretSource, name: str, settings: Settings, site: str) -> str:
    try:
        require_https(site, urlsplit(site).hostname in _own_hosts(settings))
    except ValueError:
        word = name.replace("_", " ")
        raise UsageError(f"--url: the {word} goes by https, or to the host that the settings name") from None
    try:
        return source.read()
    except (OSError, ValueError) as error:
        raise UsageError(f"{settings.path}: server.{name}_file: {error}") from None


def _own_hosts(settings: Settings) -> tuple[str | None, ...]:
    return (settings.server.host.lower(), urlsplit(settings.server.external_url).hostname)


class DaemonClient:
    """The daemon at an address; changes need the admin token."""

    def __init__(self, site: str, token: str | None = None) -> None:
        self._site = site
        self._token = token

    def get(self, path: str, asked: Mapping[str, str]) -> dict[str, Any]:
        """The JSON of its answer. Raises CommandError, with the daemon's message if it refused."""
        return asyncio.run(self._ask("GET", path, asked))

    def post(self, path: str, asked: Mapping[str, str] | None = None) -> dict[str, Any]:
        """As `get`."""
        return asyncio.run(self._ask("POST", path, asked or {}))

    async def _ask(self, method: str, path: str, asked: Mapping[str, str]) -> dict[str, Any]:
        headers = {"Authorization": f"Bearer {self._token}"} if self._token is not None else {}
        try:
            async with (
                asyncio.timeout(_TIMEOUT),
                aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=None)) as session,
                session.request(
                    method, self._site + path, params=asked, headers=headers, allow_redirects=False
                ) as response,
            ):
                return self._understood(response.status, await _body(response))
        except TimeoutError:
            raise CommandError(f"no answer from {self._site} within {_TIMEOUT:g} s; its log may say why") from None
        except aiohttp.ClientSSLError:
            raise CommandError(f"no trusted TLS with {self._site}") from None
        except (aiohttp.ClientError, OSError):
            raise CommandError(
                f"nothing answers at {self._site}: is the daemon of this configuration running? "
                "If it is elsewhere, say where by --url"
            ) from None

    def _understood(self, status: int, body: bytes) -> dict[str, Any]:
        try:
            said = json.loads(body)
        except ValueError:
            said = None
        if not isinstance(said, dict) or (status != _OK and "error" not in said):
            raise CommandError(f"what answers at {self._site} is no workflow-monitor (HTTP {status}); see --url")
        if status != _OK:
            raise CommandError(self._refusal(status, clean(str(said["error"]), _SHOWN)))
        return said

    def _refusal(self, status: int, error: str) -> str:
        match status:
            case 401:
                return "the daemon does not take this token: is it the daemon of this configuration?"
            case 403:
                return f"the daemon refuses: {error}; then restart it"
            case _:
                return error


async def _body(response: aiohttp.ClientResponse) -> bytes:
    body = bytearray()
    while len(body) < _MOST and (chunk := await response.content.readany()):
        body += chunk
    return bytes(body)
