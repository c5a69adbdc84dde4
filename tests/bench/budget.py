"""An insufficient budget: never more than it allows in any window, and hardly less."""

import os
from array import array
from collections.abc import Iterator, Sequence

from tests.bench.house import Figure, get, house
from tests.bench.windows import excess

_TARGETS = 2_000
_RATE, _BURST = 300.0, 20
_SECONDS = 15.0
_WANTED = 0.95
_ON_THE_WAY = 0.020
"""Seconds by which two requests may come closer together on their way to the server, in whose log they stand."""


def run() -> Iterator[Figure]:
    os.environ["BENCH_PERMITS"] = "1"
    try:
        with house() as here:
            api = here.server("api")
            here.watchlist([f"{number:024x}" for number in range(_TARGETS)])
            limits = {"requests_per_second": _RATE, "burst": _BURST}
            daemon = here.daemon(here.settings(api, account=limits, interval="1s"))
            daemon.wait_ready()
            daemon.wait(_SECONDS)
            daemon.process.end()
            permits = daemon.notes()["permits"]
            arrivals = array("d", get(f"http://127.0.0.1:{api}/times"))
    finally:
        del os.environ["BENCH_PERMITS"]
    taken, arrived = excess(permits, _RATE, _BURST), excess(arrivals, _RATE, _BURST)
    allowed = _RATE * _ON_THE_WAY + 1
    used = _used(arrivals)
    yield Figure("budget: most permits above burst + rate * window", f"{taken:+.6f}", "<= 0", taken <= 0)
    yield Figure(
        f"budget: the same of arrivals, up to {_ON_THE_WAY * 1000:.0f} ms on the way apart",
        f"{arrived:+.2f}",
        f"<= {allowed:.0f}",
        arrived <= allowed,
    )
    yield Figure("budget: requests of", f"{len(permits)} permits, {len(arrivals)} arrived", "equal", None)
    yield Figure("budget: used of an insufficient one", f"{used:.1%}", f">= {_WANTED:.0%}", used >= _WANTED)


def _used(times: Sequence[float]) -> float:
    """Of what the rate allows after the first two seconds."""
    begin, end = times[0] + 2.0, times[-1]
    return sum(begin < time <= end for time in times) / (_RATE * (end - begin))
