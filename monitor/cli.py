"""The command line. Exit codes: 0 clean, 1 failed at run time, 2 usage or configuration."""

import argparse
import asyncio
import contextlib
import itertools
import json
import os
import signal
import sys
from collections.abc import Callable, Coroutine, Sequence
from pathlib import Path
from typing import Any

from monitor import __version__, app, demo
from monitor.core.ids import check_id
from monitor.core.model import Failed, TargetKey
from monitor.core.units import parse_duration
from monitor.settings import ConfigurationError, Settings, load_settings, schema
from monitor.sim import simulate
from monitor.sim.scenario import watched
from monitor.sim.world import World

_DEFAULT_CONFIG = "config/monitor.yaml"
_CLEAN, _FAILED, _USAGE = 0, 1, 2


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command; the exit code."""
    options = _parser().parse_args(arguments)
    try:
        code: int = options.command(options)
    except ConfigurationError as error:
        for line in error.errors:
            sys.stderr.write(line + "\n")
        return _USAGE
    except app.StartError as error:
        _complain(str(error))
        return _FAILED
    except KeyboardInterrupt:
        return _FAILED
    except BrokenPipeError:
        # Whoever read our output has gone; there is nobody to tell.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return _FAILED
    return code


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="workflow-monitor",
        description="Watches workflow instances of the 8x8 Automation API and tells on-call what went wrong.",
    )
    parser.add_argument("--version", action="version", version=f"workflow-monitor {__version__}")
    commands = parser.add_subparsers(required=True, metavar="COMMAND")

    def command(name: str, run: Callable[[argparse.Namespace], int], text: str) -> argparse.ArgumentParser:
        sub = commands.add_parser(name, help=text, description=text)
        sub.set_defaults(command=run)
        return sub

    _with_config(command("run", _run, "run the monitor"))
    _with_config(command("check", _check, "validate settings and watchlist, print what the budget buys"))
    sub = command("demo", _demo, "simulator, monitor and console in one process, no configuration needed")
    sub.add_argument("--duration", type=_duration, metavar="30s", help="end after this time with exit code 0")
    sub.add_argument("--port", type=_port, default=8808, help="serves the page and /metrics (default %(default)s)")
    sub = command("simulate", _simulate, "only the simulated API")
    sub.add_argument("--port", type=_port, required=True)
    sub.add_argument("--scenario", choices=simulate.scenario_names(), default="demo_day")
    sub = command("status", _status, "poll one workflow instance and print it with its step log")
    for name in ("account", "definition", "workflow"):
        sub.add_argument(name, metavar=name.upper(), type=_id)
    sub.add_argument("--json", action="store_true", help="for a program")
    _with_config(sub)
    sub = command("schema", _schema, "print the JSON Schema of the settings, the watchlist or an event")
    sub.add_argument("what", choices=("settings", "watchlist", "event"))
    return parser


def _with_config(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--config",
        type=Path,
        metavar="FILE",
        default=Path(os.environ.get("MONITOR_CONFIG") or _DEFAULT_CONFIG),
        help="settings (default: $MONITOR_CONFIG, else %(default)s)",
    )


def _duration(text: str) -> float:
    try:
        return parse_duration(text)
    except ValueError as error:
        raise argparse.ArgumentTypeError(str(error)) from None


def _port(text: str) -> int:
    if not text.isdecimal() or int(text) > 65535:  # noqa: PLR2004 - the highest port there is
        raise argparse.ArgumentTypeError(f"expected a port from 0 to 65535, got {text[:40]!r}")
    return int(text)


def _id(text: str) -> str:
    try:
        check_id(text)
    except ValueError as error:
        raise argparse.ArgumentTypeError(str(error)) from None
    return text


def _load(options: argparse.Namespace) -> Callable[[], Settings]:
    path: Path = options.config
    return lambda: load_settings(path, os.environ)


def _run(options: argparse.Namespace) -> int:
    load = _load(options)
    settings = load()

    async def live() -> None:
        daemon = app.Daemon(settings, load)
        stop = _stop_on_signals()
        reloads: set[asyncio.Task[object]] = set()

        def reload() -> None:
            task = asyncio.ensure_future(daemon.reload("sighup"))
            reloads.add(task)
            task.add_done_callback(reloads.discard)

        asyncio.get_running_loop().add_signal_handler(signal.SIGHUP, reload)
        await daemon.run(stop)

    return _lived(live())


def _demo(options: argparse.Namespace) -> int:
    async def live() -> None:
        stop = _stop_on_signals()
        if options.duration is not None:
            asyncio.get_running_loop().call_later(options.duration, stop.set)
        await demo.run_demo(options.port, stop)

    return _lived(live())


def _simulate(options: argparse.Namespace) -> int:
    def ready(address: str, world: World) -> None:
        _say(f"The simulated API is at {address} (scenario {options.scenario}). Accounts and their keys:")
        for account in world.scenario.accounts:
            _say(f"  {account.id}: {account.key}")
        _say("Some of its workflow instances:")
        for one in itertools.islice(watched(world.scenario, world.seed), 5):
            _say(f"  {one.account} {one.definition} {one.workflow}  {one.name}")

    async def live() -> None:
        stop = _stop_on_signals()
        serving = asyncio.ensure_future(
            simulate.simulate("127.0.0.1", options.port, options.scenario, now=app.utc_now, on_ready=ready)
        )
        stopping = asyncio.ensure_future(stop.wait())
        await asyncio.wait([serving, stopping], return_when=asyncio.FIRST_COMPLETED)
        stopping.cancel()
        serving.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await serving

    try:
        return _lived(live())
    except OSError as error:
        raise app.StartError(f"--port: cannot listen on port {options.port}: {error.strerror}") from error


def _check(options: argparse.Namespace) -> int:
    settings = _load(options)()
    _say(settings.plan().text())
    return _CLEAN


def _status(options: argparse.Namespace) -> int:
    settings = _load(options)()
    key = TargetKey(options.account, options.definition, options.workflow)
    known = [account.id for account in settings.accounts]
    if key.account not in known:
        _complain(f"account {key.account!r} is not configured; {options.config} has {', '.join(known)}")
        return _USAGE
    found = asyncio.run(app.look(settings, key))
    if isinstance(found, Failed):
        _complain(f"{found.outcome.value}: {found.detail}")
        return _FAILED
    _say(app.as_json(key, found) if options.json else app.as_text(key, found, app.utc_now()))
    return _CLEAN


def _schema(options: argparse.Namespace) -> int:
    _say(json.dumps(schema(options.what), indent=2))
    return _CLEAN


def _stop_on_signals() -> asyncio.Event:
    """Set by the first SIGTERM or SIGINT; the second one ends the process at once."""
    stop = asyncio.Event()

    def asked() -> None:
        if stop.is_set():
            os._exit(_FAILED)
        stop.set()

    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, asked)
    return stop


def _lived(life: Coroutine[Any, Any, None]) -> int:
    """Run to the end; a failure to start, alone in its group, is told as what it is."""
    try:
        asyncio.run(life)
    except* app.StartError as group:
        raise group.exceptions[0] from None
    return _CLEAN


def _say(text: str) -> None:
    sys.stdout.write(text.rstrip("\n") + "\n")
    sys.stdout.flush()


def _complain(text: str) -> None:
    sys.stderr.write(f"workflow-monitor: {text}\n")
