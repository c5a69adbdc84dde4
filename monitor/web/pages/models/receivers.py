"""Receivers: whether each takes what it is sent, what waits for it, and what was given up."""

from datetime import datetime
from typing import Final
from urllib.parse import quote, urlencode

import msgspec
from aiohttp import web

from monitor.core.commits import DeliveryKind
from monitor.core.event_types import EventType
from monitor.core.records import ReceiverSummary
from monitor.store import DeliveryStatus, StoredDelivery
from monitor.web.api import query
from monitor.web.pages.models.model import Model, read
from monitor.web.pages.snapshot import PageSnapshot

_MOST: Final = 50
_SHOWN: Final = (DeliveryStatus.DEAD, DeliveryStatus.PENDING)
"""Without a filter."""
_TITLES: Final = {
    DeliveryStatus.PENDING: "Pending",
    DeliveryStatus.DEAD: "Given up",
    DeliveryStatus.DELIVERED: "Delivered",
}


class DeliveryRow(msgspec.Struct, frozen=True, kw_only=True):
    key: str
    receiver: str
    status: DeliveryStatus
    type: EventType
    summary: str
    path: str | None
    """Of the page of the alert or incident that it is about."""
    attempts: int
    detail: str
    observed_at: datetime
    next_try: datetime | None
    behind: int | None
    """`seq` of the earlier delivery that it waits for."""
    done_at: datetime | None


class Deliveries(msgspec.Struct, frozen=True, kw_only=True):
    """The oldest deliveries of one status behind the cursor."""

    status: DeliveryStatus
    title: str
    rows: tuple[DeliveryRow, ...]
    next: str | None
    """The path of the next page."""


class ReceiverRow(msgspec.Struct, frozen=True, kw_only=True):
    summary: ReceiverSummary
    pending: str
    """The path of its pending deliveries."""
    dead: str
    delivered: str


class ReceiverList(Model, frozen=True, kw_only=True):
    readable: bool
    receivers: tuple[ReceiverRow, ...]
    statuses: tuple[str, ...]
    receiver: str
    status: str
    """The filters; empty ones choose all."""
    lists: tuple[Deliveries, ...]


async def receivers(snapshot: PageSnapshot, request: web.Request) -> ReceiverList:
    asked = query.parameters(request.query, ("receiver", "status", "after", "fragment"))
    receiver, status = asked.get("receiver"), query.delivery_status(asked.get("status"))
    after = query.sequence(asked.get("after"))
    summaries = await read(snapshot.receivers())
    lists = [await _list(snapshot, one, receiver, after) for one in ((status,) if status else _SHOWN)]
    return ReceiverList(
        title="Receivers",
        readable=summaries is not None and None not in lists,
        receivers=tuple(map(_row, summaries or ())),
        statuses=tuple(DeliveryStatus),
        receiver=receiver or "",
        status=status or "",
        lists=tuple(one for one in lists if one is not None),
    )


async def _list(snapshot: PageSnapshot, status: DeliveryStatus, receiver: str | None, after: int) -> Deliveries | None:
    found = await read(snapshot.view.deliveries(status, receiver, after, _MOST + 1))
    if found is None:
        return None
    shown = found[:_MOST]
    more = len(found) > _MOST
    last = {"after": str(shown[-1].seq)} if more else {}
    return Deliveries(
        status=status,
        title=_TITLES[status],
        rows=tuple(map(_delivery, shown)),
        next=_path(receiver, status, last) if more else None,
    )


def _row(summary: ReceiverSummary) -> ReceiverRow:
    paths = {status.value: _path(summary.receiver, status, {}) for status in DeliveryStatus}
    return ReceiverRow(summary=summary, **paths)


def _path(receiver: str | None, status: DeliveryStatus, more: dict[str, str]) -> str:
    kept = (
        {"status": status.value, **more} if receiver is None else {"receiver": receiver, "status": status.value, **more}
    )
    return "/receivers?" + urlencode(kept)


def _delivery(delivery: StoredDelivery) -> DeliveryRow:
    return DeliveryRow(
        key=f"{delivery.seq} {delivery.receiver}",
        receiver=delivery.receiver,
        status=delivery.status,
        type=delivery.type,
        summary=delivery.summary or delivery.subject,
        path=_about(delivery),
        attempts=delivery.attempts,
        detail=delivery.detail,
        observed_at=delivery.observed_at,
        next_try=delivery.next_try,
        behind=delivery.behind,
        done_at=delivery.done_at,
    )


def _about(delivery: StoredDelivery) -> str | None:
    if delivery.about is DeliveryKind.EVENT:
        return None
    kind = "incidents" if delivery.about.value.startswith("incident") else "alerts"
    return f"/{kind}/{quote(delivery.ref, safe='')}"
