"""A test alert and its end, clearly marked as a test."""

from datetime import datetime
from typing import Final

import msgspec

from monitor.core.alerting import incidents
from monitor.core.alerting.fault_groups import fault_group
from monitor.core.alerting.labels import alert_labels, fingerprint
from monitor.core.alerting.routing import Feed
from monitor.core.alerts import Alert, AlertEnd, Incident
from monitor.core.commits import Delivery, DeliveryKind
from monitor.core.event_ids import event_id
from monitor.core.event_types import EventType, Severity
from monitor.core.model import Event, Status
from monitor.core.text import cloudevent

NAME: Final = "drill"
"""The definition, the target's name, and a label."""

_LABELS: Final = {NAME: "true", "runbook": "nothing needs to be done, this is a drill"}
"""The texts show the label `runbook` as the next step."""


class DrillAlert(msgspec.Struct, frozen=True, gc=False):
    """One half of a drill: its event, and the alert and incident after it."""

    event: Event
    alert: Alert
    incident: Incident


def opening(account: str, workflow: str, receiver: str, now: datetime) -> DrillAlert:
    """The test alert. `workflow` is new in every drill, so that no receiver takes it for an earlier one."""
    event = Event(
        id=event_id(EventType.SUSPENDED, account, NAME, workflow),
        type=EventType.SUSPENDED,
        severity=Severity.CRITICAL,
        summary="DRILL: this is a test of the alerts of workflow-monitor; nothing is wrong, nothing needs to be done",
        account=account,
        observed_at=now,
        occurred_at=now,
        definition=NAME,
        workflow=workflow,
        name=NAME,
        definition_name=NAME,
        from_status=Status.RUNNABLE,
        to_status=Status.SUSPENDED,
        labels=_LABELS,
    )
    incident = incidents.opened(event, fault_group(event))
    alert = Alert(
        id=event.id,
        event=event,
        fault_group=incident.fault_group,
        incident=incident.id,
        single=True,
        opened_at=now,
        receivers=(receiver,),
    )
    return DrillAlert(event, alert, msgspec.structs.replace(incident, receivers=(receiver,)))


def ending(opened: DrillAlert, now: datetime) -> DrillAlert:
    """The end of the test alert."""
    event = msgspec.structs.replace(
        opened.event,
        id=event_id(EventType.RESUMED, opened.event.account, NAME, opened.event.workflow or ""),
        type=EventType.RESUMED,
        summary="DRILL: the test of the alerts of workflow-monitor is over; nothing was wrong",
        observed_at=now,
        occurred_at=now,
        from_status=Status.SUSPENDED,
        to_status=Status.RUNNABLE,
        closes=(opened.event.id,),
    )
    alert = msgspec.structs.replace(opened.alert, end=AlertEnd.RESOLVED, ended_at=now)
    return DrillAlert(event, alert, incidents.without_alert(opened.incident, AlertEnd.RESOLVED, now))


def delivery(act: DrillAlert, receiver: str, gets: Feed, *, base_url: str, external_url: str) -> Delivery:
    """The delivery that the daemon would send to a receiver of that kind. The URLs may end in `/`."""
    closes = bool(act.event.closes)
    match gets:
        case Feed.EVENTS:
            about, ref = DeliveryKind.EVENT, act.event.id
        case Feed.ALERTS:
            about, ref = DeliveryKind.ALERT_CLOSED if closes else DeliveryKind.ALERT_OPENED, act.alert.id
        case Feed.INCIDENTS:
            about, ref = DeliveryKind.INCIDENT_CLOSED if closes else DeliveryKind.INCIDENT_OPENED, act.incident.id
    return Delivery(
        seq=2 if closes else 1,
        receiver=receiver,
        event_id=ref,
        type=act.event.type,
        severity=act.event.severity,
        subject=_subject(act, gets),
        body=cloudevent.encode(act.event, base_url=base_url, external_url=external_url) if gets is Feed.EVENTS else b"",
        observed_at=act.event.observed_at,
        about=about,
        members=act.incident.members if gets is Feed.INCIDENTS else 0,
    )


def _subject(act: DrillAlert, gets: Feed) -> str:
    match gets:
        case Feed.EVENTS:
            return f"{act.event.account}/{act.event.subject}"
        case Feed.ALERTS:
            return fingerprint(alert_labels(act.alert.event, act.alert.fault_group))
        case Feed.INCIDENTS:
            return act.incident.id
