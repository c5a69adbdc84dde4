"""`workflow-monitor deliveries`: list pending and dead deliveries with the reason, or retry the dead ones."""

import argparse
import json
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any, Final

from monitor import app
from monitor.commands.daemon_client import STRANGE, DaemonClient, address, admin_token, read_token
from monitor.commands.options import (
    CLEAN,
    Adding,
    CommandError,
    UsageError,
    chosen_receivers,
    loader,
    say,
    with_daemon,
)
from monitor.commands.tables import TableRow, age, said, table, until

_PAGE: Final = "1000"

_DELIVERIES: Final = {
    "seq": 7,
    "receiver": 16,
    "status": 9,
    "type": 28,
    "name": 20,
    "tries": 5,
    "age": 8,
    "next try": 13,
}


def add(command: Adding) -> None:
    sub = command("deliveries", _deliveries, "show what is pending and what was given up, or try that again")
    sub.add_argument("--pending", action="store_true", help="only what is pending")
    sub.add_argument("--dead", action="store_true", help="only what was given up")
    sub.add_argument("--retry", action="store_true", help="try again what was given up")
    sub.add_argument("--receiver", metavar="NAME", help="only of this receiver")
    sub.add_argument("--json", action="store_true", help="for a program")
    with_daemon(sub)


def _deliveries(options: argparse.Namespace) -> int:
    settings = loader(options)()
    if options.retry and options.pending:
        raise UsageError("--retry: what is pending is tried again anyway; leave out --pending")
    if options.receiver is not None:
        chosen_receivers(settings, options.receiver)
    site = address(settings, options.url)
    only = {"receiver": options.receiver} if options.receiver is not None else {}
    if options.retry:
        return _retry(DaemonClient(site, admin_token(settings, site)), only, as_json=options.json)
    statuses = [status for status in ("pending", "dead") if getattr(options, status)] or ["pending", "dead"]
    remote = DaemonClient(site, read_token(settings, site))
    found = [delivery for status in statuses for delivery in _all(remote, {**only, "status": status})]
    if options.json:
        say(json.dumps({"deliveries": found}, indent=2))
    else:
        say(_deliveries_text(found, app.utc_now()) if found else f"no delivery is {' or '.join(statuses)}")
    return CLEAN


def _retry(remote: DaemonClient, only: Mapping[str, str], *, as_json: bool) -> int:
    said = remote.post("/api/v1/deliveries/retry", only)
    if as_json:
        say(json.dumps(said))
    elif count := said.get("retried"):
        say("1 delivery is tried again" if count == 1 else f"{count} deliveries are tried again")
    else:
        say("no delivery is dead: there is nothing to try again")
    return CLEAN


def _all(remote: DaemonClient, asked: Mapping[str, str]) -> Iterator[dict[str, Any]]:
    after: object = 0
    while after is not None:
        page = remote.get("/api/v1/deliveries", {**asked, "limit": _PAGE, "after": str(after)})
        try:
            yield from page["deliveries"]
            after = page["next"]
        except (KeyError, TypeError):
            raise CommandError(STRANGE) from None


def _deliveries_text(deliveries: Sequence[Mapping[str, Any]], now: datetime) -> str:
    return table([*_DELIVERIES], [*_DELIVERIES.values()], [_delivery(delivery, now) for delivery in deliveries])


def _delivery(delivery: Mapping[str, Any], now: datetime) -> TableRow:
    tries = said(delivery, "attempts")
    cells = [said(delivery, key) for key in ("seq", "receiver", "status", "type")]
    about = said(delivery, "about").replace("_", " ")
    summary = said(delivery, "summary", "subject")
    why = said(delivery, "detail")
    return TableRow(
        (*cells, _name(delivery), tries, age(delivery.get("observed_at"), now), _next_try(delivery, now)),
        (f"{about}: {summary}", f"why: {why}" if why else ""),
    )


def _name(delivery: Mapping[str, Any]) -> str:
    """The name of its target; without one, the last part of its subject, an id."""
    return said(delivery, "name") or said(delivery, "subject").rpartition("/")[2]


def _next_try(delivery: Mapping[str, Any], now: datetime) -> str:
    if delivery.get("status") != "pending":
        return ""
    if delivery.get("behind") is not None:
        return f"after {delivery['behind']}"
    seconds = until(delivery.get("next_try"), now)
    return f"in {seconds}" if seconds else "due"
