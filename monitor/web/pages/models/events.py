"""Events, newest first."""

from aiohttp import web

from monitor.core.event_types import EventType
from monitor.web.api import query
from monitor.web.pages.models.event_rows import EventRow, event_rows
from monitor.web.pages.models.model import Model, read
from monitor.web.pages.snapshot import Snapshot

_MOST = 100


class EventList(Model, frozen=True, kw_only=True):
    readable: bool
    types: tuple[str, ...]
    """That can be chosen."""
    chosen: str
    """Empty: all."""
    rows: tuple[EventRow, ...]
    older: int | None
    """`before` of the next page; None: this is the last one."""


async def events(snapshot: Snapshot, request: web.Request) -> EventList:
    asked = query.parameters(request.query, ("type", "before", "fragment"))
    chosen, before = asked.get("type"), asked.get("before")
    if chosen is not None:
        query.types(chosen)
    newest = snapshot.view.newest_events(query.sequence(before) if before else None, chosen, _MOST)
    found = await read(newest)
    return EventList(
        title="Events",
        readable=found is not None,
        types=tuple(EventType),
        chosen=chosen or "",
        rows=event_rows(found or ()),
        older=found[0].seq if found and len(found) == _MOST else None,
    )
