"""The answer to a scrape, in the format that the scraper accepts."""

from collections.abc import Iterator

from prometheus_client import Metric
from prometheus_client.exposition import choose_encoder
from prometheus_client.registry import Collector

_CREATED = "_created"


class _Lean(Collector):
    """A registry without its `_created` series.

    They add a sample to every counter and histogram, by a clock that is not injected, and are not in the contract.
    """

    def __init__(self, registry: Collector) -> None:
        self._registry = registry

    def collect(self) -> Iterator[Metric]:
        for family in self._registry.collect():
            if family.type in ("counter", "histogram"):
                family.samples = [sample for sample in family.samples if not sample.name.endswith(_CREATED)]
            yield family


def render(registry: Collector, accept: str) -> tuple[str, bytes]:
    """The Content-Type and the text, by the `Accept` header: OpenMetrics if it is accepted, else Prometheus.

    It may run on another thread than the one that counts. Its time grows with the series, not with the targets.
    """
    try:
        encode, content_type = choose_encoder(accept)
    except TypeError:
        # A version that is no number, which the library compares with one.
        encode, content_type = choose_encoder("")
    return content_type, encode(_Lean(registry))
