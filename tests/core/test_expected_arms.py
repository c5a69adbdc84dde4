"""The arms of a plan that is made from counts."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from monitor.core.discovery.following import Discovery
from monitor.core.event_types import FactKind
from monitor.core.scheduling.expected_arms import (
    FIRST_RATE,
    Interval,
    expected_groups,
    left_for_looks,
    plan_of,
    target_groups,
)
from monitor.core.scheduling.plan import ArmGroup, plan_budget

WISH = Discovery(account="acme", definition="d", interval=30.0, step_interval=600.0)


@pytest.mark.parametrize(("running", "lists"), [(0, 1), (1, 1), (400, 1), (401, 5), (10_000, 28)], ids="{0} run".format)
def test_a_definition_needs_a_page_for_what_runs_and_lists_of_what_has_ended(running: int, lists: int) -> None:
    ends, steps = expected_groups(WISH, "d", running)
    assert (ends.kind, ends.count, ends.longest) == (FactKind.END, lists, 30.0)
    assert ends.count * ends.rate == pytest.approx(3 * FIRST_RATE * (running + 1))
    assert (steps.kind, steps.count, steps.longest) == (FactKind.STEP, running, 600.0)


def test_definitions_that_are_alike_need_as_many_times_as_much() -> None:
    one, ten = (plan_budget(expected_groups(WISH, "d", 1000, number), 100.0) for number in (1, 10))
    assert ten.promised == pytest.approx(10 * one.promised)


def group(kind: FactKind, count: int, longest: float) -> ArmGroup:
    return ArmGroup(definition="d", kind=kind, count=count, rate=0.001, longest=longest, shortest=1.0)


def test_the_wanted_intervals_of_lists_stretch_to_a_quarter_and_are_needed_all_the_same() -> None:
    busy = group(FactKind.STEP, 20, 3.0)
    plan = plan_of([group(FactKind.END, 300, 30.0), busy], 10.0)
    assert plan.promised == pytest.approx(10.0 + 20 / 3)
    assert plan.warning() is not None
    ends, steps = (bound.worst for bound in plan.bounds)
    assert 30.0 < ends <= 300 / 2.5 * 2
    assert steps > 3.0


def test_lists_that_fit_are_read_as_often_as_is_of_use() -> None:
    plan = plan_of([group(FactKind.END, 10, 30.0)], 10.0)
    assert plan.feasible
    assert plan.bounds[0].worst == pytest.approx(10 / 9)


def test_an_instance_with_a_promise_is_not_looked_at_sooner() -> None:
    plan = plan_of([group(FactKind.STEP, 10, 60.0)], 10.0)
    assert plan.bounds[0].worst == 60.0


@given(
    st.lists(st.builds(group, st.sampled_from([FactKind.END, FactKind.STEP]), st.integers(1, 1000), st.floats(1, 600))),
    st.floats(0.1, 100.0),
)
def test_no_plan_spends_more_than_what_is_left_for_looks(groups: list[ArmGroup], rate: float) -> None:
    plan = plan_of(groups, rate)
    used = math.fsum(one.count * one.cost / every for one, every in zip(groups, plan.intervals, strict=True))
    assert used <= left_for_looks(rate) * (1 + 1e-6)


def test_no_interval_for_steps_is_no_promise() -> None:
    wish = Discovery(account="acme", definition="d", interval=30.0)
    _, steps = expected_groups(wish, "d", 1000)
    assert steps.longest == math.inf


def test_the_interval_of_targets_is_promised_and_not_shortened_whatever_is_left() -> None:
    groups = target_groups({Interval("d", 10.0): 20, Interval("e", 60.0): 60})
    plan = plan_budget(groups, left_for_looks(100.0))
    assert plan.promised == pytest.approx(3.0)
    assert [bound.worst for bound in plan.bounds] == pytest.approx([10.0, 60.0])
    assert plan_budget(groups, 1.5).bounds[0].worst > 10.0
