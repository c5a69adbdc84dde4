"""Commands that look and change nothing: `check`, `status`, `schema`."""

import argparse
import asyncio
import json

from monitor import app
from monitor.commands.usage import CLEAN, Adding, CommandError, UsageError, identifier, loader, say, with_config
from monitor.core.model import Failed, TargetKey
from monitor.settings import ConfigurationError, schema


def add(command: Adding) -> None:
    with_config(command("check", _check, "validate settings and watchlist, print what the budget buys"))
    sub = command("status", _status, "poll one workflow instance and print it with its step log")
    for name in ("account", "definition", "workflow"):
        sub.add_argument(name, metavar=name.upper(), type=identifier)
    sub.add_argument("--json", action="store_true", help="for a program")
    with_config(sub)
    sub = command("schema", _schema, "print the JSON Schema of the settings, the watchlist or an event")
    sub.add_argument("what", choices=("settings", "watchlist", "event"))


def _check(options: argparse.Namespace) -> int:
    settings = loader(options)()
    if errors := app.unusable(settings):
        raise ConfigurationError(errors)
    say(settings.plan().text())
    return CLEAN


def _status(options: argparse.Namespace) -> int:
    settings = loader(options)()
    key = TargetKey(options.account, options.definition, options.workflow)
    known = [account.id for account in settings.accounts]
    if key.account not in known:
        raise UsageError(f"account {key.account!r} is not configured; {options.config} has {', '.join(known)}")
    found = asyncio.run(app.look(settings, key))
    if isinstance(found, Failed):
        raise CommandError(f"{found.outcome.value}: {found.detail}")
    say(app.as_json(key, found) if options.json else app.as_text(key, found, app.utc_now()))
    return CLEAN


def _schema(options: argparse.Namespace) -> int:
    say(json.dumps(schema(options.what), indent=2))
    return CLEAN
