"""Definitions: all of them."""

import math
from collections.abc import Iterable
from typing import Final
from urllib.parse import quote

import msgspec
from aiohttp import web

from monitor.core.event_types import FactKind
from monitor.core.model import Status
from monitor.core.records import Activity, DefinitionSummary
from monitor.store.step_limits import DefinitionKey
from monitor.web.api import query
from monitor.web.pages.models.model import Model
from monitor.web.pages.models.paging import Pager, part_of
from monitor.web.pages.snapshot import Snapshot

_MOST: Final = 50


class StatusCount(msgspec.Struct, frozen=True):
    status: Status
    targets: int


class DefinitionRow(msgspec.Struct, frozen=True, kw_only=True):
    account: str
    definition: str
    label: str
    path: str
    versions: tuple[int, ...]
    statuses: tuple[StatusCount, ...]
    """Those with targets."""
    begun: int
    """In the last hour."""
    ended: int
    """In the last hour."""
    failed: int
    """In the last hour."""
    ends_within: float | None
    """Seconds within which an end is seen, by the plan; None: no promise."""
    steps_within: float | None
    """The same for steps."""
    activity: Activity
    discovered: bool


class DefinitionList(Model, frozen=True, kw_only=True):
    pager: Pager
    rows: tuple[DefinitionRow, ...]


def definition_path(account: str, definition: str) -> str:
    return f"/definitions/{quote(account, safe='')}/{quote(definition, safe='')}"


def definition_rows(found: Iterable[DefinitionSummary], snapshot: Snapshot) -> tuple[DefinitionRow, ...]:
    return tuple(definition_row(summary, snapshot) for summary in found)


def definition_row(summary: DefinitionSummary, snapshot: Snapshot) -> DefinitionRow:
    activity = snapshot.view.activity(DefinitionKey(summary.account, summary.definition))
    return DefinitionRow(
        account=summary.account,
        definition=summary.definition,
        label=summary.alias or summary.name or summary.definition,
        path=definition_path(summary.account, summary.definition),
        versions=tuple(summary.versions),
        statuses=tuple(StatusCount(status, summary.statuses[status]) for status in Status if summary.statuses[status]),
        begun=summary.begun,
        ended=summary.ended,
        failed=summary.failed,
        ends_within=_within(summary, FactKind.END),
        steps_within=_within(summary, FactKind.STEP),
        activity=Activity(paired(activity.begun), paired(activity.ended), paired(activity.failed)),
        discovered=summary.discovered,
    )


def paired(minutes: tuple[int, ...]) -> tuple[int, ...]:
    """By two minutes."""
    return tuple(sum(minutes[start : start + 2]) for start in range(0, len(minutes), 2))


def _within(summary: DefinitionSummary, kind: FactKind) -> float | None:
    bound = summary.bounds.get(kind)
    return None if bound is None or not math.isfinite(bound.worst) else round(bound.worst, 1)


async def definitions(snapshot: Snapshot, request: web.Request) -> DefinitionList:
    number = query.parameters(request.query, ("page", "fragment")).get("page")
    part = part_of(worst_first(await snapshot.definitions()), "/definitions", number, _MOST)
    return DefinitionList(title="Definitions", rows=definition_rows(part.items, snapshot), pager=part.pager)


def worst_first(found: Iterable[DefinitionSummary]) -> list[DefinitionSummary]:
    """Those that failed in the last hour, then those where most happens."""
    return sorted(found, key=lambda one: (-one.failed, -one.begun - one.ended, one.account, one.definition))
