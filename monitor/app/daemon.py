"""The daemon, put together: what starts, what turns, what stops, and in which order."""

import asyncio
import contextlib
from collections.abc import Callable, Collection, Coroutine, Mapping
from datetime import datetime
from typing import Any

import msgspec
from aiohttp import web
from prometheus_client import CollectorRegistry

from monitor.alerting.publisher import Publisher
from monitor.app import from_settings
from monitor.app.accounts import Accounts
from monitor.app.alerting import Alerting
from monitor.app.daemon_clock import Clock
from monitor.app.deadlines import Deadlines
from monitor.app.environment import AlreadyRunningError, Environment, StartError
from monitor.app.housekeeping import Housekeeper
from monitor.app.loop_errors import LoopErrors
from monitor.app.reloader import Reloader
from monitor.app.start_log import log_start
from monitor.app.view import DaemonView
from monitor.core.formats.urls import host_and_port
from monitor.core.liveness import Liveness, LoopHealth
from monitor.core.model import TargetKey
from monitor.core.records import ReloadRecord, StoreRecord
from monitor.polling.poller import Poller
from monitor.polling.scheduler import Scheduler
from monitor.settings import Account, Settings
from monitor.store import Loaded, Store, StoreInUse, StoreLock, StoreNewer, StoreUnavailable, Writer
from monitor.telemetry import Telemetry, configure
from monitor.upstream.client import Client
from monitor.upstream.credentials import Credential, CredentialError
from monitor.web import BoundedRunner, build

_AT_ONCE = 500
"""Beliefs that are read in one go."""
_PATIENCE = 60.0
"""Seconds without a turn after which a loop counts as stuck, beside what one poll may take."""
_FIRST_WAIT, _LONGEST_WAIT = 1.0, 30.0
"""Seconds between two tries to open a store that is locked or full, doubled each time."""
_LAST_WRITES = 2.0
"""Seconds that the last commits get, even where the shutdown's time is used up."""


class Daemon:
    """`run` is its whole life: start, turn, wind down. Made inside the running loop."""

    def __init__(
        self, settings: Settings, load: Callable[[], Settings], surroundings: Environment | None = None
    ) -> None:
        """`load` reads the configuration again; it blocks, and raises ConfigurationError."""
        self.registry = CollectorRegistry()
        # A poll may take its timeout twice, for the status and its errors, and wait once for a permit between them.
        self.pulses = Liveness(_PATIENCE + 3 * settings.api.timeout)
        self.started = asyncio.Event()
        """Set when everything turns."""
        self._time = asyncio.get_running_loop().time
        self.port: int | None = None
        """Where the pages are, once they are."""
        outside = surroundings or Environment()
        self._clock = clock = Clock(outside.now, self._time)
        self._around = around = msgspec.structs.replace(outside, now=clock.now)
        self.now = clock.now
        self._stopping = False
        self._waits_for: str | None = None
        """Why the store cannot be opened yet."""
        self._background = around.background()
        self._loops: list[asyncio.Task[None]] = []
        self._beliefs: dict[TargetKey, Loaded] = {}
        log = settings.log
        self.logs = configure(log.level.value, log.format.value, around.stdout, now=around.now)
        clock.log = self.logs.log
        self.telemetry = Telemetry(
            self.registry,
            self.logs.log,
            external_url=settings.server.external_url,
            deliveries=self._pending,
            idle=self._idle,
            receivers=[receiver.name for receiver in settings.receivers],
        )
        self.members = Accounts(
            around, self.telemetry, self.pulses, clock, address=host_and_port(settings.api.base_url)
        )
        self.store = Store(settings.store.url, writer=around.writer(), reader=around.reader())
        self._lock = StoreLock(settings.store.url)
        self.writer = Writer(self.store, report=self.telemetry.store, jitter=around.jitter)
        self.alerting = Alerting(
            settings,
            around,
            clock=clock,
            in_force=lambda: self.settings,
            store=self.store,
            writer=self.writer,
            telemetry=self.telemetry,
            pulses=self.pulses,
            watched=lambda: self.scheduler.watched,
        )
        self.transport = around.transport(settings.api)
        self.client = Client(
            from_settings.client(settings.api),
            self.members.credentials,
            self.members.gates,
            self.transport,
            now=around.now,
            report=self.members.requested,
        )
        self.deliverer = self.alerting.deliverer
        self.announcer = Publisher(
            from_settings.poller(settings), self.writer, self.deliverer.enqueue, self.telemetry.fault
        )
        self.deadlines = Deadlines(
            self.client, self.store, self.telemetry, around, slack=lambda: self.settings.alerts.step_slack
        )
        self.poller = Poller(
            self.announcer,
            self.client,
            self.writer,
            self.store,
            now=around.now,
            heard=self.members.heard,
            report=self.telemetry.poll,
            skew=self.members.skew,
            answered_at=self.members.answered_at,
            site=self.members.site,
            allowances=self.deadlines.allowances,
        )
        self.scheduler = Scheduler(
            self.poller,
            self.writer,
            self._recall,
            self.telemetry,
            now=around.now,
            jitter=around.jitter,
            retention=settings.polling.retention,
            executor=self._background,
        )
        self.alerting.attach(self.announcer, self.scheduler.believe, self.scheduler.was_seen)
        self.timekeeper = self.deadlines.keep(self.poller, self.scheduler)
        self.members.attach(self.scheduler, self.announcer, self.store.load_account)
        self.reloader = Reloader(
            settings,
            load,
            self.members,
            self.scheduler,
            self.announcer,
            log=self.logs.log,
            now=around.now,
            report=self.telemetry.reload,
            applied=self.alerting.closer.recheck_watchlist,
            executor=self._background,
        )

        self.view = DaemonView(
            self.scheduler,
            self.store,
            self.telemetry,
            now=self._around.now,
            loops=self.loops,
            loaded=self.started.is_set,
            ready=self.ready,
            reload=self.reload,
            hold=lambda: self.settings.alerts.hold,
            close=self.announcer.close,
            again=self.deliverer.retry,
        )

    @property
    def settings(self) -> Settings:
        """Those in force."""
        return self.reloader.settings

    async def reload(self, trigger: str) -> tuple[str, ...]:
        """Read the configuration again; what is wrong with it, where it was not applied."""
        return await self.reloader.reload(trigger)

    # --- life ---

    async def run(self, stop: asyncio.Event) -> None:
        """Until `stop` is set and what was begun is finished. Raises StartError, or what ended a loop."""
        asyncio.get_running_loop().set_exception_handler(LoopErrors(self.logs.log, self._time))
        async with contextlib.AsyncExitStack() as closing:
            closing.callback(self.logs.close)
            closing.callback(self._background.shutdown, wait=False, cancel_futures=True)
            closing.callback(self._lock.release)
            closing.push_async_callback(self.store.close)
            closing.push_async_callback(self.transport.close)
            for notifier in self.alerting.notifiers.values():
                closing.push_async_callback(notifier.close)
            log_start(self.logs.log, self.settings)
            self._take_lock()
            if self._around.serve:
                await self._serve(closing)
            from_settings.tune_threads()
            from_settings.tune_gc()
            if not await self._opened(stop):
                return
            async with asyncio.TaskGroup() as tasks:
                self._tasks = tasks
                await self._start(closing)
                await stop.wait()
                await self._wind_down()

    def _take_lock(self) -> None:
        """One daemon per database: a second one would poll, and page, as well."""
        try:
            self._lock.acquire(self.now())
        except StoreInUse as error:
            raise AlreadyRunningError(f"store.url: {error}") from error
        except StoreUnavailable as error:
            raise StartError(f"store.url: {error}") from error

    async def _opened(self, stop: asyncio.Event) -> bool:
        """Load what is believed; a store that is locked or full is waited for. False: asked to stop meanwhile."""
        pause = _FIRST_WAIT
        while True:
            try:
                await self._load_beliefs()
            except StoreNewer as error:
                raise StartError(f"store.url: {error}") from error
            except StoreUnavailable as error:
                if not error.passing:
                    raise StartError(f"store.url: {error}") from error
                self._wait_for(str(error))
            else:
                self._wait_for(None)
                return True
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(pause):
                    await stop.wait()
                    return False
            pause = min(pause * 2, _LONGEST_WAIT)

    def _wait_for(self, reason: str | None) -> None:
        if (reason is None) is not (self._waits_for is None):
            self.telemetry.store(StoreRecord(available=reason is None, detail=reason or "opened"))
        self._waits_for = reason

    async def _load_beliefs(self) -> None:
        """Raises StoreUnavailable, StoreNewer. What was loaded by a try that failed is loaded again."""
        await self.store.open()
        async for chunk in self.store.load_targets():
            self._beliefs.update((loaded[0].key, loaded) for loaded in chunk)
        self.members.states.update((state.account, state) for state in await self.store.load_accounts())
        self.poller.drifts.update(await self.store.known_drifts())
        await self.deadlines.load()
        await self.store.introduce(from_settings.routes(self.settings), self.now(), self.settings.alerts.hold)

    async def _start(self, closing: contextlib.AsyncExitStack) -> None:
        """From here on loops turn."""
        self._writing = self._loop("commit", self.writer.run(self._beat_of_writer))
        self._delivering = self._loop("deliver", self.deliverer.run(self._beat_of))
        for name, resender in self.alerting.resenders():
            self._loop(f"resend {name}", resender.run(self._beat(f"resend {name}")))
        for account in self.settings.accounts:
            self.members.enlist(account, self.settings, _credential(account))
        change = await self.scheduler.replace(self.settings.watchlist.targets)
        self._beliefs.clear()
        from_settings.tune_gc()
        self.telemetry.reload(ReloadRecord(True, self._around.now(), "start", added=len(change.added)))
        for name in self.members:
            self.members.begin(name, self._tasks.create_task)
        self._judging = self._loop("deadlines", self.timekeeper.run(self._beat("deadlines")))
        self._loop("definitions", self.deadlines.allowances.run(self._beat("definitions")))
        if (beating := self.alerting.heartbeat()) is not None:
            heartbeat, ping = beating
            closing.push_async_callback(ping.close)
            self._loop("heartbeat", heartbeat.run(self._beat("heartbeat")))
        self._loop("close", self.alerting.closer.run(self._beat("close")))
        keeper = Housekeeper(
            self.scheduler,
            self.store,
            self.writer,
            self.logs,
            settings=lambda: self.settings,
            receivers=[*self.alerting.notifiers],
            now=self.now,
        )
        self._loop("housekeeping", keeper.run(self._beat("housekeeping")))
        if self._around.watch_files:
            self._loop("reload", self.reloader.watch(self._beat("reload")))
        self._loop("leave", self.members.leave_others())
        self.reloader.open(self._tasks.create_task)
        await self._say_who_is_not_configured()
        self.started.set()

    async def _say_who_is_not_configured(self) -> None:
        """A receiver that was renamed or left: what it has not had waits for one of that name, and for nobody else."""
        counts = await self.store.pending_counts()
        unknown = {name: count for name, (count, _) in counts.items() if name not in self.alerting.notifiers}
        if unknown:
            self.logs.log.warning("deliveries.unconfigured", pending=unknown)

    async def _serve(self, closing: contextlib.AsyncExitStack) -> None:
        """The pages come first: a port in use is told before anything is sent, and a start that waits says why."""
        server = self.settings.server
        token = server.admin_token
        application = build(
            self.view,
            self.registry,
            external_url=server.external_url,
            admin_token=token.read if token is not None else lambda: None,
            executor=self._background,
        )
        runner = BoundedRunner(application)
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
        await self.reloader.close()
        await _cancel([self._judging])  # without polls it would judge by what was believed long ago
        self.scheduler.stop()
        polling = [member.polling for member in self.members.values() if member.polling is not None]
        if polling:
            # Half of the time at most: an API that hangs does not keep pending deliveries from their receivers.
            await asyncio.wait(polling, timeout=(deadline - loop.time()) / 2)
        await _cancel(polling)
        left = await self.deliverer.drain(max(deadline - loop.time(), 0))
        looking = [member.looking for member in self.members.values() if member.looking is not None]
        await _cancel([*looking, *self.members.farewells, *(task for task in self._loops if task is not self._writing)])
        await self.deadlines.allowances.write()
        await self.writer.drain(max(deadline - loop.time(), _LAST_WRITES))
        await _cancel([self._writing])
        self.logs.log.info("stopped", deliveries_pending=left)

    # --- what the parts ask of each other ---

    def _pending(self) -> Mapping[str, tuple[int, datetime | None]]:
        """Called by scrapes, in a thread of theirs."""
        return self.alerting.pending()

    def _idle(self) -> Mapping[str, float]:
        """Called by scrapes, in a thread of theirs."""
        return {name: loop.idle for name, loop in self.pulses.loops(self._time()).items()}

    async def _recall(self, keys: Collection[TargetKey]) -> Mapping[TargetKey, Loaded]:
        """At the start all of them are at hand; later they are read, some at a time."""
        if not self.started.is_set():
            return self._beliefs
        wanted = list(keys)
        found: dict[TargetKey, Loaded] = {}
        for start in range(0, len(wanted), _AT_ONCE):
            some = await self.store.load_some(wanted[start : start + _AT_ONCE])
            found.update((loaded[0].key, loaded) for loaded in some)
        return found

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
            self.members.beat()

    def loops(self) -> Mapping[str, LoopHealth]:
        return self.pulses.loops(asyncio.get_running_loop().time())

    def ready(self) -> str | None:
        """Why it is not ready; None: it is."""
        if self._stopping:
            return "shutting down"
        if not self.started.is_set():
            return self._waits_for or "loading what is believed"
        if not self.writer.available:
            return "the store does not take commits; the log says why"
        if self.store.lost is not None:
            return self.store.lost
        if not self.scheduler.first_polls_sent():
            return "the first polls were not sent yet"
        return None


def _credential(account: Account) -> Credential:
    try:
        return from_settings.credential(account.secret)
    except CredentialError as error:
        raise StartError(f"accounts[{account.id}]: {error}") from error


async def _cancel(tasks: Collection[asyncio.Task[None]]) -> None:
    """End these loops, and wait until they have."""
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
