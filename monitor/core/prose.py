"""What a person reads who is woken at night: one event, or many with one cause, in plain text."""

from collections.abc import Sequence
from typing import Final

from monitor.core.links import link_of
from monitor.core.model import AlertEnd, Event, Incident, Toll
from monitor.core.text import about, clean

TITLE_LIMIT: Final = 200
BODY_LIMIT: Final = 4000
"""Characters."""


def title(event: Event) -> str:
    """One line of at most `TITLE_LIMIT` characters."""
    return clean(event.summary, TITLE_LIMIT)


def body(event: Event, *, link: str) -> str:
    """Some short paragraphs of plain text, at most `BODY_LIMIT` characters; the link stands last."""
    return f"{title(event)}\n\n{link}"


def ended(end: AlertEnd, *, hold: float) -> str:
    """How an alert ended, in words. `hold`: seconds that an event alert stays open."""
    return f"{end.value} ({about(hold)})"


def incident_title(incident: Incident) -> str:
    """One line of at most `TITLE_LIMIT` characters: how many, what, where."""
    return title(incident.event)


def incident_body(incident: Incident, *, tolls: Sequence[Toll], external_url: str) -> str:
    """As `body`; how many, since when, some of them with links, the blast radius, then what is said of the first."""
    return body(incident.event, link=link_of(incident.event, external_url))


def details(incident: Incident, tolls: Sequence[Toll]) -> dict[str, str]:
    """The same facts for programs; a fact that is not there has no key."""
    return {"count": str(incident.members)}
