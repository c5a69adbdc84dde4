"""A bench's surroundings: a folder on a real disk, a configuration in it, and processes that are ended with it."""

import contextlib
import itertools
import json
import os
import shutil
import ssl
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import psutil

DEFINITION = "5870442f-3ddd-4657-b74c-6e17308f5230"
_ROOT = Path(__file__).parents[2]
_PATIENCE = 10.0


class Figure(NamedTuple):
    """One line of the table."""

    name: str
    value: str
    target: str = ""
    reached: bool | None = None
    """None where nothing was promised."""


def say(text: str) -> None:
    sys.stdout.write(text + "\n")
    sys.stdout.flush()


class Process:
    """One process of a bench, by its pid."""

    def __init__(self, arguments: Sequence[str], environ: Mapping[str, str], output: Path | None = None) -> None:
        self.began = time.monotonic()
        self._name = " ".join(arguments[:2])
        self._out = output.open("wb") if output else None
        self.popen = subprocess.Popen(  # noqa: S603 - our own modules, with arguments of our own
            [sys.executable, *arguments],
            cwd=_ROOT,
            env={**os.environ, **environ},
            stdin=subprocess.PIPE,
            stdout=self._out or subprocess.PIPE,
            text=True,
        )
        self.pid = self.popen.pid
        self._psutil = psutil.Process(self.pid)

    def ask(self, line: str) -> str:
        assert self.popen.stdin is not None
        self.popen.stdin.write(line + "\n")
        self.popen.stdin.flush()
        return self.read_line()

    def read_line(self) -> str:
        assert self.popen.stdout is not None
        line = self.popen.stdout.readline()
        if not line:
            raise RuntimeError(f"{self._name} has ended")
        return line.strip()

    def cpu(self) -> float:
        """Seconds of CPU so far, all threads."""
        times = self._psutil.cpu_times()
        return times.user + times.system

    def memory(self) -> int:
        """Bytes that are resident."""
        return self._psutil.memory_info().rss

    def wait(self, seconds: float) -> None:
        """Raises where the process has ended meanwhile."""
        time.sleep(seconds)
        self.signal(0)

    def signal(self, number: int) -> None:
        if self.popen.poll() is not None:
            raise RuntimeError(f"{self._name} has ended with {self.popen.returncode}")
        self.popen.send_signal(number)

    def end(self) -> None:
        if self.popen.poll() is None:
            self.popen.terminate()
            try:
                self.popen.wait(_PATIENCE + 5)
            except subprocess.TimeoutExpired:
                self.popen.kill()
                self.popen.wait()
        for stream in (self.popen.stdin, self.popen.stdout, self._out):
            if stream is not None:
                with contextlib.suppress(OSError):
                    stream.close()


class House:
    """Makes what a bench needs, in one folder."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.authority: str | None = None
        """The certificate that signs the servers' own; None: they speak plain HTTP."""
        self._closing = contextlib.ExitStack()

    def close(self) -> None:
        self._closing.close()

    def start(self, *arguments: str, output: str | None = None) -> Process:
        environ = {"BENCH_KEY": "sim-key-crowd-0"} | ({"SSL_CERT_FILE": self.authority} if self.authority else {})
        process = Process(arguments, environ, self.folder / output if output else None)
        self._closing.callback(process.end)
        return process

    def server(self, *arguments: str) -> int:
        """A process of `servers.py`; its port."""
        return int(self.start("-m", "tests.bench.servers", *arguments).read_line())

    def write(self, name: str, tree: object) -> Path:
        """JSON, which is YAML too."""
        path = self.folder / name
        path.write_text(json.dumps(tree), "utf-8")
        return path

    def settings(self, api: int, *, account: Mapping[str, Any], interval: str, **others: object) -> Path:
        return self.write(
            "monitor.yaml",
            {
                "api": {"base_url": f"{'https' if self.authority else 'http'}://127.0.0.1:{api}"},
                "accounts": [{"id": "crowd-0", "api_key_env": "BENCH_KEY", **account}],
                "polling": {"interval": interval},
                "store": {"url": f"sqlite:///{self.folder}/monitor.db"},
                "server": {"port": 0},
                **others,
            },
        )

    def watchlist(self, workflows: Sequence[str], definitions: Sequence[str] = (DEFINITION,)) -> Path:
        """As people write it: one entry of YAML per target; of these definitions in turn."""
        path = self.folder / "watchlist.yaml"
        entries = "".join(
            f"- definition: {definition}\n  workflow: {workflow}\n"
            for workflow, definition in zip(workflows, itertools.cycle(definitions), strict=False)
        )
        path.write_text(f"defaults:\n  account: crowd-0\ntargets:\n{entries}", "utf-8")
        return path

    def daemon(self, config: Path) -> "Daemon":
        """The whole daemon, watched from inside by `observed.py`."""
        notes = self.folder / "notes.json"
        notes.unlink(missing_ok=True)
        process = self.start("-m", "tests.bench.observed", str(config), str(notes), output="daemon.log")
        return Daemon(process, notes, self.folder / "daemon.log")


class Daemon:
    """The daemon's process and what it notes about itself."""

    def __init__(self, process: Process, notes: Path, log: Path) -> None:
        self.process = process
        self.log = log
        self._notes = notes

    def notes(self) -> dict[str, Any]:
        """As of the last half second."""
        try:
            found: dict[str, Any] = json.loads(self._notes.read_bytes())
        except FileNotFoundError:
            return {}
        return found

    def wait(self, seconds: float) -> None:
        self.process.wait(seconds)

    def wait_ready(self, patience: float = 120.0) -> float:
        """Seconds from the start of the process until `/-/ready` says yes."""
        until = time.monotonic() + patience
        while time.monotonic() < until:
            self.wait(0.02)
            port = self.notes().get("port")
            if port and _status(f"http://127.0.0.1:{port}/-/ready") == 200:
                return time.monotonic() - self.process.began
        raise RuntimeError("the daemon did not become ready")

    def get(self, path: str, accept: str = "*/*") -> bytes:
        return get(f"http://127.0.0.1:{self.notes()['port']}{path}", accept)

    def lags(self) -> tuple[float, float]:
        """The longest time the loop was held since the last call, in seconds: by the clock, and of CPU."""
        time.sleep(0.7)
        before = self.notes().get("phase", 0)
        self.process.signal(10)  # SIGUSR1: begin another phase
        until = time.monotonic() + _PATIENCE
        while (notes := self.notes()).get("phase", 0) == before and time.monotonic() < until:
            time.sleep(0.05)
        held, cpu = notes["lags"]
        return float(held), float(cpu)


def get(url: str, accept: str = "*/*", authority: str | None = None) -> bytes:
    trust = ssl.create_default_context(cafile=authority) if authority else None
    request = urllib.request.Request(url, headers={"Accept": accept})  # noqa: S310 - http, to ourselves
    with urllib.request.urlopen(request, timeout=60, context=trust) as answer:  # noqa: S310 - as above
        body: bytes = answer.read()
    return body


def _status(url: str) -> int:
    try:
        with urllib.request.urlopen(url, timeout=60) as answer:  # noqa: S310 - as above
            return int(answer.status)
    except urllib.error.HTTPError as error:
        return error.code
    except OSError:
        return 0


@contextlib.contextmanager
def house() -> Iterator[House]:
    """On `/var/tmp`, which is a disk where `/tmp` may be memory."""
    folder = Path(tempfile.mkdtemp(prefix="workflow-monitor-bench-", dir="/var/tmp"))
    made = House(folder)
    try:
        yield made
    finally:
        made.close()
        shutil.rmtree(folder, ignore_errors=True)
