import math

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from monitor.core.detection.step_durations import EDGES, ENOUGH, Counts, add, completed_durations, merge, p99
from monitor.core.model import StepExecution, StepStatus
from tests.core.beliefs import step

DURATIONS = st.lists(st.floats(0, EDGES[-1]), min_size=ENOUGH, max_size=300)
COUNTS = st.lists(st.floats(0, 1e9)).map(lambda durations: add((), durations))
DONE, RUNNING = StepStatus.COMPLETE, StepStatus.RUNNING


# --- counting ---------------------------------------------------------------------------------------------


@given(DURATIONS)
def test_what_is_learned_is_never_too_low_and_at_most_a_bucket_too_high(durations: list[float]) -> None:
    true = sorted(durations)[math.ceil(len(durations) * 0.99) - 1]
    limit = p99(add((), durations))
    assert limit is not None
    assert true <= limit <= max(EDGES[0], true * 2**0.25 * (1 + 1e-9))


@given(st.lists(st.floats(0, 1e9), max_size=ENOUGH - 1))
def test_nothing_is_learned_from_too_few(durations: list[float]) -> None:
    assert p99(add((), durations)) is None


@given(st.integers(ENOUGH, 300))
def test_nothing_is_learned_from_what_lasts_longer_than_every_bucket(count: int) -> None:
    assert p99(add((), [EDGES[-1] * 2] * count)) is None


def test_one_in_a_hundred_that_is_slow_teaches_nothing() -> None:
    counts = add((), [1.0] * 99)
    assert p99(add(counts, [86_400.0])) == 1.0
    assert p99(add(counts, [86_400.0] * 2)) == pytest.approx(86_400, rel=0.19)


@given(COUNTS, COUNTS, COUNTS)
def test_the_order_of_counting_does_not_matter(one: Counts, other: Counts, third: Counts) -> None:
    assert merge(one, other) == merge(other, one)
    assert merge(merge(one, other), third) == merge(one, merge(other, third))
    assert merge(one, ()) == one


@given(st.lists(st.floats(0, 1e9)), st.lists(st.floats(0, 1e9)))
def test_counting_on_is_counting_together(first: list[float], then: list[float]) -> None:
    counts = add(add((), first), then)
    assert counts == add((), first + then)
    assert sum(count for _, count in counts) == len(first) + len(then)


@given(COUNTS)
def test_counts_come_back_from_json(counts: Counts) -> None:
    assert msgspec.json.decode(msgspec.json.encode(counts), type=Counts) == counts


# --- what there is to count -------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("before", "after", "expected"),
    [
        pytest.param([], [step("a", DONE, 1, 3)], [("step1", 2.0)], id="at first sight"),
        pytest.param([step("a", RUNNING, 1)], [step("a", DONE, 1, 3)], [("step1", 2.0)], id="it was running"),
        pytest.param([step("a", DONE, 1, 3)], [step("a", DONE, 1, 3)], [], id="it was counted"),
        pytest.param([], [step("a", RUNNING, 1)], [], id="it runs"),
        pytest.param([], [step("a", StepStatus.FAILED, 1, 3)], [], id="it failed"),
        pytest.param([], [step("a", StepStatus.CANCELLED, 1, 3)], [], id="it was cancelled"),
        pytest.param([], [step("a", DONE, None, 3)], [], id="no start"),
        pytest.param([], [step("a", DONE, 1)], [], id="no end"),
        pytest.param([], [step("a", DONE, 3, 1)], [], id="it ended before it began"),
        pytest.param([], [step("a", DONE, 1, 3), step("a", DONE, 1, 3)], [("step1", 2.0)], id="twice in the log"),
        pytest.param(
            [step("a", DONE, 1, 3)],
            [step("a", DONE, 1, 3), step("b", DONE, 3, 8), step("c", DONE, 8, 9, name="step2")],
            [("step1", 5.0), ("step2", 1.0)],
            id="the log went on",
        ),
    ],
)
def test_an_execution_is_counted_when_it_is_first_seen_complete(
    before: list[StepExecution], after: list[StepExecution], expected: list[tuple[str, float]]
) -> None:
    assert completed_durations(before, after) == expected
