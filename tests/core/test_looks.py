"""The rules of whose turn it is; the figures are in `test_looks_laws.py`."""

import itertools
import math
from collections import Counter

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from monitor.core.scheduling.arms import Terms
from monitor.core.scheduling.looks import Looks

RATES = st.one_of(st.just(0.0), st.floats(1e-9, 10.0))


def spend(looks: Looks, begin: float, seconds: float, rate: float = 10.0) -> list[tuple[int, float]]:
    """Who was looked at, and when."""
    turns, now = [], begin
    while now < begin + seconds:
        now += 1 / rate
        arm = looks.next(now)
        if arm is not None:
            looks.looked(arm, now)
            turns.append((arm, now))
    return turns


def longest_gap(turns: list[tuple[int, float]], arm: int, begin: float) -> float:
    times = [begin, *(now for one, now in turns if one == arm)]
    return max(after - before for before, after in itertools.pairwise(times))


# --- turns ------------------------------------------------------------------------------------------------


def test_nobody_has_a_turn_where_there_is_no_arm() -> None:
    looks = Looks()
    assert looks.next(0.0) is None
    assert looks.wait(0.0) is None


def test_an_arm_under_way_has_no_other_turn_until_it_was_looked_at() -> None:
    looks = Looks()
    arm = looks.add(Terms(rate=1.0), 0.0)
    assert looks.next(1.0) == arm
    assert looks.next(2.0) is None
    assert looks.wait(2.0) is None
    looks.looked(arm, 3.0)
    assert looks.wait(3.0) == 0.0
    assert looks.next(3.0) == arm


def test_a_number_is_free_again_after_its_arm_was_removed() -> None:
    looks = Looks()
    arm = looks.add(Terms(rate=1.0), 0.0)
    looks.expect(arm, 5.0, 1.0, 0.0)
    looks.remove(arm)
    assert len(looks) == 0
    assert looks.next(1.0) is None
    assert looks.add(Terms(rate=0.0), 1.0) == arm
    assert looks._arms.index(arm, 10.0) == 0.0


def test_an_arm_removed_while_under_way_keeps_its_number_until_that_look_is_over() -> None:
    looks = Looks()
    arm = looks.add(Terms(rate=1.0), 0.0)
    looks.next(1.0)
    looks.remove(arm)
    assert looks.add(Terms(rate=1.0), 1.0) != arm
    looks.looked(arm, 2.0)
    assert looks.add(Terms(rate=1.0), 2.0) == arm


def test_a_look_that_told_nothing_is_not_repeated_before_it_may() -> None:
    looks = Looks()
    arm, other = looks.add(Terms(rate=9.0), 0.0), looks.add(Terms(rate=1e-6), 0.0)
    assert looks.next(1.0) == arm
    looks.put_back(arm, 1.0, 31.0)
    assert {one for one, _ in spend(looks, 1.0, 29.0)} == {other}
    assert looks.last(arm) == 0.0
    assert spend(looks, 31.0, 0.1)[0][0] == arm


def test_no_look_comes_within_the_shortest_time_of_the_one_before() -> None:
    looks = Looks()
    for _ in range(3):
        looks.add(Terms(rate=1.0, shortest=5.0), 0.0)
    assert looks.wait(0.0) == pytest.approx(5.0, abs=0.01)
    turns = spend(looks, 0.0, 60.0)
    assert 30 <= len(turns) <= 33
    assert all(longest_gap(turns, arm, 0.0) < 5.5 for arm in range(3))


def test_a_known_moment_has_its_look_at_once_and_not_before() -> None:
    looks = Looks()
    arms = [looks.add(Terms(rate=1e-6), 0.0) for _ in range(1000)]
    spend(looks, 0.0, 120.0)
    looks.expect(arms[500], 130.05, 0.5, 120.0)
    turns = [now for arm, now in spend(looks, 120.0, 30.0) if arm == arms[500] and now > 130.05]
    assert turns[0] == pytest.approx(130.0, abs=0.21)


def test_moments_that_are_forgotten_count_no_more() -> None:
    looks = Looks()
    arms = [looks.add(Terms(rate=1e-6), 0.0) for _ in range(1000)]
    spend(looks, 0.0, 100.1)
    looks.expect(arms[999], 110.0, 0.5, 100.1)
    looks.expect_nothing(arms[999], 105.0)
    assert arms[999] not in {arm for arm, _ in spend(looks, 105.0, 10.0)}


def test_more_weight_makes_looks_more_frequent_by_its_root() -> None:
    looks = Looks()
    for number in range(200):
        looks.add(Terms(rate=0.01, weight=16.0 if number < 20 else 1.0), 0.0)
    spend(looks, 0.0, 200.0)
    counts = Counter(arm for arm, _ in spend(looks, 200.0, 400.0))
    heavy, light = sum(counts[arm] for arm in range(20)) / 20, sum(counts[arm] for arm in range(20, 200)) / 180
    assert heavy / light == pytest.approx(4.0, rel=0.1)


def test_terms_that_change_count_from_then_on() -> None:
    looks = Looks()
    for _ in range(200):
        looks.add(Terms(rate=0.01), 0.0)
    spend(looks, 0.0, 100.0)
    looks.change(7, Terms(rate=1.0), 100.0)
    counts = Counter(arm for arm, _ in spend(looks, 100.0, 200.0))
    assert counts[7] > 5 * counts[8]


@pytest.mark.parametrize(
    "terms", [{"rate": -1.0}, {"rate": 1.0, "cost": 0.0}, {"rate": 1.0, "longest": 0.0}, {"rate": math.nan}], ids=str
)
def test_terms_without_sense_are_refused(terms: dict[str, float]) -> None:
    with pytest.raises(ValueError, match="expected"):
        Terms(**terms)


# --- promises ---------------------------------------------------------------------------------------------


def test_feasible_promises_are_kept_and_the_rest_goes_by_the_index() -> None:
    looks = Looks()
    promised = [looks.add(Terms(rate=1e-9, longest=20.0), 0.0, -number / 5) for number in range(100)]
    others = [looks.add(Terms(rate=1.0), 0.0) for _ in range(10)]
    turns = spend(looks, 0.0, 300.0)
    assert max(longest_gap(turns, arm, 0.0) for arm in promised) < 21.0
    assert max(longest_gap(turns, arm, 0.0) for arm in others) < 3.5


def test_infeasible_promises_leave_half_of_the_budget_to_the_rest() -> None:
    looks = Looks()
    promised = [looks.add(Terms(rate=1e-9, longest=5.0), 0.0) for _ in range(200)]
    others = [looks.add(Terms(rate=1.0), 0.0) for _ in range(10)]
    spend(looks, 0.0, 100.0)
    turns = spend(looks, 100.0, 400.0)
    assert max(longest_gap(turns, arm, 100.0) for arm in others) < 3.5
    assert max(longest_gap(turns, arm, 100.0) for arm in promised) < 45.0


# --- nobody is forgotten ----------------------------------------------------------------------------------


def test_an_arm_in_which_nothing_is_expected_is_looked_at_within_six_rounds() -> None:
    looks = Looks()
    quiet = looks.add(Terms(rate=0.0), 0.0)
    for _ in range(99):
        looks.add(Terms(rate=1.0), 0.0)
    assert longest_gap(spend(looks, 0.0, 300.0), quiet, 0.0) <= 61.0


def test_many_whose_price_was_reckoned_anew_keep_no_list_waiting() -> None:
    looks = Looks()
    lists = [looks.add(Terms(rate=0.3), 0.0) for _ in range(10)]
    for number in range(20_000):
        looks.add(Terms(rate=1e-8), 0.0, -float(number % 3600))
    turns = spend(looks, 0.0, 100.0)
    assert max(longest_gap(turns, arm, 0.0) for arm in lists) < 5.0


def test_after_an_hour_without_a_request_those_in_which_most_happens_come_first() -> None:
    looks = Looks()
    lists = [looks.add(Terms(rate=0.3), 0.0) for _ in range(10)]
    for number in range(5000):
        looks.add(Terms(rate=1e-7), 0.0, -float(number % 500))
    spend(looks, 0.0, 500.0)
    assert {arm for arm, _ in spend(looks, 4100.0, 0.95)} == set(lists)


# --- in any order -----------------------------------------------------------------------------------------


class AnyOrder(RuleBasedStateMachine):
    def __init__(self) -> None:
        super().__init__()
        self.looks = Looks()
        self.now = 0.0
        self.idle: set[int] = set()
        self.under_way: list[int] = []
        self.leaving: set[int] = set()

    @rule(rate=RATES, cost=st.sampled_from([1.0, 5.0]), longest=st.sampled_from([math.inf, 10.0]), rest=st.booleans())
    def add(self, rate: float, cost: float, longest: float, rest: bool) -> None:
        arm = self.looks.add(Terms(rate=rate, cost=cost, longest=longest, shortest=3.0 if rest else 0.0), self.now)
        assert arm not in self.idle
        assert arm not in self.under_way
        self.idle.add(arm)

    @rule(seconds=st.floats(0.0, 30.0))
    def ask(self, seconds: float) -> None:
        self.now += seconds
        ready = self.looks.wait(self.now) == 0.0
        arm = self.looks.next(self.now)
        assert (arm is not None) == ready
        if arm is not None:
            self.idle.remove(arm)
            self.under_way.append(arm)

    @precondition(lambda self: self.under_way)
    @rule(seconds=st.floats(0.0, 30.0), failed=st.booleans(), late=st.floats(0.0, 100.0))
    def answer(self, seconds: float, failed: bool, late: float) -> None:
        self.now += seconds
        arm = self.under_way.pop(0)
        if failed:
            self.looks.put_back(arm, self.now, self.now + 5.0)
        else:
            self.looks.looked(arm, self.now, (self.now - late,))
        if arm in self.leaving:
            self.leaving.remove(arm)
        else:
            self.idle.add(arm)

    @precondition(lambda self: self.idle)
    @rule(data=st.data(), rate=RATES, chance=st.floats(0.0, 1.0), later=st.floats(-10.0, 100.0))
    def learn(self, data: st.DataObject, rate: float, chance: float, later: float) -> None:
        arm = data.draw(st.sampled_from(sorted(self.idle)))
        self.looks.change(arm, Terms(rate=rate, shortest=1.0), self.now)
        self.looks.expect(arm, self.now + later, chance, self.now)

    @precondition(lambda self: self.idle)
    @rule(data=st.data())
    def remove(self, data: st.DataObject) -> None:
        arm = data.draw(st.sampled_from(sorted(self.idle)))
        self.looks.remove(arm)
        self.idle.remove(arm)

    @precondition(lambda self: set(self.under_way) - self.leaving)
    @rule()
    def remove_under_way(self) -> None:
        arm = min(set(self.under_way) - self.leaving)
        self.looks.remove(arm)
        self.leaving.add(arm)

    @invariant()
    def nobody_is_lost(self) -> None:
        assert len(self.looks) == len(self.idle) + len(self.under_way)
        assert self.looks._rounds.cost >= 0.0
        if self.idle:
            assert self.looks.wait(self.now) is not None


AnyOrder.TestCase.settings = settings(max_examples=60, stateful_step_count=50, deadline=None)
TestAnyOrder = AnyOrder.TestCase


@settings(max_examples=25, deadline=None)
@given(st.lists(RATES, min_size=1, max_size=30))
def test_everybody_is_looked_at_whatever_is_believed(rates: list[float]) -> None:
    looks = Looks()
    arms = [looks.add(Terms(rate=rate), 0.0) for rate in rates]
    turns = spend(looks, 0.0, 0.8 * len(arms))
    assert {arm for arm, _ in turns} == set(arms)
