"""The drawing of a step log: order and proportions, and what is folded."""

from datetime import UTC, datetime, timedelta
from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from monitor.core.model import StepExecution, StepStatus
from monitor.web.pages.timeline import MOST_ROWS, WIDTH, Timeline, drawn

BEGIN = datetime(2026, 1, 5, 10, tzinfo=UTC)
HOUR = 3600.0


def at(seconds: float) -> datetime:
    return BEGIN + timedelta(seconds=seconds)


def step(
    name: str, begin: float | None, end: float | None = None, status: StepStatus = StepStatus.COMPLETE, id_: str = ""
) -> StepExecution:
    return StepExecution(
        id_ or f"{name}@{begin}",
        name,
        status,
        None if begin is None else at(begin),
        None if end is None else at(end),
    )


def timeline(*steps: StepExecution, now: float = 0.0) -> Timeline:
    found = drawn(steps, at(now))
    assert found is not None
    return found


def test_executions_stand_to_scale() -> None:
    found = timeline(step("send", 0, 10), step("check", 10, 40))
    send, check = (row.segments[0] for row in found.rows)
    assert (send.x, send.width) == (0.0, 25.0)
    assert (check.x, check.width) == (25.0, 75.0)
    assert found.folds == ()


def test_retries_of_a_step_share_a_row() -> None:
    found = timeline(step("send", 0, 10, StepStatus.FAILED), step("other", 10, 20), step("send", 20, 30))
    assert [row.step for row in found.rows] == ["send", "other"]
    assert [segment.status for segment in found.rows[0].segments] == [StepStatus.FAILED, StepStatus.COMPLETE]
    assert found.rows[0].status is StepStatus.COMPLETE


def test_an_idle_time_is_folded_and_bears_its_length() -> None:
    found = timeline(step("send", 0, 60), step("send again", 2 * HOUR + 60, 2 * HOUR + 120))
    assert [fold.seconds for fold in found.folds] == [2 * HOUR]
    first, second = (row.segments[0] for row in found.rows)
    assert first.width == second.width == 48.0
    assert second.x == 52.0


def test_sleeping_is_idle_and_what_runs_is_not() -> None:
    slept = timeline(step("send", 0, 100), step("nap", 100, None, StepStatus.SLEEPING), now=400.0)
    assert [fold.seconds for fold in slept.folds] == [300.0]
    ran = timeline(step("send", 0, 100), step("work", 100, None, StepStatus.RUNNING), now=400.0)
    assert ran.folds == ()
    assert ran.rows[1].segments[0].ended_at is None
    assert ran.rows[1].segments[0].seconds == 300.0


def test_a_step_that_ran_for_a_day_leaves_room_for_those_of_a_second() -> None:
    found = timeline(step("one", 0, 1), step("wait", 1, 24 * HOUR), step("two", 24 * HOUR, 24 * HOUR + 1))
    assert len(found.folds) == 1
    assert found.rows[0].segments[0].width > 40.0


def test_one_long_execution_alone_is_not_folded() -> None:
    assert timeline(step("work", 0, 24 * HOUR)).folds == ()


def test_without_times_there_is_no_drawing() -> None:
    assert drawn([step("work", None)], BEGIN) is None
    assert drawn([], BEGIN) is None


def test_a_clock_that_was_set_back_draws_nothing_backwards() -> None:
    found = timeline(step("work", 100, None, StepStatus.RUNNING), step("send", 0, 100), now=50.0)
    assert all(segment.width > 0 for row in found.rows for segment in row.segments)


def test_of_too_many_steps_the_last_are_drawn() -> None:
    found = timeline(*[step(f"step{number}", number, number + 1) for number in range(MOST_ROWS + 5)])
    assert (len(found.rows), found.left_out) == (MOST_ROWS, 5)
    assert found.rows[-1].step == f"step{MOST_ROWS + 4}"


executions = st.builds(
    lambda name, begin, length, status, id_: step(
        name, begin, None if length is None else begin + length, status, str(id_)
    ),
    st.sampled_from("abcd"),
    st.floats(0, 1e6),
    st.none() | st.floats(0, 1e6),
    st.sampled_from(StepStatus),
    st.integers(0, 100),
)


@given(st.lists(executions, min_size=1, max_size=30), st.floats(0, 3e6))
def test_every_execution_is_visible_within_the_width_and_in_order(steps: list[StepExecution], now: float) -> None:
    found = timeline(*steps, now=now)
    segments = [segment for row in found.rows for segment in row.segments]
    assert len(segments) == len({one.id for one in steps})
    assert all(segment.width > 0 and segment.x >= 0 for segment in segments)
    assert all(segment.x + segment.width <= WIDTH + 0.01 for segment in segments)
    by_start = sorted(segments, key=lambda segment: segment.started_at)
    edges = [segment.x for segment in by_start]
    assert all(one <= other + 0.7 for one, other in pairwise(edges))
    assert all(0 <= fold.x <= fold.x + fold.width <= WIDTH + 0.01 for fold in found.folds)
