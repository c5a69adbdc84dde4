"""How long `/metrics` takes with many targets in many definitions, and for how long it holds the event loop."""

import statistics
import time
from collections.abc import Iterator

from monitor.sim.seeded import uuid_text
from tests.bench.house import Daemon, Figure, get, house, say

_DEFINITIONS = 50
_SIZES = (1_000, 10_000, 100_000)
_RATE = 2_500
_SCRAPES = 20
_LONGEST = 0.050
_PATIENCE = 600.0


def run() -> Iterator[Figure]:
    for size in _SIZES:
        yield from _of(size)


def _of(size: int) -> Iterator[Figure]:
    with house() as here:
        api = here.server("api")
        limits = {"requests_per_second": _RATE, "burst": 100, "max_concurrency": 50}
        config = here.settings(api, account=limits, interval="1h")
        definitions = [uuid_text("definition", order) for order in range(_DEFINITIONS)]
        here.watchlist([f"{number:024x}" for number in range(size)], definitions)
        daemon = here.daemon(config)
        daemon.wait_ready()
        until = time.monotonic() + _PATIENCE
        while int(get(f"http://127.0.0.1:{api}/count")) < size and time.monotonic() < until:
            daemon.wait(0.5)
        daemon.wait(3.0)  # for what follows from the last polls
        yield from _scraped(f"scrape: {size:,} targets in {_DEFINITIONS} definitions", daemon, size == max(_SIZES))


def _scraped(name: str, daemon: Daemon, most: bool) -> Iterator[Figure]:
    daemon.lags()
    times, text = [], b""
    for _ in range(_SCRAPES):
        began = time.monotonic()
        text = daemon.get("/metrics")
        times.append(time.monotonic() - began)
    held, cpu = daemon.lags()
    series = sum(not line.startswith(b"#") for line in text.splitlines())
    say(f"  {name}: {series:,} series, {len(text) // 1000} kB; {max(times) * 1000:.0f} ms at most")
    took = statistics.median(times)
    yield _judged(f"{name}: time", took, f"{took * 1000:.0f} ms", most)
    yield _judged(f"{name}: loop held", held, f"{held * 1000:.0f} ms ({cpu * 1000:.0f} ms of CPU)", most)


def _judged(name: str, seconds: float, value: str, most: bool) -> Figure:
    if not most:
        return Figure(name, value)
    return Figure(name, value, f"< {_LONGEST * 1000:.0f} ms", seconds < _LONGEST)
