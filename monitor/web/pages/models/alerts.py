"""Alerts and incidents: what is open, and one of them, also after it is over."""

from datetime import datetime

import msgspec
from aiohttp import web

from monitor.core.alerts import Alert, AlertEnd, Incident
from monitor.core.event_types import EventType, Severity
from monitor.core.text.summary import target_label
from monitor.web.api.target_schemas import path_of
from monitor.web.pages.models.alert_rows import AlertRow, alert_row, alert_rows
from monitor.web.pages.models.model import Model, read
from monitor.web.pages.snapshot import Snapshot

_MOST = 200


class AlertList(Model, frozen=True, kw_only=True):
    readable: bool
    open: int
    rows: tuple[AlertRow, ...]
    """The first of them."""


class Fact(msgspec.Struct, frozen=True, kw_only=True):
    """An alert or the first alert of an incident."""

    type: EventType
    severity: Severity
    summary: str
    account: str
    label: str | None
    """Of its target."""
    target: str | None
    """The path of its target's page."""
    occurred_at: datetime | None
    observed_at: datetime


class AlertPage(Model, frozen=True, kw_only=True):
    id: str
    readable: bool
    fact: Fact | None
    """None: it is unknown, or forgotten."""
    incident: str | None
    opened_at: datetime | None
    end: AlertEnd | None
    """None: it is open."""
    ended_at: datetime | None
    row: AlertRow | None
    """None: it is not open."""


class IncidentPage(Model, frozen=True, kw_only=True):
    id: str
    readable: bool
    fact: Fact | None
    members: int
    open: int
    first_at: datetime | None
    last_at: datetime | None
    end: AlertEnd | None
    ended_at: datetime | None
    rows: tuple[AlertRow, ...]
    """Its open alerts, the first of them."""


async def alerts(snapshot: Snapshot, _request: web.Request) -> AlertList:
    found = await read(snapshot.alerts())
    rows = alert_rows(found or ())[:_MOST]
    return AlertList(title="Alerts", readable=found is not None, open=len(found or ()), rows=rows)


async def alert(snapshot: Snapshot, request: web.Request) -> AlertPage:
    id_ = request.match_info["id"]
    found = await read(snapshot.view.alert(id_))
    shown = await read(snapshot.alerts())
    opened = next((one for one in shown or () if one.alert.id == id_), None)
    known = found or (opened.alert if opened is not None else None)
    return AlertPage(
        title=known.event.summary if known is not None else "Unknown alert",
        http_status=200 if known is not None or shown is None else 404,
        id=id_,
        readable=shown is not None,
        fact=_fact(known) if known is not None else None,
        incident=known.incident if known is not None else None,
        opened_at=known.opened_at if known is not None else None,
        end=known.end if known is not None else None,
        ended_at=known.ended_at if known is not None else None,
        row=alert_row(opened) if opened is not None else None,
    )


async def incident(snapshot: Snapshot, request: web.Request) -> IncidentPage:
    id_ = request.match_info["id"]
    found = await read(snapshot.view.incident(id_))
    shown = await read(snapshot.alerts())
    members = [one for one in shown or () if one.alert.incident == id_]
    return IncidentPage(
        title=found.event.summary if found is not None else "Unknown incident",
        http_status=200 if found is not None or shown is None else 404,
        id=id_,
        readable=shown is not None,
        fact=_fact(found) if found is not None else None,
        members=found.members if found is not None else 0,
        open=found.open if found is not None else 0,
        first_at=found.first_at if found is not None else None,
        last_at=found.last_at if found is not None else None,
        end=found.outcome if found is not None else None,
        ended_at=found.ended_at if found is not None else None,
        rows=alert_rows(members)[:_MOST],
    )


def _fact(about: Alert | Incident) -> Fact:
    event = about.event
    key = about.key if isinstance(about, Alert) else None
    return Fact(
        type=event.type,
        severity=event.severity,
        summary=event.summary,
        account=event.account,
        label=None if key is None else target_label(event.name, event.definition_name, key.definition, key.workflow),
        target=None if key is None else path_of(key),
        occurred_at=event.occurred_at,
        observed_at=event.observed_at,
    )
