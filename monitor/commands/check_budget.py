"""What the budget of an account with discoveries buys, for `workflow-monitor check`.

How many instances run is known to the API alone: `--online` asks it; else so many are supposed, and the text says so.
"""

import asyncio
import math
from collections import Counter
from collections.abc import Iterator, Sequence
from typing import Final, NamedTuple

from monitor.commands.account_client import LookFailedError
from monitor.commands.definitions import FoundDefinitions, find
from monitor.commands.tables import MOST
from monitor.core.discovery.following import EVERY, Discovery, followed
from monitor.core.event_types import FactKind
from monitor.core.formats.units import format_duration
from monitor.core.scheduling.expected_arms import Interval, expected_groups, plan_of, target_groups
from monitor.core.scheduling.plan import BudgetPlan, said_rate
from monitor.settings import AccountSettings, Settings

_RUNNING, _DEFINITIONS = 1000, 10
"""Supposed instances of a definition, and definitions of an account."""
_TARGETS: Final = "targets"


class Running(NamedTuple):
    """The instances of one definition, or of several alike."""

    label: str
    wish: Discovery
    number: int
    """Of each definition."""
    definitions: int = 1
    at_least: bool = False


class AccountBudget(NamedTuple):
    """What the budget of one account buys."""

    account: AccountSettings
    targets: int
    running: Sequence[Running]
    counted: bool
    """Whether the API was asked; else the numbers are supposed."""
    plan: BudgetPlan

    def text(self) -> str:
        """For people; several lines."""
        targets = f", {self.targets:,} target{'s' if self.targets != 1 else ''}" if self.targets else ""
        return "\n".join([f"account {self.account.id}: {self._basis()}{targets}", *self._lines()])

    def _basis(self) -> str:
        if self.counted:
            least = " or more" if any(one.at_least for one in self.running) else ""
            number = sum(one.number for one in self.running)
            return f"{len(self.running):,} definitions, {number:,}{least} instances that run now"
        several = f", * stands for {_DEFINITIONS} of them" if any(one.definitions > 1 for one in self.running) else ""
        return f"if {_RUNNING:,} instances of each definition run{several} (--online counts them)"

    def _lines(self) -> Iterator[str]:
        plan, rate = self.plan, self.account.requests_per_second
        yield f"  needed    {said_rate(plan.promised)} requests/s for the intervals that are wanted"
        yield (
            f"  allowed   {said_rate(plan.allowed)} requests/s, of {rate:g}:"
            " the rest is for explanations and confirmations"
        )
        labels = [*dict.fromkeys(one.label for one in self.running)]
        shown = labels[:MOST] + ([_TARGETS] if self.targets else [])
        yield from [f"  {label}: {said}" for label in shown if (said := self._bounds(label))]
        if len(labels) > MOST:
            yield f"  and {len(labels) - MOST:,} more definitions"
        yield (
            f"  mean delay {_seconds(plan.delay)}, weighted by severity; no plan has less than D* ="
            f" {_seconds(plan.best_delay)}, of which one more request per second would save"
            f" {_seconds(plan.saved_by_one_more)}"
        )
        if (warning := plan.warning()) is not None:
            yield f"  WARNING: {warning}"

    def _bounds(self, label: str) -> str:
        bounds = {bound.kind: bound for bound in self.plan.bounds if bound.definition == label}
        return ", ".join(
            f"{kind}s seen within {_seconds(bound.worst)} (mean {_seconds(bound.mean)})"
            for kind in (FactKind.END, FactKind.STEP)
            if (bound := bounds.get(kind)) is not None
        )


def budgets(settings: Settings, *, online: bool) -> dict[str, AccountBudget]:
    """Of the accounts with discoveries, by name."""
    wishes: dict[str, list[Discovery]] = {}
    for wish in settings.watchlist.discoveries:
        wishes.setdefault(wish.account, []).append(wish)
    return {
        account.id: _budget(settings, account, wishes[account.id], online=online)
        for account in settings.accounts
        if account.id in wishes
    }


def _budget(
    settings: Settings, account: AccountSettings, wishes: Sequence[Discovery], *, online: bool
) -> AccountBudget:
    found = _found(settings, account) if online else None
    running = _supposed(wishes) if found is None else _counted(wishes, found)
    targets = Counter(
        Interval(_TARGETS, target.interval)
        for target in settings.watchlist.targets.values()
        if target.key.account == account.id
    )
    groups = [group for one in running for group in expected_groups(one.wish, one.label, one.number, one.definitions)]
    plan = plan_of([*groups, *target_groups(targets)], account.requests_per_second)
    return AccountBudget(account, targets.total(), running, found is not None, plan)


def _found(settings: Settings, account: AccountSettings) -> FoundDefinitions | None:
    """None if the API does not answer, which is told when the key is tried."""
    try:
        return asyncio.run(find(settings, account))
    except LookFailedError:
        return None


def _supposed(wishes: Sequence[Discovery]) -> list[Running]:
    return [
        Running(wish.name or wish.definition, wish, _RUNNING, _DEFINITIONS if wish.definition == EVERY else 1)
        for wish in wishes
    ]


def _counted(wishes: Sequence[Discovery], found: FoundDefinitions) -> list[Running]:
    """A definition of which no instance was counted has none."""
    own = followed(wishes, [each.definition for each in found.definitions])
    return [
        Running(
            (own[each.definition].name if own[each.definition].definition != EVERY else None)
            or each.name
            or each.definition,
            own[each.definition],
            count.number if count is not None else 0,
            at_least=count is not None and count.at_least,
        )
        for each, count in zip(found.definitions, found.running, strict=True)
        if each.definition in own
    ]


def _seconds(seconds: float) -> str:
    return format_duration(seconds) if math.isfinite(seconds) else "never"
