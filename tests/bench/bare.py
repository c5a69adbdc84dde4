"""What poll-cpu is held against: aiohttp alone, as plain as it gets. `python -m tests.bench.bare URLS CONCURRENCY`.

Each line on stdin is a number of seconds to read for; the answer is `requests cpu_seconds`.
"""

import asyncio
import itertools
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import aiohttp
from yarl import URL

_HEADERS = {"Accept": "application/json", "User-Agent": "bare/1", "Authorization": "Bearer 0123456789abcdef"}


async def _read_on(session: aiohttp.ClientSession, urls: Iterator[URL], until: float) -> int:
    loop, count = asyncio.get_running_loop(), 0
    while loop.time() < until:
        async with session.get(next(urls), headers=_HEADERS) as answer:
            await answer.read()
        count += 1
    return count


async def main(urls: str, concurrency: int) -> None:
    addresses = itertools.cycle([URL(line, encoded=True) for line in urls.split()])
    loop = asyncio.get_running_loop()
    async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=0, keepalive_timeout=600)) as session:
        while line := await loop.run_in_executor(None, sys.stdin.readline):
            until, began = loop.time() + float(line), time.process_time()
            counts = await asyncio.gather(*(_read_on(session, addresses, until) for _ in range(concurrency)))
            sys.stdout.write(f"{sum(counts)} {time.process_time() - began}\n")
            sys.stdout.flush()


if __name__ == "__main__":
    asyncio.run(main(Path(sys.argv[1]).read_text("utf-8"), int(sys.argv[2])))
