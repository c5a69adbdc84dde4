"""The plan of the looks: the time between two looks at each kind of arm, and the delay of its facts.

With `c` requests per look, `a` weighted facts per second and `R` requests per second, the weighted mean delay is least,
`D* = S**2 / (2 * R * sum of a)`, if looks are `T = sqrt(c / a) * S / R` apart, with `S = sum of sqrt(c * a)`. No policy
that does not know when facts happen is better on the same arms. `looks.py` follows it within three limits: a promise
and the rounds for which an arm is passed over make `T` shorter, the shortest time between two looks makes it longer.
"""

import math
from collections.abc import Callable, Iterable, Sequence

import msgspec

from monitor.core.event_types import FactKind
from monitor.core.scheduling.trust import MOST_ROUNDS


class ArmGroup(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """Arms that are alike: the lists of a definition, or its running instances."""

    definition: str
    kind: FactKind
    """What the looks are for: ends or steps."""
    count: int
    rate: float
    """Facts per second in each of them."""
    weight: float = 1.0
    cost: float = 1.0
    """Requests per look."""
    longest: float = math.inf
    """The promised longest time between two looks, in seconds."""
    shortest: float = 0.0
    """Seconds after a look within which another one is of no use."""


class Bound(msgspec.Struct, frozen=True, gc=False):
    """The delay of the facts of one kind in one definition, in seconds, without the time of an answer."""

    definition: str
    kind: FactKind
    worst: float
    """The longest time between two looks."""
    mean: float


class BudgetPlan(msgspec.Struct, frozen=True, kw_only=True):
    """The plan of one budget; all of it infinite or empty if nothing is allowed or watched."""

    allowed: float
    """Requests per second that are left for looks."""
    share: float = 1.0
    """Of each request per second more, the part that is for looks, too."""
    promised: float
    """Requests per second that all promises take together."""
    root_sum: float
    """`S`, the root of weighted facts times requests, per second."""
    best_delay: float
    """`D*`, seconds: no policy has a smaller weighted mean delay. Known moments are not counted."""
    delay: float
    """Seconds: the weighted mean delay of this plan."""
    price: float
    """Seconds of `best_delay` that one more request per second would save, approximately."""
    intervals: tuple[float, ...]
    """Seconds between two looks at an arm of each group, in the order in which they were given."""
    bounds: tuple[Bound, ...]
    """By definition and kind, in the order in which they were given."""

    @property
    def saved_by_one_more(self) -> float:
        """Seconds of `best_delay` that one more request per second would save."""
        return self.best_delay * self.share / (self.allowed + self.share) if self.allowed else math.inf

    @property
    def feasible(self) -> bool:
        """Whether all promises can be kept; if not, `promised` is the rate that would suffice."""
        return self.promised <= self.allowed

    def warning(self) -> str | None:
        """For people; None if all promises can be kept."""
        if self.feasible:
            return None
        return (
            f"the promised intervals need {said_rate(self.promised)} requests/s,"
            f" {said_rate(self.allowed)} are left for them:"
            f" raise requests_per_second by {_rounded_up((self.promised - self.allowed) / self.share)}"
            " if the API allows it, or lengthen interval or step_interval"
        )


def plan_budget(groups: Iterable[ArmGroup], allowed: float, share: float = 1.0) -> BudgetPlan:
    """The plan for these arms at `allowed` requests per second, without those for explanations and confirmations.

    `share`: of each request per second more, the part that is for looks, too.
    """
    arms = [group for group in groups if group.count]
    root_sum = math.fsum(one.count * math.sqrt(one.cost * one.rate * one.weight) for one in arms)
    facts = math.fsum(one.count * one.rate * one.weight for one in arms)
    best = root_sum**2 / (2 * allowed * facts) if facts and allowed else math.inf if facts else 0.0
    intervals = _intervals(arms, allowed)
    delays = (one.count * one.rate * one.weight * every / 2 for one, every in zip(arms, intervals, strict=True))
    return BudgetPlan(
        allowed=allowed,
        share=share,
        promised=_promised(arms),
        root_sum=root_sum,
        best_delay=best,
        delay=math.fsum(delays) / facts if facts else 0.0,
        price=best / allowed if allowed else math.inf,
        intervals=tuple(intervals),
        bounds=tuple(_bounds(arms, intervals)),
    )


def _promised(arms: Sequence[ArmGroup]) -> float:
    return math.fsum(one.count * one.cost / one.longest for one in arms)


# --- the time between two looks ----------------------------------------------------------------------------


def _intervals(arms: Sequence[ArmGroup], allowed: float) -> list[float]:
    if not allowed:
        return [math.inf] * len(arms)
    walls = _walls(arms, allowed)
    wanted = [math.sqrt(one.cost / (one.rate * one.weight)) if one.rate * one.weight else math.inf for one in arms]
    columns = [
        (every, low, high, one.count * one.cost) for one, every, (low, high) in zip(arms, wanted, walls, strict=True)
    ]  # of plain numbers: an account may have thousands of groups

    def at(scale: float) -> list[float]:
        return [max(low, min(scale * every, high)) for every, low, high, _ in columns]

    def used(scale: float) -> float:
        return math.fsum([cost / max(low, min(scale * every, high)) for every, low, high, cost in columns])

    return at(_scale(used, allowed))


def _walls(arms: Sequence[ArmGroup], allowed: float) -> list[tuple[float, float]]:
    """The shortest and the longest time between two looks at an arm of each group."""
    promised, cost = _promised(arms), math.fsum(one.count * one.cost for one in arms)
    stretch = 1.0 if promised <= allowed else 2 * promised / allowed  # infeasible promises get half of the budget
    free = allowed - promised if promised < allowed else allowed / 2
    rounds = MOST_ROUNDS * cost / free
    return [(max(one.shortest, _SHORTEST), max(min(one.longest * stretch, rounds), one.shortest)) for one in arms]


def _scale(used: Callable[[float], float], allowed: float) -> float:
    """The least scale of all intervals at which no more is used than is allowed; bisected by its logarithm."""
    low, high = -_WIDEST, _WIDEST
    for _ in range(_STEPS):
        middle = (low + high) / 2
        if used(math.exp(middle)) > allowed:
            low = middle
        else:
            high = middle
    return math.exp(high)


_SHORTEST = 1e-9
"""Seconds; no look takes less."""
_WIDEST, _STEPS = 60.0, 48


# --- the delay of facts ------------------------------------------------------------------------------------


def _bounds(arms: Sequence[ArmGroup], intervals: Sequence[float]) -> Iterable[Bound]:
    kinds: dict[tuple[str, FactKind], list[tuple[ArmGroup, float]]] = {}
    for one, every in zip(arms, intervals, strict=True):
        kinds.setdefault((one.definition, one.kind), []).append((one, every))
    for (definition, kind), of in kinds.items():
        facts = math.fsum(one.count * one.rate for one, _ in of)
        late = math.fsum(one.count * one.rate * every / 2 for one, every in of)
        worst = max(every for _, every in of)
        yield Bound(definition, kind, worst, late / facts if facts else worst / 2)


_WHOLE_FROM = 1000


def said_rate(requests_per_second: float) -> str:
    """For people: three digits, or a whole number."""
    return f"{requests_per_second:,.0f}" if requests_per_second >= _WHOLE_FROM else f"{requests_per_second:.3g}"


def _rounded_up(rate: float) -> str:
    return f"{math.ceil(rate):,}" if rate >= 1 else f"{math.ceil(rate * 100) / 100:g}"
