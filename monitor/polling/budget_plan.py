"""What each account's budget buys now: the plan of `core/scheduling/plan.py` for all that is watched.

Lists and instances that discoveries find come as groups of arms; targets of the watchlist are counted by interval, once
a minute. So a plan takes milliseconds, however many instances run.
"""

import asyncio
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import Executor
from functools import partial
from typing import Final

from monitor.aio import chunks
from monitor.core.discovery.following import Discovery
from monitor.core.event_types import FactKind
from monitor.core.model import DefinitionVersion, Target, TargetKey
from monitor.core.records import BoundsRecord
from monitor.core.scheduling.expected_arms import Interval, plan_of, target_groups
from monitor.core.scheduling.plan import ArmGroup, Bound, BudgetPlan
from monitor.polling.watched import WatchedTargets
from monitor.store.step_limits import DefinitionKey

_EVERY: Final = 10.0
_COUNT_EVERY: Final = 60.0

Discovered = Callable[[str], Mapping[DefinitionVersion, Sequence[ArmGroup]]]
Followed = Callable[[DefinitionKey], tuple[Discovery | None, object]]


class BudgetPlans:
    """The plans of all accounts; `renew` is called again and again. Runs in the loop's thread."""

    def __init__(
        self,
        rates: Callable[[], Mapping[str, float]],
        targets: WatchedTargets,
        *,
        watchlist: Callable[[], Mapping[TargetKey, Target]],
        discovered: Discovered,
        followed: Followed,
        report: Callable[[BoundsRecord], None],
        executor: Executor | None = None,
    ) -> None:
        """`rates`: requests per second that each account allows now. `watchlist`: the targets that are configured now.

        `discovered`: what discoveries look at in an account. `followed`: the discovery of a definition. `executor`:
        where plans are computed.
        """
        self._rates = rates
        self._targets = targets
        self._watchlist = watchlist
        self._discovered = discovered
        self._followed = followed
        self._report = report
        self._executor = executor
        self._counts: dict[str, Counter[Interval]] = {}
        self._labels: dict[DefinitionKey, str] = {}
        """Of the watchlist's definitions, in metrics."""
        self.plans: dict[str, BudgetPlan] = {}
        """By account; none before the first one is made."""
        self._bounds: dict[DefinitionKey, dict[FactKind, Bound]] = {}
        self._renew_at = self._count_at = 0.0
        self._time = asyncio.get_running_loop().time

    def bounds(self, about: DefinitionKey) -> Mapping[FactKind, Bound]:
        """What is promised of a definition now; nothing for a kind that is not looked for."""
        return self._bounds.get(about, {})

    async def renew(self) -> None:
        """If it is time."""
        if self._time() < self._renew_at:
            return
        await self._count()
        rates = self._rates()
        for account, rate in rates.items():
            await self._plan(account, rate)
        for account in [account for account in self.plans if account not in rates]:
            del self.plans[account]
            self._keep(account, {})
        self._renew_at = self._time() + _EVERY

    async def _count(self) -> None:
        """The targets of the watchlist that run, by definition and interval."""
        if self._time() < self._count_at:
            return
        counts: dict[str, Counter[Interval]] = {}
        labels: dict[DefinitionKey, str] = {}
        async for some in chunks(list(self._watchlist().values())):
            for target in some:
                seen = self._targets.glance(target.key)
                if seen is not None and not seen.ended:
                    mine = counts.setdefault(target.key.account, Counter())
                    mine[Interval(target.key.definition, target.interval)] += 1
                    labels.setdefault(DefinitionKey(*target.key[:2]), target.definition_label)
        self._counts, self._labels = counts, labels
        self._count_at = self._time() + _COUNT_EVERY

    async def _plan(self, account: str, rate: float) -> None:
        swept = [group for groups in self._discovered(account).values() for group in groups]
        listed = target_groups(self._counts.get(account, {}))
        loop = asyncio.get_running_loop()
        make = partial(plan_of, [*swept, *listed], rate)
        plan = self.plans[account] = await loop.run_in_executor(self._executor, make)
        bounds: dict[str, dict[FactKind, Bound]] = {}
        for bound in _with_ends(plan.bounds):
            bounds.setdefault(bound.definition, {})[bound.kind] = bound
        self._keep(account, {DefinitionKey(account, definition): kinds for definition, kinds in bounds.items()})

    def _keep(self, account: str, bounds: Mapping[DefinitionKey, dict[FactKind, Bound]]) -> None:
        """Instead of what was promised of the account before."""
        others = {about: kinds for about, kinds in self._bounds.items() if about.account != account}
        self._bounds = {**others, **bounds}
        worst: dict[tuple[str, FactKind], float] = {}
        for about, kinds in bounds.items():
            for kind, bound in kinds.items():
                place = self._label(about), kind
                worst[place] = max(worst.get(place, 0.0), bound.worst)
        self._report(BoundsRecord(account, worst))

    def _label(self, about: DefinitionKey) -> str:
        """What stands for a definition in metrics."""
        wish, _ = self._followed(about)
        return (wish.name if wish is not None else None) or self._labels.get(about, about.definition)


def _with_ends(bounds: Iterable[Bound]) -> Iterable[Bound]:
    """Without lists, an end is seen by the look at the steps."""
    bounds = list(bounds)
    listed = {bound.definition for bound in bounds if bound.kind is FactKind.END}
    for bound in bounds:
        yield bound
        if bound.definition not in listed:
            yield Bound(bound.definition, FactKind.END, bound.worst, bound.mean)
