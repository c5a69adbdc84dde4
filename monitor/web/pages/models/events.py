"""Events, newest first, filtered; the newest page follows live."""

from typing import Final
from urllib.parse import urlencode

from aiohttp import web

from monitor.core.event_types import EventType, Severity
from monitor.store import EventFilter, StoredEvent
from monitor.web.api import query
from monitor.web.pages.models.event_rows import EventRow, event_rows
from monitor.web.pages.models.model import Model, read
from monitor.web.pages.snapshot import PageSnapshot

_MOST: Final = 100
_FILTERS: Final[tuple[str, ...]] = ("type", "severity", "account", "definition")


class EventList(Model, frozen=True, kw_only=True):
    readable: bool
    types: tuple[str, ...]
    severities: tuple[str, ...]
    accounts: tuple[str, ...]
    """That can be chosen."""
    chosen: dict[str, str]
    """The filters by the name of their parameter; each is there, empty ones choose all."""
    filtered: bool
    live: bool
    """Whether these are the newest."""
    rows: tuple[EventRow, ...]
    newest: str
    """The path of the newest page."""
    newer: str | None
    """The path of the page with newer ones; None: there is none."""
    older: str | None


async def events(snapshot: PageSnapshot, request: web.Request) -> EventList:
    asked = query.parameters(request.query, (*_FILTERS, "before", "after", "fragment"))
    before, after = _seq(asked.get("before")), _seq(asked.get("after"))
    wanted = await _wanted(snapshot, asked)
    found = await read(snapshot.view.chosen_events(wanted, before=before, after=after, limit=_MOST + 1))
    shown, more = _page(found or [], rising=after is not None)
    kept = {name: asked[name] for name in _FILTERS if name in asked}
    newer = before is not None or (after is not None and more)
    older = more if after is None else bool(shown)
    return EventList(
        title="Events",
        readable=found is not None,
        types=tuple(EventType),
        severities=tuple(Severity),
        accounts=tuple(sorted({one.account for one in await snapshot.definitions()})),
        chosen={name: asked.get(name, "") for name in _FILTERS},
        filtered=bool(kept),
        live=before is None and after is None,
        rows=event_rows(shown),
        newest=_path(kept),
        newer=_path({**kept, "after": str(shown[-1].seq)}) if newer and shown else None,
        older=_path({**kept, "before": str(shown[0].seq)}) if older and shown else None,
    )


async def _wanted(snapshot: PageSnapshot, asked: dict[str, str]) -> EventFilter:
    type_, definition = asked.get("type"), asked.get("definition")
    return EventFilter(
        types=None if type_ is None else query.types(type_),
        severity=query.word("severity", asked.get("severity"), Severity),
        account=asked.get("account"),
        definition=None if definition is None else await _id_of(snapshot, definition),
    )


async def _id_of(snapshot: PageSnapshot, definition: str) -> str:
    """The id of a definition that was given by its name; a text that is no name stays."""
    named = {one.definition for one in await snapshot.definitions() if definition in (one.name, one.alias)}
    return named.pop() if len(named) == 1 else definition


def _seq(text: str | None) -> int | None:
    return None if text is None else query.sequence(text)


def _page(found: list[StoredEvent], *, rising: bool) -> tuple[list[StoredEvent], bool]:
    """Without the one that only says that there are more; `rising`: the last one."""
    more = len(found) > _MOST
    if not more:
        return found, False
    return (found[:_MOST] if rising else found[1:]), True


def _path(kept: dict[str, str]) -> str:
    return "/events" + (f"?{urlencode(kept)}" if kept else "")
