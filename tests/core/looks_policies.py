"""The policies of the budget that are compared in a `World`: the real one, and four that people would write."""

import heapq
import math
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime, timedelta

from monitor.core.model import DefinitionVersion
from monitor.core.scheduling.arms import Terms
from monitor.core.scheduling.hazard import Evidence, HazardKey, Hazards
from monitor.core.scheduling.looks import Looks
from tests.core.looks_world import Arm, Moment, Policy, World

_EPOCH = datetime(2026, 1, 5, tzinfo=UTC)


class ByIndex:
    """The real one, with what it learns if the world says so."""

    def __init__(
        self, *, learns: bool = False, longest: float = math.inf, known: Mapping[HazardKey, Evidence] | None = None
    ) -> None:
        self.looks = Looks()
        self._learns, self._longest = learns, longest
        self._hazards = Hazards(known)
        self._numbers: dict[int, int] = {}
        self._arms: dict[int, int] = {}
        self._known: dict[int, Arm] = {}
        self._next: dict[int, int] = {}
        self._told: dict[int, Moment] = {}

    def add(self, number: int, arm: Arm, now: float) -> None:
        mine = self.looks.add(self._terms(arm, now), now)
        self._numbers[mine], self._arms[number], self._known[number], self._next[number] = number, mine, arm, 0
        self._expect(number, arm, mine, now)

    def remove(self, number: int) -> None:
        self.looks.remove(self._arms.pop(number))

    def next(self, now: float) -> int:
        mine = self.looks.next(now)
        assert mine is not None
        return self._numbers[mine]

    def looked(self, number: int, now: float, facts: Sequence[float]) -> None:
        mine, arm = self._arms[number], self._known[number]
        before = self.looks.last(mine)
        self.looks.looked(mine, now, facts)
        if self._learns:
            self._learn(number, arm, before, now, facts)
            self.looks.change(mine, self._terms(arm, now), now)
        if number in self._told and self._told[number].time <= now:
            del self._told[number]
            self._expect(number, arm, mine, now)

    def _learn(self, number: int, arm: Arm, before: float, now: float, facts: Sequence[float]) -> None:
        moment = self._told.get(number)
        passed = moment is not None and moment.time <= now
        hit = passed and any(moment is not None and abs(fact - moment.time) < 1.0 for fact in facts)
        seen = Evidence(_at(now), events=len(facts) - hit, seconds=now - before, tries=float(passed), hits=float(hit))
        self._hazards.learn(_key(arm), seen)

    def _terms(self, arm: Arm, now: float) -> Terms:
        rate = self._hazards.rate(_key(arm), _at(now)) if self._learns else arm.believed
        return Terms(rate=rate, weight=arm.weight, cost=arm.cost, longest=self._longest)

    def _expect(self, number: int, arm: Arm, mine: int, now: float) -> None:
        """Moments that passed unknown are never told."""
        at = self._next[number]
        while at < len(arm.moments) and arm.moments[at].time <= now and now > arm.born:
            at += 1
        self._next[number] = at + 1
        if at < len(arm.moments):
            moment = arm.moments[at]
            chance = self._hazards.chance(_key(arm), _at(now)) if self._learns else moment.chance
            self._told[number] = moment
            self.looks.expect(mine, moment.time, chance, now)


def by_index(world: World) -> ByIndex:
    """With what the world believes, worth two events for each group if it learns."""
    first = {_key(arm): Evidence(_EPOCH, events=2.0, seconds=2.0 / arm.believed) for arm in world.arms if not arm.born}
    return ByIndex(learns=world.learns, known=first if world.learns else None)


def _at(now: float) -> datetime:
    return _EPOCH + timedelta(seconds=now)


def _key(arm: Arm) -> HazardKey:
    return HazardKey(DefinitionVersion("acme", f"definition {arm.group}", arm.version), "")


class ByDueTime:
    """Evenly spaced looks, so far apart as `interval` says up to a common factor; the longest due first."""

    def __init__(self, interval: Callable[[Arm], float]) -> None:
        self._interval = interval
        self._intervals: dict[int, float] = {}
        self._due: list[tuple[float, int]] = []
        self._clock = 0.0

    def add(self, number: int, arm: Arm, now: float) -> None:
        self._intervals[number] = self._interval(arm)
        spread = (number * 0.6180339887) % 1.0
        heapq.heappush(self._due, (self._clock + self._intervals[number] * spread, number))

    def remove(self, number: int) -> None:
        del self._intervals[number]

    def next(self, now: float) -> int:
        while True:
            due, number = heapq.heappop(self._due)
            if number in self._intervals:
                self._clock = due
                return number

    def looked(self, number: int, now: float, facts: Sequence[float]) -> None:
        heapq.heappush(self._due, (self._clock + self._intervals[number], number))


class ByPriorityAndAge:
    """The largest `weight * age`: what most people would write."""

    def __init__(self) -> None:
        self._queues: dict[float, deque[tuple[float, int]]] = {}
        self._weights: dict[int, float] = {}

    def add(self, number: int, arm: Arm, now: float) -> None:
        self._weights[number] = arm.believed * arm.weight
        self.looked(number, now, ())

    def remove(self, number: int) -> None:
        del self._weights[number]

    def next(self, now: float) -> int:
        for weight, queue in list(self._queues.items()):
            while queue and queue[0][1] not in self._weights:
                queue.popleft()
            if not queue:
                del self._queues[weight]
        weight = max(self._queues, key=lambda weight: weight * (now - self._queues[weight][0][0]))
        return self._queues[weight].popleft()[1]

    def looked(self, number: int, now: float, facts: Sequence[float]) -> None:
        self._queues.setdefault(self._weights[number], deque()).append((now, number))


def round_robin() -> Policy:
    return ByDueTime(lambda _: 1.0)


def proportional() -> Policy:
    return ByDueTime(lambda arm: arm.cost / (arm.weight * average_rate(arm)))


def square_root() -> Policy:
    return ByDueTime(lambda arm: math.sqrt(arm.cost / (arm.weight * average_rate(arm))))


def average_rate(arm: Arm) -> float:
    """Facts per second as believed, known moments spread out evenly."""
    span = arm.moments[-1].time - arm.born if arm.moments else 1.0
    return arm.believed + sum(moment.chance for moment in arm.moments) / max(span, 1.0)
