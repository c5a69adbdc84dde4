"""Definitions: all of them, and one."""

from collections.abc import Iterable
from urllib.parse import quote

import msgspec
from aiohttp import web

from monitor.core.model import Status
from monitor.core.records import DefinitionSummary
from monitor.store.step_limits import DefinitionKey
from monitor.web.pages.models.model import Model
from monitor.web.pages.snapshot import Snapshot


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
    discovered: bool


class DefinitionList(Model, frozen=True, kw_only=True):
    rows: tuple[DefinitionRow, ...]


class DefinitionPage(Model, frozen=True, kw_only=True):
    account: str
    definition: str
    row: DefinitionRow | None
    """None: it is not watched."""


def definition_path(account: str, definition: str) -> str:
    return f"/definitions/{quote(account, safe='')}/{quote(definition, safe='')}"


def definition_rows(found: Iterable[DefinitionSummary]) -> tuple[DefinitionRow, ...]:
    return tuple(map(_row, found))


def _row(summary: DefinitionSummary) -> DefinitionRow:
    return DefinitionRow(
        account=summary.account,
        definition=summary.definition,
        label=summary.alias or summary.name or summary.definition,
        path=definition_path(summary.account, summary.definition),
        versions=tuple(summary.versions),
        statuses=tuple(StatusCount(status, summary.statuses[status]) for status in Status if summary.statuses[status]),
        begun=summary.begun,
        ended=summary.ended,
        discovered=summary.discovered,
    )


async def definitions(snapshot: Snapshot, _request: web.Request) -> DefinitionList:
    return DefinitionList(title="Definitions", rows=definition_rows(await snapshot.definitions()))


async def definition(snapshot: Snapshot, request: web.Request) -> DefinitionPage:
    about = DefinitionKey(request.match_info["account"], request.match_info["definition"])
    summary = snapshot.view.definition(about)
    row = None if summary is None else _row(summary)
    return DefinitionPage(
        title=about.definition if row is None else row.label,
        http_status=404 if row is None else 200,
        account=about.account,
        definition=about.definition,
        row=row,
    )
