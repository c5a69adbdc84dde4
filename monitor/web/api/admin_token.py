"""Authorization of requests that change something, by the admin token."""

import hmac
from collections.abc import Callable

from aiohttp import web

from monitor.web.api.responses import json_error

AdminToken = Callable[[], str | None]
"""Called at every request; raises OSError or ValueError if it cannot be read. None: no request may change anything."""


def check_admin_token(request: web.Request, admin_token: AdminToken) -> web.Response | None:
    """The refusal of a request without the token; None: it is authorized."""
    try:
        token = admin_token()
    except (OSError, ValueError):
        return json_error(403, "the admin token cannot be read now; look at the file of server.admin_token_file")
    if not token:
        return json_error(403, "no admin token is configured; set server.admin_token_file to allow this")
    if not _bears(request, token):
        error = "expected the admin token: Authorization: Bearer <content of server.admin_token_file>"
        return json_error(401, error, {"WWW-Authenticate": "Bearer"})
    return None


def _bears(request: web.Request, token: str) -> bool:
    """Whether the request has the token, compared in constant time."""
    scheme, _, given = request.headers.get("Authorization", "").partition(" ")
    same = hmac.compare_digest(given.strip().encode(errors="surrogateescape"), token.encode())
    return same and scheme.lower() == "bearer"
