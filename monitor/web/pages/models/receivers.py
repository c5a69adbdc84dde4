"""Receivers: what waits for them, and what was given up."""

from datetime import datetime

import msgspec
from aiohttp import web

from monitor.core.event_types import EventType
from monitor.store import DeliveryStatus, StoredDelivery
from monitor.web.pages.models.model import Model, read
from monitor.web.pages.snapshot import Snapshot

_MOST = 100


class DeliveryRow(msgspec.Struct, frozen=True, kw_only=True):
    key: str
    receiver: str
    status: DeliveryStatus
    type: EventType
    summary: str
    attempts: int
    detail: str
    observed_at: datetime
    next_try: datetime | None


class ReceiverList(Model, frozen=True, kw_only=True):
    readable: bool
    pending: tuple[DeliveryRow, ...]
    """The oldest."""
    dead: tuple[DeliveryRow, ...]
    """The oldest."""


async def receivers(snapshot: Snapshot, _request: web.Request) -> ReceiverList:
    pending = await read(snapshot.view.deliveries(DeliveryStatus.PENDING, None, 0, _MOST))
    dead = await read(snapshot.view.deliveries(DeliveryStatus.DEAD, None, 0, _MOST))
    return ReceiverList(
        title="Receivers",
        readable=pending is not None and dead is not None,
        pending=tuple(map(_row, pending or ())),
        dead=tuple(map(_row, dead or ())),
    )


def _row(delivery: StoredDelivery) -> DeliveryRow:
    return DeliveryRow(
        key=f"{delivery.seq} {delivery.receiver}",
        receiver=delivery.receiver,
        status=delivery.status,
        type=delivery.type,
        summary=delivery.summary or delivery.subject,
        attempts=delivery.attempts,
        detail=delivery.detail,
        observed_at=delivery.observed_at,
        next_try=delivery.next_try,
    )
