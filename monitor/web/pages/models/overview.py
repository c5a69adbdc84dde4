"""The first page: whether anything is wrong."""

from collections.abc import Sequence

from aiohttp import web

from monitor.web.pages.models.alert_rows import AlertRow, alert_rows
from monitor.web.pages.models.definitions import DefinitionRow, StatusCount, definition_rows
from monitor.web.pages.models.model import Model, read
from monitor.web.pages.snapshot import Snapshot

_MOST_ALERTS = 50
_MOST_DEFINITIONS = 50


class Overview(Model, frozen=True, kw_only=True):
    not_ready: str | None
    """Why the monitor is not ready."""
    stuck: tuple[str, ...]
    """Its loops that do not turn."""
    readable: bool
    """Whether the store is."""
    open: int
    alerts: tuple[AlertRow, ...]
    """The first of them."""
    totals: tuple[StatusCount, ...]
    definitions: tuple[DefinitionRow, ...]
    more_definitions: int


async def overview(snapshot: Snapshot, _request: web.Request) -> Overview:
    view = snapshot.view
    alerts = await read(snapshot.alerts())
    definitions = await snapshot.definitions()
    return Overview(
        title="Overview",
        not_ready=view.ready(),
        stuck=tuple(name for name, loop in view.loops().items() if not loop.turns),
        readable=alerts is not None,
        open=len(alerts or ()),
        alerts=alert_rows(alerts or ())[:_MOST_ALERTS],
        totals=tuple(StatusCount(status, count) for status, count in view.totals().items()),
        definitions=definition_rows(definitions[:_MOST_DEFINITIONS]),
        more_definitions=_beyond(definitions, _MOST_DEFINITIONS),
    )


def _beyond(found: Sequence[object], shown: int) -> int:
    return max(0, len(found) - shown)
