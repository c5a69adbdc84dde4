"""What the monitor says about itself: metrics and log lines, made of the records of `core/records.py`.

The law of this folder: a record comes in, nothing goes out but numbers and lines. Nothing here decides, waits or reads
a clock; the registry, the log's stream and `now` are injected. An unchanged poll costs a counter and two histograms,
and no line unless the level is debug. A scrape never counts targets: the gauges follow the beliefs as they change.

Read `telemetry.py` (the face), `families.py` (every metric), `metrics.py` (records to numbers), `collectors.py` (gauges
kept as beliefs change), `log_lines.py` and `failure_log.py` (records to lines), `logs.py` and `log_stream.py` (lines to
a stream).
"""

from monitor.telemetry.exposition import render
from monitor.telemetry.logs import Logs, configure
from monitor.telemetry.telemetry import Telemetry

__all__ = ["Logs", "Telemetry", "configure", "render"]
