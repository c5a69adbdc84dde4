"""Targets: a filtered page of them."""

from datetime import datetime
from urllib.parse import urlencode

import msgspec
from aiohttp import web

from monitor.core.model import Status
from monitor.core.text.summary import target_label
from monitor.polling.watched import Watched
from monitor.web.api import query
from monitor.web.api.pagination import Selection, page
from monitor.web.api.target_schemas import path_of
from monitor.web.pages.models.model import Model
from monitor.web.pages.snapshot import Snapshot

_FILTERS = ("account", "definition", "status")


class TargetRow(msgspec.Struct, frozen=True, kw_only=True):
    label: str
    path: str
    account: str
    status: Status
    since: datetime | None
    last_seen_at: datetime | None


class TargetList(Model, frozen=True, kw_only=True):
    account: str
    definition: str
    status: str
    """The filters; empty ones choose all."""
    statuses: tuple[str, ...]
    rows: tuple[TargetRow, ...]
    next: str | None
    """The path of the next page."""


async def targets(snapshot: Snapshot, request: web.Request) -> TargetList:
    asked = query.parameters(request.query, (*_FILTERS, "limit", "after", "fragment"))
    selection = Selection(
        limit=query.limit(asked.get("limit")),
        after=query.key_of(asked.get("after")),
        account=asked.get("account"),
        definition=asked.get("definition"),
        status=query.status(asked.get("status")),
    )
    found, last = await page(snapshot.view.targets(), selection)
    kept = {name: asked[name] for name in (*_FILTERS, "limit") if name in asked}
    return TargetList(
        title="Targets",
        account=selection.account or "",
        definition=selection.definition or "",
        status=selection.status or "",
        statuses=tuple(Status),
        rows=tuple(map(_row, found)),
        next=None if last is None else "/targets?" + urlencode({**kept, "after": query.cursor_of(last)}),
    )


def _row(watched: Watched) -> TargetRow:
    target, state = watched.target, watched.state
    return TargetRow(
        label=target_label(target.name, target.definition_name, target.key.definition, target.key.workflow),
        path=path_of(target.key),
        account=target.key.account,
        status=state.status,
        since=state.since,
        last_seen_at=watched.last_seen_at,
    )
