"""Definitions: all of them."""

import enum
import math
from collections.abc import Callable, Iterable
from typing import Any, Final
from urllib.parse import quote, urlencode

import msgspec
from aiohttp import web

from monitor.core.event_types import FactKind
from monitor.core.model import Status
from monitor.core.records import Activity, DefinitionSummary
from monitor.store.step_limits import DefinitionKey
from monitor.web.api import query
from monitor.web.pages.models.model import Model
from monitor.web.pages.models.paging import PageLinks, SortLink, part_of
from monitor.web.pages.snapshot import PageSnapshot

_MOST: Final = 50
_KEPT: Final[tuple[str, ...]] = ("q", "account", "sort")


class StatusCount(msgspec.Struct, frozen=True):
    status: Status
    targets: int


class DefinitionRow(msgspec.Struct, frozen=True, kw_only=True):
    account: str
    definition: str
    label: str
    name: str | None
    """As the API tells it, if the label is an alias."""
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


class DefinitionOrder(enum.StrEnum):
    """The orders of definitions; numbers from the largest on."""

    WORST = "worst"
    """Those that failed in the last hour, then those where most happens."""
    NAME = "name"
    TARGETS = "targets"
    BEGUN = "begun"
    ENDED = "ended"
    FAILED = "failed"
    ACCOUNT = "account"


class DefinitionTable(Model, frozen=True, kw_only=True):
    text: str
    account: str
    """The filters; empty ones choose all."""
    accounts: tuple[str, ...]
    order: str
    heads: dict[str, SortLink]
    """By the name of their order."""
    pager: PageLinks
    rows: tuple[DefinitionRow, ...]


def definition_path(account: str, definition: str) -> str:
    return f"/definitions/{quote(account, safe='')}/{quote(definition, safe='')}"


def definition_rows(found: Iterable[DefinitionSummary], snapshot: PageSnapshot) -> tuple[DefinitionRow, ...]:
    return tuple(definition_row(summary, snapshot) for summary in found)


def definition_row(summary: DefinitionSummary, snapshot: PageSnapshot) -> DefinitionRow:
    activity = snapshot.view.activity(DefinitionKey(summary.account, summary.definition))
    return DefinitionRow(
        account=summary.account,
        definition=summary.definition,
        label=summary.alias or summary.name or summary.definition,
        name=summary.name if summary.alias and summary.name != summary.alias else None,
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


async def definitions(snapshot: PageSnapshot, request: web.Request) -> DefinitionTable:
    asked = query.parameters(request.query, (*_KEPT, "page", "fragment"))
    order = query.word("sort", asked.get("sort"), DefinitionOrder) or DefinitionOrder.WORST
    summaries = await snapshot.definitions()
    found = [one for one in summaries if _is_like(one, asked.get("q", "").strip(), asked.get("account"))]
    kept = {name: asked[name] for name in _KEPT if name in asked}
    part = part_of(_sorted(found, order), _path(kept), asked.get("page"), _MOST)
    return DefinitionTable(
        title="Definitions",
        text=asked.get("q", ""),
        account=asked.get("account", ""),
        accounts=tuple(sorted({one.account for one in summaries})),
        order=order.value,
        heads={one.value: _head(one, kept, order) for one in DefinitionOrder},
        rows=definition_rows(part.items, snapshot),
        pager=part.pager,
    )


def _is_like(summary: DefinitionSummary, text: str, account: str | None) -> bool:
    words = (summary.definition, summary.name, summary.alias)
    return account in (None, summary.account) and any(text.casefold() in word.casefold() for word in words if word)


def _sorted(found: list[DefinitionSummary], order: DefinitionOrder) -> list[DefinitionSummary]:
    return worst_first(found) if order is DefinitionOrder.WORST else sorted(found, key=_KEYS[order])


def _name(summary: DefinitionSummary) -> str:
    return (summary.alias or summary.name or summary.definition).casefold()


_KEYS: Final[dict[DefinitionOrder, Callable[[DefinitionSummary], Any]]] = {
    DefinitionOrder.NAME: _name,
    DefinitionOrder.ACCOUNT: lambda one: (one.account, _name(one)),
    DefinitionOrder.TARGETS: lambda one: -sum(one.statuses.values()),
    DefinitionOrder.BEGUN: lambda one: -one.begun,
    DefinitionOrder.ENDED: lambda one: -one.ended,
    DefinitionOrder.FAILED: lambda one: -one.failed,
}


def _head(of: DefinitionOrder, kept: dict[str, str], now: DefinitionOrder) -> SortLink:
    """Once more on the same column: the usual order."""
    rest = {name: value for name, value in kept.items() if name != "sort"}
    direction = "ascending" if of in (DefinitionOrder.NAME, DefinitionOrder.ACCOUNT) else "descending"
    path = _path(rest if of is now else {**rest, "sort": of.value})
    return SortLink(text=_HEADS[of], path=path, order=direction if of is now else None)


_HEADS: Final = {
    DefinitionOrder.WORST: "Worst first",
    DefinitionOrder.NAME: "Definition",
    DefinitionOrder.TARGETS: "Targets",
    DefinitionOrder.BEGUN: "Begun",
    DefinitionOrder.ENDED: "Ended",
    DefinitionOrder.FAILED: "Failed",
    DefinitionOrder.ACCOUNT: "Account",
}


def _path(kept: dict[str, str]) -> str:
    return "/definitions" + (f"?{urlencode(kept)}" if kept else "")


def worst_first(found: Iterable[DefinitionSummary]) -> list[DefinitionSummary]:
    """Those that failed in the last hour, then those where most happens."""
    return sorted(found, key=lambda one: (-one.failed, -one.begun - one.ended, one.account, one.definition))
