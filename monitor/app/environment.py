"""What the daemon gets from outside itself."""

import random
import sys
from collections.abc import Callable
from concurrent.futures import Executor, ThreadPoolExecutor
from datetime import UTC, datetime
from typing import TextIO

import msgspec

from monitor.app import from_settings, notifiers
from monitor.notify import Notifier
from monitor.notify.context import NotifierContext
from monitor.settings import ApiSettings, Receiver
from monitor.upstream.transport import Transport

READERS = 4
"""Threads that read the store. Pages take half of them at most: what is delivered is looked up by the others."""


class StartError(Exception):
    """The monitor cannot start; the message says why, and what to do."""


class AlreadyRunningError(StartError):
    """Another monitor uses the same database; trying again does not help while it does."""


def utc_now() -> datetime:
    return datetime.now(UTC)


class Environment(msgspec.Struct, frozen=True, kw_only=True):
    """Clocks, chance, threads and the network. Tests bring their own."""

    now: Callable[[], datetime] = utc_now
    jitter: Callable[[], float] = random.random
    """Numbers in [0, 1)."""
    transport: Callable[[ApiSettings], Transport] = from_settings.transport
    notifier: Callable[[Receiver, NotifierContext], Notifier] = notifiers.notifier
    writer: Callable[[], Executor] = lambda: ThreadPoolExecutor(1, "store-write")
    reader: Callable[[], Executor] = lambda: ThreadPoolExecutor(READERS, "store-read")
    background: Callable[[], Executor] = lambda: ThreadPoolExecutor(2, "background")
    """For scrapes and for reading the configuration. The loop's own executor resolves names, and may be stuck in it."""
    stdout: TextIO = sys.stdout
    serve: bool = True
    """Whether the pages are served."""
    watch_files: bool = True
    """Whether a changed file reloads the configuration."""
