"""Every path, and the common parts of all answers."""

import asyncio
from concurrent.futures import Executor
from typing import Final

from aiohttp import hdrs, web
from aiohttp.typedefs import Handler, Middleware
from multidict import MultiDict, MultiMapping
from prometheus_client.registry import Collector

from monitor.store import StoreUnavailable
from monitor.web.access import Access, Guesses, ReadToken
from monitor.web.api.admin_token import AdminToken
from monitor.web.api.alerts import Alerts
from monitor.web.api.definitions import DefinitionsApi
from monitor.web.api.explain import Explain
from monitor.web.api.openapi import OpenApi
from monitor.web.api.query import QueryError
from monitor.web.api.responses import json_error
from monitor.web.api.targets import TargetsApi
from monitor.web.pages.site import PageSite
from monitor.web.pages.snapshot import FRESH_FOR, PageSnapshot
from monitor.web.probes import Probes
from monitor.web.view import View

_HEADERS: Final = {
    "Content-Security-Policy": (
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; "
        "form-action 'self'; frame-ancestors 'none'; base-uri 'none'"
    ),
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Server": "workflow-monitor",
}
_FOR_MACHINES: Final = ("/metrics", "/-/healthy", "/-/ready")
"""Answered from the first moment on."""
_TITLES: Final = {
    400: "This question is not understood",
    401: "A token is needed",
    404: "There is nothing here",
    429: "Too many wrong tokens",
    503: "Not now",
}
_NO_PAGES: Final = ("/api/", "/-/", "/metrics", "/static/")
"""Paths below which all answers are for programs."""
_KEPT: Final = (hdrs.ALLOW, hdrs.RETRY_AFTER, hdrs.WWW_AUTHENTICATE)
"""Headers of an error that its answer keeps."""
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
    read_token: ReadToken = lambda: None,
    protect_metrics: bool = False,
    executor: Executor | None = None,
    fresh_for: float = FRESH_FOR,
) -> web.Application:
    """The application; the caller binds the address and serves it.

    `admin_token` is called at each request that changes something, `read_token` at each that reads; see
    `api/admin_token.py` and `access.py`. A scrape is rendered in `executor` (None: the loop's), so that a large one
    does not block the loop. `fresh_for`: seconds that pages show what was read once.
    """
    address = external_url.rstrip("/")
    guesses = Guesses()
    access = Access(read_token, admin_token, guesses, protect_metrics=protect_metrics)
    site = PageSite(PageSnapshot(view, fresh_for=fresh_for), external_url=address, now=view.now)
    application = web.Application(
        middlewares=[_in_our_words(site), _authorized(access), _once_loaded(view)], client_max_size=_MOST_OF_A_BODY
    )
    application.on_response_prepare.append(_guard)
    for part in (
        Probes(view, registry, admin_token=admin_token, executor=executor),
        TargetsApi(view, external_url=address),
        DefinitionsApi(view),
        Explain(view),
        OpenApi(),
        Alerts(view, external_url=address, admin_token=admin_token),
        site,
    ):
        application.add_routes(part.routes())
    return application


async def _guard(_request: web.Request, response: web.StreamResponse) -> None:
    response.headers.update(_HEADERS)
    response.headers.setdefault("Cache-Control", "no-store")


def _authorized(access: Access) -> Middleware:
    @web.middleware
    async def authorized(request: web.Request, handler: Handler) -> web.StreamResponse:
        if (refusal := access.check(request)) is not None:
            raise refusal
        response = await handler(request)
        access.answered(request, response.status)
        return response

    return authorized


def _once_loaded(view: View) -> Middleware:
    """Answer 503 until the last known states are loaded, rather than show no targets.

    A few requests at a time, so that a client's loop of requests does not occupy the store's reading threads.
    """
    places = asyncio.Semaphore(_AT_ONCE)

    @web.middleware
    async def once_loaded(request: web.Request, handler: Handler) -> web.StreamResponse:
        if request.path in _FOR_MACHINES or request.method != hdrs.METH_GET or request.path.startswith("/static/"):
            return await handler(request)
        if not view.loaded():
            raise web.HTTPServiceUnavailable(text=f"the monitor is starting: {view.ready()}")
        async with places:
            return await handler(request)

    return once_loaded


def _in_our_words(site: PageSite) -> Middleware:
    """Errors as a page for a browser that asks for one, as JSON for all others."""

    @web.middleware
    async def in_our_words(request: web.Request, handler: Handler) -> web.StreamResponse:
        try:
            return await handler(request)
        except (QueryError, StoreUnavailable, web.HTTPException) as error:
            status, text, headers = _words(error)
        if request.path.startswith(_NO_PAGES) or "text/html" not in _accepted(request):
            response = json_error(status, text)
        else:
            response = site.message(_TITLES.get(status, "This did not work"), text, status)
        for name in _KEPT:
            for value in headers.getall(name, ()):
                response.headers.add(name, value)
        return response

    return in_our_words


def _words(error: QueryError | StoreUnavailable | web.HTTPException) -> tuple[int, str, MultiMapping[str]]:
    match error:
        case QueryError():
            return 400, str(error), MultiDict()
        case StoreUnavailable():
            return 503, "the store cannot be used now; the log says why", MultiDict()
        case web.HTTPMethodNotAllowed():
            allowed = ", ".join(sorted(error.allowed_methods))
            return error.status, f"expected {allowed}", MultiDict({hdrs.ALLOW: allowed})
        case web.HTTPNotFound():
            return error.status, "there is nothing here; / lists what there is", error.headers
        case _:
            return error.status, error.text or error.reason, error.headers


def _accepted(request: web.Request) -> str:
    return ",".join(request.headers.getall(hdrs.ACCEPT, ()))
