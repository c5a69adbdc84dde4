"""100,000 targets in one process: what they take, and for how long anything holds the event loop."""

import signal
import time
from collections.abc import Callable, Iterator

from tests.bench.house import Daemon, Figure, House, get, house, say

_TARGETS = 100_000
_RATE = 2_500
_LONGEST = 0.100
_STEADY = 6.0


def run() -> Iterator[Figure]:
    with house() as here:
        api = here.server("api")
        config = here.settings(
            api, account={"requests_per_second": _RATE, "burst": 100, "max_concurrency": 50}, interval="1m"
        )
        here.watchlist(["none"])
        empty, _ = _started(here, config)
        small = empty.process.memory()
        empty.process.end()
        here.watchlist(_workflows(0))
        daemon, seconds = _started(here, config)
        yield Figure("100,000: from start to ready, nothing known", f"{seconds:.1f} s")
        yield _held("start, nothing known", daemon)
        _see_all(daemon, api)
        yield _held("first sight of all, each committed", daemon)
        per_target = (daemon.process.memory() - small) / _TARGETS
        yield Figure("100,000: memory per target", f"{per_target:.0f} B")
        yield from _phases(here, daemon)
        daemon.process.end()
        daemon, seconds = _started(here, config)
        yield Figure("100,000: from start to ready, all in the store", f"{seconds:.1f} s")
        yield _held("start, all in the store", daemon)
        daemon.wait(_STEADY)
        per_target = (daemon.process.memory() - small) / _TARGETS
        yield Figure("100,000: memory per target after a restart", f"{per_target:.0f} B")
        daemon.process.end()


def _phases(here: House, daemon: Daemon) -> Iterator[Figure]:
    def scrape() -> None:
        for accept in ("text/plain", "application/openmetrics-text"):
            daemon.get("/metrics", accept)

    def reload() -> None:
        here.watchlist(_workflows(_TARGETS // 100))
        daemon.process.signal(signal.SIGHUP)
        until = time.monotonic() + 60.0
        while '"trigger":"sighup"' not in daemon.log.read_text("utf-8").replace(" ", ""):
            if time.monotonic() > until:
                raise RuntimeError("the reload did not end")
            daemon.wait(0.2)

    def read_pages() -> None:
        for path in ("/api/v1/targets", "/api/v1/targets?status=Suspended", "/api/v1/events", "/api/v1/alerts", "/"):
            daemon.get(path)

    phases: tuple[tuple[str, Callable[[], None]], ...] = (
        ("steady polling, no change", lambda: daemon.wait(_STEADY)),
        ("scrapes of /metrics", scrape),
        ("pages and /api/v1", read_pages),
        ("a reload with 1 % changed", reload),
        ("sightings of all written", lambda: daemon.wait(46.0)),
    )
    for name, play in phases:
        daemon.lags()
        play()
        yield _held(name, daemon)


def _started(here: House, config: object) -> tuple[Daemon, float]:
    daemon = here.daemon(config)  # type: ignore[arg-type] # a Path
    return daemon, daemon.wait_ready()


def _see_all(daemon: Daemon, api: int) -> None:
    before = time.monotonic()
    while int(get(f"http://127.0.0.1:{api}/count")) < _TARGETS:
        daemon.wait(0.5)
    say(f"  100,000: first sight of all took {time.monotonic() - before:.0f} s")


def _held(name: str, daemon: Daemon) -> Figure:
    held, cpu = daemon.lags()
    value = f"{held * 1000:.0f} ms ({cpu * 1000:.0f} ms of CPU)"
    say(f"  100,000: {name}: loop held {value}")
    return Figure(f"100,000: loop held, {name}", value, f"<= {_LONGEST * 1000:.0f} ms", held <= _LONGEST)


def _workflows(skip: int) -> list[str]:
    """The first `skip` are others."""
    return [f"{number:024x}" for number in range(skip, _TARGETS + skip)]
