"""From an event's observation to the webhook's acknowledgement, while events come fast and each is durable first."""

import json
from collections.abc import Iterator
from pathlib import Path

from monitor.sim.scenario import watched
from monitor.sim.scenarios import many
from tests.bench.house import Figure, house

_TARGETS = 2_000
_EVENTS = 200.0
_QUIET = 6.0
_SECONDS = 20.0
_WANTED = 0.100


def run() -> Iterator[Figure]:
    with house() as here:
        crowd = watched(many(_TARGETS))
        here.watchlist([one.workflow for one in crowd], (crowd[0].definition,))
        webhook = here.server("webhook")
        api = here.server("crowd", "--size", str(_TARGETS), "--events", str(_EVENTS), "--quiet", str(_QUIET))
        config = here.settings(
            api,
            account={"requests_per_second": 2_000, "burst": 50},
            interval="4s",
            receivers=[{"name": "hook", "type": "webhook", "url": f"http://127.0.0.1:{webhook}/"}],
        )
        daemon = here.daemon(config)
        daemon.wait_ready()
        daemon.wait(_QUIET + 4.0)  # until events come at their full rate
        skipped = len(_delays(daemon.log))
        cpu = daemon.process.cpu()
        daemon.wait(_SECONDS)
        cpu = (daemon.process.cpu() - cpu) / _SECONDS
        daemon.process.end()
        delays = sorted(_delays(daemon.log)[skipped:])
    rate = len(delays) / _SECONDS
    p50, p99 = (delays[int(len(delays) * share)] for share in (0.5, 0.99))
    enough = rate >= _EVENTS * 0.95
    yield Figure("ack-latency: p99 of observed to acknowledged", _ms(p99), f"< {_ms(_WANTED)}", p99 < _WANTED)
    yield Figure("ack-latency: p50, longest", f"{_ms(p50)}, {_ms(delays[-1])}")
    yield Figure("ack-latency: events told and acknowledged", f"{rate:.0f}/s", f"{_EVENTS:.0f}/s", enough)
    yield Figure("ack-latency: CPU of the daemon meanwhile", f"{cpu:.0%} of a core")


def _delays(log: Path) -> list[float]:
    """Of each delivery, as the daemon says it on its log."""
    with log.open(encoding="utf-8") as lines:
        told = (json.loads(line) for line in lines if '"delivery"' in line and line.endswith("\n"))
        return [line["delay"] for line in told if line["event"] == "delivery"]


def _ms(seconds: float) -> str:
    return f"{seconds * 1000:.0f} ms"
