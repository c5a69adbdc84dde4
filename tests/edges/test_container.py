"""The image asks after the monitor where the monitor is, whatever the settings file says."""

import asyncio
import json
import re
import sys
from pathlib import Path

import pytest
from aiohttp import web

from monitor.settings import load_settings

DOCKERFILE = (Path(__file__).parents[2] / "Dockerfile").read_text("utf-8")


def _environ() -> dict[str, str]:
    """What the image sets for the monitor."""
    return dict(re.findall(r"\b(MONITOR_\w+)=(\S+)", DOCKERFILE))


def _health_check() -> list[str]:
    line = re.search(r"^HEALTHCHECK.*?CMD (\[.*?\])$", DOCKERFILE, re.MULTILINE | re.DOTALL)
    assert line is not None
    command: list[str] = json.loads(line[1])
    assert command[0] == "python3"
    return [sys.executable, *command[1:]]


def test_the_image_decides_where_the_pages_are(tmp_path: Path) -> None:
    (tmp_path / "monitor.yaml").write_text("accounts: [{id: acme}]\nserver: {host: 127.0.0.1, port: 9000}\n")
    (tmp_path / "watchlist.yaml").write_text("targets: []\n")
    server = load_settings(tmp_path / "monitor.yaml", _environ() | {"MONITOR_API_KEY": "k"}).server
    assert server.host == "0.0.0.0"  # noqa: S104 - compared, not listened on
    assert f"EXPOSE {server.port}\n" in DOCKERFILE


@pytest.mark.parametrize(("status", "code"), [(200, 0), (503, 1)])
async def test_the_health_check_asks_at_the_port_of_the_variable(status: int, code: int) -> None:
    async def healthy(_: web.Request) -> web.Response:
        return web.Response(status=status)

    application = web.Application()
    application.router.add_get("/-/healthy", healthy)
    runner = web.AppRunner(application)
    await runner.setup()
    try:
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        check = await asyncio.create_subprocess_exec(
            *_health_check(),
            env={"MONITOR_SERVER__PORT": str(runner.addresses[0][1])},
            stderr=asyncio.subprocess.DEVNULL,
        )
        assert await check.wait() == code
    finally:
        await runner.cleanup()
