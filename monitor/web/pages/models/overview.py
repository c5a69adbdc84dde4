"""The first page: whether anything is wrong, and what."""

from typing import ClassVar, Final

from aiohttp import web

from monitor.core.event_types import Severity
from monitor.core.records import ReceiverSummary
from monitor.web.pages.models.account_rows import AccountRow, account_rows
from monitor.web.pages.models.definitions import DefinitionRow, StatusCount, definition_row, worst_first
from monitor.web.pages.models.incident_rows import IncidentRow, incident_row, problems_of
from monitor.web.pages.models.model import Model, read
from monitor.web.pages.snapshot import PageSnapshot

_MOST_INCIDENTS: Final = 30
_MOST_DEFINITIONS: Final = 30


class Overview(Model, frozen=True, kw_only=True):
    shown_by: ClassVar = {
        "glance": ("not_ready", "stuck", "blind", "refusing", "readable", "problems", "critical"),
        "incidents": ("readable", "open", "incidents", "problems"),
        "lanes": ("accounts",),
        "receivers": ("receivers", "readable"),
        "definitions": ("totals", "definitions", "more_definitions"),
    }

    not_ready: str | None
    """Why the monitor is not ready."""
    stuck: tuple[str, ...]
    """Its loops that do not turn."""
    blind: tuple[str, ...]
    """Accounts that do not answer."""
    refusing: tuple[str, ...]
    """Receivers that do not acknowledge."""
    readable: bool
    """Whether the store is."""
    open: int
    """Alerts."""
    problems: int
    """Incidents, without those that a more severe one explains."""
    critical: int
    """Of the problems."""
    incidents: tuple[IncidentRow, ...]
    """The first of them."""
    accounts: tuple[AccountRow, ...]
    receivers: tuple[ReceiverSummary, ...]
    totals: tuple[StatusCount, ...]
    definitions: tuple[DefinitionRow, ...]
    """The first of them; those that fail come first."""
    more_definitions: int


async def overview(snapshot: PageSnapshot, _request: web.Request) -> Overview:
    view, now = snapshot.view, snapshot.view.now()
    alerts = await read(snapshot.alerts())
    ended = await read(snapshot.ended_groups()) or {}
    problems = problems_of(alerts or (), ended, now)
    receivers = await read(snapshot.receivers()) or []
    summaries = await snapshot.definitions()
    shown = worst_first(summaries)[:_MOST_DEFINITIONS]
    definitions = tuple(definition_row(summary, snapshot) for summary in shown)
    accounts = account_rows(view.accounts(), definitions, now)
    return Overview(
        title="Overview",
        not_ready=view.ready(),
        stuck=tuple(name for name, loop in view.loops().items() if not loop.turns),
        blind=tuple(row.account for row in accounts if row.standing == "blind"),
        refusing=tuple(one.receiver for one in receivers if _refuses(one)),
        readable=alerts is not None,
        open=len(alerts or ()),
        problems=len(problems),
        critical=sum(problem.severity is Severity.CRITICAL for problem in problems),
        incidents=tuple(map(incident_row, problems[:_MOST_INCIDENTS])),
        accounts=accounts,
        receivers=tuple(receivers),
        totals=tuple(StatusCount(status, count) for status, count in view.totals().items() if count),
        definitions=definitions,
        more_definitions=len(summaries) - len(definitions),
    )


def _refuses(receiver: ReceiverSummary) -> bool:
    return receiver.pending > 0 and not receiver.acknowledges
