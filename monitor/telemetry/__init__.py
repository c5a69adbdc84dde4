"""Metrics and log lines, made from the records of `core/records.py`.

The rule of this folder: records become numbers and lines. No code here decides, waits or reads a clock; the registry,
the log's stream and `now` are injected. An unchanged poll costs a counter and two histograms, and a line only at level
debug. A scrape never counts targets: the gauges follow each change of a state.

Read `telemetry.py` (the interface), `families.py` (every metric), `metrics.py` (records to numbers), `collectors.py`
(gauges that follow states), `log_lines.py` and `failure_log.py` (records to lines), `logs.py` and `log_stream.py`
(lines to a stream).
"""

from monitor.telemetry.exposition import render
from monitor.telemetry.logs import Logs, configure
from monitor.telemetry.telemetry import Telemetry

__all__ = ["Logs", "Telemetry", "configure", "render"]
