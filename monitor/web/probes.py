"""Paths for other programs: probes, the scrape, and the reload."""

import asyncio
from concurrent.futures import Executor

from aiohttp import web
from prometheus_client.registry import Collector

from monitor.telemetry import render
from monitor.web.api.admin_token import AdminToken, check_admin_token
from monitor.web.api.responses import json_response
from monitor.web.view import View


class Probes:
    def __init__(self, view: View, registry: Collector, *, admin_token: AdminToken, executor: Executor | None) -> None:
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
        return json_response({"healthy": healthy, "loops": loops}, 200 if healthy else 503)

    async def ready(self, _request: web.Request) -> web.Response:
        reason = self._view.ready()
        return (
            json_response({"ready": True}) if reason is None else json_response({"ready": False, "reason": reason}, 503)
        )

    async def reload(self, request: web.Request) -> web.Response:
        if (no := check_admin_token(request, self._admin_token)) is not None:
            return no
        errors = await self._view.reload("http")
        return json_response({"errors": errors}, 400) if errors else json_response({"reloaded": True})
