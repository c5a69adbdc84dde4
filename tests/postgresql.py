"""A PostgreSQL server of the tests: its own files, a free port, an unprivileged user; gone at the end."""

import contextlib
import os
import pwd
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import psutil
import psycopg
import pytest

_PATIENCE = 30.0
_USER = "nobody"
"""Runs the server if the tests run as root, which the server refuses."""
_ACCESS = """
host all with_password 127.0.0.1/32 scram-sha-256
host all refused 127.0.0.1/32 reject
host all all 127.0.0.1/32 trust
"""
_FAST = {"fsync": "off", "full_page_writes": "off", "max_connections": "50", "shared_buffers": "16MB"}
"""No test is about a machine that loses power."""


def programs() -> Path | None:
    """The folder of `initdb` and `postgres`; None if there is none, or an older one than 15."""
    beside = [Path(found).parent] if (found := shutil.which("initdb")) else []
    packaged = sorted(Path("/usr/lib/postgresql").glob("*/bin"), key=lambda path: int(path.parent.name), reverse=True)
    return next((path for path in (*packaged, *beside) if (path / "initdb").exists()), None)


class Server:
    """Made by `server`; runs until it is stopped, and again after `start`."""

    def __init__(self, folder: Path, programs: Path) -> None:
        self.port = _free_port()
        self._folder = folder
        self._programs = programs
        self._process: subprocess.Popen[bytes] | None = None

    def url(self, user: str = "postgres", database: str = "postgres") -> str:
        """As SQLAlchemy has it."""
        return f"postgresql+psycopg://{user}@127.0.0.1:{self.port}/{database}"

    def connect(self) -> psycopg.Connection:
        """Of the superuser, without transactions."""
        return psycopg.connect(self.url().replace("+psycopg", ""), autocommit=True)

    def make(self) -> None:
        data = self._folder / "data"
        arguments = ["--auth=trust", "--username=postgres", "--encoding=UTF8", "--locale=C.UTF-8", "--no-sync"]
        self._run("initdb", *arguments, f"--pgdata={data}").wait(_PATIENCE)
        (data / "pg_hba.conf").write_text(_ACCESS)

    def start(self) -> None:
        options = {"listen_addresses": "127.0.0.1", "unix_socket_directories": "", **_FAST}
        written = [part for name, value in options.items() for part in ("-c", f"{name}={value}")]
        self._process = self._run("postgres", "-D", str(self._folder / "data"), "-p", str(self.port), *written)
        _await(lambda: self.connect().close(), "PostgreSQL")

    def stop(self) -> None:
        """Transactions under way are rolled back."""
        self._end(signal.SIGINT)

    def crash(self) -> None:
        self._end(signal.SIGQUIT)

    def freeze(self) -> None:
        """It answers nobody, and ends no connection."""
        self._signal_all(signal.SIGSTOP)

    def thaw(self) -> None:
        self._signal_all(signal.SIGCONT)

    def _signal_all(self, number: signal.Signals) -> None:
        assert self._process is not None
        first = psutil.Process(self._process.pid)
        for process in (first, *first.children(recursive=True)):
            process.send_signal(number)

    def _end(self, how: signal.Signals) -> None:
        if self._process is not None:
            self.thaw()
            self._process.send_signal(how)
            self._process.wait(_PATIENCE)
            self._process = None

    def _run(self, program: str, *arguments: str) -> subprocess.Popen[bytes]:
        with (self._folder / "log").open("ab") as log:
            return subprocess.Popen(  # noqa: S603 - PostgreSQL's own programs
                [self._programs / program, *arguments], user=_user(), cwd=self._folder, stdout=log, stderr=log
            )


def _free_port() -> int:
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return int(one.getsockname()[1])


@contextlib.contextmanager
def server() -> Iterator[Server]:
    """A new one, which runs. Skips the test if PostgreSQL is not installed."""
    found = programs()
    if found is None:
        pytest.skip("PostgreSQL is not installed: apt-get install postgresql")
    folder = Path(tempfile.mkdtemp(prefix="workflow-monitor-postgresql-"))
    _lend(folder)
    made = Server(folder, found)
    try:
        made.make()
        made.start()
        yield made
    finally:
        made.stop()
        shutil.rmtree(folder)


@contextlib.contextmanager
def pooler(server: Server, **settings: Any) -> Iterator[int]:
    """PgBouncer before the server: its port. Skips the test if it is not installed."""
    program = shutil.which("pgbouncer", path=f"{os.environ['PATH']}:/usr/sbin")
    if program is None:
        pytest.skip("PgBouncer is not installed: apt-get install pgbouncer")
    with tempfile.TemporaryDirectory(prefix="workflow-monitor-pgbouncer-") as folder:
        port, file = _free_port(), Path(folder) / "pgbouncer.ini"
        written = {
            "listen_addr": "127.0.0.1",
            "listen_port": port,
            "unix_socket_dir": "",
            "auth_type": "any",
            **settings,
        }
        lines = "".join(f"{name} = {value}\n" for name, value in written.items())
        database = f"postgres = host=127.0.0.1 port={server.port} user=postgres\n"
        file.write_text(f"[databases]\n{database}[pgbouncer]\n{lines}")
        _lend(Path(folder))
        running = subprocess.Popen([program, "--quiet", file], user=_user(), cwd=folder)  # noqa: S603 - PgBouncer's own
        try:
            _await(lambda: psycopg.connect(f"postgresql://postgres@127.0.0.1:{port}/postgres").close(), "PgBouncer")
            yield port
        finally:
            running.terminate()
            running.wait(_PATIENCE)


def _user() -> str | None:
    return _USER if os.geteuid() == 0 else None


def _lend(folder: Path) -> None:
    """Make it the user's that runs the servers."""
    if os.geteuid() == 0:
        os.chown(folder, pwd.getpwnam(_USER).pw_uid, -1)


def _await(connect: Callable[[], object], what: str) -> None:
    ends = time.monotonic() + _PATIENCE
    while True:
        try:
            connect()
        except psycopg.OperationalError as error:
            if time.monotonic() > ends:
                raise TimeoutError(f"{what} does not start") from error
            time.sleep(0.02)
        else:
            return
