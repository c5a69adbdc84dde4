"""Applies a changed configuration to the running daemon: the difference, or nothing if something is wrong.

`BOUND` lists what is read at the start only; a reload that changes it says that a restart is needed. Everything else is
live: parts read it from `CurrentSettings` each time, and accounts and targets are told what changed.
"""

import asyncio
import math
from collections.abc import Callable
from concurrent.futures import Executor
from datetime import datetime

from structlog.typing import FilteringBoundLogger

from monitor.aio import TURN
from monitor.app import from_settings
from monitor.app.accounts import Accounts
from monitor.app.current_settings import CurrentSettings
from monitor.core.records import ReloadRecord
from monitor.core.watchlist import lost_half
from monitor.polling.scheduler import Scheduler
from monitor.polling.sweeper import Sweeper
from monitor.settings import AccountSettings, ConfigurationError, Settings, fingerprint
from monitor.store import StoreUnavailable
from monitor.upstream.credentials import Credential, CredentialError

BOUND = ("api", "store", "server", "receivers", "heartbeat", "log")
"""Sections that need a restart."""
BOUND_OF_ACCOUNTS = ("max_concurrency",)
"""Keys of an account that need one."""
_LOOK_AT_FILES = 5.0
_TRY_AGAIN = 60.0
"""Seconds until what was refused is tried again: a key's file may come later than what names it, a disk back."""
_STOPPING = ("the monitor is shutting down",)


class Reloader:
    """The one door for a changed configuration. One reload at a time; none before the start, none after `close`."""

    def __init__(
        self,
        current: CurrentSettings,
        load: Callable[[], Settings],
        accounts: Accounts,
        scheduler: Scheduler,
        sweeper: Sweeper,
        *,
        log: FilteringBoundLogger,
        now: Callable[[], datetime],
        report: Callable[[ReloadRecord], None],
        applied: Callable[[], None],
        executor: Executor | None = None,
    ) -> None:
        """`load` reads the configuration again, in `executor`: it blocks, and raises ConfigurationError.

        `applied` is called after each reload that was, whatever triggered it.
        """
        self._current = current
        self._started_with = current.value
        self._load = load
        self._accounts = accounts
        self._scheduler = scheduler
        self._sweeper = sweeper
        self._log = log
        self._now = now
        self._report = report
        self._applied = applied
        self._errors: tuple[str, ...] = ()
        """Why the last try was refused."""
        self._tried_at = -math.inf
        """Loop time."""
        self._executor = executor
        self._tasks: asyncio.TaskGroup
        self._lock = asyncio.Lock()
        self._opened = asyncio.Event()
        self._closed = False
        self._under_way: asyncio.Task[tuple[str, ...]] | None = None

    def open(self, tasks: asyncio.TaskGroup) -> None:
        """The start is over: reload from now on. New accounts run in `tasks`."""
        self._tasks = tasks
        self._opened.set()

    async def close(self) -> None:
        """No more reloads; one under way is given up, and what it has not begun yet is left as it is."""
        self._closed = True
        self._opened.set()
        if self._under_way is not None:
            self._under_way.cancel()
            await asyncio.wait([self._under_way])

    async def reload(self, trigger: str) -> tuple[str, ...]:
        """What is wrong with the configuration; empty if it was applied."""
        await self._opened.wait()
        async with self._lock:
            if self._closed:
                return _STOPPING
            self._under_way = asyncio.create_task(self._once(trigger), name="reload")
            # Whoever asked may go away; a reload is not left half done for that.
            await asyncio.wait([self._under_way])
            return _STOPPING if self._under_way.cancelled() else self._under_way.result()

    async def watch(self, beat: Callable[[], None]) -> None:
        """Reload when the content of a file changes, however it got there, and now and then what was refused."""
        seen = self._current.value.fingerprint
        while True:
            beat()
            await asyncio.sleep(_LOOK_AT_FILES)
            current = await self._fingerprint()
            if current is None or (current == seen and not self._is_to_be_tried_again()):
                continue
            reloading = asyncio.create_task(self.reload("file"))
            while not reloading.done():
                beat()
                await asyncio.wait([reloading], timeout=TURN)
            seen = current if reloading.result() else self._current.value.fingerprint

    def _is_to_be_tried_again(self) -> bool:
        return bool(self._errors) and asyncio.get_running_loop().time() - self._tried_at >= _TRY_AGAIN

    async def _fingerprint(self) -> bytes | None:
        return await asyncio.get_running_loop().run_in_executor(self._executor, fingerprint, self._current.value.files)

    async def _once(self, trigger: str) -> tuple[str, ...]:
        try:
            new = await asyncio.get_running_loop().run_in_executor(self._executor, self._load)
            record = await self._apply(new, trigger)
        except ConfigurationError as error:
            record = self._failed(trigger, error.errors)
        except StoreUnavailable as error:
            record = self._failed(trigger, (f"the store cannot be read now: {error}",))
        self._tried_at = asyncio.get_running_loop().time()
        if trigger != "file" or record.successful or record.errors != self._errors:  # the same again is no news
            self._report(record)
        self._errors = record.errors
        if record.successful:
            self._applied()
        return record.errors

    def _failed(self, trigger: str, errors: tuple[str, ...]) -> ReloadRecord:
        return ReloadRecord(successful=False, at=self._now(), trigger=trigger, errors=errors)

    async def _apply(self, new: Settings, trigger: str) -> ReloadRecord:
        """Whatever can fail comes first; from then on nothing does."""
        credentials = _credentials(new)
        plan = await self._scheduler.plan(new.watchlist.targets)
        old = self._current.value
        self._current.replace(new)
        configured = {account.id: account for account in new.accounts}
        added = [name for name in configured if name not in self._accounts]
        for name, account in configured.items():
            if name in added:
                self._accounts.add(account, credentials[name])
            else:
                self._accounts.change(account, credentials[name], rekeyed=_rekeyed(account, old))
        await self._scheduler.apply(plan)
        for name in added:
            self._accounts.begin(name, self._tasks, self._scheduler.run(name), self._sweeper.run)
        for name in [name for name in self._accounts if name not in configured]:
            await self._accounts.remove(name)
            await self._scheduler.lose_account(name)
        self._sweeper.recheck()
        if bound := _bound(self._started_with, new):
            self._log.warning("config.needs_restart", keys=bound)
        change = plan.change
        halved = lost_half(len(old.watchlist.targets), len(change.removed))
        numbers = len(change.added), len(change.removed), len(change.changed)
        return ReloadRecord(True, self._now(), trigger, *numbers, halved=halved)


def _credentials(settings: Settings) -> dict[str, Credential]:
    """Of every account; raises ConfigurationError with all that cannot be used."""
    found: dict[str, Credential] = {}
    errors: list[str] = []
    for index, account in enumerate(settings.accounts):
        try:
            found[account.id] = from_settings.credential(account.secret)
        except CredentialError as error:
            errors.append(f"{settings.path}: accounts[{index}]: {error}")
    if errors:
        raise ConfigurationError(errors)
    return found


def _rekeyed(account: AccountSettings, old: Settings) -> bool:
    """Whether its key is in another place than before."""
    return any(before.id == account.id and before.secret != account.secret for before in old.accounts)


def _bound(started_with: Settings, new: Settings) -> list[str]:
    """What differs from the start and cannot be changed in a running process."""
    keys = [key for key in BOUND if getattr(started_with, key) != getattr(new, key)]
    before = {account.id: account for account in started_with.accounts}
    return keys + [
        f"accounts[{account.id}].{key}"
        for account in new.accounts
        for key in BOUND_OF_ACCOUNTS
        if account.id in before and getattr(before[account.id], key) != getattr(account, key)
    ]
