"""The whole daemon in virtual time: real parts on a real database, only the network is in process.

A `House` has one simulated world and one clock. Daemons come and go in it, on the same database: `start`, `stop` (as by
SIGTERM) and `crash` (as by SIGKILL, as far as one process can: nothing is wound down).
"""

import asyncio
import io
import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Self
from urllib.parse import parse_qsl

import yaml
from multidict import CIMultiDict
from sqlalchemy import Connection, event
from sqlalchemy.exc import OperationalError
from yarl import URL

from monitor.app import AlreadyRunningError, Daemon, Environment
from monitor.core.alerting.verdict import Delivered, Verdict
from monitor.core.commits import Delivery, DeliveryKind
from monitor.settings import Settings, load_settings
from monitor.sim.responses import Broken, SimResponse
from monitor.sim.scenario import Scenario, WatchedInstance, watched
from monitor.sim.world import World
from monitor.upstream.transport import Response, TransportBroken, TransportTimeout
from tests.inline import InlineExecutor

EPOCH = datetime(2026, 1, 5, 2, 0, tzinfo=UTC)
_STARTED_AGAIN = 5.0
"""Seconds after which a supervisor starts a daemon anew that was refused."""


_KINDS: Mapping[str, dict[str, Any]] = {
    "webhook": {"type": "webhook", "url": "http://127.0.0.1:9", "min_severity": "info"},
    "alertmanager": {"type": "alertmanager", "urls": ["http://127.0.0.1:9"]},
    "pagerduty": {"type": "pagerduty", "routing_key_env": "PAGER_KEY"},
    "critical pager": {"type": "pagerduty", "routing_key_env": "PAGER_KEY", "min_severity": "critical"},
}


class Sent:
    """One request that reached the simulated API."""

    def __init__(self, at: float, account: str, path: str, status: int) -> None:
        self.at = at
        self.account = account
        self.path = path
        self.status = status


class Phone:
    """A receiver: what rang when. Scripted by `answer`."""

    def __init__(self, house: "House", name: str) -> None:
        self.calls: list[tuple[float, Delivery]] = []
        """Every try, in seconds of the world."""
        self.answer: Callable[[Delivery], Verdict] = lambda _: Delivered()
        self.takes = 0.0
        self._house = house
        self.name = name

    async def send(self, delivery: Delivery) -> Verdict:
        self.calls.append((self._house.t, delivery))
        verdict = self.answer(delivery)
        await asyncio.sleep(self.takes)
        return verdict

    async def close(self) -> None:
        """There is nothing to close."""


class House:
    """One story's place."""

    def __init__(
        self,
        folder: Path,
        scenario: Scenario,
        *,
        receivers: Sequence[str] = ("oncall",),
        kinds: Mapping[str, str] | None = None,
        lane: Mapping[str, Any] | None = None,
        targets: Sequence[WatchedInstance] | None = None,
        **settings: Any,
    ) -> None:
        """`lane`: keys of every account; `settings`: sections of monitor.yaml. All instances are watched by default."""
        loop = asyncio.get_running_loop()
        loop.set_default_executor(InlineExecutor())  # threads know nothing of virtual time
        self._began = loop.time()
        self.folder = folder
        self.world = World(scenario, epoch=EPOCH)
        self.sent: list[Sent] = []
        self.phones = {name: Phone(self, name) for name in receivers}
        self.kinds: dict[str, str] = dict(kinds or {})
        """The type of a receiver, by its name; the others are webhooks."""
        self.log = io.StringIO()
        self.lane = {"requests_per_second": 10, "burst": 10, "max_concurrency": 20, **(lane or {})}
        self.settings: dict[str, Any] = settings
        self.accounts = [account.id for account in scenario.accounts]
        self.targets = list(watched(scenario) if targets is None else targets)
        self.wishes: dict[str, dict[str, Any]] = {}
        """More keys of a target's entry in the watchlist, by its name."""
        self.discover: list[dict[str, Any]] = []
        """Entries under `discover` of the watchlist."""
        self.defaults: dict[str, Any] = {"step_timeouts": {"*": "365d"}}
        """Of the watchlist. Steps take as long as they like, unless the story is about that."""
        self.instead: Callable[[str], SimResponse | None] = lambda _path: None
        """Answers in the API's place, by path; None leaves it to the API."""
        self.watch_files = False
        self.faults = 0
        """Errors of ours that this story is about."""
        self.daemon: Daemon
        self._running: asyncio.Task[None] | None = None
        self._stop = asyncio.Event()
        self.refused = asyncio.Event()
        """Another daemon has the database."""

    # --- time ---

    @property
    def t(self) -> float:
        """Seconds since the world began."""
        return asyncio.get_running_loop().time() - self._began

    def now(self) -> datetime:
        return EPOCH + timedelta(seconds=self.t)

    async def until(self, t: float) -> None:
        """Let virtual time pass; a daemon that dies meanwhile fails the story."""
        waiting = asyncio.ensure_future(asyncio.sleep(t - self.t))
        watched_ = {waiting} if self._running is None else {waiting, self._running}
        await asyncio.wait(watched_, return_when=asyncio.FIRST_COMPLETED)
        if not waiting.done() and self._running is not None:
            waiting.cancel()
            self._running.result()
            raise AssertionError("the daemon has ended by itself")

    async def when(self, happened: Callable[[], object], *, look_every: float = 0.5, within: float = 900.0) -> None:
        """Let virtual time pass until something has happened; fails the story where it does not."""
        deadline = self.t + within
        while not happened():
            assert self.t < deadline, f"it has not happened within {within:g} s"
            await self.until(self.t + look_every)

    # --- daemons ---

    async def start(self) -> Daemon:
        """One that is refused, because another one has the database, is started again until it is not."""
        self.write()
        self._stop = asyncio.Event()
        self.refused = asyncio.Event()
        self.daemon = self._made()
        self._running = asyncio.create_task(self._live(), name="daemon")
        waiting = [asyncio.create_task(told.wait()) for told in (self.daemon.started, self.refused)]
        await asyncio.wait([self._running, *waiting], return_when=asyncio.FIRST_COMPLETED)
        for one in waiting:
            one.cancel()
        if self._running.done():
            self._running.result()
        return self.daemon

    def _made(self) -> Daemon:
        surroundings = Environment(
            now=self.now,
            jitter=lambda: 0.5,
            transport=lambda api: _Wire(self, api.timeout),
            notifier=lambda receiver, _ties: self.phones[receiver.name],
            writer=InlineExecutor,
            reader=InlineExecutor,
            background=InlineExecutor,
            stdout=self.log,
            serve=False,
            watch_files=self.watch_files,
        )
        return Daemon(self.load(), self.load, surroundings)

    async def _live(self) -> None:
        while not self._stop.is_set():
            try:
                await self.daemon.run(self._stop)
            except AlreadyRunningError:
                self.refused.set()
                await asyncio.sleep(_STARTED_AGAIN)
                self.daemon = self._made()

    async def stop(self) -> None:
        assert self._running is not None
        self._stop.set()
        await self._running
        self._running = None

    async def crash(self) -> None:
        """Nothing is wound down, nothing more is written."""
        assert self._running is not None
        self.daemon.writer.drain = self.daemon.deliverer.drain = None  # type: ignore[method-assign,assignment]  # never called again
        self._running.cancel()
        with suppress(asyncio.CancelledError):
            await self._running
        self._running = None

    async def close(self) -> None:
        if self._running is not None:
            await self.stop()
        self.keeps_its_budget()
        self.repeats_to_the_letter()
        assert len(self.lines("fault")) == self.faults, "a loop survived an error of ours"

    async def __aenter__(self) -> Self:
        await self.start()
        return self

    async def __aexit__(self, kind: object, *_: object) -> None:
        if kind is None:
            await self.close()
        elif self._running is not None:
            await self.crash()

    # --- configuration ---

    def load(self) -> Settings:
        keys = {_variable(account.id): account.key for account in self.world.scenario.accounts}
        return load_settings(self.folder / "monitor.yaml", {**keys, "PAGER_KEY": "R0UT1NGK3Y"})

    async def reload(self) -> tuple[str, ...]:
        """Write the files, and let the running daemon read them."""
        self.write()
        return await self.daemon.reload("http")

    def write(self) -> None:
        """The files as `settings`, `lane`, `accounts`, `targets` and `wishes` say now."""
        accounts = [{"id": name, "api_key_env": _variable(name), **self.lane} for name in self.accounts]
        receivers = [{"name": name, **_KINDS[self.kinds.get(name, "webhook")]} for name in self.phones]
        tree = {
            "api": {"base_url": "http://127.0.0.1:8", "timeout": "5s"},
            "accounts": accounts,
            "receivers": receivers,
            **self.settings,
        }
        targets = [
            {
                "account": one.account,
                "definition": one.definition,
                "workflow": one.workflow,
                "name": one.name,
                **self.wishes.get(one.name, {}),
            }
            for one in self.targets
        ]
        (self.folder / "monitor.yaml").write_text(yaml.safe_dump(tree), "utf-8")
        (self.folder / "watchlist.yaml").write_text(
            yaml.safe_dump(
                {"defaults": self.defaults, "targets": targets} | ({"discover": self.discover} if self.discover else {})
            ),
            "utf-8",
        )

    # --- the disk ---

    @contextmanager
    def reading_fails(self, table: str = "") -> Iterator[None]:
        """Nothing can be read, or nothing of that table."""
        reading = self.daemon.store._reading

        def fail(*args: Any) -> None:
            if f"FROM {table}" in args[2]:
                raise OperationalError(args[2], None, OSError("disk I/O error"))

        event.listen(reading, "before_cursor_execute", fail)
        try:
            yield
        finally:
            event.remove(reading, "before_cursor_execute", fail)

    @contextmanager
    def disk_fails(self, *, after_commit: bool = False) -> Iterator[None]:
        """Every commit ends in an error; `after_commit`: it succeeds, and nobody hears of it."""
        writing = self.daemon.store._writing

        def fail(connection: Connection) -> None:
            raw = connection.connection.driver_connection
            if after_commit and raw is not None:
                raw.execute("COMMIT")
            raise OperationalError("COMMIT", None, OSError("disk I/O error"))

        event.listen(writing, "commit", fail)
        try:
            yield
        finally:
            event.remove(writing, "commit", fail)

    # --- what was told, what was asked ---

    def told(self, receiver: str = "oncall") -> list[dict[str, Any]]:
        """The CloudEvents that rang, in order, twins included."""
        return [json.loads(delivery.body) for _, delivery in self.phones[receiver].calls]

    def types(self, receiver: str = "oncall") -> list[str]:
        return [event["type"] for event in self.told(receiver)]

    def about(self, name: str, receiver: str = "oncall") -> list[dict[str, Any]]:
        """What was told of the target of that name."""
        return [event for event in self.told(receiver) if event["data"].get("name") == name]

    async def alerts(self, name: str | None = None) -> list[str]:
        """The types of what is open, newest first; of the target of that name."""
        found = await self.daemon.store.open_alerts(self.now(), 4 * 3600.0)
        return [one.alert.type.value for one in found if name is None or one.alert.event.name == name]

    def asked(self, name: str) -> list[float]:
        """When the target of that name was polled."""
        workflow = next(one.workflow for one in self.targets if one.name == name)
        return [sent.at for sent in self.sent if sent.path.endswith(f"/workflows/{workflow}")]

    def lines(self, event: str) -> list[dict[str, Any]]:
        """The log lines of that event."""
        lines = [json.loads(line) for line in self.log.getvalue().splitlines()]
        return [line for line in lines if line["event"] == event]

    def metric(self, name: str, /, **labels: str) -> float | None:
        return self.daemon.registry.get_sample_value(name, labels)

    def repeats_to_the_letter(self) -> None:
        """Whatever falls between, an event that is sent again is the same text under the same id."""
        bodies: dict[tuple[str, DeliveryKind], bytes] = {}
        for phone in self.phones.values():
            for _, delivery in phone.calls:
                assert bodies.setdefault((delivery.event_id, delivery.about), delivery.body) == delivery.body
                assert not delivery.body or json.loads(delivery.body)["id"] == delivery.event_id

    def keeps_its_budget(self) -> None:
        """No window of time holds more requests to an account than burst + rate * window."""
        rate, burst = self.lane["requests_per_second"], self.lane["burst"]
        for account in {sent.account for sent in self.sent}:
            times = [sent.at for sent in self.sent if sent.account == account]
            # Of every window that begins with a request: n requests need n - burst earned ones.
            level, last = 0.0, 0.0
            for at in times:
                level = max(level - (at - last) * rate, 0.0) + 1
                last = at
                assert level <= burst + 1e-6, f"{account} was asked over its budget at {at:.3f} s"


def _variable(account: str) -> str:
    return f"KEY_{account.upper().replace('-', '_')}"


class _Wire:
    """The network: requests go to the world, with the time that it is there."""

    def __init__(self, house: House, timeout: float) -> None:
        self._house = house
        self._timeout = timeout

    async def get(self, url: URL, headers: Mapping[str, str]) -> Response:
        house, path = self._house, url.raw_path
        query = dict(parse_qsl(url.raw_query_string))
        bearer = headers["Authorization"].removeprefix("Bearer ")
        answer = house.instead(path) or house.world.answer("GET", path, query, bearer, house.t)
        house.sent.append(Sent(house.t, path.split("/")[4], path, answer.status))
        if answer.broken is Broken.HANG or answer.delay > self._timeout:
            await asyncio.sleep(self._timeout)
            raise TransportTimeout(f"no answer within {self._timeout:g}s")
        await asyncio.sleep(answer.delay + 0.02)
        if answer.broken is Broken.RESET:
            raise TransportBroken("connection reset")
        return Response(answer.status, CIMultiDict(answer.headers), answer.body)

    async def close(self) -> None:
        """There is nothing to close."""
