"""The demo: the simulated API, the daemon and a console in one process, over real HTTP, with nothing to configure.

The console reads public interfaces: the events of the store by their cursor, the metrics, the last known states.
"""

import asyncio
import contextlib
import socket
import sys
import tempfile
from collections.abc import AsyncIterator, Callable, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, TextIO

import msgspec
import yaml
from aiohttp import web

from monitor.app import Daemon, Environment
from monitor.core.event_types import EventType
from monitor.core.formats.units import format_duration
from monitor.core.text import alert_text
from monitor.core.text.links import link_of
from monitor.settings import Settings, load_settings
from monitor.sim.demo_day import PERIOD, demo_day
from monitor.sim.scenario import watched
from monitor.sim.server import base_url, serve
from monitor.sim.world import World

_LOOK = 0.2
_SUMMARY_EVERY = 5.0
_CEILING = 40.0
_COLOURS = {"critical": "\x1b[1;31m", "warning": "\x1b[33m", "info": "\x1b[32m"}
_OWN_ENTRIES: Mapping[str, Mapping[str, Any]] = {
    "survey-lima": {"step_timeouts": {"wait_for_reply": "15s"}},
    "survey-oslo": {"max_runtime": "25s"},
}
"""The instances with entries of their own in the watchlist, by name; discovery finds all others."""
_WATCHED: Mapping[str, Any] = {"interval": "1s", "step_interval": "1s", "started_within": "1h"}


async def run_demo(port: int, stop: asyncio.Event, out: TextIO = sys.stdout) -> None:
    """Until `stop` is set. Raises StartError if the port cannot be used."""
    loop = asyncio.get_running_loop()
    began = loop.time()
    world = World(demo_day(), epoch=datetime.now(UTC))
    runner = await serve(world, "127.0.0.1", 0, lambda: loop.time() - began)
    try:
        with tempfile.TemporaryDirectory(prefix="workflow-monitor-demo-") as folder:
            async with _receiver() as hook:
                stage = _Stage(Path(folder), world, base_url(runner), port or _free_port(), hook)
                stage.write(0.0)
                daemon = Daemon(stage.load(), stage.load, Environment(stdout=stage.log(), watch_files=False))
                await _play(daemon, stage, lambda: loop.time() - began, stop, out)
    finally:
        await runner.cleanup()


async def _play(daemon: Daemon, stage: "_Stage", clock: Callable[[], float], stop: asyncio.Event, out: TextIO) -> None:
    console = _Console(daemon, out)
    ended = asyncio.Event()
    running = asyncio.create_task(daemon.run(stop), name="daemon")
    running.add_done_callback(lambda _: ended.set())
    starting = asyncio.create_task(daemon.started.wait())
    await asyncio.wait([running, starting], return_when=asyncio.FIRST_COMPLETED)
    if daemon.started.is_set():
        console.greet()
        watching = asyncio.create_task(_narrate(console, stage, clock, ended), name="console")
        await asyncio.wait([running, watching], return_when=asyncio.FIRST_COMPLETED)
        ended.set()
        stop.set()
        await watching
    starting.cancel()
    await running


async def _narrate(console: "_Console", stage: "_Stage", clock: Callable[[], float], ended: asyncio.Event) -> None:
    turn, summary_at = 0, clock() + _SUMMARY_EVERY
    while not ended.is_set():
        await console.tell_events()
        if clock() >= summary_at:
            summary_at += _SUMMARY_EVERY
            await console.tell_summary(_SUMMARY_EVERY)
        if (now_turn := int((clock() + 1.0) // PERIOD)) != turn:
            turn = now_turn
            stage.write(turn * PERIOD)
            await console.daemon.reload("file")
            console.tell_new_day()
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(ended.wait(), _LOOK)


@contextlib.asynccontextmanager
async def _receiver() -> AsyncIterator[str]:
    """The URL of a webhook receiver that acknowledges everything, so that the demo has deliveries."""

    async def take(request: web.Request) -> web.Response:
        await request.read()
        return web.Response(status=204)

    application = web.Application()
    application.router.add_post("/", take)
    runner = web.AppRunner(application, access_log=None, shutdown_timeout=0.1)
    await runner.setup()
    try:
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        yield f"http://127.0.0.1:{runner.addresses[0][1]}/"
    finally:
        await runner.cleanup()


def _free_port() -> int:
    """A port must be known before the start, since links contain it."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


class _Stage:
    """The folder with the demo's configuration, written again for each turn of the scripted day."""

    def __init__(self, folder: Path, world: World, api: str, port: int, hook: str) -> None:
        self._folder = folder
        self._world = world
        self._api = api
        self._port = port
        self._hook = hook

    def load(self) -> Settings:
        keys = {_variable(account.id): account.key for account in self._world.scenario.accounts}
        return load_settings(self._folder / "monitor.yaml", keys)

    def log(self) -> TextIO:
        return (self._folder / "monitor.log").open("w", encoding="utf-8")

    def write(self, t: float) -> None:
        """The configuration for the turn that world time `t` lies in."""
        accounts = self._world.scenario.accounts
        discover = [{"account": account.id, "definition": "*", **_WATCHED} for account in accounts]
        targets = [
            {
                "account": one.account,
                "definition": one.definition,
                "workflow": one.workflow,
                "name": one.name,
                **_OWN_ENTRIES[one.name],
            }
            for one in watched(self._world.scenario, self._world.seed, at=t)
            if one.name in _OWN_ENTRIES
        ]
        self._put("watchlist.yaml", {"discover": discover, "targets": targets})
        self._put("monitor.yaml", self._settings())

    def _settings(self) -> dict[str, Any]:
        return {
            "api": {"base_url": self._api, "timeout": "2s"},
            "accounts": [
                {"id": account.id, "api_key_env": _variable(account.id), "requests_per_second": _CEILING}
                for account in self._world.scenario.accounts
            ],
            "polling": {"interval": "1s", "max_backoff": "2s", "blind_after": "3s", "retention": "5m"},
            "server": {"port": self._port, "external_url": f"http://127.0.0.1:{self._port}"},
            "receivers": [{"name": "listener", "type": "webhook", "url": self._hook, "min_severity": "info"}],
            "alerts": {"settle": "1s"},
            "shutdown_timeout": "2s",
        }

    def _put(self, name: str, tree: dict[str, Any]) -> None:
        (self._folder / name).write_text(yaml.safe_dump(tree), encoding="utf-8")


def _variable(account: str) -> str:
    return f"DEMO_KEY_{account.upper()}"


class _Console:
    """The output for a person."""

    def __init__(self, daemon: Daemon, out: TextIO) -> None:
        self.daemon = daemon
        self._out = out
        self._colours = out.isatty()
        self._cursor = 0
        self._requests = 0.0
        self._shown = False
        """Whether the full text of one alert was shown."""

    def greet(self) -> None:
        address = f"http://127.0.0.1:{self.daemon.port}"
        self._print('Watching every workflow instance of 2 simulated accounts by discovery (discover: "*"):')
        self._print("lists show what begins and ends, once a second; what runs is looked at for its steps.")
        self._print(f"{len(_OWN_ENTRIES)} of them have a name and limits of their own in the watchlist.")
        self._print(f"Metrics: {address}/metrics   Pages: {address}/   End: Ctrl-C\n")

    async def tell_events(self) -> None:
        """Print the events that were committed since the last call."""
        while True:
            events, self._cursor = await self.daemon.store.events(self._cursor, None, 100)
            for event in events:
                told = msgspec.json.decode(event.body)
                facts = told["data"]
                self._line(facts["severity"], facts["observed_at"][11:19], _delayed(facts), facts["summary"])
                if not self._shown and told["type"] == EventType.TERMINATED:
                    await self._show_alert(told["id"])
            if not events:
                return

    def tell_new_day(self) -> None:
        """The same day begins again, with others in it."""
        self._print("--------  a new day: the same again with new workflows, which the lists show as they begin")

    async def _show_alert(self, event: str) -> None:
        """Print, once, the full text that on-call gets by mail or chat."""
        alert = await self.daemon.store.alert(event)
        if alert is None:
            return
        self._shown = True
        told, link = alert.event, link_of(alert.event, f"http://127.0.0.1:{self.daemon.port}")
        text = f"{alert_text.subject(alert_text.title(told), told.severity)}\n\n{alert_text.body(told, link=link)}"
        self._print("\nThis is what on-call gets of it, by mail or chat:\n")
        self._print("\n".join(f"    | {line}".rstrip() for line in text.splitlines()) + "\n")

    async def tell_summary(self, seconds: float) -> None:
        sent = sum(
            sample.value
            for family in self.daemon.registry.collect()
            if family.name == "workflow_monitor_requests"
            for sample in family.samples
            if sample.name.endswith("_total")
        )
        rate, self._requests = (sent - self._requests) / seconds, sent
        used = rate / (_CEILING * len(self.daemon.accounts))
        alerts = sum((await self.daemon.store.open_counts()).values())
        running = sum(not w.state.status.ended for w in self.daemon.targets.values())
        self._print(
            f"--------  {rate:.0f} requests/s, {used:.0%} of the budget,"
            f" {running} workflows running, {alerts} open alerts"
        )

    def _line(self, kind: str, at: str, delayed: str, text: str) -> None:
        start, end = (_COLOURS.get(kind, ""), "\x1b[0m") if self._colours else ("", "")
        self._print(f"{at}  {start}{kind:<8}{end}  {text}{delayed}")

    def _print(self, text: str) -> None:
        self._out.write(text + "\n")
        self._out.flush()


def _delayed(facts: dict[str, str]) -> str:
    """The delay of the detection, for people."""
    if "occurred_at" not in facts:
        return ""
    observed, occurred = datetime.fromisoformat(facts["observed_at"]), datetime.fromisoformat(facts["occurred_at"])
    return f"  (seen {format_duration((observed - occurred).total_seconds())} after it happened)"
