"""The daemon over an API of many running instances, in one process: `python -m tests.bench.million`.

    FOLDER NUMBER found    a store that knows none: lists find them
    FOLDER NUMBER stored   all are in the store, each with a step log

The network is in process, and costs next to nothing. It prints one JSON object.
"""

import asyncio
import ctypes
import gc
import io
import json
import sys
import time
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import psutil
from multidict import CIMultiDict
from sqlalchemy import Engine, insert
from yarl import URL

from monitor import app
from monitor.core.formats.timestamps import format_timestamp, parse_timestamp
from monitor.core.model import Seen, Status, TargetKey, TargetState
from monitor.settings import load_settings
from monitor.store import Store, rows, schema
from monitor.upstream.transport import Response
from monitor.upstream.wire import read_status
from tests.bench.heap import sizes
from tests.bench.observed import Ticker
from tests.bench.servers import answer_text

ACCOUNT = "crowd-0"
DEFINITIONS = tuple(f"5870442f-3ddd-4657-b74c-6e17308f523{number}" for number in range(5))
_VERSIONS = 2
_DAYS = 6
_RATE = 400
_SPLIT_AT_MOST = 100_000
"""Instances; telling apart what is whose takes a hundred times the memory of the list of them."""
_ROWS_AT_ONCE = 20_000


class Crowd:
    """Instances that run and go on running. They began at even distances in the last six days."""

    def __init__(self, number: int, now: datetime) -> None:
        self.each = number // len(DEFINITIONS)
        self._began = now - timedelta(days=_DAYS)
        self._gap = timedelta(days=_DAYS) / max(self.each, 1)

    def start(self, number: int) -> datetime:
        """Of the instance of this number of each definition; the greater the later."""
        return self._began + number * self._gap

    def version(self, number: int) -> int:
        return 1 + number * _VERSIONS // self.each

    def between(self, version: int, low: datetime | None, high: datetime | None) -> range:
        first, last = -(-(version - 1) * self.each // _VERSIONS), -(-version * self.each // _VERSIONS)
        if low is not None:
            first = max(first, -((self._began - low) // self._gap))
        if high is not None:
            last = min(last, (high - self._began) // self._gap + 1)
        return range(first, max(first, last))


class Network:
    """The API of a crowd."""

    def __init__(self, crowd: Crowd) -> None:
        self.crowd = crowd
        self.first_request_at: float | None = None
        self.polls = 0
        self._status = answer_text()

    async def get(self, url: URL, headers: Mapping[str, str]) -> Response:
        if self.first_request_at is None:
            self.first_request_at = time.monotonic()
        await asyncio.sleep(0.001)
        return Response(200, CIMultiDict(), self._answer(url.path.split("/")[5:], url.query).encode())

    def _answer(self, path: list[str], query: Mapping[str, str]) -> str:
        match path:
            case ["definitions"]:
                return json.dumps([{"id": id_, "version": _VERSIONS, "name": "crowd"} for id_ in DEFINITIONS])
            case ["definitions", id_]:
                return json.dumps([{"id": id_, "version": number, "name": "crowd"} for number in (1, 2)])
            case ["definitions", id_, "workflows"]:
                return json.dumps([*self._rows(id_, query)])
            case ["definitions", id_, "workflows", workflow]:
                self.polls += 1
                return self._told(id_, workflow)
            case _:
                return "[]"

    def _rows(self, definition: str, query: Mapping[str, str]) -> Iterator[dict[str, Any]]:
        if query.get("status", "Runnable") != "Runnable":
            return
        low, high = (
            parse_timestamp(query[name]) if name in query else None for name in ("startTimeFrom", "startTimeTo")
        )
        version = int(query["version"])
        found = self.crowd.between(version, low, high)
        for number in found[::-1][: int(query["limit"])]:
            yield {
                "workflowId": _workflow(number),
                "definitionId": definition,
                "version": version,
                "status": "Runnable",
                "startedAt": format_timestamp(self.crowd.start(number)),
            }

    def _told(self, definition: str, workflow: str) -> str:
        told = json.loads(self._status)
        number = int(workflow, 16)
        started = format_timestamp(self.crowd.start(number))
        return json.dumps(
            told
            | {"workflowId": workflow, "definitionId": definition, "startedAt": started}
            | {"version": self.crowd.version(number), "logs": [_of_its_own(step, workflow) for step in told["logs"]]}
        )

    def seen(self, definition: str, number: int) -> Seen:
        seen = read_status(200, {}, self._told(definition, _workflow(number)).encode())
        assert isinstance(seen, Seen)
        return seen

    async def close(self) -> None:
        """There is nothing to close."""


def _workflow(number: int) -> str:
    return f"{number:024x}"


def _of_its_own(step: dict[str, Any], workflow: str) -> dict[str, Any]:
    return step | {"id": step["id"][:-12] + workflow[-12:]}


# --- what is in the store ---------------------------------------------------------------------------------------


def fill(engine: Engine, network: Network, now: datetime) -> None:
    for first in range(0, network.crowd.each, _ROWS_AT_ONCE):
        chunk = range(first, min(first + _ROWS_AT_ONCE, network.crowd.each))
        states = [_state(network, definition, number, now) for definition in DEFINITIONS for number in chunk]
        with engine.begin() as connection:
            connection.execute(insert(schema.targets), [rows.target_values(state) for state in states])
            connection.execute(
                insert(schema.sightings), [{**state.key._asdict(), "last_seen_at": now} for state in states]
            )


def _state(network: Network, definition: str, number: int, now: datetime) -> TargetState:
    seen = network.seen(definition, number).snapshot
    return TargetState(
        key=TargetKey(ACCOUNT, definition, _workflow(number)),
        status=Status.RUNNABLE,
        since=now,
        first_seen_at=now,
        version=seen.version,
        started_at=seen.started_at,
        steps=seen.steps,
    )


# --- the measurement --------------------------------------------------------------------------------------------


async def measure(config: Path, number: int, *, stored: bool) -> dict[str, Any]:
    now = datetime.now(UTC)
    network = Network(Crowd(number, now))
    settings = load_settings(config, {"BENCH_KEY": "sim-key-crowd-0"})
    surroundings = app.Environment(transport=lambda _api: network, stdout=io.StringIO(), serve=False, watch_files=False)
    if stored:
        await _filled(settings.store.url, network, now, surroundings)
    base, began, ticker = _resident(), time.monotonic(), Ticker()
    daemon = app.Daemon(settings, lambda: settings, surroundings)
    stop = asyncio.Event()
    running = asyncio.ensure_future(daemon.run(stop))
    while network.first_request_at is None or len(daemon.targets) < network.crowd.each * len(DEFINITIONS):
        await asyncio.wait([running], timeout=0.1)
        if running.done():
            running.result()
    took, held = time.monotonic() - began, ticker.held
    await asyncio.sleep(2.0)
    found = {
        "number": len(daemon.targets),
        "bytes": (_resident() - base) / len(daemon.targets),
        "first_request": network.first_request_at - began,
        "all_watched": took,
        "held": held[0],
        "polls": network.polls,
        "split": sizes(daemon.parts) if number <= _SPLIT_AT_MOST else {},
    }
    stop.set()
    await running
    return found


async def _filled(url: str, network: Network, now: datetime, around: app.Environment) -> None:
    store = Store(url, writer=around.writer(), reader=around.reader())
    await store.open()
    await store.write(fill, network, now)
    await store.close()


def _resident() -> int:
    """What is freed is given back first, so that only what lives counts."""
    gc.collect()
    ctypes.CDLL(None).malloc_trim(0)
    return int(psutil.Process().memory_info().rss)


def main(folder: str, number: str, how: str) -> None:
    path = Path(folder) / "monitor.yaml"
    path.write_text(json.dumps(_settings(folder, int(number))), "utf-8")
    watchlist = {"defaults": {"account": ACCOUNT}, "discover": [{"definition": id_} for id_ in DEFINITIONS]}
    (path.parent / "watchlist.yaml").write_text(json.dumps(watchlist), "utf-8")
    found = asyncio.run(measure(path, int(number), stored=how == "stored"))
    sys.stdout.write(json.dumps(found) + "\n")


def _settings(folder: str, number: int) -> dict[str, Any]:
    return {
        "accounts": [{"id": ACCOUNT, "api_key_env": "BENCH_KEY", "requests_per_second": _RATE, "burst": 10}],
        "api": {"base_url": "http://127.0.0.1:9"},
        "store": {"url": f"sqlite:///{folder}/monitor-{number}.db"},
        "server": {"port": 0},
    }


if __name__ == "__main__":
    main(*sys.argv[1:])
