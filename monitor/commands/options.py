"""Shared by the commands: options, exit codes and output."""

import argparse
import os
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Final

from monitor.core.formats.clean import clean
from monitor.core.formats.ids import check_id
from monitor.core.formats.units import parse_duration
from monitor.settings import ConfigurationError, Receiver, Settings, load_settings

_SHOWN: Final = 80
"""The most characters of an argument that a message repeats."""
_DEFAULT_CONFIG: Final = "config/monitor.yaml"
CLEAN, FAILED, USAGE = 0, 1, 2
Adding = Callable[[str, Callable[[argparse.Namespace], int], str], argparse.ArgumentParser]
"""Adds a command by its name, its function and its description; returns the parser, which takes its options."""
_WITHOUT_SETTINGS: Final = (
    "name yours by --config FILE or $MONITOR_CONFIG, or have some written by `workflow-monitor init DIR --account ID`; "
    "`workflow-monitor demo` needs none"
)


class UsageError(Exception):
    """Arguments or settings cannot be used; the message says what to do. Exit code 2."""


class CommandError(Exception):
    """The command failed; the message says why, and what to do. Exit code 1."""


def with_config(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--config",
        type=Path,
        metavar="FILE",
        default=Path(os.environ.get("MONITOR_CONFIG") or _DEFAULT_CONFIG),
        help="settings (default: $MONITOR_CONFIG, else %(default)s)",
    )


def loader(options: argparse.Namespace) -> Callable[[], Settings]:
    """Reads the settings that were asked for; raises ConfigurationError, at once if there is no such file."""
    path: Path = options.config
    if not path.exists():
        raise ConfigurationError([f"{path}: there is no such file; {_WITHOUT_SETTINGS}"])
    return lambda: load_settings(path, os.environ)


def duration(text: str) -> float:
    try:
        return parse_duration(text)
    except ValueError as error:
        raise argparse.ArgumentTypeError(str(error)) from None


def port(text: str) -> int:
    if not text.isdecimal() or int(text) > 65535:  # noqa: PLR2004 - the highest port there is
        raise argparse.ArgumentTypeError(f"expected a port from 0 to 65535, got {text[:40]!r}")
    return int(text)


def identifier(text: str) -> str:
    try:
        check_id(text)
    except ValueError as error:
        raise argparse.ArgumentTypeError(str(error)) from None
    return text


def say(text: str) -> None:
    sys.stdout.write(text.rstrip("\n") + "\n")
    sys.stdout.flush()


def complain(text: str) -> None:
    sys.stderr.write(f"workflow-monitor: {text}\n")


def warn(line: str) -> None:
    sys.stderr.write(f"warning: {line}\n")


def with_daemon(parser: argparse.ArgumentParser) -> None:
    with_config(parser)
    parser.add_argument("--url", help="where the daemon is (default: server.host and server.port of the settings)")


def chosen_receivers(settings: Settings, name: str | None) -> Sequence[Receiver]:
    """The named receiver, or all. Raises UsageError if there is none."""
    if not settings.receivers:
        raise UsageError(f"{settings.path}: receivers: there are none, so nobody is told of anything")
    chosen = [receiver for receiver in settings.receivers if name in (None, receiver.name)]
    if not chosen:
        known = ", ".join(receiver.name for receiver in settings.receivers)
        raise UsageError(f"--receiver: there is no receiver {clean(name or '', _SHOWN)!r}; {settings.path} has {known}")
    return chosen
