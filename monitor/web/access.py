"""Authorization of requests that read, by the read token, and the slowing of guesses at either token.

Without a read token everything may be read. With one, pages and `/api/v1` want it as a bearer token, or as the password
of basic authentication, which a browser asks for and sends again by itself; there is no cookie. The admin token serves
as well. Probes stay open, since orchestrators know no token.
"""

import base64
import binascii
import hmac
import time
from collections import OrderedDict, deque
from collections.abc import Callable, Iterable
from typing import Final

from aiohttp import hdrs, web

from monitor.web.api.admin_token import AdminToken

ReadToken = AdminToken
"""Called at every request; raises OSError or ValueError if it cannot be read. None: everything may be read."""

_OPEN: Final = ("/-/healthy", "/-/ready")
_FILES: Final = "/static/"
_METRICS: Final = "/metrics"
_CHALLENGES: Final = ('Bearer realm="workflow-monitor"', 'Basic realm="workflow-monitor", charset="UTF-8"')
_UNAUTHORIZED: Final = 401
MOST_WRONG: Final = 5
"""Wrong tokens from one address within `WINDOW`."""
WINDOW: Final = 60.0
"""Seconds."""
_MOST_ADDRESSES: Final = 1000


class Guesses:
    """Wrong tokens per address. An address with too many of them waits, and its tokens are not compared meanwhile."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._wrong: OrderedDict[str, deque[float]] = OrderedDict()

    def wait(self, address: str) -> float:
        """Seconds until the address may try again; 0: now."""
        wrong = self._wrong.get(address)
        if wrong is None or len(wrong) < MOST_WRONG:
            return 0.0
        return max(0.0, wrong[0] + WINDOW - self._clock())

    def add(self, address: str) -> None:
        """The address has sent a wrong token."""
        self._wrong.setdefault(address, deque(maxlen=MOST_WRONG)).append(self._clock())
        self._wrong.move_to_end(address)
        if len(self._wrong) > _MOST_ADDRESSES:
            self._wrong.popitem(last=False)


class Access:
    """Decides on every request that reads."""

    def __init__(
        self,
        read_token: ReadToken,
        admin_token: AdminToken,
        guesses: Guesses,
        *,
        protect_metrics: bool,
    ) -> None:
        self._read_token = read_token
        self._admin_token = admin_token
        self._guesses = guesses
        self._protect_metrics = protect_metrics

    def check(self, request: web.Request) -> web.HTTPException | None:
        """Why it may not be answered; None: it may, as far as reading goes."""
        if request.method not in (hdrs.METH_GET, hdrs.METH_HEAD):
            wait = self._guesses.wait(request.remote or "") if given_token(request) is not None else 0.0
            return too_many(wait) if wait else None
        if not self._is_protected(request.path):
            return None
        try:
            token = self._read_token()
        except (OSError, ValueError):
            return web.HTTPForbidden(
                text="the read token cannot be read now; look at the file of server.read_token_file"
            )
        return None if token is None else self._checked(request, token)

    def answered(self, request: web.Request, status: int) -> None:
        """How a request that changes something was answered; its token is checked there."""
        if status == _UNAUTHORIZED and given_token(request) is not None:
            self._guesses.add(request.remote or "")

    def _is_protected(self, path: str) -> bool:
        if path in _OPEN or path.startswith(_FILES):
            return False
        return path != _METRICS or self._protect_metrics

    def _checked(self, request: web.Request, token: str) -> web.HTTPException | None:
        given = given_token(request)
        if given is None:
            return _unauthorized("expected the read token: as bearer token, or as password of basic authentication")
        address = request.remote or ""
        if wait := self._guesses.wait(address):
            return too_many(wait)
        if _is_one_of(given, (token, self._admin())):
            return None
        self._guesses.add(address)
        return _unauthorized("this is not the read token")

    def _admin(self) -> str | None:
        try:
            return self._admin_token()
        except (OSError, ValueError):
            return None


def given_token(request: web.Request) -> str | None:
    """The bearer token, or the password of basic authentication; None: there is neither."""
    scheme, _, given = request.headers.get(hdrs.AUTHORIZATION, "").partition(" ")
    match scheme.lower():
        case "bearer":
            return given.strip()
        case "basic":
            return _password(given.strip())
    return None


def too_many(wait: float) -> web.HTTPException:
    """The refusal of an address that guesses."""
    refusal = web.HTTPTooManyRequests(text="too many wrong tokens from this address; wait")
    refusal.headers[hdrs.RETRY_AFTER] = str(int(wait) + 1)
    return refusal


def _password(credentials: str) -> str | None:
    try:
        return base64.b64decode(credentials, validate=True).decode(errors="surrogateescape").partition(":")[2]
    except (binascii.Error, ValueError):
        return None


def _is_one_of(given: str, tokens: Iterable[str | None]) -> bool:
    """Compared in constant time, with each of them."""
    sent = given.encode(errors="surrogateescape")
    return any(hmac.compare_digest(sent, token.encode()) for token in tokens if token)


def _unauthorized(text: str) -> web.HTTPException:
    refusal = web.HTTPUnauthorized(text=text)
    for challenge in _CHALLENGES:
        refusal.headers.add(hdrs.WWW_AUTHENTICATE, challenge)
    return refusal
