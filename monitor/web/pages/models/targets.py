"""Targets: searched, filtered and sorted, a page of them."""

import base64
import binascii
from datetime import datetime
from typing import Final
from urllib.parse import urlencode

import msgspec
from aiohttp import web

from monitor.core.model import Cause, Status, TargetKey
from monitor.polling.watched import Watched
from monitor.web.api import query
from monitor.web.api.pagination import Order, Place, Selection, label_of, page
from monitor.web.api.target_schemas import path_of
from monitor.web.pages.models.definitions import definition_path
from monitor.web.pages.models.model import Model
from monitor.web.pages.models.paging import SortLink
from monitor.web.pages.snapshot import PageSnapshot

_FILTERS: Final[tuple[str, ...]] = ("q", "status", "account", "definition", "version", "label", "sort", "limit")
_TOGGLED: Final = {Order.SINCE: Order.NEWLY_SINCE, Order.STARTED: Order.NEWLY_STARTED}


class TargetRow(msgspec.Struct, frozen=True, kw_only=True):
    label: str
    path: str
    workflow: str
    """Its id, if the label does not have it; else empty."""
    account: str
    definition: str
    """Its name, or its id."""
    definition_path: str
    version: int | None
    status: Status
    cause: Cause | None
    since: datetime | None
    started_at: datetime | None
    last_seen_at: datetime | None


class TargetList(Model, frozen=True, kw_only=True):
    chosen: dict[str, str]
    """The filters by the name of their parameter; each is there, empty ones choose all."""
    statuses: tuple[str, ...]
    accounts: tuple[str, ...]
    filtered: bool
    target: SortLink
    since: SortLink
    started: SortLink
    rows: tuple[TargetRow, ...]
    first: str | None
    """The path of the first page; None: this is it."""
    next: str | None
    """The path of the next page."""


class _Found(msgspec.Struct, frozen=True):
    rows: tuple[TargetRow, ...]
    last: Place | None


async def targets(snapshot: PageSnapshot, request: web.Request) -> TargetList:
    asked = query.parameters(request.query, (*_FILTERS, "after", "fragment"))
    selection = _selection(asked)
    found = await snapshot.once(("targets", selection), lambda: _read(snapshot, selection))
    kept = {name: asked[name] for name in _FILTERS if name in asked}
    return TargetList(
        title="Targets",
        chosen={name: asked.get(name, "") for name in _FILTERS},
        statuses=tuple(Status),
        accounts=await _accounts(snapshot),
        filtered=any(name not in ("sort", "limit") for name in kept),
        target=_sort_link("Target", kept, Order.NAME, selection.order),
        since=_sort_link("Since", kept, Order.NEWLY_SINCE, selection.order),
        started=_sort_link("Started", kept, Order.NEWLY_STARTED, selection.order),
        rows=found.rows,
        first=None if selection.after is None else _path(kept),
        next=None if found.last is None else _path({**kept, "after": _cursor(found.last)}),
    )


def _selection(asked: dict[str, str]) -> Selection:
    order = query.word("sort", asked.get("sort"), Order) or Order.KEY
    name, equals, value = asked.get("label", "").partition("=")
    return Selection(
        limit=query.limit(asked.get("limit")),
        order=order,
        after=_place(asked.get("after"), order),
        account=asked.get("account"),
        definition=asked.get("definition"),
        status=query.status(asked.get("status")),
        version=query.version(asked.get("version")),
        label=(name.strip(), value.strip() if equals else None) if name.strip() else None,
        text=asked.get("q", "").strip() or None,
    )


async def _read(snapshot: PageSnapshot, selection: Selection) -> _Found:
    view = snapshot.view
    found, last = await page(view, selection)
    return _Found(tuple(map(target_row, found)), last)


async def _accounts(snapshot: PageSnapshot) -> tuple[str, ...]:
    return tuple(sorted({one.account for one in await snapshot.definitions()}))


def target_row(watched: Watched) -> TargetRow:
    target, state = watched.target, watched.state
    return TargetRow(
        label=label_of(target),
        path=path_of(target.key),
        workflow=target.key.workflow if target.name else "",
        account=target.key.account,
        definition=target.definition_name or target.key.definition,
        definition_path=definition_path(target.key.account, target.key.definition),
        version=state.version,
        status=state.status,
        cause=state.cause,
        since=state.since,
        started_at=state.started_at,
        last_seen_at=watched.last_seen_at,
    )


# --- links ---


def _path(kept: dict[str, str]) -> str:
    return "/targets" + (f"?{urlencode(kept)}" if kept else "")


def _sort_link(text: str, kept: dict[str, str], first: Order, now: Order) -> SortLink:
    """Once more on the same column: the other direction, or the order of the keys."""
    directions = {first: "descending" if first.startswith("-") else "ascending"}
    other = next((up for up, down in _TOGGLED.items() if down is first), Order.KEY)
    if other is not Order.KEY:
        directions[other] = "ascending"
    wanted = other if now is first else first
    path = _path({**{name: value for name, value in kept.items() if name != "sort"}, "sort": wanted.value})
    return SortLink(text=text, path=path, order=directions.get(now))


_PLACE: Final = msgspec.json.Decoder(tuple[str | float, TargetKey])


def _cursor(last: Place) -> str:
    """The place of a target in an order, as an opaque text."""
    return base64.urlsafe_b64encode(msgspec.json.encode(last)).decode().rstrip("=")


def _place(cursor: str | None, order: Order) -> Place | None:
    if cursor is None:
        return None
    try:
        padded = cursor.encode("ascii") + b"=" * (-len(cursor) % 4)
        found = _PLACE.decode(base64.b64decode(padded, altchars=b"-_", validate=True))
    except (binascii.Error, ValueError):
        found = None
    if found is None or isinstance(found[0], str) is order.by_time:
        raise query.QueryError("after: expected the `next` of an earlier page in the same order")
    return found
