"""The daemon, put together: what starts, what turns, what stops, and in which order."""

import asyncio
import contextlib
from collections.abc import Callable, Collection, Coroutine, Mapping
from datetime import datetime, timedelta
from typing import Any

from aiohttp import web
from prometheus_client import CollectorRegistry

from monitor.app import parts
from monitor.app.reloading import Reloading
from monitor.app.surroundings import StartError, Surroundings
from monitor.app.view import DaemonView
from monitor.core.model import AccountState, Outcome, TargetKey
from monitor.core.pulse import LoopHealth, Pulses
from monitor.core.records import LaneRecord, ReloadRecord, RequestRecord
from monitor.deliverer import Deliverer, Receiver
from monitor.lookout import Lookout
from monitor.poller import Announcer, Poller
from monitor.scheduler import Scheduler
from monitor.settings import Account, ConfigurationError, Settings, fingerprint
from monitor.store import Loaded, Store, StoreNewer, StoreUnavailable, Writer
from monitor.telemetry import Telemetry, configure
from monitor.upstream.client import Client
from monitor.upstream.credentials import Credential
from monitor.upstream.gate import Gate
from monitor.web import build

_TURN = 10.0
"""Seconds between two turns of housekeeping."""
_LOOK_AT_FILES = 5.0
_PRUNE_EVERY = 600.0
_EVENTS_KEPT = timedelta(days=7)
_LAST_WRITES = 2.0
"""Seconds that the last commits get, even where the shutdown's time is used up."""


class Member:
    """One account's part of the running daemon."""

    def __init__(self, gate: Gate, lookout: Lookout) -> None:
        self.gate = gate
        self.lookout = lookout
        self.polling: asyncio.Task[None] | None = None
        self.looking: asyncio.Task[None] | None = None


class Daemon:
    """`run` is its whole life: start, turn, wind down. Made inside the running loop."""

    def __init__(
        self, settings: Settings, load: Callable[[], Settings], surroundings: Surroundings | None = None
    ) -> None:
        """`load` reads the configuration again; it blocks, and raises ConfigurationError."""
        self.settings = settings
        self.registry = CollectorRegistry()
        self.pulses = Pulses()
        self.members: dict[str, Member] = {}
        self.started = asyncio.Event()
        """Set when everything turns."""
        self.port: int | None = None
        """Where the pages are, once they are."""
        self._load = load
        self._around = around = surroundings or Surroundings()
        self.now = around.now
        self._stopping = False
        self._reloading = asyncio.Lock()
        self._loops: list[asyncio.Task[None]] = []
        self._skews: dict[str, float] = {}
        self._gates: dict[str, Gate] = {}
        self.credentials: dict[str, Credential] = {}
        self._beliefs: dict[TargetKey, Loaded] = {}
        self._account_states: dict[str, AccountState] = {}
        log = settings.log
        self.logs = configure(log.level.value, log.format.value, around.stdout, now=around.now)
        self.telemetry = Telemetry(
            self.registry,
            self.logs.log,
            external_url=settings.server.external_url,
            deliveries=self._pending,
            receivers=[receiver.name for receiver in settings.receivers],
        )
        self.store = Store(settings.store.url, writer=around.writer(), reader=around.reader())
        self.writer = Writer(self.store, report=self.telemetry.store, jitter=around.jitter)
        self.transport = around.transport(settings.api)
        self.client = Client(
            parts.client(settings.api),
            self.credentials,
            self._gates,
            self.transport,
            now=around.now,
            report=self._requested,
        )
        self.notifiers = {r.name: around.notifier(r, around.now) for r in settings.receivers}
        self.deliverer = Deliverer(
            [Receiver(name, notifier) for name, notifier in self.notifiers.items()],
            self.store,
            self.writer,
            now=around.now,
            jitter=around.jitter,
            report=self.telemetry.delivery,
            fault=self.telemetry.fault,
        )
        self.announcer = Announcer(parts.poller(settings), self.writer, self.deliverer.offer)
        self.poller = Poller(
            self.announcer,
            self.client,
            self.writer,
            self.store,
            now=around.now,
            heard=self._heard,
            report=self.telemetry.poll,
            skew=lambda account: self._skews.get(account, 0.0),
        )
        self.scheduler = Scheduler(
            self.poller,
            self.writer,
            self._recall,
            self.telemetry,
            now=around.now,
            jitter=around.jitter,
            retention=settings.polling.retention,
        )

    # --- life ---

    async def run(self, stop: asyncio.Event) -> None:
        """Until `stop` is set and what was begun is finished. Raises StartError, or what ended a loop."""
        async with contextlib.AsyncExitStack() as closing:
            closing.callback(self.logs.close)
            closing.push_async_callback(self.store.close)
            closing.push_async_callback(self.transport.close)
            for notifier in self.notifiers.values():
                closing.push_async_callback(notifier.close)
            await self._open()
            async with asyncio.TaskGroup() as tasks:
                self._tasks = tasks
                await self._start(closing)
                await stop.wait()
                await self._wind_down()

    async def _open(self) -> None:
        """Load what is believed."""
        parts.share()
        parts.settle()
        try:
            await self.store.open()
            async for chunk in self.store.load_targets():
                self._beliefs.update((loaded[0].key, loaded) for loaded in chunk)
            self._account_states = {state.account: state for state in await self.store.load_accounts()}
            self.poller.drifts.update(await self.store.known_drifts())
        except (StoreUnavailable, StoreNewer) as error:
            raise StartError(f"store.url: {error}") from error

    async def _start(self, closing: contextlib.AsyncExitStack) -> None:
        """The pages come first, so that a port in use is told before anything is sent."""
        if self._around.serve:
            await self._serve(closing)
        self._writing = self._loop("commit", self.writer.run(self._beat_of_writer))
        self._delivering = self._loop("deliver", self.deliverer.run(self._beat_of))
        for account in self.settings.accounts:
            self.enlist(account, self.settings, parts.credential(account.secret))
        change = await self.scheduler.replace(self.settings.watchlist.targets)
        self._beliefs.clear()
        parts.settle()
        self.telemetry.reload(ReloadRecord(True, self._around.now(), "start", added=len(change.added)))
        for name in self.members:
            self.begin(name)
        self._loop("housekeeping", self._keep_house(self._beat("housekeeping")))
        if self._around.watch_files:
            self._loop("reload", self._watch_files(self._beat("reload")))
        self.started.set()

    async def _serve(self, closing: contextlib.AsyncExitStack) -> None:
        server = self.settings.server
        view = DaemonView(
            self.scheduler,
            self.store,
            self.telemetry,
            now=self._around.now,
            loops=self.loops,
            ready=self.ready,
            reload=self.reload,
        )
        token = server.admin_token
        application = build(
            view,
            self.registry,
            external_url=server.external_url,
            admin_token=token.read if token is not None else lambda: None,
        )
        runner = web.AppRunner(application, access_log=None, shutdown_timeout=1.0)
        await runner.setup()
        closing.push_async_callback(runner.cleanup)
        try:
            await web.TCPSite(runner, server.host, server.port).start()
        except OSError as error:
            reason = f"cannot listen on {server.host}:{server.port}: {error.strerror}"
            raise StartError(f"server.port: {reason}; choose another port or end what uses it") from error
        self.port = runner.addresses[0][1]
        self.logs.log.info("serving", address=f"http://{server.host}:{self.port}")

    async def _wind_down(self) -> None:
        """Stop polling, let what is in flight end, deliver what is pending: within `shutdown_timeout`."""
        self._stopping = True
        loop = asyncio.get_running_loop()
        deadline = loop.time() + self.settings.shutdown_timeout
        self.scheduler.stop()
        polling = [member.polling for member in self.members.values() if member.polling is not None]
        if polling:
            await asyncio.wait(polling, timeout=max(deadline - loop.time(), 0))
        await _cancel(polling)
        left = await self.deliverer.drain(max(deadline - loop.time(), 0))
        await _cancel([task for task in self._loops if task is not self._writing])
        await self.writer.drain(max(deadline - loop.time(), _LAST_WRITES))
        await _cancel([self._writing])
        self.logs.log.info("stopped", deliveries_pending=left)

    # --- accounts ---

    def enlist(self, account: Account, settings: Settings, credential: Credential) -> None:
        """Make an account's lane and round; its targets may be replaced from now on."""
        name, around = account.id, self._around
        state = self._account_states.pop(name, None) or AccountState(account=name)
        gate = Gate(
            name,
            parts.limits(account),
            now=around.now,
            jitter=around.jitter,
            report=self._lane_changed,
            closed_until=state.closed_until,
        )
        self.credentials[name], self._gates[name] = credential, gate
        lookout = Lookout(
            state,
            gate,
            self.announcer,
            self.store.load_account,
            blind_after=settings.polling.blind_after,
            now=around.now,
            report=self.telemetry.account,
            forgive=self.scheduler.forgive,
        )
        self.members[name] = Member(gate, lookout)
        self.telemetry.watch(name, requests_per_second=gate.requests_per_second)
        self.scheduler.enlist(name, parts.round_of(account, settings), gate, self._beat(f"poll {name}"))

    def begin(self, name: str) -> None:
        """Poll the account's targets."""
        member = self.members[name]
        member.polling = self._tasks.create_task(self.scheduler.run(name), name=f"poll {name}")
        member.looking = self._loop(f"look {name}", member.lookout.run(self._beat(f"look {name}")))

    async def dismiss(self, name: str) -> None:
        """The account is not configured any more: let its polls end, then forget its lane."""
        member = self.members[name]
        self.scheduler.dismiss(name)
        if member.polling is not None and member.looking is not None:
            await asyncio.wait([member.polling])
            self._loops.remove(member.looking)
            await _cancel([member.looking])
        self._account_states[name] = member.lookout.state  # should it come back: its lane may be closed for hours
        del self.members[name], self._gates[name], self.credentials[name]
        self.telemetry.unwatch(name)
        self.pulses.forget(f"poll {name}")
        self.pulses.forget(f"look {name}")

    # --- what the parts tell each other ---

    def _heard(self, account: str, outcome: Outcome, sent_at: datetime, now: datetime) -> None:
        self.members[account].lookout.heard(outcome, sent_at, now)

    def _requested(self, record: RequestRecord) -> None:
        if record.skew is not None:
            self._skews[record.account] = record.skew
        self.telemetry.request(record)

    def _lane_changed(self, record: LaneRecord) -> None:
        self.telemetry.lane(record)
        if (member := self.members.get(record.account)) is not None:
            member.lookout.look()

    def _pending(self) -> Mapping[str, tuple[int, datetime | None]]:
        """Called by scrapes, in a thread of theirs."""
        oldest = self.deliverer.oldest()
        return {name: (count, oldest[name]) for name, count in self.deliverer.pending().items()}

    async def _recall(self, keys: Collection[TargetKey]) -> Mapping[TargetKey, Loaded]:
        """At the start all of them are at hand; later they are read one by one."""
        if not self.started.is_set():
            return self._beliefs
        found = {key: await self.store.load_target(key) for key in keys}
        return {key: loaded for key, loaded in found.items() if loaded is not None}

    # --- loops ---

    def _loop(self, name: str, run: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
        task = self._tasks.create_task(run, name=name)
        self._loops.append(task)
        return task

    def _beat(self, loop: str) -> Callable[[], None]:
        return lambda: self._beat_of(loop)

    def _beat_of(self, loop: str) -> None:
        self.pulses.beat(loop, asyncio.get_running_loop().time())

    def _beat_of_writer(self) -> None:
        """While the disk fails, those who wait for a commit turn with the writer that tries again."""
        self._beat_of("commit")
        if not self.writer.available:
            for name in self.members:
                self._beat_of(f"poll {name}")
                self._beat_of(f"look {name}")

    def loops(self) -> Mapping[str, LoopHealth]:
        return self.pulses.loops(asyncio.get_running_loop().time())

    def ready(self) -> str | None:
        """Why it is not ready; None: it is."""
        if self._stopping:
            return "shutting down"
        if not self.started.is_set():
            return "loading what is believed"
        if not self.writer.available:
            return "the store does not take commits; the log says why"
        if not self.scheduler.dispatched():
            return "the first polls were not sent yet"
        return None

    async def _keep_house(self, beat: Callable[[], None]) -> None:
        """Stop showing what ended, and forget what nobody needs any more."""
        loop = asyncio.get_running_loop()
        prune_at = loop.time()
        while True:
            beat()
            self.scheduler.retire()
            self.logs.flush()
            if loop.time() >= prune_at and self.writer.available:
                prune_at = loop.time() + _PRUNE_EVERY
                await self._prune()
            await asyncio.sleep(_TURN)

    async def _prune(self) -> None:
        now = self._around.now()
        try:
            await self.store.prune(
                events_before=now - _EVENTS_KEPT,
                targets_before=now - timedelta(seconds=self.settings.polling.retention),
                watched=lambda key: key in self.settings.watchlist.targets,
                receivers=list(self.notifiers),
            )
        except StoreUnavailable as error:
            self.telemetry.fault("housekeeping", error)

    async def _watch_files(self, beat: Callable[[], None]) -> None:
        """Reload when the content of a file changes, however it got there."""
        seen = await self._fingerprint()
        while True:
            beat()
            await asyncio.sleep(_LOOK_AT_FILES)
            current = await self._fingerprint()
            if current != seen:
                seen = current
                await self.reload("file")

    async def _fingerprint(self) -> bytes:
        return await asyncio.get_running_loop().run_in_executor(None, fingerprint, self.settings.files)

    async def reload(self, trigger: str) -> tuple[str, ...]:
        """Read the configuration again and apply the difference; what is wrong with it where it is not applied."""
        async with self._reloading:
            loop = asyncio.get_running_loop()
            try:
                settings = await loop.run_in_executor(None, self._load)
                record = await Reloading(self, settings).apply(trigger)
            except ConfigurationError as error:
                record = ReloadRecord(False, self._around.now(), trigger, errors=tuple(error.errors))
            except StoreUnavailable as error:
                record = ReloadRecord(False, self._around.now(), trigger, errors=(f"store.url: {error}",))
            self.telemetry.reload(record)
            return record.errors


async def _cancel(tasks: Collection[asyncio.Task[None]]) -> None:
    """End these loops, and wait until they have."""
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
