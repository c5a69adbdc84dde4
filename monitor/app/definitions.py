"""The definitions with watched targets, and those that discoveries follow."""

from collections.abc import Callable, Collection, Mapping
from datetime import datetime

from monitor.core.model import Status, TargetKey
from monitor.core.records import Activity, DefinitionSummary
from monitor.core.scheduling.plan import BudgetPlan
from monitor.polling.budget_plan import BudgetPlans
from monitor.polling.definition_counts import DefinitionCounts
from monitor.polling.step_limits import StepLimits
from monitor.polling.sweeper import Sweeper
from monitor.polling.watched import WatchedTargets
from monitor.store.step_limits import DefinitionKey


class Definitions:
    def __init__(
        self,
        targets: WatchedTargets,
        sweeper: Sweeper,
        limits: StepLimits,
        plans: BudgetPlans,
        *,
        now: Callable[[], datetime],
    ) -> None:
        """Counts every target that is watched from now on."""
        self._counts = DefinitionCounts(targets, now)
        targets.subscribe(self._counts)
        self._sweeper = sweeper
        self._limits = limits
        self._plans = plans
        self._now = now

    def keys(self) -> Collection[DefinitionKey]:
        """In any order."""
        return {*self._counts.keys(), *self._sweeper.followed()}

    def budgets(self) -> Mapping[str, BudgetPlan]:
        """What the budget of each account buys now."""
        return self._plans.plans

    def activity(self, about: DefinitionKey) -> Activity:
        """The last hour; empty if nothing is known."""
        count, now = self._counts.get(about), self._now()
        if count is None:
            return Activity()
        return Activity(count.begun.minutes(now), count.ended.minutes(now), count.failed.minutes(now))

    def summary(self, about: DefinitionKey) -> DefinitionSummary | None:
        """None if it has had no target for an hour, and no discovery follows it."""
        count, (wish, active) = self._counts.get(about), self._sweeper.active(about)
        if count is None and wish is None:
            return None
        now, told = self._now(), active.name if active is not None else None
        return DefinitionSummary(
            account=about.account,
            definition=about.definition,
            name=self._limits.name(TargetKey(about.account, about.definition, "")) or told or None,
            alias=(wish.name if wish is not None else None) or (count.alias if count is not None else None),
            versions=count.versions if count is not None else (),
            latest=active.latest if active is not None and wish is not None else None,
            statuses=count.statuses if count is not None else dict.fromkeys(Status, 0),
            begun=count.begun.count(now) if count is not None else 0,
            ended=count.ended.count(now) if count is not None else 0,
            failed=count.failed.count(now) if count is not None else 0,
            discovered=wish is not None,
            bounds=self._plans.bounds(about),
        )
