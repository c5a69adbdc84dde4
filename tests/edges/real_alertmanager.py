"""The real Alertmanager on free ports of the loopback, and a webhook behind it: what a person would be told."""

import asyncio
import contextlib
import os
import shutil
import signal
import socket
from collections.abc import AsyncIterator, Callable, Sequence
from pathlib import Path
from typing import Any

import aiohttp
import msgspec
import yaml
from aiohttp import web

PROGRAM = shutil.which("prometheus-alertmanager") or shutil.which("alertmanager")
DEADLINE = 15.0
"""Seconds for anything that is waited for."""
_SHIPPED = Path(__file__).parents[2] / "deploy" / "prometheus" / "alertmanager.yml"


class Rung(msgspec.Struct, frozen=True):
    """One alert in one notification."""

    status: str
    """`firing` or `resolved`."""
    labels: dict[str, str]
    annotations: dict[str, str]
    group: int
    """Which notification it was in."""


class Phone:
    """The webhook behind one or more instances."""

    def __init__(self) -> None:
        self.rang: list[Rung] = []
        self.url = ""
        self._notifications = 0

    def heard(self, status: str, workflow: str = "") -> list[Rung]:
        return [
            one
            for one in self.rang
            if one.status == status and one.labels["alertname"] != "Watchdog"
            if workflow in ("", one.labels.get("workflow"))
        ]

    async def ring(self, request: web.Request) -> web.Response:
        told: dict[str, Any] = await request.json()
        self._notifications += 1
        self.rang += [
            Rung(one["status"], one["labels"], one["annotations"], self._notifications) for one in told["alerts"]
        ]
        return web.Response()


@contextlib.asynccontextmanager
async def phone() -> AsyncIterator[Phone]:
    behind = Phone()
    application = web.Application()
    application.router.add_post("/", behind.ring)
    runner = web.AppRunner(application, access_log=None, shutdown_timeout=0.5)
    await runner.setup()
    port = free_port()
    await web.TCPSite(runner, "127.0.0.1", port).start()
    behind.url = f"http://127.0.0.1:{port}/"
    try:
        yield behind
    finally:
        await runner.cleanup()


class Running:
    """One instance. It may be ended and started again at the same place."""

    def __init__(self, folder: Path, behind: str, group_by: Sequence[str], cluster: Sequence[str], wait: str) -> None:
        self.folder = folder
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self._cluster = cluster
        self._process: asyncio.subprocess.Process | None = None
        folder.mkdir(parents=True)
        (folder / "alertmanager.yml").write_text(yaml.safe_dump(_settings(behind, group_by, wait)))

    async def start(self) -> None:
        assert PROGRAM is not None
        with (self.folder / "log").open("ab") as log:
            self._process = await asyncio.create_subprocess_exec(
                PROGRAM,
                f"--config.file={self.folder / 'alertmanager.yml'}",
                f"--storage.path={self.folder / 'kept'}",
                f"--web.listen-address=127.0.0.1:{self.port}",
                *self._cluster,
                stdout=log,
                stderr=log,
            )
        await when(self._is_ready, within=DEADLINE)

    async def crash(self, *, and_lose_everything: bool = False) -> None:
        assert self._process is not None
        with contextlib.suppress(ProcessLookupError):
            os.kill(self._process.pid, signal.SIGKILL)
        await self._process.wait()
        self._process = None
        if and_lose_everything:
            shutil.rmtree(self.folder / "kept")

    async def close(self) -> None:
        if self._process is not None:
            await self.crash()

    async def alerts(self) -> list[dict[str, Any]]:
        """What fires."""
        async with aiohttp.ClientSession() as session, session.get(f"{self.url}/api/v2/alerts") as response:
            return list(await response.json())

    async def workflows(self) -> set[str]:
        return {alert["labels"].get("workflow", alert["labels"]["alertname"]) for alert in await self.alerts()}

    async def _is_ready(self) -> bool:
        assert self._process is not None
        assert self._process.returncode is None, (self.folder / "log").read_text()[-2000:]
        try:
            async with aiohttp.ClientSession() as session, session.get(f"{self.url}/-/ready") as response:
                return response.status == web.HTTPOk.status_code
        except aiohttp.ClientError:
            return False


@contextlib.asynccontextmanager
async def instance(
    folder: Path, behind: Phone, *, group_by: Sequence[str] = ("...",), cluster: Sequence[str] = (), wait: str = "200ms"
) -> AsyncIterator[Running]:
    running = Running(folder, behind.url, group_by, cluster or ["--cluster.listen-address="], wait)
    try:
        await running.start()
        yield running
    finally:
        await running.close()


def cluster_of(count: int) -> list[list[str]]:
    """The flags of so many instances that know one another.

    The second waits 300 ms for the first to ring: less than the interval of groups, as it must be anywhere.
    """
    ports = [free_port() for _ in range(count)]
    quick = ["--cluster.gossip-interval=20ms", "--cluster.pushpull-interval=200ms", "--cluster.peer-timeout=300ms"]
    return [
        [
            f"--cluster.listen-address=127.0.0.1:{port}",
            *(f"--cluster.peer=127.0.0.1:{other}" for other in ports if other != port),
            "--cluster.settle-timeout=1s",
            *quick,
        ]
        for port in ports
    ]


async def when(happened: Callable[[], Any], *, within: float = DEADLINE) -> None:
    """Until it has happened; fails where it does not."""
    async with asyncio.timeout(within):
        while True:
            answer = happened()
            if await answer if asyncio.iscoroutine(answer) else answer:
                return
            await asyncio.sleep(0.02)


def free_port() -> int:
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return int(one.getsockname()[1])


def _settings(behind: str, group_by: Sequence[str], group_wait: str) -> dict[str, Any]:
    return {
        "route": {
            "receiver": "phone",
            "group_by": list(group_by),
            "group_wait": group_wait,
            "group_interval": "1s",
            "repeat_interval": "1h",
        },
        "inhibit_rules": yaml.safe_load(_SHIPPED.read_text("utf-8"))["inhibit_rules"],
        "receivers": [{"name": "phone", "webhook_configs": [{"url": behind, "send_resolved": True}]}],
    }
