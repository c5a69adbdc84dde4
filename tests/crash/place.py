"""Where daemons die and are started again: a simulated API, a webhook receiver, a folder, and a server of victims.

The world's time does not pass by itself: it moves on with every request, so that a daemon sees all that happens between
its steps, however often it dies.
"""

import asyncio
import contextlib
import itertools
import json
import sqlite3
import sys
from collections import defaultdict
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, NamedTuple

import msgspec
import yaml
from aiohttp import web

from monitor.sim.scenario import Scenario, WatchedInstance, watched
from monitor.sim.server import base_url, serve
from monitor.sim.world import World
from tests.crash.victim import REFUSED, Answer, Order

SIGKILL = -9
_EVER = 10_000.0
"""Seconds of the world after which everything has ended."""
_BY_STEP = {"Failed": "workflow.step_failed", "Cancelled": "workflow.step_cancelled"}
_BY_STATUS = {"Terminated": "workflow.terminated", "Complete": "workflow.completed"}


class Fact(NamedTuple):
    type: str
    subject: str
    step: str = ""
    """Id of the execution, of what is about a step."""


class Graveyard:
    """Sends orders to the server of victims."""

    def __init__(self, server: asyncio.subprocess.Process) -> None:
        self._server = server
        self._numbers = itertools.count(1)
        self._waiting: dict[int, asyncio.Future[int]] = {}

    async def life(
        self, folder: Path, *, kill_at: int | None = None, step: str = "", kill_after: float | None = None
    ) -> "Life":
        """One daemon's, to its end; see `Order`."""
        order = Order(next(self._numbers), str(folder), kill_at, step, kill_after)
        ended = self._waiting[order.number] = asyncio.get_running_loop().create_future()
        assert self._server.stdin is not None
        self._server.stdin.write(msgspec.json.encode(order) + b"\n")
        code = await ended
        trail = folder / f"trail-{order.number}"
        return Life(code, trail.read_text().splitlines() if trail.exists() else [], folder / f"log-{order.number}")

    async def listen(self) -> None:
        assert self._server.stdout is not None
        async for line in self._server.stdout:
            answer = msgspec.json.decode(line, type=Answer)
            self._waiting.pop(answer.number).set_result(answer.code)


class Life(NamedTuple):
    code: int
    trail: list[str]
    log: Path

    @property
    def killed(self) -> bool:
        """By its own hand. Whatever else has ended it, but a refusal, fails the test with its log; so does an error."""
        said = self.log.read_text()
        assert self.code in (0, SIGKILL, REFUSED), f"it ended with {self.code}:\n{said[-4000:]}"
        assert '"event":"fault"' not in said, said[-4000:]
        return self.code == SIGKILL

    @property
    def refused(self) -> bool:
        """Another daemon has the database."""
        return self.code == REFUSED


@contextlib.asynccontextmanager
async def graveyard() -> AsyncIterator[Graveyard]:
    """Ends with everything that it started."""
    server = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "tests.crash.victim",
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        cwd=Path(__file__).parents[2],
    )
    yard = Graveyard(server)
    listening = asyncio.create_task(yard.listen())
    try:
        yield yard
    finally:
        listening.cancel()
        assert server.stdin is not None
        server.stdin.close()
        await server.wait()


class Place:
    """One database with its world and its receivers."""

    def __init__(self, yard: Graveyard, folder: Path, scenario: Scenario) -> None:
        self.folder = folder
        self.targets = watched(scenario)
        self.told: dict[str, list[bytes]] = defaultdict(list)
        """The bodies that each receiver got, in order, twins included."""
        self.paged: list[dict[str, Any]] = []
        """What the pager got, likewise."""
        self._yard = yard
        self._world = World(scenario, epoch=datetime.now(UTC) - timedelta(hours=1))
        self._looks = 0.0

    async def life(self, *, kill_at: int | None = None, step: str = "", kill_after: float | None = None) -> Life:
        return await self._yard.life(self.folder, kill_at=kill_at, step=step, kill_after=kill_after)

    def clock(self) -> float:
        """A second with every request."""
        self._looks += 1.0
        return self._looks

    async def hear(self, request: web.Request) -> web.Response:
        body = await request.read()
        assert json.loads(body)["id"] == request.headers["Webhook-Id"]
        self.told[request.match_info["receiver"]].append(body)
        return web.Response()

    async def page(self, request: web.Request) -> web.Response:
        self.paged.append(await request.json())
        return web.json_response({"status": "success"}, status=202)

    def write(self, api: str, phone: str, receivers: tuple[str, ...], blind_after: str) -> None:
        world = self._world.scenario
        (self.folder / "keys").mkdir(parents=True)
        for account in world.accounts:
            (self.folder / "keys" / account.id).write_text(account.key)
        (self.folder / "keys" / "pager").write_text("0123456789abcdef0123456789abcdef")
        lane = {"requests_per_second": 1000, "burst": 100}
        settings = {
            "api": {"base_url": api, "timeout": "5s"},
            "accounts": [{"id": a.id, "api_key_file": f"keys/{a.id}", **lane} for a in world.accounts],
            "polling": {"interval": "100ms", "max_backoff": "200ms", "blind_after": blind_after},
            "store": {"url": f"sqlite:///{self.folder}/monitor.db"},
            "receivers": [
                {"name": name, "type": "webhook", "url": f"{phone}/{name}", "min_severity": "info"}
                for name in receivers
            ]
            + [{"name": "pager", "type": "pagerduty", "base_url": f"{phone}/pager", "routing_key_file": "keys/pager"}],
        }
        targets = [{"account": w.account, "definition": w.definition, "workflow": w.workflow} for w in self.targets]
        (self.folder / "monitor.yaml").write_text(yaml.safe_dump(settings))
        defaults = {"step_timeouts": {"*": "365d"}}  # these stories are not about steps that take too long
        (self.folder / "watchlist.yaml").write_text(yaml.safe_dump({"defaults": defaults, "targets": targets}))

    # --- what must be true in the end ---

    def facts(self) -> set[Fact]:
        """What the API shows of every instance in the end: ends, failures and cancellations."""
        return set(itertools.chain.from_iterable(self._facts_of(target) for target in self.targets))

    def _facts_of(self, target: WatchedInstance) -> set[Fact]:
        path = f"/api/v1/accounts/{target.account}/definitions/{target.definition}/workflows/{target.workflow}"
        key = next(account.key for account in self._world.scenario.accounts if account.id == target.account)
        shown = json.loads(self._world.answer("GET", path, {"includeLogs": "true"}, key, _EVER).body)
        subject = f"{target.definition}/{target.workflow}"
        steps = {
            Fact(_BY_STEP[log["status"]], subject, log["id"]) for log in shown["logs"] if log["status"] in _BY_STEP
        }
        return {Fact(_BY_STATUS[shown["status"]], subject), *steps}

    def check(self, receiver: str) -> None:
        """Nothing is missing, nothing is invented, every id is one fact in the same words, in the order of things."""
        bodies = self.told[receiver]
        words: dict[str, set[bytes]] = defaultdict(set)
        names: dict[Fact, set[str]] = defaultdict(set)
        for body in bodies:
            event = json.loads(body)
            words[event["id"]].add(body)
            names[_fact(event)].add(event["id"])
        assert {name: said for name, said in words.items() if len(said) > 1} == {}
        lasting = {fact: ids for fact, ids in names.items() if fact.type not in _PASSING}
        assert {fact: ids for fact, ids in lasting.items() if len(ids) > 1} == {}
        assert lasting.keys() == self.facts()
        self._check_order(bodies)

    def _check_order(self, bodies: list[bytes]) -> None:
        """The end of a workflow is the last that is heard of it for the first time, and it is told with its cause."""
        first = [event for body in dict.fromkeys(bodies) if "workflow" in (event := json.loads(body))["data"]]
        last = {event["subject"]: event for event in first}
        assert {event["type"] for event in last.values()} <= set(_BY_STATUS.values())
        causes = {event["data"]["cause"] for event in last.values() if event["type"] == "workflow.terminated"}
        assert causes <= {"fault"}

    def check_sight(self, receiver: str) -> None:
        """An account goes blind and is sighted again, in turn; neither is told by two lives."""
        said: dict[str, list[str]] = defaultdict(list)
        for event in map(json.loads, dict.fromkeys(self.told[receiver])):
            if event["type"].startswith("monitor."):
                said[event["subject"]].append(event["type"])
        assert said, "a world without an outage"
        for types in said.values():
            assert types == list(itertools.islice(itertools.cycle(("monitor.blind", "monitor.sighted")), len(types)))

    def check_pages(self) -> None:
        """Each cause has been paged under one key, and nothing was paged that has none."""
        with contextlib.closing(sqlite3.connect(self.folder / "monitor.db")) as database:
            states = [json.loads(row[0]) for row in database.execute("SELECT state FROM incidents")]
        groups = [state["fault_group"] for state in states]
        assert len(set(groups)) == len(groups), "one cause, two incidents"
        wanted = {state["id"] for state in states if "pager" in state["receivers"]}
        assert wanted
        assert {page["dedup_key"] for page in self.paged if page["event_action"] == "trigger"} == wanted

    def check_database(self) -> None:
        """It is whole, and nothing waits in it."""
        with contextlib.closing(sqlite3.connect(self.folder / "monitor.db")) as database:
            assert database.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
            assert database.execute("PRAGMA foreign_key_check").fetchall() == []
            assert database.execute("SELECT * FROM deliveries WHERE done_at IS NULL").fetchall() == []
            told = {row[0] for row in database.execute("SELECT id FROM events")}
        heard = {json.loads(body)["id"] for bodies in self.told.values() for body in bodies}
        assert told == heard


_PASSING = {"workflow.suspended", "workflow.resumed", "monitor.blind", "monitor.sighted"}
"""May pass unseen while nobody looks, and happen more than once."""


def _fact(event: dict[str, Any]) -> Fact:
    step = event["data"]["step"]["id"] if event["type"] in _BY_STEP.values() else ""
    return Fact(event["type"], event["subject"], step)


@contextlib.asynccontextmanager
async def place(
    yard: Graveyard,
    folder: Path,
    scenario: Scenario,
    *,
    receivers: tuple[str, ...] = ("oncall",),
    blind_after: str = "2m",
) -> AsyncIterator[Place]:
    """Serves its API and its receivers as long as the context lasts."""
    here = Place(yard, folder, scenario)
    application = web.Application()
    application.router.add_post("/{receiver}", here.hear)
    application.router.add_post("/pager/v2/enqueue", here.page)
    phones = web.AppRunner(application, access_log=None, shutdown_timeout=0.1)
    await phones.setup()
    await web.TCPSite(phones, "127.0.0.1", 0).start()
    api = await serve(here._world, "127.0.0.1", 0, here.clock)
    try:
        here.write(base_url(api), f"http://127.0.0.1:{phones.addresses[0][1]}", receivers, blind_after)
        yield here
    finally:
        await api.cleanup()
        await phones.cleanup()
