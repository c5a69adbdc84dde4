"""Every path, and what all answers have in common."""

import asyncio
from concurrent.futures import Executor
from typing import Final

from aiohttp import hdrs, web
from aiohttp.typedefs import Handler, Middleware
from prometheus_client.registry import Collector

from monitor.store import StoreUnavailable
from monitor.web.api.admin_token import AdminToken
from monitor.web.api.alerts import Alerts
from monitor.web.api.query import QueryError
from monitor.web.api.responses import json_error
from monitor.web.api.targets import Api
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
"""Pages and questions that are answered at once; the rest waits, so that deliveries find the store free."""
_MOST_OF_A_BODY = 4096
"""Bytes; no path reads one."""


def build(
    view: View,
    registry: Collector,
    *,
    external_url: str,
    admin_token: AdminToken,
    executor: Executor | None = None,
) -> web.Application:
    """The application, to be served by whoever binds the address.

    `admin_token` is asked whenever something is to be changed; see `api/admin_token.py`. A scrape is rendered in
    `executor` (None: the loop's), so that a large one does not hold the loop.
    """
    site = external_url.rstrip("/")
    application = web.Application(middlewares=[_in_our_words, _once_loaded(view)], client_max_size=_MOST_OF_A_BODY)
    application.on_response_prepare.append(_guard)
    for part in (
        Probes(view, registry, admin_token=admin_token, executor=executor),
        Api(view, external_url=site),
        Alerts(view, external_url=site, admin_token=admin_token),
        Front(view, external_url=site),
        TargetPage(view, external_url=site),
    ):
        application.add_routes(part.routes())
    return application


async def _guard(_request: web.Request, response: web.StreamResponse) -> None:
    response.headers.update(_HEADERS)


def _once_loaded(view: View) -> Middleware:
    """Before the last known states are loaded there is nothing to show, which is not the same as no targets.

    A few at a time: a loop of requests must not take the store's reading threads.
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
    """What went wrong, as JSON."""
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
