"""`workflow-monitor alerts`: list the open alerts with ids, ages and receivers."""

import argparse
import json
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, Final

from monitor import app
from monitor.commands.daemon_client import STRANGE, DaemonClient, address, read_token
from monitor.commands.options import (
    CLEAN,
    Adding,
    CommandError,
    loader,
    say,
    with_daemon,
)
from monitor.commands.tables import TableRow, age, said, table

_ALERTS: Final = {"id": 40, "severity": 8, "type": 28, "age": 8, "name": 28}
"""Columns, each with the most characters of a cell."""


_TOLD: Final = {"delivered": "acknowledged", "pending": "pending", "dead": "given up"}


def add(command: Adding) -> None:
    sub = command("alerts", _alerts, "list what is open, with ids, ages and who was told")
    sub.add_argument("--json", action="store_true", help="for a program")
    with_daemon(sub)


def _alerts(options: argparse.Namespace) -> int:
    settings = loader(options)()
    site = address(settings, options.url)
    said = DaemonClient(site, read_token(settings, site)).get("/api/v1/alerts", {})
    try:
        found = list(said["alerts"])
    except (KeyError, TypeError):
        raise CommandError(STRANGE) from None
    if options.json:
        say(json.dumps({"alerts": found}, indent=2))
    else:
        say(_alerts_text(found, app.utc_now()) if found else "no alert is open")
    return CLEAN


def _alerts_text(alerts: Sequence[Mapping[str, Any]], now: datetime) -> str:
    return table([*_ALERTS], [*_ALERTS.values()], [_alert(alert, now) for alert in alerts])


def _alert(alert: Mapping[str, Any], now: datetime) -> TableRow:
    cells = [said(alert, key) for key in ("id", "severity", "type")]
    told = "; ".join(_told(telling, now) for telling in alert.get("deliveries", ()))
    return TableRow(
        (*cells, age(alert.get("opened_at"), now), said(alert, "name", "workflow", "account")),
        (said(alert, "summary"), told or "no receiver gets it"),
    )


def _told(telling: Mapping[str, Any], now: datetime) -> str:
    """The state of the delivery to one receiver, e.g. `oncall: acknowledged 5m ago`."""
    status = said(telling, "status")
    word = f"{said(telling, 'receiver')}: {_TOLD.get(status, status)}"
    ago = f" {gone} ago" if (gone := age(telling.get("at"), now)) else ""
    return f"{word}{ago}" + (f" ({detail})" if status != "delivered" and (detail := said(telling, "detail")) else "")
