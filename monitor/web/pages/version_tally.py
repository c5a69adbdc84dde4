"""The versions of a definition, compared: how many instances fail, and how long they run. Pure."""

from collections import Counter
from collections.abc import Sequence
from math import ceil

import msgspec

from monitor.core.model import Cause, Status, TargetState


class VersionFigures(msgspec.Struct, frozen=True, kw_only=True):
    version: int | None
    """None: it is not known."""
    statuses: tuple[tuple[Status, int], ...]
    """Those with instances."""
    ended: int
    failed: int
    """Of those that ended, the terminated ones, unless by hand."""
    timed: int
    """Completed instances with a known run time."""
    median: float | None
    """Seconds from start to completion; None: not known."""
    p95: float | None

    @property
    def instances(self) -> int:
        return sum(number for _, number in self.statuses)

    @property
    def failure_share(self) -> float | None:
        """From 0 to 1; None: none has ended."""
        return self.failed / self.ended if self.ended else None


class VersionTally:
    """Adds up instances of one version."""

    def __init__(self) -> None:
        self._statuses: Counter[Status] = Counter()
        self._failed = 0
        self._run_times: list[float] = []

    def add(self, state: TargetState) -> None:
        self._statuses[state.status] += 1
        if state.status is Status.TERMINATED and state.cause is not Cause.MANUAL:
            self._failed += 1
        if state.status is Status.COMPLETE and state.started_at is not None and state.completed_at is not None:
            self._run_times.append(max(0.0, (state.completed_at - state.started_at).total_seconds()))

    def figures(self, version: int | None) -> VersionFigures:
        times = sorted(self._run_times)
        return VersionFigures(
            version=version,
            statuses=tuple((status, self._statuses[status]) for status in Status if self._statuses[status]),
            ended=sum(number for status, number in self._statuses.items() if status.ended),
            failed=self._failed,
            timed=len(times),
            median=quantile(times, 0.5),
            p95=quantile(times, 0.95),
        )


def quantile(ascending: Sequence[float], share: float) -> float | None:
    """By the nearest rank; None of nothing."""
    return ascending[max(0, ceil(share * len(ascending)) - 1)] if ascending else None
