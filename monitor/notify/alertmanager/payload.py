"""The postings to Alertmanager: an alert, a storm, and the Watchdog. Pure.

Labels are the identity, so they never change while an alert is open; every varying fact is an annotation.
"""

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Final
from urllib.parse import urlsplit

import msgspec

from monitor.core.alerting.labels import alert_labels, fingerprint
from monitor.core.alerts import Alert, Incident
from monitor.core.event_types import EventType
from monitor.core.formats.timestamps import format_timestamp
from monitor.core.formats.urls import is_this_machine
from monitor.core.model import Event
from monitor.core.text import alert_text
from monitor.core.text.links import link_of, link_to, runbook_link

_ENCODER: Final = msgspec.json.Encoder()


class PostableAlert(msgspec.Struct, frozen=True, kw_only=True):
    """One alert for Alertmanager, without the fields that depend on the time of the POST."""

    id: str
    """Of the alert or incident."""
    key: str
    """Of the labels: Alertmanager takes postings with equal labels for one alert."""
    labels: Mapping[str, str]
    annotations: Mapping[str, str]
    starts_at: datetime
    """When it was observed, not when it happened, which is an annotation: Alertmanager notifies at once of an alert
    that began longer ago than `group_wait`, so that nothing could inhibit it."""
    opened_at: datetime
    """When it was observed; of two postings with equal labels the later one is shown."""
    ended_at: datetime | None = None
    is_end: bool = False
    """It is about the termination of a workflow."""
    lapses: bool = False
    """It is posted as open once, and ends by its `endsAt` only."""
    link: str


def of_alert(alert: Alert, *, external_url: str, hold: float, runbook_url: str = "") -> PostableAlert:
    """`hold`: seconds that an event alert stays open, for the text of its end."""
    event = alert.event
    labels = alert_labels(event, alert.fault_group)
    link = link_of(event, external_url)
    return PostableAlert(
        id=alert.id,
        key=fingerprint(labels),
        labels=labels,
        annotations=_texts(
            summary=event.summary,
            description=alert_text.body(event, link=link, runbook_url=runbook_url),
            **_facts(event, runbook_url),
            ended=alert_text.ended(alert.end, hold=hold) if alert.end is not None else "",
        ),
        starts_at=alert.opened_at,
        opened_at=alert.opened_at,
        ended_at=alert.ended_at,
        is_end=event.type is EventType.TERMINATED,
        link=link,
    )


def of_storm(incident: Incident, *, external_url: str, hold: float, runbook_url: str = "") -> PostableAlert:
    """One alert for all members of an incident, including those that were posted one by one."""
    event = incident.event
    shared = alert_labels(msgspec.structs.replace(event, labels=incident.labels, workflow=None), incident.fault_group)
    labels = shared | {"storm": "true"}
    return PostableAlert(
        id=incident.id,
        key=fingerprint(labels),
        labels=labels,
        annotations=_texts(
            summary=alert_text.incident_title(incident),
            description=alert_text.incident_body(
                incident, tolls=(), external_url=external_url, runbook_url=runbook_url
            ),
            **_facts(event, runbook_url),
            count=str(incident.members),
            first_at=format_timestamp(incident.first_at),
            last_at=format_timestamp(incident.last_at),
            samples="\n".join(link_to(one.key, external_url) for one in incident.samples if one.key is not None),
            ended=alert_text.ended(incident.outcome, hold=hold) if incident.outcome is not None else "",
        ),
        starts_at=incident.opened_at,
        opened_at=incident.opened_at,
        ended_at=incident.ended_at,
        is_end=event.type is EventType.TERMINATED,
        link=link_of(event, external_url),
    )


def untold(posting: PostableAlert) -> PostableAlert:
    """The posting of an alert that expired before it was ever posted: its end alone would notify nobody."""
    return msgspec.structs.replace(posting, ended_at=None, lapses=True)


def watchdog(*, external_url: str, started_at: datetime, host: str = "") -> PostableAlert:
    """The alert that is always open: if it is missing, the monitor or the connection from it has failed.

    `host`: the name of this machine, for the label `monitor` if the URL names only the loopback.
    """
    labels = {"alertname": "Watchdog", "severity": "none", "monitor": _name(external_url, host)}
    return PostableAlert(
        id="watchdog",
        key=fingerprint(labels),
        labels=labels,
        annotations={
            "summary": "The workflow monitor is alive",
            "description": "This alert is always open. When it ends, the monitor, its store, or the way from it to "
            "this Alertmanager has failed, and silence means nothing any more.",
        },
        starts_at=started_at,
        opened_at=started_at,
        link=f"{external_url.rstrip('/')}/",
    )


def encode(posting: PostableAlert, *, now: datetime, lasts: float) -> bytes:
    """One element of the POST. `lasts`: seconds until Alertmanager ends an open alert that is not posted again."""
    starts_at = min(posting.starts_at, now)
    ends_at = now + timedelta(seconds=lasts) if posting.ended_at is None else max(posting.ended_at, starts_at)
    return _ENCODER.encode(
        {
            "labels": posting.labels,
            "annotations": posting.annotations,
            "startsAt": format_timestamp(starts_at),
            "endsAt": format_timestamp(ends_at),
            "generatorURL": posting.link,
        }
    )


def _name(external_url: str, host: str) -> str:
    """The URL; if its host is the loopback, with this machine's name instead, to distinguish two default monitors."""
    url = urlsplit(external_url)
    if not host or not is_this_machine(url.hostname or ""):
        return external_url
    return url._replace(netloc=f"{host}:{url.port}" if url.port is not None else host).geturl()


def _facts(event: Event, runbook_url: str) -> dict[str, str]:
    """The facts that may differ between two events with equal labels."""
    return {
        "event_id": event.id,
        "occurred_at": _moment(event.occurred_at),
        "observed_at": _moment(event.observed_at),
        "last_seen_at": _moment(event.last_seen_at),
        "error": event.errors[0].message if event.errors else "",
        "runbook_url": runbook_link(event, runbook_url),
    }


def _moment(moment: datetime | None) -> str:
    return format_timestamp(moment) if moment is not None else ""


def _texts(**texts: str) -> dict[str, str]:
    return {name: text for name, text in texts.items() if text}
