import itertools
import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from monitor.core.event_types import FactKind
from monitor.core.scheduling.arms import Terms
from monitor.core.scheduling.looks import Looks
from monitor.core.scheduling.plan import ArmGroup, plan_budget, said_rate

END, STEP = FactKind.END, FactKind.STEP


def group(
    count: int = 1,
    rate: float = 0.01,
    *,
    definition: str = "d",
    kind: FactKind = END,
    weight: float = 1.0,
    cost: float = 1.0,
    longest: float = math.inf,
    shortest: float = 0.0,
) -> ArmGroup:
    return ArmGroup(
        definition=definition,
        kind=kind,
        count=count,
        rate=rate,
        weight=weight,
        cost=cost,
        longest=longest,
        shortest=shortest,
    )


GROUPS = st.lists(
    st.builds(
        group,
        st.integers(1, 1000),
        st.floats(1e-6, 1.0),
        weight=st.sampled_from([0.1, 1.0, 10.0]),
        cost=st.sampled_from([1.0, 3.0]),
        longest=st.sampled_from([math.inf, 30.0, 3600.0]),
        shortest=st.sampled_from([0.0, 5.0]),
    ),
    min_size=1,
    max_size=6,
)


@given(GROUPS, st.floats(0.1, 1000.0))
def test_a_plan_spends_no_more_than_is_allowed_and_all_that_is_of_use(groups: list[ArmGroup], allowed: float) -> None:
    plan = plan_budget(groups, allowed)
    used = sum(one.count * one.cost / every for one, every in zip(groups, plan.intervals, strict=True))
    most = sum(one.count * one.cost / max(one.shortest, 1e-9) for one in groups)
    assert used <= allowed * (1 + 1e-6)
    assert used == pytest.approx(min(allowed, most), rel=1e-6)


@given(GROUPS, st.floats(0.1, 1000.0))
def test_the_promises_that_are_feasible_are_kept_and_no_others_warned_of(
    groups: list[ArmGroup], allowed: float
) -> None:
    plan = plan_budget(groups, allowed)
    if plan.feasible:
        assert plan.warning() is None
        assert all(every <= one.longest for one, every in zip(groups, plan.intervals, strict=True))
    else:
        assert f"need {said_rate(plan.promised)} requests/s" in str(plan.warning())
        assert plan_budget(groups, plan.promised * (1 + 1e-9)).feasible


@given(GROUPS, st.floats(0.1, 1000.0))
def test_no_plan_is_better_than_the_best_delay(groups: list[ArmGroup], allowed: float) -> None:
    plan = plan_budget(groups, allowed)
    assert plan.delay >= plan.best_delay * (1 - 1e-6)
    more = plan_budget(groups, allowed + 0.001 * allowed)
    assert (plan.best_delay - more.best_delay) / (0.001 * allowed) == pytest.approx(plan.price, rel=0.01)


@given(GROUPS, st.floats(0.1, 100.0), st.sampled_from([1.0, 0.9, 0.5]))
def test_a_warning_names_a_rise_that_makes_the_promises_feasible(
    groups: list[ArmGroup], rate: float, share: float
) -> None:
    plan = plan_budget(groups, rate * share, share)
    if (warning := plan.warning()) is not None:
        rise = float(warning.partition("raise requests_per_second by ")[2].partition(" ")[0].replace(",", ""))
        assert plan_budget(groups, (rate + rise) * share * (1 + 1e-9), share).feasible
    more = plan_budget(groups, (rate + 1.0) * share, share)
    assert plan.best_delay - more.best_delay == pytest.approx(plan.saved_by_one_more)


def test_without_walls_the_plan_is_the_best() -> None:
    plan = plan_budget([group(10, 1.0), group(190, 0.01, kind=STEP)], 10.0)
    assert plan.best_delay == pytest.approx(29.0**2 / (20 * 11.9))
    assert plan.delay == pytest.approx(plan.best_delay)
    assert [bound.worst for bound in plan.bounds] == pytest.approx([2.9, 29.0])
    assert [bound.mean for bound in plan.bounds] == pytest.approx([1.45, 14.5])


def test_arms_in_which_nothing_is_expected_have_their_turn_within_six_rounds() -> None:
    plan = plan_budget([group(10, 1.0), group(1000, 0.0, kind=STEP)], 10.0)
    assert plan.intervals[1] == pytest.approx(6 * 101.0)
    assert plan.intervals[0] == pytest.approx(10 / (10 - 1000 / 606))


@pytest.mark.parametrize("groups", [[], [group(0)]], ids=["none", "none of a kind"])
def test_nothing_watched_needs_no_request(groups: list[ArmGroup]) -> None:
    plan = plan_budget(groups, 10.0)
    assert (plan.intervals, plan.bounds, plan.feasible, plan.delay) == ((), (), True, 0.0)


def test_nothing_allowed_promises_nothing() -> None:
    plan = plan_budget([group(longest=30.0)], 0.0)
    assert not plan.feasible
    assert plan.bounds[0].worst == math.inf


def test_the_policy_keeps_what_the_plan_promised() -> None:
    groups = [
        group(10, 0.3, definition="busy", weight=0.1),
        group(10, 0.01, definition="rare"),
        group(400, 1e-5, kind=STEP),
        group(50, 1e-5, definition="promised", kind=STEP, longest=60.0),
    ]
    plan = plan_budget(groups, 10.0)
    looks, now, last = Looks(), 0.0, dict[int, float]()
    kinds = list(itertools.chain.from_iterable([number] * one.count for number, one in enumerate(groups)))
    for place, number in enumerate(kinds):
        one = groups[number]
        terms = Terms(rate=one.rate, weight=one.weight, longest=one.longest)
        looks.add(terms, 0.0, -1.2 * (place % 50))  # promises that fall due at once hold up the rest
    worst = [0.0] * len(groups)
    while now < 2000.0:
        now += 0.1
        arm = looks.next(now)
        assert arm is not None
        looks.looked(arm, now, (now - 0.5,) if kinds[arm] == 0 else ())
        if now > 1000.0 and arm in last:
            worst[kinds[arm]] = max(worst[kinds[arm]], now - last[arm])
        last[arm] = now
    assert worst == pytest.approx(plan.intervals, rel=0.1, abs=0.3)
