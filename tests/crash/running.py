"""The installed command as a process, with a simulated API and a receiver beside it; everything in real time."""

import asyncio
import contextlib
import json
import math
import os
import signal
import sys
from collections.abc import AsyncIterator, Callable, Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, NamedTuple

import aiohttp
import yaml
from aiohttp import web
from prometheus_client.parser import text_string_to_metric_families

from monitor.sim.responses import SimResponse
from monitor.sim.scenario import Scenario, WatchedInstance, watched
from monitor.sim.server import base_url, serve
from monitor.sim.world import World

PATIENCE = 15.0
"""Seconds within which whatever must happen has happened, on a busy machine."""
_LOOK = 0.05


async def eventually(happened: Callable[[], Any], what: str = "it", within: float = PATIENCE) -> None:
    """Returns as soon as `happened()` (or what it awaits) is true; fails where it is not so `within` seconds."""
    try:
        async with asyncio.timeout(within):
            while not await _answer(happened):  # noqa: ASYNC110 - what happens is in another process
                await asyncio.sleep(_LOOK)
    except TimeoutError:
        raise AssertionError(f"{what} has not happened within {within:g} s") from None


async def throughout(seconds: float, holds: Callable[[], Any]) -> None:
    """Fails as soon as `holds()` is not true any more."""
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(seconds):
            while True:
                assert await _answer(holds)
                await asyncio.sleep(_LOOK)


async def _answer(question: Callable[[], Any]) -> Any:
    answer = question()
    return await answer if asyncio.iscoroutine(answer) else answer


# --- processes ------------------------------------------------------------------------------------------------


class Ended(NamedTuple):
    code: int
    stdout: str
    stderr: str


async def command(*arguments: str, environ: Mapping[str, str] | None = None, cwd: Path | None = None) -> Ended:
    """Run a command of the monitor to its end."""
    async with process(*arguments, environ=environ, cwd=cwd) as running:
        return await running.ended()


class Running:
    """A process of ours and what it has said so far."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self.pid = process.pid
        self._process = process
        self._stdout = bytearray()
        self._stderr = bytearray()
        self._reading = [
            asyncio.create_task(_collect(process.stdout, self._stdout)),
            asyncio.create_task(_collect(process.stderr, self._stderr)),
        ]

    @property
    def stdout(self) -> str:
        return self._stdout.decode()

    @property
    def stderr(self) -> str:
        return self._stderr.decode()

    @property
    def lives(self) -> bool:
        return self._process.returncode is None

    def signal(self, number: signal.Signals) -> None:
        os.kill(self.pid, number)

    def lines(self, event: str, **facts: Any) -> list[dict[str, Any]]:
        """Of the log, those of that event with these facts."""
        whole = self.stdout[: self.stdout.rfind("\n") + 1].splitlines()
        lines = [json.loads(line) for line in whole]
        return [line for line in lines if line["event"] == event and facts.items() <= line.items()]

    async def ended(self, within: float = PATIENCE) -> Ended:
        async with asyncio.timeout(within):
            code = await self._process.wait()
            await asyncio.gather(*self._reading)
        return Ended(code, self.stdout, self.stderr)

    async def close(self) -> None:
        if self.lives:
            with contextlib.suppress(ProcessLookupError):
                self._process.kill()
        await self.ended()


async def _collect(stream: asyncio.StreamReader | None, said: bytearray) -> None:
    assert stream is not None
    while chunk := await stream.read(65536):
        said += chunk


@contextlib.asynccontextmanager
async def process(
    *arguments: str, environ: Mapping[str, str] | None = None, cwd: Path | None = None
) -> AsyncIterator[Running]:
    """`python -m monitor ...`; killed where it lives longer than the context."""
    started = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "monitor",
        *arguments,
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
        env={"PATH": os.environ["PATH"], "PYTHONPATH": str(Path(__file__).parents[2]), **(environ or {})},
        cwd=cwd,
    )
    running = Running(started)
    try:
        yield running
    finally:
        await running.close()


# --- the daemon's surroundings --------------------------------------------------------------------------------


class _CountedWorld(World):
    """Tells the path of every request."""

    def __init__(self, scenario: Scenario, epoch: datetime, asked: Callable[[str], None]) -> None:
        super().__init__(scenario, epoch=epoch)
        self._asked = asked

    def answer(
        self,
        method: str,
        path: str,
        query: Mapping[str, str],
        bearer: str | None,
        t: float,
        *,
        body: bytes | None = None,
    ) -> SimResponse:
        self._asked(path)
        return super().answer(method, path, query, bearer, t, body=body)


class Station:
    """A configuration in a folder, the API that it names and the receiver that it tells."""

    def __init__(self, folder: Path, scenario: Scenario) -> None:
        self.folder = folder
        self.config = folder / "monitor.yaml"
        self.targets = watched(scenario)
        self.world = _CountedWorld(scenario, datetime.now(UTC) - timedelta(hours=1), self._note)
        self.t = 0.0
        """The world's time; it stands still until a test moves it."""
        self.asked = 0
        """Requests to the API, but for the account's usage, which is asked for now and then."""
        self.asked_at = -math.inf
        """When the last one came, on the loop's clock."""
        self.tries: list[dict[str, Any]] = []
        """What was sent to the receiver, acknowledged or not."""
        self.heard: list[dict[str, Any]] = []
        """What it has acknowledged."""
        self.lifted = asyncio.Event()
        """While it is not set, the receiver hangs."""
        self.lifted.set()
        self.settings: dict[str, Any] = {}

    def clock(self) -> float:
        return self.t

    def _note(self, path: str) -> None:
        if not path.endswith("/usage"):
            self.asked += 1
            self.asked_at = asyncio.get_running_loop().time()

    async def hear(self, request: web.Request) -> web.Response:
        event = json.loads(await request.read())
        self.tries.append(event)
        await self.lifted.wait()
        self.heard.append(event)
        return web.Response()

    def silent_for(self, seconds: float) -> bool:
        """Whether no request has come for so long; what was on its way at a change has arrived."""
        return asyncio.get_running_loop().time() - self.asked_at > seconds

    def write(self, *targets: WatchedInstance) -> None:
        """The files; all targets of the scenario where none are named."""
        self.config.write_text(yaml.safe_dump(self.settings))
        self.watch(*(targets or self.targets))

    def watch(self, *targets: WatchedInstance) -> None:
        (self.folder / "watchlist.yaml").write_text(watchlist(*targets))

    @contextlib.asynccontextmanager
    async def run(self, *, until_ready: bool = True) -> AsyncIterator["Daemon"]:
        """The daemon, as soon as it is ready; or as soon as it answers."""
        async with process("run", "--config", str(self.config)) as running, aiohttp.ClientSession() as session:
            await eventually(lambda: running.lines("serving") or not running.lives, "the start")
            assert running.lives, running.stderr
            daemon = Daemon(running, session, running.lines("serving")[0]["address"])
            if until_ready:
                await eventually(daemon.ready, "readiness")
            yield daemon


def watchlist(*targets: WatchedInstance) -> str:
    entries = [{"account": t.account, "definition": t.definition, "workflow": t.workflow} for t in targets]
    return yaml.safe_dump({"targets": entries})


class Daemon:
    """A running daemon, as it is seen over HTTP."""

    def __init__(self, running: Running, session: aiohttp.ClientSession, address: str) -> None:
        self.running = running
        self._session = session
        self.address = address

    async def get(self, path: str) -> tuple[int, str]:
        async with self._session.get(self.address + path) as response:
            return response.status, await response.text()

    async def post(self, path: str, token: str) -> int:
        headers = {"Authorization": f"Bearer {token}"}
        async with self._session.post(self.address + path, headers=headers) as response:
            return response.status

    async def ready(self) -> bool:
        return (await self.get("/-/ready"))[0] == web.HTTPOk.status_code

    async def healthy(self) -> bool:
        return (await self.get("/-/healthy"))[0] == web.HTTPOk.status_code

    async def watches(self) -> int:
        """How many targets."""
        return len(json.loads((await self.get("/api/v1/targets"))[1])["targets"])

    async def metric(self, name: str) -> float:
        families = text_string_to_metric_families((await self.get("/metrics"))[1])
        return next(sample.value for family in families for sample in family.samples if sample.name == name)


@contextlib.asynccontextmanager
async def station(folder: Path, scenario: Scenario) -> AsyncIterator[Station]:
    """Serves as long as the context lasts; its files are written when a test says so."""
    here = Station(folder, scenario)
    application = web.Application()
    application.router.add_post("/", here.hear)
    phone = web.AppRunner(application, access_log=None, shutdown_timeout=0.1)
    await phone.setup()
    await web.TCPSite(phone, "127.0.0.1", 0).start()
    api = await serve(here.world, "127.0.0.1", 0, here.clock)
    for account in scenario.accounts:
        (folder / f"key-{account.id}").write_text(account.key + "\n")
    here.settings = {
        "api": {"base_url": base_url(api), "timeout": "5s"},
        "accounts": [{"id": a.id, "api_key_file": str(folder / f"key-{a.id}")} for a in scenario.accounts],
        "polling": {"interval": "200ms"},
        "store": {"url": f"sqlite:///{folder}/monitor.db"},
        "server": {"port": 0},
        "receivers": [
            {"name": "oncall", "type": "webhook", "url": f"http://127.0.0.1:{phone.addresses[0][1]}/", "timeout": "1m"}
        ],
    }
    try:
        yield here
    finally:
        here.lifted.set()
        await api.cleanup()
        await phone.cleanup()
