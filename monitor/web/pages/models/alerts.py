"""Alerts and incidents: what is open, and one of them, also after it is over."""

from collections.abc import Iterable
from datetime import datetime
from typing import Final
from urllib.parse import quote

import msgspec
from aiohttp import web

from monitor.core.alerts import Alert, AlertEnd, Incident
from monitor.core.commits import DeliveryKind
from monitor.core.event_types import EventType, Severity
from monitor.core.model import Event
from monitor.core.text.summary import target_label
from monitor.store import DeliveryStatus, Notification
from monitor.web.api import query
from monitor.web.api.target_schemas import path_of
from monitor.web.pages.models.alert_rows import AlertRow, Told, alert_row, most_severe_first, told
from monitor.web.pages.models.definitions import definition_path
from monitor.web.pages.models.model import Model, read
from monitor.web.pages.models.paging import PageLinks, part_of
from monitor.web.pages.snapshot import PageSnapshot

_MOST: Final = 100
_MEMBERS: Final = 50
"""Alerts of an incident that are listed."""
_CAUSES: Final = 5


class AlertList(Model, frozen=True, kw_only=True):
    readable: bool
    pager: PageLinks
    rows: tuple[AlertRow, ...]


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
    definition: str | None
    """The path of its definition's page."""
    causes: tuple[str, ...]
    """What the API says of the errors, the first few."""
    occurred_at: datetime | None
    observed_at: datetime


class StoryLine(msgspec.Struct, frozen=True, kw_only=True):
    """One thing that happened to an alert or an incident."""

    at: datetime | None
    """None: it is still to come."""
    badge: str
    """A status, as a badge shows it."""
    words: str
    detail: str = ""


class ImpactRow(msgspec.Struct, frozen=True, kw_only=True):
    """How many watched instances of one version have failed."""

    version: int | None
    watched: int
    failed: int


class MemberRow(msgspec.Struct, frozen=True, kw_only=True):
    """One alert of an incident."""

    path: str
    summary: str
    severity: Severity
    label: str
    at: datetime
    end: AlertEnd | None


class AlertPage(Model, frozen=True, kw_only=True):
    id: str
    readable: bool
    fact: Fact | None = None
    """None: it is unknown, or forgotten."""
    incident: str | None = None
    opened_at: datetime | None = None
    end: AlertEnd | None = None
    """None: it is open."""
    ended_at: datetime | None = None
    story: tuple[StoryLine, ...] = ()
    """From the first sight to its end."""
    impact: tuple[ImpactRow, ...] = ()
    told: tuple[Told, ...] = ()


class IncidentPage(Model, frozen=True, kw_only=True):
    id: str
    readable: bool
    fact: Fact | None = None
    members: int = 0
    open: int = 0
    first_at: datetime | None = None
    last_at: datetime | None = None
    end: AlertEnd | None = None
    ended_at: datetime | None = None
    rows: tuple[MemberRow, ...] = ()
    """Its first alerts, oldest first."""
    story: tuple[StoryLine, ...] = ()
    impact: tuple[ImpactRow, ...] = ()
    told: tuple[Told, ...] = ()


async def alerts(snapshot: PageSnapshot, request: web.Request) -> AlertList:
    number = query.parameters(request.query, ("page", "fragment")).get("page")
    found = await read(snapshot.alerts())
    part = part_of(most_severe_first(found or ()), "/alerts", number, _MOST)
    rows = tuple(map(alert_row, part.items))
    return AlertList(title="Alerts", readable=found is not None, pager=part.pager, rows=rows)


async def alert(snapshot: PageSnapshot, request: web.Request) -> AlertPage:
    query.parameters(request.query, ("fragment",))
    id_ = request.match_info["id"]
    found = await read(snapshot.view.alert(id_))
    shown = await read(snapshot.alerts())
    opened = next((one for one in shown or () if one.alert.id == id_), None)
    known = found or (opened.alert if opened is not None else None)
    if known is None:
        status = 200 if shown is None else 404
        return AlertPage(title="Unknown alert", http_status=status, id=id_, readable=shown is not None)
    told_ = await read(snapshot.view.notifications({id_, known.incident}))
    refs = dict.fromkeys((id_, known.incident))
    notifications = [one for ref in refs for one in (told_ or {}).get(ref, ())]
    if told_ is None and opened is not None:
        notifications = list(opened.tellings)
    return AlertPage(
        title=known.event.summary,
        id=id_,
        readable=shown is not None and told_ is not None,
        fact=_fact(known),
        incident=known.incident,
        opened_at=known.opened_at,
        end=known.end,
        ended_at=known.ended_at,
        story=tuple(_story(known.event, notifications, known.end, known.ended_at)),
        impact=_impact(snapshot, known.event),
        told=told(notifications),
    )


async def incident(snapshot: PageSnapshot, request: web.Request) -> IncidentPage:
    query.parameters(request.query, ("fragment",))
    id_ = request.match_info["id"]
    found = await read(snapshot.view.incident(id_))
    members = await read(snapshot.view.members_of(id_, _MEMBERS))
    told_ = await read(snapshot.view.notifications({id_, *[one.id for one in members or ()]}))
    if found is None:
        status = 200 if members is None else 404
        return IncidentPage(title="Unknown incident", http_status=status, id=id_, readable=members is not None)
    notifications = list((told_ or {}).get(id_, ()))
    everyone = [one for some in (told_ or {}).values() for one in some]
    return IncidentPage(
        title=found.event.summary,
        id=id_,
        readable=members is not None and told_ is not None,
        fact=_fact(found),
        members=found.members,
        open=found.open,
        first_at=found.first_at,
        last_at=found.last_at,
        end=found.outcome if found.ended_at is not None else None,
        ended_at=found.ended_at,
        rows=tuple(map(_member, members or ())),
        story=tuple(_story(found.event, notifications, found.outcome, found.ended_at)),
        impact=_impact(snapshot, found.event),
        told=told(everyone),
    )


# --- its story --------------------------------------------------------------------------------------------


_ABOUT: Final = {
    DeliveryKind.EVENT: "the event",
    DeliveryKind.ALERT_OPENED: "the alert",
    DeliveryKind.ALERT_CLOSED: "the end of the alert",
    DeliveryKind.INCIDENT_OPENED: "the incident",
    DeliveryKind.INCIDENT_GREW: "that the incident grew",
    DeliveryKind.INCIDENT_CLOSED: "the end of the incident",
}
_OVER: Final = {
    AlertEnd.RESOLVED: "it is over: the condition has ended",
    AlertEnd.EXPIRED: "its hold is over; nobody knows whether the fault was dealt with",
    AlertEnd.CLOSED: "a person closed it",
    AlertEnd.UNWATCHED: "its target left the watchlist",
}
_DONE: Final = {
    DeliveryStatus.DELIVERED: "acknowledged",
    DeliveryStatus.PENDING: "is not told yet of",
    DeliveryStatus.DEAD: "could not be told of",
}


def _story(
    event: Event, notifications: Iterable[Notification], end: AlertEnd | None, ended_at: datetime | None
) -> Iterable[StoryLine]:
    """In the order of what happened; what is still to come stands last."""
    lines = [StoryLine(at=event.observed_at, badge="seen", words="the monitor saw it")]
    if event.occurred_at is not None:
        lines.insert(0, StoryLine(at=event.occurred_at, badge="happened", words="it happened"))
    lines += [
        StoryLine(
            at=one.at,
            badge=one.status.value,
            words=f"{one.receiver} {_DONE[one.status]} {_ABOUT[one.about]}"
            + (f" after {one.attempts} tries" if one.attempts > 1 else ""),
            detail=one.detail if one.status is not DeliveryStatus.DELIVERED else "",
        )
        for one in notifications
    ]
    if end is not None and ended_at is not None:
        lines.append(StoryLine(at=ended_at, badge=end.value, words=_OVER[end]))
    return sorted(lines, key=lambda line: (line.at is None, line.at or event.observed_at))


def _impact(snapshot: PageSnapshot, event: Event) -> tuple[ImpactRow, ...]:
    if event.definition is None:
        return ()
    found = snapshot.view.impact(event.account, event.definition)
    return tuple(ImpactRow(version=one.version, watched=one.watched, failed=one.failed) for one in found)


def _member(alert: Alert) -> MemberRow:
    event, key = alert.event, alert.key
    return MemberRow(
        path=f"/alerts/{quote(alert.id, safe='')}",
        summary=event.summary,
        severity=event.severity,
        label=event.account
        if key is None
        else target_label(event.name, event.definition_name, key.definition, key.workflow),
        at=event.occurred_at or event.observed_at,
        end=alert.end,
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
        definition=None if event.definition is None else definition_path(event.account, event.definition),
        causes=tuple(f"{error.step}: {error.message}" for error in event.errors[:_CAUSES]),
        occurred_at=event.occurred_at,
        observed_at=event.observed_at,
    )
