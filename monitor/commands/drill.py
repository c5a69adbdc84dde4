"""`workflow-monitor drill`: send a marked test alert and its end through the receivers."""

import argparse
import asyncio

from monitor import app
from monitor.commands.options import (
    CLEAN,
    Adding,
    CommandError,
    chosen_receivers,
    duration,
    loader,
    say,
    with_config,
)


def add(command: Adding) -> None:
    sub = command("drill", _drill, "send a marked test alert and its end through every receiver")
    sub.add_argument("--receiver", metavar="NAME", help="only through this one")
    sub.add_argument(
        "--hold",
        type=duration,
        default=0.0,
        metavar="30s",
        help="how long the test alert stays open (default 0s); an Alertmanager forwards only what is open for longer "
        "than its group_wait",
    )
    with_config(sub)


def _drill(options: argparse.Namespace) -> int:
    settings = loader(options)()
    receivers = chosen_receivers(settings, options.receiver)
    say("This sends a test alert and its end. It is marked as a drill; nothing is wrong.")
    drilled = asyncio.run(app.drill(settings, receivers, options.hold, report=lambda one: say(app.drill_text(one))))
    failed = [one.receiver for one in drilled if not one.passed]
    if failed:
        raise CommandError(f"the drill failed for {', '.join(failed)}")
    return CLEAN
