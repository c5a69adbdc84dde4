"""What the machines around the daemon ask: probes, the scrape, and the reload."""

import asyncio
import hmac
from collections.abc import Callable
from concurrent.futures import Executor

from aiohttp import web
from prometheus_client.registry import Collector

from monitor.telemetry import render
from monitor.web.answers import answer, refusal
from monitor.web.view import View


class Probes:
    def __init__(
        self, view: View, registry: Collector, *, admin_token: Callable[[], str | None], executor: Executor | None
    ) -> None:
        self._view = view
        self._registry = registry
        self._admin_token = admin_token
        self._executor = executor

    def routes(self) -> list[web.RouteDef]:
        return [
            web.get("/metrics", self.metrics),
            web.get("/-/healthy", self.healthy),
            web.get("/-/ready", self.ready),
            web.post("/-/reload", self.reload),
        ]

    async def metrics(self, request: web.Request) -> web.Response:
        accept = ",".join(request.headers.getall("Accept", ()))
        loop = asyncio.get_running_loop()
        content_type, body = await loop.run_in_executor(self._executor, render, self._registry, accept)
        return web.Response(body=body, headers={"Content-Type": content_type})

    async def healthy(self, _request: web.Request) -> web.Response:
        """200 while every loop turns; says nothing about the API or receivers."""
        loops = self._view.loops()
        healthy = all(loop.turns for loop in loops.values())
        return answer({"healthy": healthy, "loops": loops}, 200 if healthy else 503)

    async def ready(self, _request: web.Request) -> web.Response:
        reason = self._view.ready()
        return answer({"ready": True}) if reason is None else answer({"ready": False, "reason": reason}, 503)

    async def reload(self, request: web.Request) -> web.Response:
        try:
            token = self._admin_token()
        except (OSError, ValueError):
            return refusal(403, "the admin token cannot be read now; look at the file of server.admin_token_file")
        if not token:
            return refusal(403, "no admin token is configured; set server.admin_token_file to allow this")
        if not _bears(request, token):
            error = "expected the admin token: Authorization: Bearer <content of server.admin_token_file>"
            return refusal(401, error, {"WWW-Authenticate": "Bearer"})
        errors = await self._view.reload("http")
        return answer({"errors": errors}, 400) if errors else answer({"reloaded": True})


def _bears(request: web.Request, token: str) -> bool:
    """Takes the same time whatever is wrong with a token."""
    scheme, _, given = request.headers.get("Authorization", "").partition(" ")
    same = hmac.compare_digest(given.strip().encode(errors="surrogateescape"), token.encode())
    return same and scheme.lower() == "bearer"
