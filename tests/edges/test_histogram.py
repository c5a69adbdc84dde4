"""The house's own histograms say to the letter what the library's would."""

import hypothesis.strategies as st
from hypothesis import given
from prometheus_client import CollectorRegistry, Histogram, generate_latest
from prometheus_client.openmetrics.exposition import generate_latest as generate_openmetrics

from monitor.telemetry.histogram import FastHistograms

BOUNDS = (0.005, 0.5, 1, 60)


@given(st.lists(st.floats(0, 100) | st.sampled_from(BOUNDS)))
def test_they_count_like_the_library(values: list[float]) -> None:
    ours, theirs = CollectorRegistry(), CollectorRegistry()
    tallies = FastHistograms("workflow_seconds", "Seconds.", BOUNDS, "account")
    ours.register(tallies)
    histogram = Histogram("workflow_seconds", "Seconds.", ["account"], buckets=BOUNDS, registry=theirs)
    for account in ("acme", "globex"):
        tallies.labels(account)
        histogram.labels(account)
    for value in values:
        tallies.labels("acme").observe(value)
        histogram.labels("acme").observe(value)
    for render in (generate_latest, generate_openmetrics):
        lines = [line for line in render(theirs).splitlines() if b"_created" not in line]
        assert [line for line in render(ours).splitlines() if b"_created" not in line] == lines
