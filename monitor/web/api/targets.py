"""Targets and events as JSON, under `/api/v1`."""

import msgspec
from aiohttp import web

from monitor.core.event_types import EventType
from monitor.core.model import TargetKey
from monitor.store import StoredEvent
from monitor.web.api import query
from monitor.web.api.pagination import Selection, page
from monitor.web.api.responses import json_error, json_response
from monitor.web.api.target_schemas import target_details, target_shape
from monitor.web.view import View

_SCANNED_AT_ONCE = 1000
_SCANS = 10


class _Typed(msgspec.Struct):
    """The type of an event, for selecting by type."""

    type: str


_TYPE_OF = msgspec.json.Decoder(_Typed).decode


class TargetsApi:
    def __init__(self, view: View, *, external_url: str) -> None:
        self._view = view
        self._external_url = external_url

    def routes(self) -> list[web.RouteDef]:
        return [
            web.get("/api/v1/targets", self.targets),
            web.get("/api/v1/targets/{account}/{definition}/{workflow}", self.target),
            web.get("/api/v1/events", self.events),
        ]

    async def targets(self, request: web.Request) -> web.Response:
        """A page of targets in the order of their keys; `next` is null on the last page."""
        asked = query.parameters(request.query, ("status", "definition", "account", "limit", "after"))
        after = query.key_of(asked.get("after"))
        selection = Selection(
            limit=query.limit(asked.get("limit")),
            after=None if after is None else ("", after),
            account=asked.get("account"),
            definition=asked.get("definition"),
            status=query.status(asked.get("status")),
        )
        found, last = await page(self._view, selection)
        shapes = [target_shape(watched, self._external_url) for watched in found]
        return json_response({"targets": shapes, "next": None if last is None else query.cursor_of(last[1])})

    async def target(self, request: web.Request) -> web.Response:
        query.parameters(request.query, ())
        key = key_in(request)
        events = await self._view.target_events(key)
        watched = self._view.target(key)
        if watched is None:
            return json_error(404, "this target is not watched; /api/v1/targets lists those that are")
        return json_response(target_details(watched, self._view.next_poll(key), events, self._external_url))

    async def events(self, request: web.Request) -> web.Response:
        """Events after the cursor, oldest first.

        `next` is always present; pass it as `after` to go on. If it equals `after` there was nothing more; if not, go
        on, even after fewer than `limit` events. So a client neither loses nor repeats an event.
        """
        asked = query.parameters(request.query, ("after", "type", "limit"))
        after, limit = query.sequence(asked.get("after")), query.limit(asked.get("limit"))
        found, last = await self._events(after, query.types(asked.get("type")), limit)
        return json_response({"events": [msgspec.Raw(stored.body) for stored in found], "next": last})

    async def _events(self, after: int, types: frozenset[EventType], limit: int) -> tuple[list[StoredEvent], int]:
        if len(types) == len(EventType):
            return await self._view.events(after, None, limit)
        if len(types) == 1:
            return await self._view.events(after, next(iter(types)).value, limit)
        return await self._chosen(after, types, limit)

    async def _chosen(self, after: int, types: frozenset[EventType], limit: int) -> tuple[list[StoredEvent], int]:
        """The store has no globs: this checks a bounded number of events, and returns the cursor after them."""
        found: list[StoredEvent] = []
        for _ in range(_SCANS):
            scanned, last = await self._view.events(after, None, _SCANNED_AT_ONCE)
            for stored in scanned:
                if _TYPE_OF(stored.body).type in types:
                    found.append(stored)
                    if len(found) == limit:
                        return found, stored.seq
            if last == after:
                break
            after = last
        return found, after


def key_in(request: web.Request) -> TargetKey:
    """The target in the path."""
    return TargetKey(*(request.match_info[part] for part in TargetKey._fields))
