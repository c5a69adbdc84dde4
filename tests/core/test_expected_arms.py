"""The arms of a plan that is made from counts."""

import math

import pytest

from monitor.core.discovery.following import Discovery
from monitor.core.event_types import FactKind
from monitor.core.scheduling.expected_arms import (
    FIRST_RATE,
    Interval,
    expected_groups,
    left_for_looks,
    target_groups,
)
from monitor.core.scheduling.plan import plan_budget

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
