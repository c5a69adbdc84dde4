"""Definitions as JSON, under `/api/v1/definitions`."""

import math
from collections.abc import Collection, Mapping

import msgspec
from aiohttp import web

from monitor.aio import chunks
from monitor.core.event_types import FactKind
from monitor.core.model import Status
from monitor.core.records import DefinitionSummary
from monitor.core.scheduling.plan import Bound, BudgetPlan
from monitor.store.step_limits import DefinitionKey
from monitor.web.api import query
from monitor.web.api.responses import json_response
from monitor.web.view import View

_CHUNK = 5000
"""Keys that are compared in one slice; a few milliseconds."""


class BoundShape(msgspec.Struct, frozen=True):
    """Seconds after which one kind of fact is seen, by the plan; null: some are never looked at."""

    worst: float | None
    mean: float | None


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
    ends: BoundShape | None = None
    steps: BoundShape | None = None


class BudgetShape(msgspec.Struct, omit_defaults=True, kw_only=True):
    """What the budget of one account buys; a field without a finite value is absent."""

    account: str
    requests_per_second_needed: float
    requests_per_second_allowed: float
    best_mean_delay: float | None = None
    mean_delay: float | None = None
    saved_by_one_more: float | None = None
    warning: str | None = None


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
        budgets = [
            _budget(*one) for one in sorted(self._view.budgets().items()) if asked.get("account", one[0]) == one[0]
        ]
        cursor = query.cursor_of(found[limit - 1]) if more else None
        return json_response({"budgets": budgets, "definitions": shapes, "next": cursor})


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
        ends=_bound(summary.bounds.get(FactKind.END)),
        steps=_bound(summary.bounds.get(FactKind.STEP)),
    )


def _bound(bound: Bound | None) -> BoundShape | None:
    return None if bound is None else BoundShape(_finite(bound.worst), _finite(bound.mean))


def _budget(account: str, plan: BudgetPlan) -> BudgetShape:
    return BudgetShape(
        account=account,
        requests_per_second_needed=plan.promised,
        requests_per_second_allowed=plan.allowed,
        best_mean_delay=_finite(plan.best_delay),
        mean_delay=_finite(plan.delay),
        saved_by_one_more=_finite(plan.saved_by_one_more),
        warning=plan.warning(),
    )


def _finite(seconds: float) -> float | None:
    """JSON has no infinity."""
    return seconds if math.isfinite(seconds) else None
