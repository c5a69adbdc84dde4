"""Open alerts as rows: most severe first, and of these the newest."""

from collections.abc import Iterable
from datetime import datetime
from typing import Final
from urllib.parse import quote

import msgspec

from monitor.core.alerts import Alert
from monitor.core.event_types import Severity
from monitor.core.text.summary import target_label
from monitor.store import DeliveryStatus, Notification, OpenAlert
from monitor.web.api.target_schemas import path_of

_ORDER: Final = (DeliveryStatus.DELIVERED, DeliveryStatus.PENDING, DeliveryStatus.DEAD)
RANK: Final = {Severity.CRITICAL: 0, Severity.WARNING: 1, Severity.INFO: 2}


class Told(msgspec.Struct, frozen=True, kw_only=True):
    """Whether one receiver has an alert."""

    receiver: str
    status: DeliveryStatus
    words: str
    at: datetime | None = None
    detail: str = ""


class AlertRow(msgspec.Struct, frozen=True, kw_only=True):
    id: str
    severity: Severity
    summary: str
    label: str
    """Of its target, or its account."""
    path: str
    """Of its page."""
    target: str | None
    """The path of its target's page."""
    incident: str
    """The path of its incident's page."""
    members: int
    """Alerts that its incident has had."""
    since: datetime
    told: tuple[Told, ...]


def most_severe_first(found: Iterable[OpenAlert]) -> list[OpenAlert]:
    """Otherwise in the same order."""
    return sorted(found, key=lambda opened: RANK[opened.alert.severity])


def alert_row(opened: OpenAlert) -> AlertRow:
    alert, event, key = opened.alert, opened.alert.event, opened.alert.key
    return AlertRow(
        id=alert.id,
        severity=alert.severity,
        summary=event.summary,
        label=label_of(alert),
        path=alert_path(alert),
        target=None if key is None else path_of(key),
        incident=f"/incidents/{quote(alert.incident, safe='')}",
        members=opened.incident_members,
        since=alert.opened_at,
        told=told(opened.tellings),
    )


def alert_path(alert: Alert) -> str:
    return f"/alerts/{quote(alert.id, safe='')}"


def label_of(alert: Alert) -> str:
    """Of its target, or its account."""
    event, key = alert.event, alert.key
    if key is None:
        return event.account
    return target_label(event.name, event.definition_name, key.definition, key.workflow)


def told(tellings: Iterable[Notification]) -> tuple[Told, ...]:
    """One for each receiver, which has the alert if it acknowledged any notification of it."""
    best: dict[str, Notification] = {}
    for telling in tellings:
        known = best.setdefault(telling.receiver, telling)
        if _ORDER.index(telling.status) < _ORDER.index(known.status):
            best[telling.receiver] = telling
    return tuple(map(_told, best.values()))


def _told(telling: Notification) -> Told:
    receiver, status = telling.receiver, telling.status
    match status:
        case DeliveryStatus.DELIVERED:
            return Told(receiver=receiver, status=status, words="told", at=telling.at)
        case DeliveryStatus.PENDING:
            tries = "1 try" if telling.attempts == 1 else f"{telling.attempts} tries"
            words = f"pending after {tries}" if telling.attempts else "pending"
        case DeliveryStatus.DEAD:
            words = "given up"
    return Told(receiver=receiver, status=status, words=words, detail=telling.detail)
