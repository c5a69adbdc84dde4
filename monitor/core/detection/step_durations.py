"""The usual duration of a step, learned from its past executions: counts in buckets, and their high quantile.

The edges of the buckets grow by the fourth root of two, so that a quantile is at most 19 % too high, never too low, and
the counts of a year need no more space than those of a day.
"""

from bisect import bisect_left
from collections.abc import Iterable, Sequence
from math import inf
from typing import Final

from monitor.core.model import StepExecution, StepStatus

Counts = tuple[tuple[int, int], ...]
"""(bucket, executions), in the order of the buckets, without empty ones; at first `()`. In JSON `[[4, 12]]`."""

ENOUGH: Final = 50
"""Executions from which a limit is learned; fewer give none."""
QUANTILE: Final = 99
"""Percent."""
EDGES: Final = tuple(0.25 * 2.0 ** (n / 4) for n in range(99))
"""Upper edges of the buckets, seconds: a quarter of a second to 68 days. One more bucket holds longer durations."""


def add(counts: Counts, durations: Iterable[float]) -> Counts:
    """The counts with these durations, in seconds."""
    return merge(counts, tuple((bisect_left(EDGES, seconds), 1) for seconds in durations))


def merge(one: Counts, other: Counts) -> Counts:
    total: dict[int, int] = {}
    for bucket, count in (*one, *other):
        total[bucket] = total.get(bucket, 0) + count
    return tuple(sorted(total.items()))


def p99(counts: Counts) -> float | None:
    """Seconds that 99 of 100 executions did not exceed; None if there are too few, or it is beyond the edges."""
    total = sum(count for _, count in counts)
    if total < ENOUGH:
        return None
    rank = -(-total * QUANTILE // 100)
    for bucket, count in counts:
        rank -= count
        if rank <= 0:
            return EDGES[bucket] if bucket < len(EDGES) else None
    return None


def at_most(counts: Counts) -> tuple[tuple[float, int], ...]:
    """Seconds, and how many executions took at most that and more than the one before; infinite for the longest.

    What `step_moments` of `core/scheduling/hazard.py` asks for.
    """
    return tuple((EDGES[bucket] if bucket < len(EDGES) else inf, count) for bucket, count in counts)


def completed_durations(before: Sequence[StepExecution], after: Sequence[StepExecution]) -> list[tuple[str, float]]:
    """Executions that are Complete in the log `after` and were not in `before`: step, seconds. In log order."""
    known = {step.id for step in before if step.status is StepStatus.COMPLETE}
    durations = []
    for step in after:
        if step.status is not StepStatus.COMPLETE or step.id in known:
            continue
        known.add(step.id)
        if step.started_at is not None and step.completed_at is not None and step.completed_at >= step.started_at:
            durations.append((step.step, (step.completed_at - step.started_at).total_seconds()))
    return durations
