"""One account: whether its API answers, what its budget buys, and what of it is watched."""

import math
from datetime import datetime

import msgspec
from aiohttp import web

from monitor.core.formats.units import format_duration
from monitor.core.listing import Usage
from monitor.core.records import AccountSummary
from monitor.core.scheduling.plan import BudgetPlan
from monitor.web.api import query
from monitor.web.pages.models.account_rows import AccountRow, account_rows
from monitor.web.pages.models.definitions import DefinitionRow, definition_rows
from monitor.web.pages.models.model import Model
from monitor.web.pages.snapshot import PageSnapshot


class BudgetFacts(msgspec.Struct, frozen=True, kw_only=True):
    """What the requests that are left for looks buy; rates in requests per second, times in seconds."""

    needed: float
    """For all promised intervals."""
    allowed: float
    delay: float | None
    """Mean, weighted; None: it is not bounded."""
    best_delay: float | None
    saved_by_one_more: float | None
    warning: str | None


class AccountPage(Model, frozen=True, kw_only=True):
    account: str
    row: AccountRow | None
    """None: it is not configured."""
    lane_reason: str
    """The cause of the lane's last change."""
    blind_since: datetime | None
    """None: it is not blind."""
    skew: str | None
    """What to say of the clock of its API; None: it is right."""
    oldest_step_look: datetime | None
    usage: Usage | None
    budget: BudgetFacts | None
    definitions: tuple[DefinitionRow, ...]
    discovered: int
    """Definitions that a discovery follows."""


async def account(snapshot: PageSnapshot, request: web.Request) -> AccountPage:
    query.parameters(request.query, ("fragment",))
    name = request.match_info["account"]
    view = snapshot.view
    summary = next((one for one in view.accounts() if one.account == name), None)
    found = [one for one in await snapshot.definitions() if one.account == name]
    definitions = definition_rows(found, snapshot)
    plan = view.budgets().get(name)
    return AccountPage(
        title=name,
        http_status=404 if summary is None and not found else 200,
        account=name,
        row=None if summary is None else account_rows([summary], definitions, view.now())[0],
        lane_reason=summary.lane_reason if summary is not None else "",
        blind_since=summary.blind_since if summary is not None else None,
        skew=_skew(summary),
        oldest_step_look=summary.oldest_step_look if summary is not None else None,
        usage=summary.usage if summary is not None else None,
        budget=None if plan is None else _budget(plan),
        definitions=definitions,
        discovered=sum(one.discovered for one in found),
    )


def _skew(summary: AccountSummary | None) -> str | None:
    """To the second: the answers have no more."""
    seconds = round(summary.skew) if summary is not None else 0
    if not seconds:
        return None
    return f"{format_duration(abs(seconds))} {'ahead of' if seconds > 0 else 'behind'} ours"


def _budget(plan: BudgetPlan) -> BudgetFacts:
    return BudgetFacts(
        needed=plan.promised,
        allowed=plan.allowed,
        delay=_finite(plan.delay),
        best_delay=_finite(plan.best_delay),
        saved_by_one_more=_finite(plan.saved_by_one_more),
        warning=plan.warning(),
    )


def _finite(seconds: float) -> float | None:
    return round(seconds, 1) if math.isfinite(seconds) else None
