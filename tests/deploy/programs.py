"""Prometheus and Alertmanager as processes of a test: the real ones, on free ports, in a folder that goes away."""

import asyncio
import contextlib
import shutil
import socket
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from tests.crash.running import eventually

START = 30.0
"""Seconds within which a program answers, on a busy machine."""


def program(name: str) -> str:
    """Where it is; the test is skipped where it is not."""
    found = shutil.which(name)
    if found is None:
        pytest.skip(f"{name} is not installed: apt-get install prometheus prometheus-alertmanager")
    return found


async def said(name: str, *arguments: str, stdin: bytes = b"", cwd: Path | None = None) -> tuple[int, str]:
    """Exit code and output of a command."""
    process = await asyncio.create_subprocess_exec(
        program(name),
        *arguments,
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
        cwd=cwd,
    )
    out, _ = await process.communicate(stdin)
    assert process.returncode is not None
    return process.returncode, out.decode()


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


class Prometheus:
    """A running one, asked over HTTP."""

    def __init__(self, address: str, session: aiohttp.ClientSession) -> None:
        self.address = address
        self._session = session

    async def get(self, path: str, **parameters: str) -> Any:
        async with self._session.get(f"{self.address}/api/v1/{path}", params=parameters) as response:
            answer = await response.json()
        assert answer["status"] == "success", (parameters, answer)
        return answer["data"]

    async def query(self, expression: str) -> list[dict[str, Any]]:
        """The samples of an instant query."""
        result: list[dict[str, Any]] = (await self.get("query", query=expression))["result"]
        return result

    async def firing(self) -> set[str]:
        """Names of the alerts that fire now."""
        return {sample["metric"]["alertname"] for sample in await self.query('ALERTS{alertstate="firing"}')}


@contextlib.asynccontextmanager
async def prometheus(config: Path, *flags: str) -> AsyncIterator[Prometheus]:
    address = f"127.0.0.1:{free_port()}"
    storage = f"--storage.tsdb.path={config.parent / 'tsdb'}"
    # What fires before Alertmanager is discovered is sent again soon.
    again = "--rules.alert.resend-delay=1s"
    arguments = (f"--config.file={config}", f"--web.listen-address={address}", storage, again, *flags)
    async with _running("prometheus", *arguments, ready=f"http://{address}/-/ready") as session:
        yield Prometheus(f"http://{address}", session)


@contextlib.asynccontextmanager
async def alertmanager(config: Path) -> AsyncIterator[str]:
    """Its address, `host:port`."""
    address = f"127.0.0.1:{free_port()}"
    storage = f"--storage.path={config.parent / 'alertmanager'}"
    alone = "--cluster.listen-address="
    arguments = (f"--config.file={config}", f"--web.listen-address={address}", storage, alone)
    async with _running("prometheus-alertmanager", *arguments, ready=f"http://{address}/-/ready"):
        yield address


@contextlib.asynccontextmanager
async def _running(name: str, *arguments: str, ready: str) -> AsyncIterator[aiohttp.ClientSession]:
    """Killed at the end: what it stores goes away with the test."""
    process = await asyncio.create_subprocess_exec(
        program(name), *arguments, stdout=asyncio.subprocess.DEVNULL, stderr=asyncio.subprocess.DEVNULL
    )
    try:
        async with aiohttp.ClientSession() as session:
            await eventually(lambda: process.returncode is not None or answers(session, ready), f"{name}", START)
            assert process.returncode is None, f"{name} has ended with {process.returncode}"
            yield session
    finally:
        with contextlib.suppress(ProcessLookupError):
            process.kill()
        await process.wait()


async def answers(session: aiohttp.ClientSession, address: str) -> bool:
    """Whether somebody is there, and well."""
    with contextlib.suppress(aiohttp.ClientError):
        async with session.get(address) as response:
            return response.ok
    return False
