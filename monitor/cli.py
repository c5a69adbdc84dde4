"""The command line. Exit codes: 0 clean, 1 failed at run time, 2 usage or configuration."""

import argparse
import os
import sys
from collections.abc import Callable, Sequence

from monitor import __version__, app
from monitor.commands import (
    alerts,
    check,
    close,
    definitions,
    deliveries,
    demo,
    drill,
    explain,
    init,
    run,
    schema,
    simulate,
    status,
)
from monitor.commands.options import FAILED, USAGE, CommandError, UsageError, complain
from monitor.settings import ConfigurationError


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command; the exit code."""
    options = _parser().parse_args(arguments)
    try:
        code: int = options.command(options)
    except ConfigurationError as error:
        for line in error.errors:
            sys.stderr.write(line + "\n")
        return USAGE
    except (UsageError, app.AlreadyRunningError) as error:
        complain(str(error))
        return USAGE
    except (CommandError, app.StartError) as error:
        complain(str(error))
        return FAILED
    except KeyboardInterrupt:
        return FAILED
    except BrokenPipeError:
        # The reader of our output has closed the pipe.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return FAILED
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

    for one in (
        run,
        init,
        check,
        demo,
        simulate,
        status,
        definitions,
        schema,
        explain,
        alerts,
        close,
        deliveries,
        drill,
    ):
        one.add(command)
    return parser
