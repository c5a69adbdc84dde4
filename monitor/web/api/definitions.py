"""Definitions as JSON, under `/api/v1/definitions`."""

from collections.abc import Collection, Mapping

import msgspec
from aiohttp import web

from monitor.aio import chunks
from monitor.core.model import Status
from monitor.core.records import DefinitionSummary
from monitor.store.step_limits import DefinitionKey
from monitor.web.api import query
from monitor.web.api.responses import json_response
from monitor.web.view import View

_CHUNK = 5000
"""Keys that are compared in one slice; a few milliseconds."""


class DefinitionShape(msgspec.Struct, omit_defaults=True, kw_only=True):
    """A field that does not apply is absent."""

    account: str
    definition: str
    name: str | None = None
    alias: str | None = None
    discovered: bool
    latest: int | None = None
    versions: tuple[int, ...]
    statuses: Mapping[Status, int]
    begun_last_hour: int
    ended_last_hour: int


class DefinitionsApi:
    def __init__(self, view: View) -> None:
        self._view = view

    def routes(self) -> list[web.RouteDef]:
        return [web.get("/api/v1/definitions", self.definitions)]

    async def definitions(self, request: web.Request) -> web.Response:
        """A page of definitions in the order of their keys; `next` is null on the last page."""
        asked = query.parameters(request.query, ("account", "limit", "after"))
        limit, after = query.limit(asked.get("limit")), query.definition_of(asked.get("after"))
        found = await _first(self._view.definitions(), limit + 1, after, asked.get("account"))
        shapes = [_shape(summary) for key in found[:limit] if (summary := self._view.definition(key)) is not None]
        more = len(found) > limit
        return json_response({"definitions": shapes, "next": query.cursor_of(found[limit - 1]) if more else None})


async def _first(
    keys: Collection[DefinitionKey], number: int, after: DefinitionKey | None, account: str | None
) -> list[DefinitionKey]:
    """The first keys behind `after`, in their order; of the account, if there is one."""
    best: list[DefinitionKey] = []
    async for some in chunks(list(keys), _CHUNK):
        fit = [key for key in some if (after is None or key > after) and account in (None, key.account)]
        best = sorted(best + fit)[:number]
    return best


def _shape(summary: DefinitionSummary) -> DefinitionShape:
    return DefinitionShape(
        account=summary.account,
        definition=summary.definition,
        name=summary.name,
        alias=summary.alias,
        discovered=summary.discovered,
        latest=summary.latest,
        versions=summary.versions,
        statuses=summary.statuses,
        begun_last_hour=summary.begun,
        ended_last_hour=summary.ended,
    )
