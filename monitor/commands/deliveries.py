"""Commands about what people are told: `alerts`, `close`, `deliveries`, `drill`."""

import argparse
import asyncio
import json
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any, Final
from urllib.parse import quote

from monitor import app
from monitor.commands.daemon_client import Remote, address, admin_token
from monitor.commands.options import (
    CLEAN,
    Adding,
    CommandError,
    UsageError,
    duration,
    identifier,
    loader,
    say,
    with_config,
)
from monitor.commands.tables import Row, age, table, until
from monitor.core.formats.clean import clean
from monitor.settings import Receiver, Settings

_PAGE: Final = "1000"
_SHOWN = 80
"""Characters of what was typed."""
_ALERTS: Final = {"id": 40, "severity": 8, "type": 28, "age": 8, "name": 28}
"""Columns, each with the characters that a cell gets."""
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
_STRANGE: Final = "the daemon answers as no version that this one knows"
_TOLD: Final = {"delivered": "acknowledged", "pending": "pending", "dead": "given up"}


def add(command: Adding) -> None:
    sub = command("alerts", _alerts, "list what is open, with ids, ages and who was told")
    sub.add_argument("--json", action="store_true", help="for a program")
    _with_daemon(sub)
    sub = command("close", _close, "close an open alert: somebody has seen to it")
    sub.add_argument("id", metavar="ID", type=identifier, help="of the alert, as the command alerts lists it")
    _with_daemon(sub)
    sub = command("deliveries", _deliveries, "show what is pending and what was given up, or try that again")
    sub.add_argument("--pending", action="store_true", help="only what is pending")
    sub.add_argument("--dead", action="store_true", help="only what was given up")
    sub.add_argument("--retry", action="store_true", help="try again what was given up")
    sub.add_argument("--receiver", metavar="NAME", help="only of this receiver")
    sub.add_argument("--json", action="store_true", help="for a program")
    _with_daemon(sub)
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


def _with_daemon(parser: argparse.ArgumentParser) -> None:
    with_config(parser)
    parser.add_argument("--url", help="where the daemon is (default: server.host and server.port of the settings)")


def _receivers(settings: Settings, name: str | None) -> Sequence[Receiver]:
    """The one that is named, or all. Raises UsageError where there is none."""
    if not settings.receivers:
        raise UsageError(f"{settings.path}: receivers: there are none, so nobody is told of anything")
    chosen = [receiver for receiver in settings.receivers if name in (None, receiver.name)]
    if not chosen:
        known = ", ".join(receiver.name for receiver in settings.receivers)
        raise UsageError(f"--receiver: there is no receiver {clean(name or '', _SHOWN)!r}; {settings.path} has {known}")
    return chosen


# --- alerts -----------------------------------------------------------------------------------------------


def _alerts(options: argparse.Namespace) -> int:
    said = Remote(address(loader(options)(), options.url)).get("/api/v1/alerts", {})
    try:
        found = list(said["alerts"])
    except (KeyError, TypeError):
        raise CommandError(_STRANGE) from None
    if options.json:
        say(json.dumps({"alerts": found}, indent=2))
    else:
        say(_alerts_text(found, app.utc_now()) if found else "no alert is open")
    return CLEAN


def _alerts_text(alerts: Sequence[Mapping[str, Any]], now: datetime) -> str:
    return table([*_ALERTS], [*_ALERTS.values()], [_alert(alert, now) for alert in alerts])


def _alert(alert: Mapping[str, Any], now: datetime) -> Row:
    cells = [_said(alert, key) for key in ("id", "severity", "type")]
    told = "; ".join(_told(telling, now) for telling in alert.get("deliveries", ()))
    return Row(
        (*cells, age(alert.get("opened_at"), now), _said(alert, "name", "workflow", "account")),
        (_said(alert, "summary"), told or "no receiver gets it"),
    )


def _told(telling: Mapping[str, Any], now: datetime) -> str:
    """What came of one receiver: `oncall: acknowledged 5m ago`."""
    status = _said(telling, "status")
    word = f"{_said(telling, 'receiver')}: {_TOLD.get(status, status)}"
    ago = f" {gone} ago" if (gone := age(telling.get("at"), now)) else ""
    return f"{word}{ago}" + (f" ({detail})" if status != "delivered" and (detail := _said(telling, "detail")) else "")


def _said(shown: Mapping[str, Any], *keys: str) -> str:
    """The first of these that is there."""
    return next((str(shown[key]) for key in keys if shown.get(key) is not None), "")


# --- close ------------------------------------------------------------------------------------------------


def _close(options: argparse.Namespace) -> int:
    settings = loader(options)()
    site = address(settings, options.url)
    Remote(site, admin_token(settings, site)).post(f"/api/v1/alerts/{quote(options.id, safe='')}/close")
    say(f"closed {options.id}")
    return CLEAN


# --- deliveries -------------------------------------------------------------------------------------------


def _deliveries(options: argparse.Namespace) -> int:
    settings = loader(options)()
    if options.retry and options.pending:
        raise UsageError("--retry: what is pending is tried again anyway; leave out --pending")
    if options.receiver is not None:
        _receivers(settings, options.receiver)
    site = address(settings, options.url)
    only = {"receiver": options.receiver} if options.receiver is not None else {}
    if options.retry:
        return _retry(Remote(site, admin_token(settings, site)), only, as_json=options.json)
    statuses = [status for status in ("pending", "dead") if getattr(options, status)] or ["pending", "dead"]
    remote = Remote(site)
    found = [delivery for status in statuses for delivery in _all(remote, {**only, "status": status})]
    if options.json:
        say(json.dumps({"deliveries": found}, indent=2))
    else:
        say(_deliveries_text(found, app.utc_now()) if found else f"no delivery is {' or '.join(statuses)}")
    return CLEAN


def _retry(remote: Remote, only: Mapping[str, str], *, as_json: bool) -> int:
    said = remote.post("/api/v1/deliveries/retry", only)
    if as_json:
        say(json.dumps(said))
    elif count := said.get("retried"):
        say("1 delivery is tried again" if count == 1 else f"{count} deliveries are tried again")
    else:
        say("no delivery is dead: there is nothing to try again")
    return CLEAN


def _all(remote: Remote, asked: Mapping[str, str]) -> Iterator[dict[str, Any]]:
    after: object = 0
    while after is not None:
        page = remote.get("/api/v1/deliveries", {**asked, "limit": _PAGE, "after": str(after)})
        try:
            yield from page["deliveries"]
            after = page["next"]
        except (KeyError, TypeError):
            raise CommandError(_STRANGE) from None


def _deliveries_text(deliveries: Sequence[Mapping[str, Any]], now: datetime) -> str:
    return table([*_DELIVERIES], [*_DELIVERIES.values()], [_delivery(delivery, now) for delivery in deliveries])


def _delivery(delivery: Mapping[str, Any], now: datetime) -> Row:
    tries = _said(delivery, "attempts")
    cells = [_said(delivery, key) for key in ("seq", "receiver", "status", "type")]
    about = _said(delivery, "about").replace("_", " ")
    summary = _said(delivery, "summary", "subject")
    why = _said(delivery, "detail")
    return Row(
        (*cells, _name(delivery), tries, age(delivery.get("observed_at"), now), _next_try(delivery, now)),
        (f"{about}: {summary}", f"why: {why}" if why else ""),
    )


def _name(delivery: Mapping[str, Any]) -> str:
    """What it is about; without a name the last part of its subject, an id."""
    return _said(delivery, "name") or _said(delivery, "subject").rpartition("/")[2]


def _next_try(delivery: Mapping[str, Any], now: datetime) -> str:
    if delivery.get("status") != "pending":
        return ""
    if delivery.get("behind") is not None:
        return f"after {delivery['behind']}"
    seconds = until(delivery.get("next_try"), now)
    return f"in {seconds}" if seconds else "due"


# --- drill ------------------------------------------------------------------------------------------------


def _drill(options: argparse.Namespace) -> int:
    settings = loader(options)()
    receivers = _receivers(settings, options.receiver)
    say("This sends a test alert and its end. It is marked as a drill; nothing is wrong.")
    drilled = asyncio.run(app.drill(settings, receivers, options.hold, report=lambda one: say(app.drill_text(one))))
    failed = [one.receiver for one in drilled if not one.passed]
    if failed:
        raise CommandError(f"the drill failed for {', '.join(failed)}")
    return CLEAN
