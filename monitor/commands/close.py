"""`workflow-monitor close`: close an open alert."""

import argparse
from urllib.parse import quote

from monitor.commands.daemon_client import DaemonClient, address, admin_token
from monitor.commands.options import (
    CLEAN,
    Adding,
    identifier,
    loader,
    say,
    with_daemon,
)


def add(command: Adding) -> None:
    sub = command("close", _close, "close an open alert: somebody has seen to it")
    sub.add_argument(
        "id",
        metavar="ID",
        type=identifier,
        help="of an alert, as the command alerts lists it; of an incident: all its alerts",
    )
    with_daemon(sub)


def _close(options: argparse.Namespace) -> int:
    settings = loader(options)()
    site = address(settings, options.url)
    answer = DaemonClient(site, admin_token(settings, site)).post(f"/api/v1/alerts/{quote(options.id, safe='')}/close")
    number = answer.get("alerts", 1)
    say(f"closed {options.id}" + (f": {number} alerts" if number != 1 else ""))
    return CLEAN
