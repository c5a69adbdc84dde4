"""The choice of the next look: for every request of a budget, the arm with the most valuable look.

An arm is one resource to request: a list, or one instance. Its *index* is the delay that a look ends, per request:
`(weight / cost) * integral of s dLambda(s)` over the time since its last look, the online form of the square-root law
(Vaidya and Hameed, 1999; for age of information Tripathi and Modiano, 2019). A constant rate `r` of facts adds
`r * t**2 / 2`; a known moment `d`, at which something changes with the probability `q`, adds `q * (d - last look)` once
it has passed. The spacing is even and never random: random spacing doubles the mean delay.

The next look is the first of these that there is:

1.  A *promised* arm: its last look is older than its promise; the earliest promise first. Infeasible promises get half
    of the budget.
2.  An arm that was *passed over*: it had no look for several rounds, whatever its index (`trust.py`). These arms have a
    share of the budget, so that if there are many, each waits at most twice as long.
3.  The arm with the largest index. Only arms whose index has reached the *price* are compared. If too many have, the
    price rises; if none has, it falls to the largest index. So it follows any rate of requests, and nothing is
    recomputed.

Explanations and confirmations come before these; the owner sends them. A decision costs O(log n) and is bounded. Times
are the loop's clock, in seconds, and never decrease.
"""

import math
from array import array
from collections.abc import Callable, Iterable, Mapping

from monitor.core.scheduling.arm_heap import MOST_ARMS, NEVER, ArmHeap, seconds, tick
from monitor.core.scheduling.arms import Arms, Terms
from monitor.core.scheduling.rounds import Pace, Rounds
from monitor.core.scheduling.trust import Trust

_CROWDED, _COMPARED = 24, 32
"""More arms past the price than `_CROWDED` raise it; at most `_COMPARED` are compared."""
_RAISE, _FIRST_PRICE, _LEAST_PRICE = 1.1, 1e-3, 1e-12
_SURE = 0.5
"""The price is raised at once to this share of the price by the rates alone."""
_BELOW = 0.999
"""An arm with an index below this share of the price waits again."""
_BANDS = 8
_CRUMB = 256
"""The most arms whose time has come that one decision handles, in all and in each band."""
_ROOM = 4096


_FREE, _WAITING, _RESTING, _UNDER_WAY, _LEAVING = range(5)
"""Phases of an arm. Resting: not to be looked at yet; leaving: under way, and removed."""


class Looks:
    """The arms of one budget, by number. Pure: it has no clock and sends nothing."""

    __slots__ = (
        "_allotted",
        "_arms",
        "_below",
        "_below_ticks",
        "_crossing_ticks",
        "_crossings",
        "_free",
        "_heaps",
        "_late",
        "_lead",
        "_owed",
        "_pace",
        "_phases",
        "_promises",
        "_ready",
        "_roots",
        "_rounds",
        "_timer_ticks",
        "_timers",
        "_trust",
        "_waiting",
        "price",
    )

    def __init__(self) -> None:
        self.price = _FIRST_PRICE
        """The value of a request now: weighted seconds of delay that it must end."""
        self._phases = array("b")
        self._arms = Arms()
        self._crossing_ticks, self._below_ticks, self._timer_ticks = array("q"), array("q"), array("q")
        self._crossings = tuple(ArmHeap(self._crossing_ticks, tag) for tag in range(_BANDS))
        """Waiting arms, by band and by the time at which their index reaches the price. Many arms whose time was
        computed at another price delay no arm of another band."""
        self._below = ArmHeap(self._below_ticks)
        """Waiting arms with an index below the price after one of their known moments has passed, by rank."""
        self._heaps = (*self._crossings, self._below)
        self._timers = ArmHeap(self._timer_ticks)
        """Resting arms by the end of their rest; waiting arms by their promise."""
        self._ready: dict[int, None] = {}
        """Waiting arms with an index past the price, as far as they are compared."""
        self._late: dict[int, None] = {}
        """Waiting arms past their promise, the earliest due first."""
        self._promises = 0.0
        """Requests per second that all promises take."""
        self._roots = 0.0
        """The sum of sqrt(cost * rate * weight), as in `plan.py`."""
        self._pace = Pace()
        self._lead = 0.0
        """Requests that infeasible promises have had beyond their half."""
        self._owed = 0.0
        """Requests that passed-over arms may still have, so that many at once do not take the whole budget."""
        self._rounds = Rounds()
        self._trust = Trust()
        self._waiting = 0
        self._allotted = 0
        self._free = array("i")

    def __len__(self) -> int:
        return self._allotted - len(self._free)

    # --- the arms ---

    def add(self, terms: Terms, now: float, last: float | None = None) -> int:
        """Add an arm; returns its number, which may be a removed arm's. `last`: the time of its last look; None: `now`.

        Promises that become due together delay all others: spread `last` if nothing is known.
        """
        arm = self._allot()
        self._arms.last[arm] = now if last is None else min(last, now)
        self._join(arm, terms)
        self._rounds.append(arm)
        self._rest(arm, self._arms.last[arm] + self._arms.shortest[arm], now)
        return arm

    def change(self, arm: int, terms: Terms, now: float) -> None:
        """Other terms from now on; its known moments stay."""
        phase, longest, shortest = self._phases[arm], self._arms.longest[arm], self._arms.shortest[arm]
        self._band(arm).drop(arm)
        self._leave(arm)
        self._join(arm, terms)
        if phase == _RESTING and self._arms.shortest[arm] != shortest:
            self._rest(arm, self._arms.last[arm] + self._arms.shortest[arm], now)
        elif phase == _WAITING:
            self._compare(arm, now)
            if self._arms.longest[arm] != longest:
                self._late.pop(arm, None)
                self._timers.put(arm, self._arms.last[arm] + self._arms.longest[arm])

    def remove(self, arm: int) -> None:
        """Never look at it again. If it is under way, its number stays taken until `looked` or `put_back`."""
        if self._phases[arm] == _UNDER_WAY:
            self._phases[arm] = _LEAVING
        elif self._phases[arm] not in (_FREE, _LEAVING):
            self._withdraw(arm)
            self._forget(arm)

    def expect(self, arm: int, moment: float, chance: float, now: float) -> None:
        """At `moment` something in it changes with the probability `chance`; several moments add up."""
        self._arms.moments.add(arm, moment, chance)
        if self._phases[arm] == _WAITING:
            self._compare(arm, now)

    def expect_nothing(self, arm: int, now: float) -> None:
        """Forget all known moments of it."""
        self._arms.moments.clear(arm, math.inf)
        if self._phases[arm] == _WAITING:
            self._compare(arm, now)

    # --- the next look ---

    def wait(self, now: float) -> float | None:
        """Seconds until an arm may be looked at; 0.0: now; None: nothing waits or rests."""
        self._wake(now)
        if self._waiting:
            return 0.0
        head = self._timers.head()
        return None if head is None else max(seconds(head[0]) - now, 0.0)

    def next(self, now: float, may: Callable[[int], bool] | None = None) -> int | None:
        """The arm to look at now, under way until `looked` or `put_back`; None if none may be looked at.

        `may` says of each arm whose turn it would be whether it can be looked at now. One that cannot has no turn, and
        is under way until `put_back`.
        """
        self._wake(now)
        while self._waiting:
            arm, promised = self._chosen(now)
            self._start(arm)
            if may is None or may(arm):
                self._spend(arm, now, promised=promised)
                return arm
        return None

    def take(self, arm: int) -> bool:
        """Look at it now, out of turn: it is under way as after `next`. False if it is already."""
        if self._phases[arm] not in (_WAITING, _RESTING):
            return False
        self._start(arm)
        if not self._waiting:
            self._pace.pause()
        return True

    def looked(self, arm: int, now: float, happened: Iterable[float] = ()) -> None:
        """The look is over. `happened`: the times of the facts that it showed first."""
        rounds, last = self._rounds, self._arms.last[arm]
        self._trust.found([rounds.at(max(moment, last)) for moment in happened], rounds.count, self._arms.weights[arm])
        self._arms.moments.clear(arm, now)
        self._arms.last[arm] = now
        rounds.append(arm)
        self._end(arm, now + self._arms.shortest[arm], now)

    def put_back(self, arm: int, now: float, until: float) -> None:
        """The look has no result; the next one comes at `until` at the earliest. The last look stays the last."""
        self._end(arm, until, now)

    def wake(self, arm: int, at: float, now: float) -> None:
        """If it rests, it does so until `at` at the latest."""
        if self._phases[arm] == _RESTING and at < (self._timers.time(arm) or 0.0):
            self._rest(arm, at, now)

    def due(self, arm: int, now: float) -> float | None:
        """When it will be looked at, as things are now; None if it is under way."""
        if self._phases[arm] not in (_WAITING, _RESTING):
            return None
        rests_until = self._timers.time(arm) if self._phases[arm] == _RESTING else None
        promised = self._arms.last[arm] + self._arms.longest[arm]
        return max(min(self._arms.crossing(arm, self.price), promised), rests_until or now, now)

    def last(self, arm: int) -> float:
        """The time of its last look."""
        return self._arms.last[arm]

    def oldest(self) -> int | None:
        """The arm that was passed over the longest, of those that may be looked at."""
        for _ in range(_CRUMB):
            arm = self._rounds.oldest()
            if arm is None or self._phases[arm] == _WAITING:
                return arm
            self._rounds.drop(arm)  # it rests, and comes back in front
        return None

    # --- the three reasons ---

    def _chosen(self, now: float) -> tuple[int, bool]:
        """Whose turn it is, and whether that is because of a promise."""
        if (arm := self._promised()) is not None:
            return arm, True
        arm = self._passed_over()
        if arm is None:
            return self._best(now), False
        self._owed -= self._arms.costs[arm]
        return arm, False

    def _spend(self, arm: int, now: float, *, promised: bool) -> None:
        cost = self._arms.costs[arm]
        if not promised:
            self._owed = min(self._owed + cost / self._trust.rounds, cost)
            self._rounds.spend(cost, now)
            self._lead = max(self._lead - cost, 0.0)
        self._pace.spend(cost, now)
        if not self._waiting:
            self._pace.pause()

    def _promised(self) -> int | None:
        arm = next(iter(self._late), None)
        if arm is not None and self._promises > self._pace.rate:
            if self._lead > 0.0:
                return None
            self._lead += self._arms.costs[arm]
        return arm

    def _passed_over(self) -> int | None:
        arm = self.oldest()
        if arm is None or self._owed < -_BELOW * self._arms.costs[arm] * (1 - 1 / self._trust.rounds):
            return None
        rounds = self._rounds.passed_over(arm, self._arms.costs[arm])
        return arm if rounds >= self._trust.rounds else None

    def _best(self, now: float) -> int:
        """The arm with the largest index of those past the price, and of a few others; the price follows.

        The others are those that will be past it soon, and the one that was passed over the longest. Their times may
        have been computed at a higher price than those of arms that were looked at since.
        """
        self._gather(now)
        ready = {arm: self._arms.index(arm, now) for arm in self._ready}
        others = [arm for heap in self._heaps if len(heap) for arm in heap.first()]
        if (oldest := self.oldest()) is not None:
            others.append(oldest)
        values = ready | {arm: self._arms.index(arm, now) for arm in others}
        best = max(values, key=values.__getitem__)
        if not ready:
            self.price = max(min(values[best], self.price), _LEAST_PRICE)
        elif len(ready) > _CROWDED:
            self._raise_price(ready, now)
        return best

    def _raise_price(self, ready: Mapping[int, float], now: float) -> None:
        self.price = max(self.price * _RAISE, min(ready.values()), _SURE * self._fair_price())
        for arm, value in ready.items():
            if value < self.price * _BELOW:
                self._compare(arm, now)

    def _gather(self, now: float) -> None:
        """Arms whose time has come are ready, unless the price has risen since their time was computed."""
        current = tick(now)
        for band in self._crossings:
            if len(band):
                self._gather_band(band, current, now)
        price = _rank(self.price)
        while len(self._ready) < _COMPARED and (arm := self._below.pop_due(price)) is not None:
            self._band(arm).drop(arm)
            self._ready[arm] = None

    def _gather_band(self, band: ArmHeap, current: int, now: float) -> None:
        ready, most = self._ready, len(self._ready) + _COMPARED
        for _ in range(_CRUMB):
            if len(ready) >= most or (arm := band.pop_due(current)) is None:
                return
            crossing = self._arms.crossing(arm, self.price)
            if crossing <= now:
                self._below.drop(arm)
                ready[arm] = None
            else:
                band.put(arm, crossing)
                self._put_below(arm, now)

    def _put_below(self, arm: int, now: float) -> None:
        """Find an arm again as soon as the price falls to its index, if one of its known moments has passed."""
        moment = next(self._arms.moments.of(arm), None)
        if moment is not None and moment[0] <= now and (index := self._arms.index(arm, now)) > 0.0:
            self._below.put(arm, seconds(_rank(index)))

    def _fair_price(self) -> float:
        """The price at which evenly spaced looks by the rates alone use the whole budget."""
        return (self._roots / self._pace.rate) ** 2 / 2

    def _compare(self, arm: int, now: float) -> None:
        """Let it wait until its index reaches the present price."""
        self._ready.pop(arm, None)
        self._below.drop(arm)
        self._band(arm).put(arm, self._arms.crossing(arm, self.price))
        self._put_below(arm, now)

    def _band(self, arm: int) -> ArmHeap:
        return self._crossings[_band(self._arms.worth(arm))]

    # --- from phase to phase ---

    def _wake(self, now: float) -> None:
        """Handle rests that are over, and promises that are due."""
        timers, current = self._timers, tick(now)
        for _ in range(_CRUMB):
            if (arm := timers.pop_due(current)) is None:
                return
            if self._phases[arm] == _RESTING:
                self._enter(arm, now)
            else:
                self._late[arm] = None

    def _rest(self, arm: int, until: float, now: float) -> None:
        if until > now:
            self._phases[arm] = _RESTING
            self._timers.put(arm, until)
        else:
            self._enter(arm, now)

    def _enter(self, arm: int, now: float) -> None:
        """It may be looked at from now on."""
        self._phases[arm] = _WAITING
        self._waiting += 1
        self._compare(arm, now)
        self._timers.put(arm, self._arms.last[arm] + self._arms.longest[arm])
        self._rounds.come_back(arm)

    def _withdraw(self, arm: int) -> None:
        """It neither waits nor rests any more."""
        self._waiting -= self._phases[arm] == _WAITING
        self._ready.pop(arm, None)
        self._late.pop(arm, None)
        self._band(arm).drop(arm)
        self._below.drop(arm)
        self._timers.drop(arm)
        self._rounds.drop(arm)

    def _start(self, arm: int) -> None:
        self._withdraw(arm)
        self._phases[arm] = _UNDER_WAY

    def _end(self, arm: int, until: float, now: float) -> None:
        if self._phases[arm] == _LEAVING:
            self._forget(arm)
        elif self._phases[arm] == _UNDER_WAY:
            self._rest(arm, until, now)

    def _forget(self, arm: int) -> None:
        self._arms.moments.clear(arm, math.inf)
        self._leave(arm)
        self._rounds.drop(arm)
        self._phases[arm] = _FREE
        self._free.append(arm)

    def _join(self, arm: int, terms: Terms) -> None:
        self._arms.set(arm, terms)
        self._rounds.cost += self._arms.costs[arm]
        self._promises += self._arms.costs[arm] / self._arms.longest[arm]
        self._roots += self._arms.root(arm)

    def _leave(self, arm: int) -> None:
        self._rounds.cost -= self._arms.costs[arm]
        self._promises -= self._arms.costs[arm] / self._arms.longest[arm]
        self._roots -= self._arms.root(arm)

    def _allot(self) -> int:
        if self._free:
            return self._free.pop()
        if self._allotted == len(self._phases):
            self._make_room()
        self._allotted += 1
        return self._allotted - 1

    def _make_room(self) -> None:
        """For many arms at once, since growing the columns one by one would take most of the time of `add`."""
        more = min(_ROOM, MOST_ARMS - len(self._phases))
        if not more:
            raise OverflowError(f"expected at most {MOST_ARMS:,} arms in one budget")
        self._phases.extend(array("b", [_FREE]) * more)
        self._arms.make_room(more)
        for ticks in (self._crossing_ticks, self._below_ticks, self._timer_ticks):
            ticks.extend(array("q", [NEVER]) * more)
        self._rounds.make_room(more)


def _band(worth: float) -> int:
    """The band of an arm by its weighted facts per second and request: each band is 16 times the next."""
    return min(max(-math.frexp(worth)[1] // 4, 0), _BANDS - 1) if worth else _BANDS - 1


def _rank(index: float) -> int:
    """The larger the index, the smaller its rank; a tick is a fifth of a percent."""
    return tick(-math.log(index))
