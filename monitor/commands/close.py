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
    sub.add_argument("id", metavar="ID", type=identifier, help="of the alert, as the command alerts lists it")
    with_daemon(sub)


def _close(options: argparse.Namespace) -> int:
    settings = loader(options)()
    site = address(settings, options.url)
    DaemonClient(site, admin_token(settings, site)).post(f"/api/v1/alerts/{quote(options.id, safe='')}/close")
    say(f"closed {options.id}")
    return CLEAN
