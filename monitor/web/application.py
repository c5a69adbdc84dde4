"""Every path, and the common parts of all answers."""

import asyncio
from concurrent.futures import Executor
from typing import Final

from aiohttp import hdrs, web
from aiohttp.typedefs import Handler, Middleware
from prometheus_client.registry import Collector

from monitor.store import StoreUnavailable
from monitor.web.api.admin_token import AdminToken
from monitor.web.api.alerts import Alerts
from monitor.web.api.definitions import DefinitionsApi
from monitor.web.api.explain import Explain
from monitor.web.api.openapi import OpenApi
from monitor.web.api.query import QueryError
from monitor.web.api.responses import json_error
from monitor.web.api.targets import TargetsApi
from monitor.web.pages.front import Front
from monitor.web.pages.layout import STYLE_HASH
from monitor.web.pages.target import TargetPage
from monitor.web.probes import Probes
from monitor.web.view import View

_HEADERS: Final = {
    "Content-Security-Policy": (
        f"default-src 'none'; style-src 'sha256-{STYLE_HASH}'; "
        "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    ),
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cache-Control": "no-store",
    "Server": "workflow-monitor",
}
_FOR_MACHINES: Final = ("/metrics", "/-/healthy", "/-/ready")
"""Answered from the first moment on."""
_AT_ONCE: Final = 2
"""Requests for pages and JSON that are answered at once; others wait, so that the store is free for deliveries."""
_MOST_OF_A_BODY = 4096
"""Bytes; no path reads a body."""


def build(
    view: View,
    registry: Collector,
    *,
    external_url: str,
    admin_token: AdminToken,
    executor: Executor | None = None,
) -> web.Application:
    """The application; the caller binds the address and serves it.

    `admin_token` is called at each request that changes something; see `api/admin_token.py`. A scrape is rendered in
    `executor` (None: the loop's), so that a large one does not block the loop.
    """
    site = external_url.rstrip("/")
    application = web.Application(middlewares=[_in_our_words, _once_loaded(view)], client_max_size=_MOST_OF_A_BODY)
    application.on_response_prepare.append(_guard)
    for part in (
        Probes(view, registry, admin_token=admin_token, executor=executor),
        TargetsApi(view, external_url=site),
        DefinitionsApi(view),
        Explain(view),
        OpenApi(),
        Alerts(view, external_url=site, admin_token=admin_token),
        Front(view, external_url=site),
        TargetPage(view, external_url=site),
    ):
        application.add_routes(part.routes())
    return application


async def _guard(_request: web.Request, response: web.StreamResponse) -> None:
    response.headers.update(_HEADERS)


def _once_loaded(view: View) -> Middleware:
    """Answer 503 until the last known states are loaded, rather than show no targets.

    A few requests at a time, so that a client's loop of requests does not occupy the store's reading threads.
    """
    places = asyncio.Semaphore(_AT_ONCE)

    @web.middleware
    async def once_loaded(request: web.Request, handler: Handler) -> web.StreamResponse:
        if request.path in _FOR_MACHINES or request.method != hdrs.METH_GET:
            return await handler(request)
        if not view.loaded():
            return json_error(503, f"the monitor is starting: {view.ready()}")
        async with places:
            return await handler(request)

    return once_loaded


@web.middleware
async def _in_our_words(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Errors as JSON."""
    try:
        return await handler(request)
    except QueryError as error:
        return json_error(400, str(error))
    except StoreUnavailable:
        return json_error(503, "the store cannot be used now; the log says why")
    except web.HTTPMethodNotAllowed as error:
        allowed = ", ".join(sorted(error.allowed_methods))
        return json_error(405, f"expected {allowed}", {"Allow": allowed})
    except web.HTTPNotFound:
        return json_error(404, "there is nothing here; / lists what there is")
