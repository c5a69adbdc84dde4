"""Links to the monitor's own pages and to the runbook."""

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
    """The target's own runbook, else the section about such alerts; "" for an event without an alert, or without both.

    `runbook_url`: the address of RUNBOOK.md; "": none is configured.
    """
    return event.labels.get("runbook", "") or _section(event, runbook_url)


def runbook_link(event: Event, runbook_url: str) -> str:
    """As `runbook_of`, for a link: a target's runbook that is no web address is skipped."""
    own = event.labels.get("runbook", "")
    return own if own.startswith(_LINKS) else _section(event, runbook_url)


def _section(event: Event, runbook_url: str) -> str:
    if not runbook_url or event.type.kind is AlertKind.NOTICE:
        return ""
    return f"{runbook_url}#{alertname(event.type).lower()}"
