"""The daemon's life: in which order its parts start, turn and stop."""

import asyncio
import contextlib
from collections.abc import Callable, Collection, Coroutine
from typing import Any

from aiohttp import web

from monitor.app import from_settings
from monitor.app.environment import AlreadyRunningError, Environment, StartError
from monitor.app.loop_errors import LoopErrors
from monitor.app.start_log import log_start
from monitor.app.wiring import Wiring
from monitor.core.records import ReloadRecord, StoreRecord
from monitor.settings import AccountSettings, Settings
from monitor.settings.secrets import SecretSource
from monitor.store import StoreInUse, StoreNewer, StoreUnavailable
from monitor.upstream.credentials import Credential, CredentialError
from monitor.web import BoundedRunner, build

_FIRST_WAIT = 1.0
"""Seconds between two tries to open a store that is locked, full or away, doubled each time."""
_LAST_WRITES = 2.0
"""Seconds that the last commits get, even if the shutdown's time is used up."""


class Daemon:
    """`run` is its whole life: start, turn, wind down. Made inside the running loop."""

    def __init__(
        self, settings: Settings, load: Callable[[], Settings], environment: Environment | None = None
    ) -> None:
        """`load` reads the configuration again; it blocks, and raises ConfigurationError."""
        self._time = asyncio.get_running_loop().time
        self.parts = parts = Wiring(settings, load, environment or Environment(), self._time)
        self.registry, self.store, self.writer, self.view = parts.registry, parts.store, parts.writer, parts.view
        self.targets, self.accounts, self.deliverer = parts.targets, parts.accounts, parts.deliverer
        self.now = parts.around.now
        self.started = parts.readiness.started
        """Set when everything turns."""
        self.port: int | None = None
        """Where the pages are, once they are served."""
        self._log = parts.logs.log
        self._loops: list[asyncio.Task[None]] = []

    @property
    def settings(self) -> Settings:
        """Those in force."""
        return self.parts.current.value

    async def reload(self, trigger: str) -> tuple[str, ...]:
        """Read the configuration again; what is wrong with it, if it was not applied."""
        return await self.parts.reloader.reload(trigger)

    # --- life ---

    async def run(self, stop: asyncio.Event) -> None:
        """Until `stop` is set and what was begun is finished. Raises StartError, or what ended a loop."""
        asyncio.get_running_loop().set_exception_handler(LoopErrors(self._log, self._time))
        parts = self.parts
        async with contextlib.AsyncExitStack() as closing:
            closing.callback(parts.logs.close)
            closing.callback(parts.background.shutdown, wait=False, cancel_futures=True)
            closing.callback(parts.lock.release)
            closing.push_async_callback(self.store.close)
            closing.push_async_callback(parts.transport.close)
            for notifier in parts.receivers.notifiers.values():
                closing.push_async_callback(notifier.close)
            if parts.ping is not None:
                closing.push_async_callback(parts.ping.close)
            log_start(self._log, self.settings)
            self._take_lock()
            if parts.around.serve:
                await self._serve(closing)
            from_settings.tune_threads()
            from_settings.tune_gc()
            if not await self._opened(stop):
                return
            async with asyncio.TaskGroup() as tasks:
                self._tasks = tasks
                await self._start()
                await stop.wait()
                await self._wind_down()

    def _take_lock(self) -> None:
        """One daemon per database: a second one would poll, and page, as well."""
        try:
            self.parts.lock.acquire(self.now())
        except StoreInUse as error:
            raise AlreadyRunningError(f"store.url: {error}") from error
        except StoreUnavailable as error:
            raise StartError(f"store.url: {error}") from error

    async def _serve(self, closing: contextlib.AsyncExitStack) -> None:
        """The pages come first: a port in use is told before anything is sent, and a start that waits says why."""
        server = self.settings.server
        application = build(
            self.view,
            self.registry,
            external_url=server.external_url,
            admin_token=_reading(server.admin_token),
            read_token=_reading(server.read_token),
            protect_metrics=server.protect_metrics,
            executor=self.parts.background,
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
        self._log.info("serving", address=f"http://{server.host}:{self.port}")

    async def _opened(self, stop: asyncio.Event) -> bool:
        """Load the last known states; a store that is locked or full is waited for. False: asked to stop meanwhile."""
        pause = _FIRST_WAIT
        while True:
            try:
                await self._load()
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
            pause = min(pause * 2, self.store.longest_pause)

    def _wait_for(self, reason: str | None) -> None:
        readiness = self.parts.readiness
        if (reason is None) is not (readiness.waits_for is None):
            self.parts.telemetry.store(StoreRecord(available=reason is None, detail=reason or "opened"))
        readiness.waits_for = reason

    async def _load(self) -> None:
        """Raises StoreUnavailable, StoreNewer. What was loaded by a try that failed is loaded again."""
        parts, store, settings = self.parts, self.store, self.settings
        await store.open()
        await parts.stored_states.load(settings.watchlist.targets)
        parts.accounts.states.update((state.account, state) for state in await store.load_accounts())
        parts.poller.drifts.update(await store.known_drifts())
        parts.step_limits.restore(await parts.step_limit_store.load())
        await parts.hazard_writer.load()
        parts.sweeper.restore(await parts.discovery_store.load())
        parts.truncations.restore(await parts.discovery_store.load_truncations())
        await store.introduce(from_settings.routes(settings), self.now(), settings.alerts.hold)

    async def _start(self) -> None:
        """From here on loops turn."""
        parts = self.parts
        self._writing = self._loop("commit", parts.writer.run(self._beat_of_writer))
        self._loop("deliver", parts.deliverer.run(parts.loops.turned))
        for name, resender in parts.receivers.resenders():
            self._loop(f"resend {name}", resender.run(parts.loops.beat(f"resend {name}")))
        await self._watch()
        self._judging = self._turn("deadlines", parts.overdue.run)
        self._explaining = [self._turn("storms", parts.storms.run), self._turn("explain", parts.late.run)]
        self._turn("definitions", parts.step_limits.run)
        self._turn("hazards", parts.hazard_writer.run)
        self._turn("usage", parts.usage.run)
        self._turn("truncations", parts.truncations.run)
        if parts.heartbeat is not None:
            self._turn("heartbeat", parts.heartbeat.run)
        self._loop("resume", self._resume())

    async def _resume(self) -> None:
        """The last part of the start, while polls and lists go on: what had been found is watched again."""
        parts = self.parts
        await parts.resumption.run(from_settings.tune_gc)
        self._turn("close", parts.closer.run)
        self._turn("housekeeping", parts.housekeeper.run)
        if parts.around.watch_files:
            self._turn("reload", parts.reloader.watch)
        self._loop("leave", parts.accounts.leave_others())
        parts.reloader.open(self._tasks)
        await self._log_unconfigured_receivers()
        self.started.set()

    async def _watch(self) -> None:
        """Poll what the watchlist names."""
        parts, settings = self.parts, self.settings
        for account in settings.accounts:
            parts.accounts.add(account, _credential(account))
        change = await parts.scheduler.replace(settings.watchlist.targets)
        parts.stored_states.release()
        from_settings.tune_gc()
        parts.telemetry.reload(ReloadRecord(True, self.now(), "start", added=len(change.added)))
        for name in parts.accounts:
            parts.accounts.begin(name, self._tasks, parts.scheduler.run(name), parts.sweeper.run)

    async def _log_unconfigured_receivers(self) -> None:
        """What a renamed or removed receiver has not had waits for one of that name, and for no other."""
        counts = await self.store.pending_counts()
        unknown = {name: count for name, (count, _) in counts.items() if name not in self.parts.receivers.notifiers}
        if unknown:
            self._log.warning("deliveries.unconfigured", pending=unknown)

    async def _wind_down(self) -> None:
        """Stop polling, let what is in flight end, deliver what is pending: within `shutdown_timeout`."""
        parts, time = self.parts, self._time
        parts.readiness.stopping = True
        deadline = time() + self.settings.shutdown_timeout
        asyncio.get_running_loop().call_at(deadline + _LAST_WRITES, self.store.cut)
        await parts.reloader.close()
        sweeping = [account.sweeping for account in parts.accounts.values() if account.sweeping is not None]
        # without polls they would judge by what was seen long ago
        await self._cancel([self._judging, *self._explaining, *sweeping])
        parts.scheduler.stop()
        polling = [account.polling for account in parts.accounts.values() if account.polling is not None]
        if polling:
            # Half of the time at most: an API that hangs does not keep pending deliveries from their receivers.
            await asyncio.wait(polling, timeout=(deadline - time()) / 2)
        await self._cancel(polling)
        looking = parts.accounts.stop_watching()
        self._forget(looking)
        left = await parts.deliverer.drain(max(deadline - time(), 0))
        if looking:
            await asyncio.wait(looking, timeout=max(deadline - time(), 0))
        others = [task for task in self._loops if task is not self._writing]
        await self._cancel([*looking, *parts.accounts.farewells, *others])
        await parts.step_limits.write()
        await parts.hazard_writer.write()
        await parts.writer.drain(max(deadline - time(), _LAST_WRITES))
        await self._cancel([self._writing])
        self._log.info("stopped", deliveries_pending=left)

    # --- loops ---

    def _turn(self, name: str, run: Callable[[Callable[[], None]], Coroutine[Any, Any, None]]) -> asyncio.Task[None]:
        """Start a loop that beats under its name."""
        return self._loop(name, run(self.parts.loops.beat(name)))

    def _loop(self, name: str, run: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
        task = self._tasks.create_task(run, name=name)
        self._loops.append(task)
        return task

    async def _cancel(self, tasks: Collection[asyncio.Task[None]]) -> None:
        """End these loops, and wait until they have."""
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        self._forget(tasks)

    def _forget(self, tasks: Collection[asyncio.Task[None]]) -> None:
        """They end on purpose: however long what follows takes, none of them is stuck."""
        for task in tasks:
            self.parts.loops.forget(task.get_name())

    def _beat_of_writer(self) -> None:
        """While the disk fails, those that wait for a commit turn with the writer that tries again."""
        self.parts.loops.turned("commit")
        if not self.writer.available:
            self.accounts.beat()


def _credential(account: AccountSettings) -> Credential:
    try:
        return from_settings.credential(account.secret)
    except CredentialError as error:
        raise StartError(f"accounts[{account.id}]: {error}") from error


def _reading(token: SecretSource | None) -> Callable[[], str | None]:
    """Reads the token anew at each call; None: there is none."""
    return token.read if token is not None else lambda: None
