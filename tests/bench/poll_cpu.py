"""CPU of a poll by the whole daemon against CPU of a request by aiohttp alone, in one run, in turns."""

import signal
import statistics
from collections.abc import Iterator

from tests.bench.house import DEFINITION, Figure, get, house, say

_TARGETS = 2_000
_CONCURRENCY = 20
_ROUNDS = 15
_SECONDS = 1.0
_DELAY = 0.005
"""Of each answer: both ask at the same rate then, with all of their concurrency, and wake the server as often."""
_WANTED = 1.5


def run() -> Iterator[Figure]:
    with house() as here:
        api = here.server("api", "--delay", str(_DELAY))
        workflows = [f"{number:024x}" for number in range(_TARGETS)]
        here.watchlist(workflows)
        config = here.settings(
            api,
            account={"requests_per_second": 10_000, "burst": 100, "max_concurrency": _CONCURRENCY},
            interval="100ms",
        )
        path = f"http://127.0.0.1:{api}/api/v1/accounts/crowd-0/definitions/{DEFINITION}/workflows/"
        urls = here.folder / "urls"
        urls.write_text("\n".join(f"{path}{workflow}?includeLogs=true" for workflow in workflows), "utf-8")
        bare = here.start("-m", "tests.bench.bare", str(urls), str(_CONCURRENCY))
        daemon = here.start("-m", "monitor", "run", "--config", str(config), output="daemon.log")

        def polls() -> int:
            return int(get(f"http://127.0.0.1:{api}/count"))

        while polls() < 5 * _TARGETS:  # every target was seen, and its first sight is committed
            daemon.wait(0.5)

        bare.ask("0.5")
        ours: list[float] = []
        theirs: list[float] = []
        for _ in range(_ROUNDS):
            cpu, count = daemon.cpu(), polls()
            daemon.wait(_SECONDS)
            sent = polls() - count
            ours.append((daemon.cpu() - cpu) / sent * 1e6)
            daemon.signal(signal.SIGSTOP)
            requests, seconds = bare.ask(str(_SECONDS)).split()
            theirs.append(float(seconds) / int(requests) * 1e6)
            daemon.signal(signal.SIGCONT)
            daemon.wait(0.3)
            say(f"  poll-cpu: {ours[-1]:.0f} us a poll, {sent / _SECONDS:.0f}/s")
            say(f"  poll-cpu: {theirs[-1]:.0f} us a bare request, {int(requests) / _SECONDS:.0f}/s")
    ratio = statistics.median(mine / other for mine, other in zip(ours, theirs, strict=True))
    yield Figure("poll-cpu: CPU of a poll / of a bare request", f"{ratio:.2f}", f"<= {_WANTED}", ratio <= _WANTED)
    yield Figure("poll-cpu: CPU of a poll", f"{statistics.median(ours):.0f} us")
    yield Figure("poll-cpu: CPU of a bare request", f"{statistics.median(theirs):.0f} us")
