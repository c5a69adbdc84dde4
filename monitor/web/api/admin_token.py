"""Who may change something: whoever bears the admin token."""

import hmac
from collections.abc import Callable

from aiohttp import web

from monitor.web.api.responses import json_error

AdminToken = Callable[[], str | None]
"""Asked at every request; raises OSError or ValueError where it cannot be read. None: nothing may be changed."""


def check_admin_token(request: web.Request, admin_token: AdminToken) -> web.Response | None:
    """The answer to a request that may change nothing; None: it may."""
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
    """Takes the same time whatever is wrong with a token."""
    scheme, _, given = request.headers.get("Authorization", "").partition(" ")
    same = hmac.compare_digest(given.strip().encode(errors="surrogateescape"), token.encode())
    return same and scheme.lower() == "bearer"
