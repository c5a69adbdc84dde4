"""Daemons that are really killed: `python -m tests.crash.victim` forks one for each order on its standard input.

An order and its answer are one line of JSON each: `Order` in, `Answer` out. The server imports everything once and has
one thread, so that a fork is cheap and clean. A victim composes the daemon on real HTTP and a real database, counts the
steps between observation and mark, and sends itself SIGKILL at the one that the order names: nothing in the daemon
knows of it. Standard input at its end ends the server; a victim that hangs ends itself.
"""

import asyncio
import functools
import gc
import os
import signal
import sys
import threading
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import msgspec
from sqlalchemy import Connection, Engine, Pool, event
from yarl import URL

from monitor.app import AlreadyRunningError, Daemon, Environment, from_settings, notifiers
from monitor.core.alerting.verdict import Verdict
from monitor.core.commits import Delivery
from monitor.notify import Notifier
from monitor.notify.context import NotifierContext
from monitor.settings import ApiSettings, Receiver, load_settings
from monitor.upstream.transport import Response, Transport

_LONGEST_LIFE = 30
"""Seconds."""
_LOOK = 0.01
REFUSED = 2
"""The exit code of a victim that found another one at its database."""


class Order(msgspec.Struct, frozen=True):
    """One life of a daemon."""

    number: int
    folder: str
    """Holds monitor.yaml; gets `log-NUMBER`, and `trail-NUMBER`: the steps, the last one being that of the kill."""
    kill_at: int | None = None
    """Of the steps, counted from 1..."""
    step: str = ""
    """... and of these only; empty: all."""
    kill_after: float | None = None
    """Seconds, from wherever it is then."""


class Answer(msgspec.Struct, frozen=True):
    number: int
    code: int
    """Of the exit; a negative signal where one has ended it."""


class Steps:
    """Counts steps, and kills at one of them."""

    def __init__(self, kill_at: int | None, step: str, trail: Path) -> None:
        self._left = kill_at
        self._step = step
        self._trail = os.open(trail, os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
        self._lock = threading.Lock()

    def take(self, label: str) -> None:
        """Called before the step that the label names is taken, from any thread."""
        with self._lock:
            os.write(self._trail, label.encode() + b"\n")
            if self._left is not None and label.startswith(self._step):
                self._left -= 1
                if self._left == 0:
                    os.kill(os.getpid(), signal.SIGKILL)


# --- the steps ------------------------------------------------------------------------------------------------


def _count_statements(steps: Steps) -> None:
    """Each statement of the writing thread, each commit, and each return of its connection: the commit is over then."""

    def executes(_connection: Connection, _cursor: Any, statement: str, *_: Any) -> None:
        if _writes():
            steps.take("execute " + " ".join(statement.split()[:3]))

    def commits(_connection: Connection) -> None:
        if _writes():
            steps.take("commit")

    def returned(*_: Any) -> None:
        if _writes():
            steps.take("committed")

    event.listen(Engine, "before_cursor_execute", executes)
    event.listen(Engine, "commit", commits)
    event.listen(Pool, "checkin", returned)


def _writes() -> bool:
    return threading.current_thread().name.startswith("store-write")


class _Wire:
    """The way to the API."""

    def __init__(self, steps: Steps, transport: Transport) -> None:
        self._steps = steps
        self._transport = transport

    async def get(self, url: URL, headers: Mapping[str, str]) -> Response:
        what = "errors" if url.path.endswith("/errors") else "status"
        self._steps.take(f"ask {what}")
        response = await self._transport.get(url, headers)
        self._steps.take(f"use {what}")
        return response

    async def close(self) -> None:
        await self._transport.close()


class _Phone:
    """The way to a receiver."""

    def __init__(self, steps: Steps, notifier: Notifier) -> None:
        self._steps = steps
        self._notifier = notifier

    async def send(self, delivery: Delivery) -> Verdict:
        self._steps.take("send")
        verdict = await self._notifier.send(delivery)
        self._steps.take("sent")
        return verdict

    async def close(self) -> None:
        await self._notifier.close()


# --- a life ---------------------------------------------------------------------------------------------------


def _live(order: Order) -> None:
    """Until every target has ended and everything is told, or until the order's step or time."""
    signal.alarm(_LONGEST_LIFE)
    folder = Path(order.folder)
    steps = Steps(order.kill_at, order.step, folder / f"trail-{order.number}")
    _count_statements(steps)
    if order.kill_after is not None:
        killer = threading.Timer(order.kill_after, os.kill, (os.getpid(), signal.SIGKILL))
        killer.daemon = True
        killer.start()
    with (folder / f"log-{order.number}").open("w", encoding="utf-8") as log:
        os.dup2(log.fileno(), sys.stderr.fileno())
        asyncio.run(_daemon(folder, steps, log))


async def _daemon(folder: Path, steps: Steps, log: Any) -> None:
    load = functools.partial(load_settings, folder / "monitor.yaml", os.environ)

    def transport(api: ApiSettings) -> Transport:
        return _Wire(steps, from_settings.transport(api))

    def notifier(receiver: Receiver, ties: NotifierContext) -> Notifier:
        return _Phone(steps, notifiers.notifier(receiver, ties))

    around = Environment(transport=transport, notifier=notifier, stdout=log, serve=False, watch_files=False)
    daemon, stop = Daemon(load(), load, around), asyncio.Event()
    async with asyncio.TaskGroup() as life:
        life.create_task(daemon.run(stop))
        await daemon.started.wait()
        while not _told(daemon):  # noqa: ASYNC110 - nothing in the daemon says so
            await asyncio.sleep(_LOOK)
        stop.set()


def _told(daemon: Daemon) -> bool:
    ended = all(watched.ended_at is not None for watched in daemon.targets.values())
    return ended and not any(daemon.deliverer.pending().values())


# --- the server -----------------------------------------------------------------------------------------------


def main() -> None:
    """A victim's parent waits for it and answers; the server itself waits for nobody."""
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)
    gc.freeze()  # what is loaded here stays shared with every victim
    for line in sys.stdin.buffer:
        order = msgspec.json.decode(line, type=Order)
        if os.fork() == 0:
            signal.signal(signal.SIGCHLD, signal.SIG_DFL)
            _attend(order)
            os._exit(0)


def _attend(order: Order) -> None:
    victim = os.fork()
    if victim == 0:
        code = 1
        try:
            _live(order)
            code = 0
        except* AlreadyRunningError:
            code = REFUSED
        except* BaseException:
            sys.excepthook(*sys.exc_info())
            raise
        finally:
            os._exit(code)
    _, status = os.waitpid(victim, 0)
    answer = Answer(order.number, os.waitstatus_to_exitcode(status))
    os.write(sys.stdout.fileno(), msgspec.json.encode(answer) + b"\n")


if __name__ == "__main__":
    main()
