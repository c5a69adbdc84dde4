"""What the budgets of all accounts are spent on: the arms of `core/scheduling/looks.py`, in groups, for the plan.

Also the owner of what was learned about how often things happen.
"""

from collections.abc import Callable, Iterable, Mapping
from datetime import datetime

from monitor.core.discovery.list_looks import ListLook
from monitor.core.event_types import FactKind
from monitor.core.model import DefinitionVersion, Status
from monitor.core.scheduling.hazard import HazardKey, Hazards
from monitor.core.scheduling.instance_arms import ANY_STEP, SHORTEST, instance_terms
from monitor.core.scheduling.list_arms import list_terms
from monitor.core.scheduling.plan import ArmGroup
from monitor.polling.swept_version import SweptVersion


class Budget:
    """Runs in the loop's thread and never waits."""

    def __init__(self, hazards: Hazards, now: Callable[[], datetime]) -> None:
        self.hazards = hazards
        """Shared by all accounts; its keys name them."""
        self._now = now

    def arm_groups(self, versions: Iterable[SweptVersion]) -> Mapping[DefinitionVersion, tuple[ArmGroup, ...]]:
        """What there is to look at in each version: its lists (`END`) and its running instances (`STEP`).

        `versions`: those that are swept in one account; `Sweeper.arm_groups` asks for them. Targets of the watchlist,
        whose intervals are promises that come first, are not among them.
        """
        return {one.version: (*self._lists(one), *self._instances(one)) for one in versions}

    def _lists(self, version: SweptVersion) -> Iterable[ArmGroup]:
        now, wish = self._now(), version.wish
        alike: dict[tuple[Status | None, bool], list[ListLook]] = {}
        for look in version.looks(now):
            alike.setdefault((look.question, look.begins), []).append(look)
        for looks in alike.values():
            terms = [
                list_terms(
                    look,
                    version.running.count(look.started_from, look.started_to),
                    self.hazards,
                    wish.severities,
                    now,
                    interval=wish.interval,
                    longest=wish.interval,
                )
                for look in looks
            ]
            rate = sum(one.rate for one in terms)
            yield ArmGroup(
                definition=version.version.definition,
                kind=FactKind.END,
                count=len(terms),
                rate=rate / len(terms),
                weight=sum(one.rate * one.weight for one in terms) / rate if rate else 0.0,
                cost=sum(one.cost for one in terms) / len(terms),
                longest=wish.interval,
                shortest=terms[0].shortest,
            )

    def _instances(self, version: SweptVersion) -> Iterable[ArmGroup]:
        wish = version.wish
        terms = instance_terms(self.hazards.rate(HazardKey(version.version, ANY_STEP), self._now()), wish.severities)
        if len(version.running):
            yield ArmGroup(
                definition=version.version.definition,
                kind=FactKind.STEP,
                count=len(version.running),
                rate=terms.rate,
                weight=terms.weight,
                longest=wish.step_interval or float("inf"),
                shortest=min(SHORTEST, wish.step_interval or SHORTEST),
            )
