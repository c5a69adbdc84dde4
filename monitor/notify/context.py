"""The daemon's side of every notifier."""

from collections.abc import Callable
from concurrent.futures import Executor
from datetime import datetime

import msgspec

from monitor.notify.daemon_threads import DaemonThreadExecutor
from monitor.notify.notifier import AlertReader, Tolls


class NotifierContext(msgspec.Struct, frozen=True, kw_only=True):
    """The parts of the daemon that a notifier may use."""

    now: Callable[[], datetime]
    latest: Callable[[], datetime] | None = None
    """The latest time that it may be now, for terms that a receiver measures by its own clock; None: `now`."""
    casebook: AlertReader
    external_url: str
    runbook_url: str = ""
    host: str = ""
    """The name of this machine."""
    started_at: datetime
    hold: Callable[[], float] = lambda: 4 * 3600.0
    """Seconds that an event alert stays open."""
    alive: Callable[[], bool] = lambda: True
    """Whether every loop turns and the store commits."""
    tolls: Tolls = lambda _account, _definition: ()
    fault: Callable[[str, Exception], None] = lambda _loop, _error: None
    """Reports our own errors, with the name of the loop."""
    threads: Callable[[], Executor] = DaemonThreadExecutor
    """For libraries that block."""
