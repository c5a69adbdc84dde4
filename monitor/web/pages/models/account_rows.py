"""Accounts as rows: whether each answers, what of its budget is used, and whether its promises are kept."""

from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import Final
from urllib.parse import quote

import msgspec

from monitor.core.model import Outcome
from monitor.core.records import AccountSummary
from monitor.web.pages.models.definitions import DefinitionRow

_STALE: Final = timedelta(seconds=90)
"""The oldest look is as of the last minute."""


class AccountRow(msgspec.Struct, frozen=True, kw_only=True):
    account: str
    path: str
    standing: str
    """A word for people: `answers`, `blind`, `lane closed`, `no answer`."""
    closed_until: datetime | None
    reason: Outcome | None
    used: float
    """Requests per second over the last minute."""
    usable: float
    """Requests per second."""
    ceiling: float
    succeeded_at: datetime | None
    polled: int
    ends_within: float | None
    """The longest promise of its definitions, in seconds."""
    oldest_look: datetime | None
    kept: bool | None
    """None: nothing is promised, or not known yet."""

    @property
    def share(self) -> int:
        """Percent of the usable budget."""
        return min(100, round(100 * self.used / self.usable)) if self.usable else 0


def account_rows(
    found: Iterable[AccountSummary], definitions: Iterable[DefinitionRow], now: datetime
) -> tuple[AccountRow, ...]:
    promised: dict[str, float] = {}
    for row in definitions:
        if row.ends_within is not None:
            promised[row.account] = max(promised.get(row.account, 0.0), row.ends_within)
    return tuple(_row(summary, promised.get(summary.account), now) for summary in found)


def _row(summary: AccountSummary, promised: float | None, now: datetime) -> AccountRow:
    oldest = summary.oldest_end_look
    kept = None if promised is None or oldest is None else now - oldest < timedelta(seconds=2 * promised) + _STALE
    return AccountRow(
        account=summary.account,
        path=f"/accounts/{quote(summary.account, safe='')}",
        standing=_standing(summary),
        closed_until=summary.closed_until,
        reason=summary.reason,
        used=round(summary.used, 1),
        usable=round(summary.requests_per_second, 1),
        ceiling=summary.ceiling,
        succeeded_at=None if summary.succeeded_at is None else summary.succeeded_at.replace(microsecond=0),
        polled=summary.polled,
        ends_within=promised,
        oldest_look=oldest,
        kept=kept,
    )


def _standing(summary: AccountSummary) -> str:
    if summary.blind:
        return "blind"
    if not summary.open:
        return "lane closed"
    return "no answer" if summary.reason is not None else "answers"
