"""Where people look: addresses of the monitor's own pages."""

from typing import Final
from urllib.parse import quote

from monitor.core.alerting.labels import alertname
from monitor.core.event_types import AlertKind
from monitor.core.model import Event, TargetKey

RUNBOOK: Final = "deploy/RUNBOOK.md"
"""The shipped one, in the repository; the links of the Prometheus rules lead there, too, if no other place is set."""


def link_of(event: Event, external_url: str) -> str:
    """The page of the target that the event is about, or the front page. The URL may end in `/`."""
    if not event.definition or not event.workflow:
        return f"{external_url.rstrip('/')}/"
    return link_to(TargetKey(event.account, event.definition, event.workflow), external_url)


def link_to(key: TargetKey, external_url: str) -> str:
    return f"{external_url.rstrip('/')}/targets/" + "/".join(quote(part, safe="") for part in key)


def runbook_of(event: Event, runbook_url: str) -> str:
    """The target's own runbook, else the section about such alerts; "" of what is no alert."""
    if own := event.labels.get("runbook", ""):
        return own
    return f"{runbook_url}#{alertname(event.type).lower()}" if event.type.kind is not AlertKind.NOTICE else ""
