"""Commands that look and change nothing: `check`, `status`, `schema`."""

import argparse
import asyncio
import json
from collections.abc import Iterator

from monitor import app
from monitor.commands.options import CLEAN, Adding, CommandError, UsageError, identifier, loader, say, warn, with_config
from monitor.core.model import Outcome, TargetKey
from monitor.settings import ConfigurationError, Settings, schema, warnings


def add(command: Adding) -> None:
    sub = command("check", _check, "validate settings and watchlist, print who gets what and what the budget buys")
    sub.add_argument("--strict", action="store_true", help="what is only a warning counts as an error (exit code 2)")
    sub.add_argument("--online", action="store_true", help="try the key of each account by one request")
    with_config(sub)
    sub = command("status", _status, "poll one workflow instance and print it with its step log")
    for name in ("account", "definition", "workflow"):
        sub.add_argument(name, metavar=name.upper(), type=identifier)
    sub.add_argument("--json", action="store_true", help="for a program")
    with_config(sub)
    sub = command("schema", _schema, "print the JSON Schema of the settings, the watchlist or an event")
    sub.add_argument("what", choices=("settings", "watchlist", "event"))


def _check(options: argparse.Namespace) -> int:
    settings = loader(options)()
    plan, warned = settings.plan(), [*warnings(settings), *app.losses(settings)]
    if errors := app.unusable(settings):
        raise ConfigurationError(errors)
    say(plan.text())
    say(_receivers(settings))
    if options.strict and (wrong := [*warned, *_short(settings)]):
        raise ConfigurationError(wrong)
    for line in warned:
        warn(line)
    return _online(settings) if options.online else CLEAN


def _receivers(settings: Settings) -> str:
    """Who gets what."""
    if not settings.receivers:
        return "receivers: none"
    routes = zip(settings.receivers, app.routes(settings), strict=True)
    rows = [f"  {receiver.name} ({receiver.type.value}): {route.text()}" for receiver, route in routes]
    return "\n".join(["receivers:", *rows])


def _short(settings: Settings) -> Iterator[str]:
    """Accounts whose budget does not suffice; the plan says so in words, and to be strict that is wrong."""
    for index, account in enumerate(settings.plan().accounts):
        if not account.sufficient:
            place = f"{settings.path}: accounts[{index}].requests_per_second"
            yield f"{place}: {account.needed:.3g} are needed, {account.allowed:g} are allowed"


def _online(settings: Settings) -> int:
    """Try each account's key by one request; a refused one is an error of the configuration, silence is not."""
    refused: list[str] = []
    silent: list[str] = []
    for index, account in enumerate(settings.accounts):
        try:
            say(asyncio.run(app.try_key(settings, account.id)))
        except app.LookFailedError as error:
            if error.outcome is Outcome.UNAUTHORIZED:
                refused.append(f"{settings.path}: accounts[{index}]: {error}")
            else:
                silent.append(str(error))
    if refused:
        raise ConfigurationError([*refused, *silent])
    if silent:
        raise CommandError("\n".join(silent))
    return CLEAN


def _status(options: argparse.Namespace) -> int:
    settings = loader(options)()
    key = TargetKey(options.account, options.definition, options.workflow)
    known = [account.id for account in settings.accounts]
    if key.account not in known:
        raise UsageError(f"account {key.account!r} is not configured; {options.config} has {', '.join(known)}")
    try:
        found = asyncio.run(app.look(settings, key))
    except app.LookFailedError as error:
        raise CommandError(str(error)) from None
    say(app.as_json(key, found) if options.json else app.as_text(key, found, app.utc_now()))
    return CLEAN


def _schema(options: argparse.Namespace) -> int:
    say(json.dumps(schema(options.what), indent=2))
    return CLEAN
