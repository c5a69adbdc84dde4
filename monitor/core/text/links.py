"""Where people look: addresses of the monitor's own pages."""

from typing import Final
from urllib.parse import quote

from monitor.core.alerting.labels import alertname
from monitor.core.event_types import AlertKind
from monitor.core.model import Event, TargetKey

_LINKS: Final = ("https://", "http://")


def link_of(event: Event, external_url: str) -> str:
    """The page of the target that the event is about, or the front page. The URL may end in `/`."""
    if not event.definition or not event.workflow:
        return f"{external_url.rstrip('/')}/"
    return link_to(TargetKey(event.account, event.definition, event.workflow), external_url)


def link_to(key: TargetKey, external_url: str) -> str:
    return f"{external_url.rstrip('/')}/targets/" + "/".join(quote(part, safe="") for part in key)


def runbook_of(event: Event, runbook_url: str) -> str:
    """The target's own runbook, else the section about such alerts; "" of what is no alert, or if there is no place.

    `runbook_url`: where people read RUNBOOK.md; "": nobody said.
    """
    return event.labels.get("runbook", "") or _section(event, runbook_url)


def runbook_link(event: Event, runbook_url: str) -> str:
    """As `runbook_of`, for what opens it by a click: a runbook of the target that is no web address is none."""
    own = event.labels.get("runbook", "")
    return own if own.startswith(_LINKS) else _section(event, runbook_url)


def _section(event: Event, runbook_url: str) -> str:
    if not runbook_url or event.type.kind is AlertKind.NOTICE:
        return ""
    return f"{runbook_url}#{alertname(event.type).lower()}"
