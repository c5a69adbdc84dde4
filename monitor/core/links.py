"""Where people look: addresses of the monitor's own pages."""

from urllib.parse import quote

from monitor.core.model import Event, TargetKey


def link_of(event: Event, external_url: str) -> str:
    """The page of the target that the event is about, or the front page. The URL may end in `/`."""
    if not event.definition or not event.workflow:
        return f"{external_url.rstrip('/')}/"
    return link_to(TargetKey(event.account, event.definition, event.workflow), external_url)


def link_to(key: TargetKey, external_url: str) -> str:
    return f"{external_url.rstrip('/')}/targets/" + "/".join(quote(part, safe="") for part in key)
