"""Alerts and deliveries as JSON, and the actions of people on them."""

from aiohttp import web

from monitor.aio import chunks
from monitor.store import DeliveryStatus, StoredDelivery
from monitor.web.api import query
from monitor.web.api.admin_token import AdminToken, check_admin_token
from monitor.web.api.alert_schemas import AlertShape, alert_shape, delivery_shape
from monitor.web.api.responses import json_error, json_response
from monitor.web.view import View

_CHUNK = 200
"""Alerts that are encoded in one slice; a few milliseconds."""


class Alerts:
    def __init__(self, view: View, *, external_url: str, admin_token: AdminToken) -> None:
        self._view = view
        self._external_url = external_url
        self._admin_token = admin_token

    def routes(self) -> list[web.RouteDef]:
        return [
            web.get("/api/v1/alerts", self.alerts),
            web.post("/api/v1/alerts/{id}/close", self.close),
            web.get("/api/v1/deliveries", self.deliveries),
            web.post("/api/v1/deliveries/retry", self.retry),
        ]

    async def alerts(self, request: web.Request) -> web.Response:
        """The open alerts, newest first, with their notifications."""
        query.parameters(request.query, ())
        found = await self._view.alerts()
        shapes: list[AlertShape] = []
        async for some in chunks(found, _CHUNK):
            shapes += [alert_shape(opened, self._external_url) for opened in some]
        return json_response({"alerts": shapes})

    async def close(self, request: web.Request) -> web.Response:
        """A person closes an alert."""
        if (no := check_admin_token(request, self._admin_token)) is not None:
            return no
        query.parameters(request.query, ())
        id_ = request.match_info["id"]
        if not (number := await self._view.close_alert(id_)):
            return json_error(404, "no alert of this id, or of an incident of this id, is open; see /api/v1/alerts")
        return json_response({"closed": id_, "alerts": number})

    async def deliveries(self, request: web.Request) -> web.Response:
        """A page of deliveries, oldest first; `next` is null on the last page."""
        asked = query.parameters(request.query, ("status", "receiver", "limit", "after"))
        found, last = await self._page(
            query.delivery_status(asked.get("status")),
            asked.get("receiver"),
            query.sequence(asked.get("after")),
            query.limit(asked.get("limit")),
        )
        return json_response({"deliveries": [delivery_shape(delivery) for delivery in found], "next": last})

    async def _page(
        self, status: DeliveryStatus | None, receiver: str | None, after: int, limit: int
    ) -> tuple[list[StoredDelivery], int | None]:
        """Deliveries of one number, to several receivers, are on one page, which may therefore be longer."""
        while True:
            found = await self._view.deliveries(status, receiver, after, limit + 1)
            if len(found) <= limit:
                return found, None
            whole = [delivery for delivery in found if delivery.seq != found[-1].seq]
            if whole:
                return whole, whole[-1].seq
            limit *= 2

    async def retry(self, request: web.Request) -> web.Response:
        """Make dead deliveries pending again."""
        if (no := check_admin_token(request, self._admin_token)) is not None:
            return no
        asked = query.parameters(request.query, ("receiver",))
        return json_response({"retried": await self._view.retry_deliveries(asked.get("receiver"))})
