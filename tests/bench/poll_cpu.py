"""CPU of a poll by the whole daemon against CPU of a request by aiohttp alone, in one run, in turns; plain, and TLS."""

import signal
import statistics
from collections.abc import Iterator

from tests.bench.house import DEFINITION, Figure, get, house, say
from tests.certificates import OPENSSL, certificate

_TARGETS = 2_000
_CONCURRENCY = 20
_ROUNDS = 15
_SECONDS = 1.0
_DELAY = 0.005
"""Of each answer: both ask at the same rate then, with all of their concurrency, and wake the server as often."""
_WANTED = 1.5


def run() -> Iterator[Figure]:
    yield from _compared("plain HTTP", tls=False)
    if OPENSSL is None:
        yield Figure("poll-cpu: by TLS", "openssl, which makes certificates, is not installed")
    else:
        yield from _compared("TLS", tls=True)


def _compared(how: str, *, tls: bool) -> Iterator[Figure]:
    with house() as here:
        chain = certificate(here.folder, "here", "IP:127.0.0.1") if tls else ()
        here.authority = chain[0] if chain else None
        api = here.server("api", "--delay", str(_DELAY), *(("--tls", *chain) if chain else ()))
        site = f"{'https' if tls else 'http'}://127.0.0.1:{api}"
        workflows = [f"{number:024x}" for number in range(_TARGETS)]
        here.watchlist(workflows)
        config = here.settings(
            api,
            account={"requests_per_second": 10_000, "burst": 100, "max_concurrency": _CONCURRENCY},
            interval="100ms",
        )
        path = f"{site}/api/v1/accounts/crowd-0/definitions/{DEFINITION}/workflows/"
        urls = here.folder / "urls"
        urls.write_text("\n".join(f"{path}{workflow}?includeLogs=true" for workflow in workflows), "utf-8")
        bare = here.start("-m", "tests.bench.bare", str(urls), str(_CONCURRENCY))
        daemon = here.start("-m", "monitor", "run", "--config", str(config), output="daemon.log")

        def polls() -> int:
            return int(get(f"{site}/count", authority=here.authority))

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
            say(f"  poll-cpu: {how}: {ours[-1]:.0f} us a poll, {sent / _SECONDS:.0f}/s")
            say(f"  poll-cpu: {how}: {theirs[-1]:.0f} us a bare request, {int(requests) / _SECONDS:.0f}/s")
    ratio = statistics.median(mine / other for mine, other in zip(ours, theirs, strict=True))
    yield Figure(
        f"poll-cpu: {how}: CPU of a poll / of a bare request", f"{ratio:.2f}", f"<= {_WANTED}", ratio <= _WANTED
    )
    yield Figure(f"poll-cpu: {how}: CPU of a poll", f"{statistics.median(ours):.0f} us")
    yield Figure(f"poll-cpu: {how}: CPU of a bare request", f"{statistics.median(theirs):.0f} us")
