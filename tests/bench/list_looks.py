"""What an instance costs that a list shows: unpacking, reading, comparing, and the same with all of HTTP around it."""

import asyncio
import gzip
import json
import resource
import shutil
import statistics
import subprocess
import time
import zlib
from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, datetime
from importlib import import_module
from typing import Any

from monitor.core.listing import ListedInstance, ListPage, ListRequest
from monitor.core.model import Status
from monitor.core.scheduling.lane import LaneLimits
from monitor.upstream.client import Client, ClientConfig
from monitor.upstream.credentials import LiteralCredential
from monitor.upstream.fast_zlib import use_fast_zlib
from monitor.upstream.rate_limiter import RateLimiter
from monitor.upstream.transport import AiohttpTransport
from monitor.upstream.wire_lists import read_page
from tests.bench.house import DEFINITION, Figure, house
from tests.bench.pages import ROWS, page_text

_SECONDS = 0.4
_ROUNDS = 20
_WANTED = 2.0
_WANTED_HOLD = 1_000.0
_ACCOUNT = "crowd-0"
_REQUEST = ListRequest(account=_ACCOUNT, definition=DEFINITION)
_NOW = datetime(2026, 1, 5, 10, 1, tzinfo=UTC)


def run() -> Iterator[Figure]:
    body = page_text().encode()
    yield from _of_a_page(body, gzip.compress(body, 6))
    with house() as here:
        api = here.server("api")
        name = use_fast_zlib()
        fetched = asyncio.run(_fetching(f"http://127.0.0.1:{api}"))
        yield Figure(f"lists: CPU per listed instance, with HTTP, unpacked by {name}", f"{fetched / ROWS:.2f} us")
        yield from _against_wrk(f"http://127.0.0.1:{api}", 1e6 / fetched * ROWS)


def _of_a_page(body: bytes, packed: bytes) -> Iterator[Figure]:
    size = f"{ROWS} rows of {len(body) // 1000} kB"
    fast = import_module(use_fast_zlib())
    unpacking, slowly = _best(lambda: _unpacked(fast, packed)), _best(lambda: _unpacked(zlib, packed))
    reading, generic = _best(lambda: _page(body)), _best(lambda: json.loads(body))
    page = _page(body)
    known = {row.workflow: (row.status, row.started_at) for row in page.rows}
    comparing = _best(lambda: _news(page, known))
    yield Figure(f"lists: {size} unpacked by {fast.__name__}", f"{unpacking:.0f} us")
    yield Figure("lists: the same by the standard library", f"{slowly:.0f} us, {slowly / unpacking:.1f} times")
    yield Figure(f"lists: {size} read, with their times", f"{reading:.0f} us")
    yield Figure("lists: the same by json.loads, without times", f"{generic:.0f} us, {generic / reading:.1f} times")
    yield Figure(f"lists: {ROWS} rows compared with what is known", f"{comparing:.0f} us")
    each = (unpacking + reading + comparing) / ROWS
    yield Figure(
        "lists: CPU per listed instance: unpacked, read, compared",
        f"{each:.2f} us",
        f"<= {_WANTED:.0f} us",
        each <= _WANTED,
    )
    held = max(unpacking, reading)
    yield Figure("lists: loop held by a page", f"{held:.0f} us", f"<= {_WANTED_HOLD:.0f} us", held <= _WANTED_HOLD)
    odd = body.replace(b'"version": 1', b'"version": "1"')
    yield Figure(f"lists: {ROWS} rows read that are all odd", f"{_best(lambda: _page(odd)):.0f} us")


def _page(body: bytes) -> ListPage:
    page = read_page(200, {}, body, definition=DEFINITION)
    assert isinstance(page, ListPage)
    assert page.received == ROWS
    return page


def _unpacked(library: Any, packed: bytes) -> bytes:
    """As aiohttp does it."""
    unpacked: bytes = library.decompressobj(wbits=16 + library.MAX_WBITS).decompress(packed, 2**18)
    return unpacked


def _news(page: ListPage, known: Mapping[str, tuple[Status, datetime | None]]) -> list[ListedInstance]:
    return [row for row in page.rows if known.get(row.workflow) != (row.status, row.started_at)]


async def _fetching(url: str) -> float:
    """Microseconds of CPU per page, by the client as it is."""
    config = ClientConfig(base_url=url, user_agent="workflow-monitor/bench")
    network = AiohttpTransport(timeout=config.timeout, max_response_bytes=config.max_response_bytes)
    limits = LaneLimits(1e9, 1_000_000)
    gate = RateLimiter(_ACCOUNT, limits, now=lambda: _NOW, jitter=lambda: 0.0, report=lambda _: None, permits=10**6)
    keys = {_ACCOUNT: LiteralCredential("sim-key-crowd-0")}
    client = Client(config, keys, {_ACCOUNT: gate}, network, now=lambda: _NOW, report=lambda _: None)
    spent = []
    for _ in range(_ROUNDS):
        began = time.process_time()
        for _ in range(_ROUNDS):
            page = await client.instances(_REQUEST, await gate.acquire_urgent())
            assert isinstance(page, ListPage)
        spent.append((time.process_time() - began) / _ROUNDS * 1e6)
    await network.close()
    return statistics.median(spent)


def _against_wrk(url: str, ours: float) -> Iterator[Figure]:
    """`ours`: instances per CPU-second."""
    wrk = shutil.which("wrk")
    if wrk is None:
        yield Figure("lists: instances per CPU-second / status requests of wrk", "wrk is not installed")
        return
    path = f"{url}/api/v1/accounts/{_ACCOUNT}/definitions/{DEFINITION}/workflows/{'0' * 24}"
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    ended = subprocess.run([wrk, "-t1", "-c20", "-d3s", path], check=True, capture_output=True, text=True)  # noqa: S603 - to ourselves
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    spent = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    theirs = int(ended.stdout.split(" requests in ")[0].split()[-1]) / spent
    yield Figure("lists: instances per CPU-second", f"{ours:,.0f}")
    yield Figure("lists: status requests per CPU-second, by wrk", f"{theirs:,.0f}", f"< {ours:,.0f}", theirs < ours)


def _best(call: Callable[[], object]) -> float:
    """Microseconds of CPU; the best of several rounds: what is slower was somebody else's."""
    best, until = float("inf"), time.perf_counter() + _SECONDS
    while time.perf_counter() < until:
        began = time.process_time_ns()
        for _ in range(_ROUNDS):
            call()
        best = min(best, (time.process_time_ns() - began) / _ROUNDS / 1000)
    return best
