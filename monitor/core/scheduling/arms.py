"""The arms of a budget in flat columns: their terms, and the value of a look at each (`looks.py`)."""

import math
from array import array
from collections.abc import Mapping
from typing import Final

import msgspec

from monitor.core.event_types import Severity
from monitor.core.scheduling.known_moments import KnownMoments

WEIGHTS: Final[Mapping[Severity, float]] = {Severity.INFO: 0.1, Severity.WARNING: 1.0, Severity.CRITICAL: 10.0}
"""The weight of an arm by the severity that its facts would have."""

_FAR = 1e9
"""The most seconds after its last look that an arm waits for its index."""


class Terms(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """The properties of an arm."""

    rate: float
    """Facts per second that become visible in it, at unknown times."""
    weight: float = 1.0
    cost: float = 1.0
    """Requests per look; above 0."""
    longest: float = math.inf
    """The promised longest time between two looks, in seconds; infinite: no promise."""
    shortest: float = 0.0
    """Seconds after a look within which another one is of no use."""

    def __post_init__(self) -> None:
        if not (self.rate >= 0 and self.weight >= 0 and 0 < self.cost < math.inf and 0 <= self.shortest < math.inf):
            raise ValueError(f"expected no negative number, and a finite cost above 0, got {self}")
        if not self.longest > 0:
            raise ValueError(f"expected a promise of more than 0 s, got {self.longest:g}")


class Arms:
    """By number. Times are the loop's clock, in seconds."""

    __slots__ = ("costs", "last", "longest", "moments", "rates", "shortest", "weights")

    def __init__(self) -> None:
        self.last = array("d")
        """The time of the last look at each."""
        self.rates, self.weights, self.costs = array("f"), array("f"), array("f")
        self.longest, self.shortest = array("f"), array("f")
        self.moments = KnownMoments()

    def make_room(self, arms: int) -> None:
        """For this many more arms."""
        self.last.extend(array("d", [0.0]) * arms)
        for column in (self.rates, self.weights, self.costs, self.longest, self.shortest):
            column.extend(array("f", [0.0]) * arms)
        self.moments.make_room(arms)

    def set(self, arm: int, terms: Terms) -> None:
        self.rates[arm], self.weights[arm], self.costs[arm] = terms.rate, terms.weight, terms.cost
        self.longest[arm], self.shortest[arm] = terms.longest, terms.shortest

    def worth(self, arm: int) -> float:
        """Weighted facts per second and request."""
        return self.rates[arm] * self.weights[arm] / self.costs[arm]

    def root(self, arm: int) -> float:
        """Its term in the sum of `plan.py`."""
        return math.sqrt(self.costs[arm] * self.rates[arm] * self.weights[arm])

    def index(self, arm: int, now: float) -> float:
        """The delay that a look ends, in weighted seconds per request."""
        last = self.last[arm]
        value = self.rates[arm] * (now - last) ** 2 / 2
        for moment, chance in self.moments.of(arm):
            if moment > now:
                break
            value += chance * max(moment - last, 0.0)
        return value * self.weights[arm] / self.costs[arm]

    def crossing(self, arm: int, price: float) -> float:
        """When its index reaches the price; far away if it never does."""
        last, rate, weight = self.last[arm], self.rates[arm], self.weights[arm]
        missing = price * self.costs[arm] / weight if weight else math.inf
        for moment, chance in self.moments.of(arm):
            since = max(moment - last, 0.0)
            if rate * since * since / 2 >= missing:
                break
            missing -= chance * since
            if rate * since * since / 2 >= missing:
                return max(moment, last)
        return last + min(math.sqrt(2 * missing / rate), _FAR) if rate else last + _FAR
