"""Every page: its path, its model and its template."""

from collections import OrderedDict
from collections.abc import Awaitable, Callable
from datetime import datetime
from typing import Any, Final, NamedTuple
from urllib.parse import urlsplit

from aiohttp import hdrs, web

from monitor.web.pages.models.account import account
from monitor.web.pages.models.alerts import alert, alerts, incident
from monitor.web.pages.models.definition import definition
from monitor.web.pages.models.definitions import definitions
from monitor.web.pages.models.events import events
from monitor.web.pages.models.message import MessagePage
from monitor.web.pages.models.model import Model
from monitor.web.pages.models.overview import overview
from monitor.web.pages.models.receivers import receivers
from monitor.web.pages.models.target import target
from monitor.web.pages.models.targets import targets
from monitor.web.pages.snapshot import PageSnapshot, Shared
from monitor.web.pages.static_files import StaticFiles
from monitor.web.pages.templating import Templates

ModelOf = Callable[[PageSnapshot, web.Request], Awaitable[Model]]
_MOST_MODELS: Final = 50
"""Pages that are kept for a moment."""
_REVALIDATED: Final = "private, no-cache"


class PageRoute(NamedTuple):
    path: str
    model: ModelOf
    template: str


PAGES: Final = (
    PageRoute("/", overview, "overview.html"),
    PageRoute("/definitions", definitions, "definitions.html"),
    PageRoute("/definitions/{account}/{definition}", definition, "definition.html"),
    PageRoute("/targets", targets, "targets.html"),
    PageRoute("/targets/{account}/{definition}/{workflow}", target, "target.html"),
    PageRoute("/alerts", alerts, "alerts.html"),
    PageRoute("/alerts/{id}", alert, "alert.html"),
    PageRoute("/incidents/{id}", incident, "incident.html"),
    PageRoute("/events", events, "events.html"),
    PageRoute("/accounts/{account}", account, "account.html"),
    PageRoute("/receivers", receivers, "receivers.html"),
)


class PageSite:
    """All pages of one daemon."""

    def __init__(self, snapshot: PageSnapshot, *, external_url: str, now: Callable[[], datetime]) -> None:
        prefix = urlsplit(external_url).path.rstrip("/")
        self._snapshot = snapshot
        self._models: OrderedDict[str, Shared[Model]] = OrderedDict()
        self._files = StaticFiles()
        self._templates = Templates(
            now, url=lambda path: prefix + path, static=lambda name: prefix + self._files.path(name)
        )

    def routes(self) -> list[web.RouteDef]:
        return [*self._files.routes(), *(web.get(page.path, self._answers(page)) for page in PAGES)]

    def message(self, title: str, text: str, status: int) -> web.Response:
        """A page that says why there is no other."""
        model = MessagePage(title=title, text=text, http_status=status)
        return _html(self._templates.page("message.html", _variables(model, "")), status)

    def _answers(self, page: PageRoute) -> Callable[[web.Request], Awaitable[web.Response]]:
        async def answer(request: web.Request) -> web.Response:
            model = await self._model(page, request)
            block = request.query.get("fragment")
            if block is not None:
                return self._fragment(page, model, block, request)
            return _html(self._templates.page(page.template, _variables(model, request.path)), model.http_status)

        return answer

    async def _model(self, page: PageRoute, request: web.Request) -> Model:
        """Made once in a while, for all that look at the same page."""
        url = str(request.rel_url.without_query_params("fragment"))
        shared = self._models.get(url)
        if shared is None:
            shared = Shared(lambda: page.model(self._snapshot, request), self._snapshot.fresh_for)
            self._models[url] = shared
            if len(self._models) > _MOST_MODELS:
                self._models.popitem(last=False)
        self._models.move_to_end(url)
        return await shared.get()

    def _fragment(self, page: PageRoute, model: Model, block: str, request: web.Request) -> web.Response:
        """One block; nothing is rendered if the browser has it already."""
        tag = f'W/"{model.fingerprint(block)}-{self._files.version}"'
        headers = {hdrs.ETAG: tag, hdrs.CACHE_CONTROL: _REVALIDATED}
        if tag in request.headers.get(hdrs.IF_NONE_MATCH, ""):
            return web.Response(status=304, headers=headers)
        text = self._templates.fragment(page.template, block, _variables(model, request.path))
        if text is None:
            raise web.HTTPNotFound
        return web.Response(text=text, content_type="text/html", headers=headers)


def _variables(model: Model, here: str) -> dict[str, Any]:
    return {"page": model, "here": here}


def _html(text: str, status: int) -> web.Response:
    response = web.Response(text=text, status=status, content_type="text/html")
    response.enable_compression()
    return response
