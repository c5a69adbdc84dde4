"""The plan of an account, for all that there is to look at; by counts, if it is made without the API.

Of a definition whose instances were never seen, it is supposed that each comes to one end a day, and that a step fails
as often; see `hazard.py`.
"""

import math
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from typing import Final, NamedTuple

import msgspec

from monitor.core.discovery.following import Discovery
from monitor.core.event_types import FactKind
from monitor.core.listing import MOST_ROWS
from monitor.core.scheduling.hazard import Evidence, rate
from monitor.core.scheduling.instance_arms import SHORTEST, instance_terms
from monitor.core.scheduling.list_arms import ENDS, end_weight, is_crowd, share_of_lists, shortest_between
from monitor.core.scheduling.plan import ArmGroup, BudgetPlan, plan_budget

LOOKS_SHARE: Final = 0.9
"""Of an account's requests; the rest is for explanations, confirmations, and what else is no look."""
FIRST_RATE: Final = rate(Evidence(datetime(1970, 1, 1, tzinfo=UTC)))
"""Facts of one kind per second and instance, before anything is known."""
_FILL: Final = MOST_ROWS * 4 // 5
"""Rows that are expected on a page."""
_OTHER_LISTS: Final = 3
"""Beside the pages of what runs: the newest instances, the terminated and the suspended ones."""


class Interval(NamedTuple):
    """Targets of one definition with the same interval, in seconds."""

    definition: str
    seconds: float


def left_for_looks(requests_per_second: float) -> float:
    return requests_per_second * LOOKS_SHARE


def plan_of(groups: Iterable[ArmGroup], requests_per_second: float) -> BudgetPlan:
    """What the budget buys, as it is spent: an instance with a promise is polled at its interval, not sooner.

    The wanted intervals of lists stretch by one factor, so that they take no more than their share. What was wanted is
    `promised` all the same.
    """
    wanted = list(groups)
    needed = {
        kind: math.fsum(one.count * one.cost / one.longest for one in wanted if one.kind is kind) for kind in FactKind
    }
    free = sum(one.count for one in wanted if one.kind is FactKind.STEP and math.isinf(one.longest))
    crowd = is_crowd(free, requests_per_second)
    share = share_of_lists(crowd=crowd) * requests_per_second
    stretch = max(1.0, needed[FactKind.END] / share) if share else 1.0
    plan = plan_budget([_kept(one, stretch) for one in wanted], left_for_looks(requests_per_second), LOOKS_SHARE)
    return msgspec.structs.replace(plan, promised=math.fsum(needed.values()))


def _kept(group: ArmGroup, stretch: float) -> ArmGroup:
    if group.kind is FactKind.END:
        return msgspec.structs.replace(group, longest=group.longest * stretch)
    shortest = group.longest if math.isfinite(group.longest) else group.shortest
    return msgspec.structs.replace(group, shortest=shortest)


def target_groups(counts: Mapping[Interval, int]) -> tuple[ArmGroup, ...]:
    """Targets that run, by their interval, which is a promise. A look at one shows its steps and its end."""
    terms = instance_terms(FIRST_RATE, {})
    return tuple(
        [
            ArmGroup(
                definition=interval.definition,
                kind=FactKind.STEP,
                count=number,
                rate=terms.rate,
                weight=terms.weight,
                longest=interval.seconds,
                shortest=interval.seconds,
            )
            for interval, number in counts.items()
        ]
    )


def expected_groups(wish: Discovery, definition: str, running: int, definitions: int = 1) -> Iterable[ArmGroup]:
    """The lists and the instances of so many definitions, in one version, of each of which `running` instances run.

    `definition`: as the plan names them.
    """
    pages = math.ceil(running / _FILL)
    lists = 1 if pages <= 1 else pages + _OTHER_LISTS
    yield ArmGroup(
        definition=definition,
        kind=FactKind.END,
        count=definitions * lists,
        rate=FIRST_RATE * len(ENDS) * (running + 1) / lists,
        weight=sum(end_weight(status, wish.severities) for status in ENDS) / len(ENDS),
        longest=wish.interval,
        shortest=shortest_between(wish.interval),
    )
    terms, promised = instance_terms(FIRST_RATE, wish.severities), wish.step_interval or math.inf
    yield ArmGroup(
        definition=definition,
        kind=FactKind.STEP,
        count=definitions * running,
        rate=terms.rate,
        weight=terms.weight,
        longest=promised,
        shortest=min(SHORTEST, promised),
    )
