"""The trust in learned rates: a credit that the delay of each fact raises or lowers.

A round robin finds a fact after half a round on average, whether the rates are right or wrong. So the delay of each
fact shows by how much the rates did better than that, or worse. Without credit every arm has a look in each round, as
in a round robin; with full credit an arm may be passed over for several rounds. So wrong rates lose the credit that
they earned, and nothing more.

Facts are counted in the round in which they *happened*, half a round after its end. Gains are known by then, and a fact
that is found later only lowers the credit. If each fact raised the credit as soon as it is found, rates that keep other
facts from being found would gain trust.
"""

from collections.abc import Iterable
from typing import Final

MOST_ROUNDS: Final = 6.0
"""The most rounds for which an arm is passed over: such looks take at least a sixth of the budget."""
_ALLOWED = 0.51
"""Rounds that facts may take on average; above a half, so that rates that are a little worse get another try."""
_FULL, _ENOUGH, _FIRST, _DEBT = 4.0, 2.0, 0.4, -4.0
"""The credit, in rounds: its maximum; the amount for full trust; the first amount, with which an arm may be passed over
for two rounds; and its minimum."""
_FEW = 8.0
"""Rounds with this many facts of mean weight count half."""
_FACTS, _ROUNDS = 256.0, 8.0
"""The mean weights of a fact and of a round are taken over about this many."""


class Trust:
    """Times are counts of rounds (`rounds.py`); weights are those of the arms."""

    __slots__ = ("_credit", "_gains", "_of_fact", "_of_round", "_settled", "_weights")

    def __init__(self) -> None:
        self._credit = _FIRST
        self._of_fact = self._of_round = 0.0
        """The mean weight of a fact, and of all facts of a round; 0.0 before the first."""
        self._gains: dict[int, float] = {}
        """The gain of the facts that happened in a round, by round, for rounds that are not settled."""
        self._weights: dict[int, float] = {}
        self._settled = 0
        """Rounds before this one are settled."""

    @property
    def rounds(self) -> float:
        """The rounds for which an arm may be passed over, from 1.0 to `MOST_ROUNDS`."""
        return 1.0 + (MOST_ROUNDS - 1.0) * max(0.0, min(self._credit / _ENOUGH, 1.0))

    def found(self, happened: Iterable[float], now: float, weight: float) -> None:
        """One look found facts that happened at these counts of rounds."""
        if weight > 0.0:
            for count in happened:
                self._of_fact += (weight - self._of_fact) * (1.0 / _FACTS if self._of_fact else 1.0)
                self._reckon(int(count), weight * (_ALLOWED - (now - count)), weight)
        while self._settled + 1 + _ALLOWED < now:
            self._settle(self._settled)
            self._settled += 1

    def _reckon(self, number: int, gain: float, weight: float) -> None:
        if number < self._settled:
            self._book(gain)
        else:
            self._gains[number] = self._gains.get(number, 0.0) + gain
            self._weights[number] = self._weights.get(number, 0.0) + weight

    def _settle(self, number: int) -> None:
        weight = self._weights.pop(number, 0.0)
        self._of_round += (weight - self._of_round) * (1.0 / _ROUNDS if self._of_round else 1.0)
        self._book(self._gains.pop(number, 0.0))

    def _book(self, gain: float) -> None:
        if gain:
            gain /= self._of_round + _FEW * self._of_fact
            self._credit = max(_DEBT, min(self._credit + gain, _FULL))
