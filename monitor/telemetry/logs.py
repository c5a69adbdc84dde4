"""The format of log lines, JSON or for people, and the lines of libraries in the same stream."""

import logging
from collections.abc import Callable, MutableMapping
from datetime import datetime
from time import monotonic
from typing import Any, Final, TextIO

import msgspec
import structlog
from structlog.dev import ConsoleRenderer, plain_traceback
from structlog.processors import format_exc_info
from structlog.typing import FilteringBoundLogger, Processor

from monitor.core.formats.clean import clean
from monitor.core.formats.timestamps import format_timestamp
from monitor.core.log_limit import LogLimit
from monitor.telemetry.log_stream import LogStream

_Line = MutableMapping[str, Any]

_LEVEL_OF: Final = {"warn": "warning", "exception": "error", "fatal": "critical"}
_LONGEST = 4000
"""Characters of a foreign message; a traceback is not cut."""
_LAST_FLUSH = 0.5
"""Seconds of waiting for a reader when the log is closed."""
_FOR_PROGRAMS: Final = frozenset(
    {"definition", "definition_name", "workflow", "name", "severity", "version", "event_id", "from_status", "to_status"}
    | {"step", "errors", "time", "occurred_at", "observed_at", "last_seen_at", "labels"}
)
"""Fields that the summary of an event contains already, or that are useless on a terminal."""


class Logs:
    """A configured log, open until `close`."""

    def __init__(self, log: FilteringBoundLogger, outlet: LogStream, time: Callable[[], float]) -> None:
        self.log = log
        self._outlet = outlet
        self._foreign = _Foreign(log, time)
        root = logging.getLogger()
        self._root_level = root.level
        root.addHandler(self._foreign)
        root.setLevel(logging.WARNING)

    def flush(self) -> None:
        """Write lines that waited for a stalled reader, as far as it reads again."""
        self._outlet.flush()

    def close(self) -> None:
        root = logging.getLogger()
        root.removeHandler(self._foreign)
        root.setLevel(self._root_level)
        self._outlet.flush(_LAST_FLUSH)


def configure(
    level: str,
    form: str,
    stream: TextIO,
    *,
    now: Callable[[], datetime],
    time: Callable[[], float] = monotonic,
) -> Logs:
    """A log in `stream`, until it is closed; warnings of libraries have the same format.

    `level`: `debug`, `info`, `warning` or `error`. `form`: `json` or `console`.
    """
    outlet = LogStream(stream)
    render = _people(stream) if form == "console" else _json()
    log: FilteringBoundLogger = structlog.wrap_logger(
        outlet,
        processors=[_stamp(now, outlet), *render],
        wrapper_class=structlog.make_filtering_bound_logger(logging.getLevelNamesMapping()[level.upper()]),
        context_class=dict,
    ).bind()
    return Logs(log, outlet, time)


def _stamp(now: Callable[[], datetime], outlet: LogStream) -> Processor:
    def stamp(_logger: object, method: str, line: _Line) -> _Line:
        stamped = {
            "timestamp": format_timestamp(now()),
            "level": _LEVEL_OF.get(method, method),
            "event": line.pop("event"),
        }
        stamped.update(line)
        if dropped := outlet.take_dropped():
            stamped["lines_dropped_before"] = dropped
        return stamped

    return stamp


def _json() -> list[Processor]:
    encode = msgspec.json.Encoder(enc_hook=str).encode

    def render(_logger: object, _method: str, line: _Line) -> str:
        return encode(line).decode()

    return [format_exc_info, render]


def _people(stream: TextIO) -> list[Processor]:
    # Not the default formatter of tracebacks: with rich installed it shows local variables, and with them secrets.
    renderer = ConsoleRenderer(
        colors=stream.isatty(), exception_formatter=plain_traceback, sort_keys=False, pad_event_to=0
    )
    return [_simplify, renderer]


def _simplify(_logger: object, _method: str, line: _Line) -> _Line:
    """An event becomes its summary; no value can move the cursor or forge a line."""
    if "event_id" in line:
        line = {key: value for key, value in line.items() if key not in _FOR_PROGRAMS}
        line["event"] = f"{line['event']}: {line.pop('summary')}"
    return {key: clean(value, _LONGEST) if isinstance(value, str) else value for key, value in line.items()}


class _Foreign(logging.Handler):
    """The lines of libraries, in our format: one per kind and minute, since any client of the port can cause them."""

    def __init__(self, log: FilteringBoundLogger, time: Callable[[], float]) -> None:
        super().__init__(logging.WARNING)
        self._log = log
        self._time = time
        self._limit = LogLimit()

    def emit(self, record: logging.LogRecord) -> None:
        """The handler's lock is held."""
        try:
            times = self._limit.times((record.name, record.levelno, str(record.msg)), self._time())
            if not times:
                return
            facts: dict[str, Any] = {"exc_info": record.exc_info} if record.exc_info else {}
            if times > 1:
                facts["times"] = times
            self._log.log(record.levelno, clean(record.getMessage(), _LONGEST), logger=record.name, **facts)
        except Exception:  # noqa: BLE001 - a failure to log must not stop the caller
            self.handleError(record)
