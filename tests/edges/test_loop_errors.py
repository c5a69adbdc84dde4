"""What asyncio itself reports: a line per kind and minute, however often it happens."""

import asyncio
import io
import json
from datetime import UTC, datetime

import pytest

from monitor.app.loop_errors import LoopErrors
from monitor.telemetry import configure

pytestmark = pytest.mark.looptime

ACCEPT = {"message": "socket.accept() out of system resource", "exception": OSError(24, "Too many open files")}
NOON = datetime(2026, 1, 5, 12, tzinfo=UTC)


async def test_a_kind_is_logged_once_a_minute_with_how_often_it_came() -> None:
    out, loop = io.StringIO(), asyncio.get_running_loop()
    logs = configure("info", "json", out, now=lambda: NOON)
    errors = LoopErrors(logs.log, loop.time)
    for _ in range(50_000):
        errors(loop, dict(ACCEPT))
    errors(loop, {"message": "Task exception was never retrieved", "exception": ValueError("x")})
    await asyncio.sleep(61)
    errors(loop, dict(ACCEPT))
    logs.close()
    lines = [json.loads(line) for line in out.getvalue().splitlines()]
    assert [(line["event"], line["error"], line["times"]) for line in lines] == [
        ("loop.error", "OSError", 1),
        ("loop.error", "ValueError", 1),
        ("loop.error", "OSError", 50_000),
    ]
