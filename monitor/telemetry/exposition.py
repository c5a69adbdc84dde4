"""The answer to a scrape, in the format that the scraper asks for."""

from collections.abc import Iterator

from prometheus_client import Metric
from prometheus_client.exposition import choose_encoder
from prometheus_client.registry import Collector

_CREATED = "_created"


class _Lean(Collector):
    """A registry without its `_created` series.

    They add a sample to every counter and histogram, by a clock that is not ours, and are no part of what is promised.
    """

    def __init__(self, registry: Collector) -> None:
        self._registry = registry

    def collect(self) -> Iterator[Metric]:
        for family in self._registry.collect():
            if family.type in ("counter", "histogram"):
                family.samples = [sample for sample in family.samples if not sample.name.endswith(_CREATED)]
            yield family


def render(registry: Collector, accept: str) -> tuple[str, bytes]:
    """The Content-Type and the text, by the `Accept` header: OpenMetrics where it is asked for, else Prometheus.

    May run on another thread than the one that counts. What it takes grows with the series, not with the targets.
    """
    try:
        encode, content_type = choose_encoder(accept)
    except TypeError:
        # A version that is no number, which the library compares with one.
        encode, content_type = choose_encoder("")
    return content_type, encode(_Lean(registry))
