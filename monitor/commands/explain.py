"""`workflow-monitor explain`: why there were alerts about one workflow, or none."""

import argparse
import json
from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import Any
from urllib.parse import quote

from monitor import app
from monitor.commands.daemon_client import STRANGE, DaemonClient, address, read_token
from monitor.commands.options import CLEAN, Adding, CommandError, identifier, loader, say, with_daemon
from monitor.commands.tables import age, said
from monitor.core.formats.units import format_duration


def add(command: Adding) -> None:
    sub = command("explain", _explain, "say why there were alerts about a workflow, or none")
    for name in ("account", "definition", "workflow"):
        sub.add_argument(name, type=identifier, metavar=name.upper())
    sub.add_argument("--json", action="store_true", help="for a program")
    with_daemon(sub)


def _explain(options: argparse.Namespace) -> int:
    path = "/".join(quote(part, safe="") for part in (options.account, options.definition, options.workflow))
    settings = loader(options)()
    site = address(settings, options.url)
    found = DaemonClient(site, read_token(settings, site)).get(f"/api/v1/targets/{path}/explain", {})
    if options.json:
        say(json.dumps(found, indent=2))
        return CLEAN
    try:
        text = "\n".join(_lines(found, app.utc_now()))
    except (KeyError, TypeError, AttributeError):
        raise CommandError(STRANGE) from None
    say(text)
    return CLEAN


def _lines(found: Mapping[str, Any], now: datetime) -> Iterator[str]:
    seen = _ago(found.get("last_seen_at"), now)
    yield f"{said(found, 'name', 'workflow')}: {said(found, 'status')}, last seen {seen}"
    yield f"Next look: {_next(found['next_poll'])}"
    for title, lines in (
        ("Limits", [_limit(limit, now) for limit in found["limits"]]),
        ("Events, the newest first", [line for event in found["events"] for line in _event(event, now)]),
        ("Looks, the newest first", [_look(look, now) for look in found["looks"]]),
        ("Notes", found["notes"]),
    ):
        yield ""
        yield f"{title}:"
        yield from (f"  {line}" for line in lines or ["none"])


def _ago(moment: Any, now: datetime) -> str:
    return f"{gone} ago" if (gone := age(moment, now)) else "never"


def _next(poll: Mapping[str, Any]) -> str:
    at = said(poll, "at")
    return f"{at} ({said(poll, 'reason')})" if at else said(poll, "reason")


def _limit(limit: Mapping[str, Any], now: datetime) -> str:
    about = f"step {step}" if (step := said(limit, "step")) else "the workflow"
    if "seconds" not in limit:
        return f"{about}: no limit"
    words = "passed at" if limit.get("passed") else "until"
    until = f", {words} {said(limit, 'deadline')}" if "deadline" in limit else ""
    started = f", runs for {gone}" if (gone := age(limit.get("started_at"), now)) else ""
    return f"{about}: {format_duration(float(limit['seconds']))} ({said(limit, 'source')}){started}{until}"


def _event(event: Mapping[str, Any], now: datetime) -> Iterator[str]:
    alert = f"; alert {event['alert']}" if event.get("alert") else ""
    yield f"{said(event, 'time')} {said(event, 'severity')} {said(event, 'type')}: {said(event, 'summary')}{alert}"
    for one in event["deliveries"]:
        when = f" {gone} ago" if (gone := age(one.get("at"), now)) else ""
        detail = f" ({why})" if (why := said(one, "detail")) else ""
        yield f"  {said(one, 'receiver')}: {said(one, 'status')}{when}, {said(one, 'about')}{detail}"
    for one in event["not_notified"]:
        yield f"  {said(one, 'receiver')}: not notified: {said(one, 'reason')}"


def _look(look: Mapping[str, Any], now: datetime) -> str:
    told = f"; told {', '.join(look['events'])}" if look.get("events") else ""
    detail = f": {why}" if (why := said(look, "detail")) else ""
    when = f"{said(look, 'at')} ({_ago(look.get('at'), now)})"
    return f"{when} by {said(look, 'seen_by')}, {said(look, 'outcome')}{detail}{told}"
