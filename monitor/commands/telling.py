"""Commands about what people are told: `close`, `deliveries`, `drill`."""

import argparse
import asyncio
import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final
from urllib.parse import quote

from monitor import app
from monitor.commands.running import Remote, address, admin_token
from monitor.commands.usage import (
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
from monitor.core.text import clean
from monitor.settings import Receiver, Settings

_PAGE: Final = "1000"
_MOST_LINES = 200
_CELL = 80
"""Characters of a cell; the last column gets more."""
_LAST_CELL = 200
_COLUMNS: Final = ("receiver", "status", "about", "type", "severity", "tries", "since", "next try", "subject", "why")
_ABSENT = "-"


def add(command: Adding) -> None:
    sub = command("close", _close, "close an open alert: somebody has seen to it")
    sub.add_argument("id", metavar="ID", type=identifier, help="of the alert, as /api/v1/alerts lists it")
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
        raise UsageError(f"--receiver: there is no receiver {clean(name or '', _CELL)!r}; {settings.path} has {known}")
    return chosen


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
        say(_table(found) if found else f"no delivery is {' or '.join(statuses)}")
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
            raise CommandError("the daemon answers as no version that this one knows") from None


def _table(deliveries: Sequence[Mapping[str, Any]]) -> str:
    """For a person; the first of many, and how many there are."""
    rows = [_COLUMNS, *(_row(delivery) for delivery in deliveries[:_MOST_LINES])]
    widths = [max(len(row[column]) for row in rows) for column in range(len(_COLUMNS))]
    lines = ["  ".join(f"{cell:<{width}}" for cell, width in zip(row, widths, strict=True)).rstrip() for row in rows]
    if len(deliveries) > _MOST_LINES:
        lines.append(f"and {len(deliveries) - _MOST_LINES} more; --json gives all of them")
    return "\n".join(lines)


def _row(delivery: Mapping[str, Any]) -> tuple[str, ...]:
    keys = ("receiver", "status", "about", "type", "severity", "attempts", "observed_at", "next_try", "subject")
    cells = [clean(str(delivery.get(key, _ABSENT)), _CELL) for key in keys]
    return (*cells, clean(str(delivery.get("detail", "")), _LAST_CELL) or _ABSENT)


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
