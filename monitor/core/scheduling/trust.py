"""How far beliefs may be followed: an account into which each fact that was found pays, or from which it draws.

A round robin finds a fact after half a round on average, whatever is true and whatever is believed. So every fact says
by how much the beliefs were better than that, or worse. What they have gained is staked on them: with an empty account
every arm has its turn in each round, and the result is that of a round robin; with a full one an arm is passed over for
several rounds. So wrong beliefs lose what they have gained, and then nothing more.

Facts are reckoned by the round in which they *happened*, half a round after its end. What is gained is known by then,
and what is found later only draws. A fact that pays as soon as it is found would speak for beliefs that keep others
from being found.
"""

from collections.abc import Iterable
from typing import Final

MOST_ROUNDS: Final = 6.0
"""Rounds for which an arm is passed over at most: a sixth of the budget, if the beliefs want none of it."""
_ALLOWED = 0.51
"""Rounds that facts may take on average: beliefs that are a little worse get another try."""
_FULL, _ENOUGH, _FIRST, _DEBT = 4.0, 2.0, 0.4, -4.0
"""The most in the account; what makes trust whole; what is in it at first, which is enough for two rounds, when more is
earned; and what is remembered against the beliefs. All in rounds."""
_FEW = 8.0
"""Facts of mean weight in a round that count half."""
_FACTS, _ROUNDS = 256.0, 8.0
"""Over which the mean weight of a fact and of a round are taken."""


class Trust:
    """Times are counts of rounds (`rounds.py`); weights are those of the arms."""

    __slots__ = ("_credit", "_gains", "_of_fact", "_of_round", "_settled", "_weights")

    def __init__(self) -> None:
        self._credit = _FIRST
        self._of_fact = self._of_round = 0.0
        """The mean weight of a fact, and of all facts of a round; 0.0 before the first."""
        self._gains: dict[int, float] = {}
        """What the facts gained that happened in a round, by the round; of those that are not settled."""
        self._weights: dict[int, float] = {}
        self._settled = 0
        """Rounds before this one are."""

    @property
    def rounds(self) -> float:
        """For how many rounds an arm may be passed over, from 1.0 to `MOST_ROUNDS`."""
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
