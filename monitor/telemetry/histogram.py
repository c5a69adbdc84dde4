"""Histograms for every poll: those of `prometheus_client` without its locks.

They are written on the loop's thread only; a scrape copies them under the interpreter's lock, so at worst one sample is
an observation ahead of another.
"""

from bisect import bisect_left
from collections.abc import Iterator, Sequence

from prometheus_client.core import HistogramMetricFamily
from prometheus_client.registry import Collector


class FastHistogram:
    """One series."""

    __slots__ = ("_bounds", "counts", "total")

    def __init__(self, bounds: Sequence[float]) -> None:
        self._bounds = bounds
        self.counts = [0] * len(bounds)
        """Per bucket, not cumulative; the last one is above all bounds."""
        self.total = 0.0

    def observe(self, value: float) -> None:
        self.counts[bisect_left(self._bounds, value)] += 1
        self.total += value


class FastHistograms(Collector):
    """One metric."""

    def __init__(self, name: str, text: str, bounds: Sequence[float], *labels: str) -> None:
        """`bounds`: upper bounds of the buckets, ascending, without infinity."""
        self._name = name
        self._text = text
        self._labels = labels
        self._bounds = (*bounds, float("inf"))
        self._series: dict[tuple[str, ...], FastHistogram] = {}

    def labels(self, *values: str) -> FastHistogram:
        """The series of these labels; it exists with 0 from now on."""
        return self._series.setdefault(values, FastHistogram(self._bounds))

    def collect(self) -> Iterator[HistogramMetricFamily]:
        family = HistogramMetricFamily(self._name, self._text, labels=self._labels)
        for values, tally in list(self._series.items()):
            counts, total = list(tally.counts), tally.total
            cumulative = 0
            buckets: list[tuple[str, float]] = []
            for bound, count in zip(self._bounds, counts, strict=True):
                cumulative += count
                buckets.append((_said(bound), cumulative))
            family.add_metric(values, buckets, total)
        yield family


def _said(bound: float) -> str:
    """In the library's format of bounds."""
    return "+Inf" if bound == float("inf") else repr(float(bound))
