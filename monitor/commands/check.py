"""`workflow-monitor check`: validate the configuration, print the events of each receiver and the budget's plan."""

import argparse
import asyncio
from collections.abc import Iterator, Mapping

from monitor import app
from monitor.commands.account_client import LookFailedError
from monitor.commands.check_budget import AccountBudget, budgets
from monitor.commands.options import CLEAN, Adding, CommandError, loader, say, warn, with_config
from monitor.commands.status import try_key
from monitor.commands.tables import MOST
from monitor.core.discovery.following import EVERY, Discovery, Versions
from monitor.core.formats.units import format_duration
from monitor.core.model import Outcome
from monitor.settings import ConfigurationError, Settings, warnings


def add(command: Adding) -> None:
    sub = command("check", _check, "validate settings and watchlist, print who gets what and what the budget buys")
    sub.add_argument("--strict", action="store_true", help="what is only a warning counts as an error (exit code 2)")
    sub.add_argument(
        "--online", action="store_true", help="try the key of each account, and count what its discoveries find"
    )
    with_config(sub)


def _check(options: argparse.Namespace) -> int:
    settings = loader(options)()
    warned = [*warnings(settings), *app.losses(settings)]
    if errors := app.unusable(settings):
        raise ConfigurationError(errors)
    discovering = budgets(settings, online=options.online)
    say(_budgets(settings, discovering))
    say(_discoveries(settings))
    say(_receivers(settings))
    if options.strict and (wrong := [*warned, *_short(settings, discovering)]):
        raise ConfigurationError(wrong)
    for line in warned:
        warn(line)
    return _online(settings) if options.online else CLEAN


def _budgets(settings: Settings, discovering: Mapping[str, AccountBudget]) -> str:
    """What the budget of each account buys."""
    plans = settings.plan().accounts
    return "\n".join([discovering.get(plan.account, plan).text() for plan in plans])


def _discoveries(settings: Settings) -> str:
    """The discoveries of the watchlist, and the intervals of their requests."""
    found = settings.watchlist.discoveries
    if not found:
        return "discoveries: none"
    return "\n".join([f"discoveries: {len(found):,}", *(f"  {_discovery(each)}" for each in found[:MOST])])


def _discovery(wish: Discovery) -> str:
    every = f"every active definition of {wish.account}"
    if wish.exclude:
        every += f" but {len(wish.exclude):,}"
    what = every if wish.definition == EVERY else f"{wish.name or wish.definition} of {wish.account}"
    steps = f", steps every {format_duration(wish.step_interval)}" if wish.step_interval else ""
    looks = f"ends every {format_duration(wish.interval)}{steps}, if the budget allows it"
    return f"{what}: {_versions(wish.versions)}, {looks}; up to {wish.max_instances:,} instances ({wish.place})"


def _versions(wish: Versions | tuple[int, ...]) -> str:
    match wish:
        case Versions.ALL:
            return "all versions"
        case Versions.LATEST:
            return "the latest version"
    return f"version{'s' if len(wish) > 1 else ''} {', '.join(map(str, wish))}"


def _receivers(settings: Settings) -> str:
    """The receivers, each with the events that it gets."""
    if not settings.receivers:
        return "receivers: none"
    routes = zip(settings.receivers, app.routes(settings), strict=True)
    rows = [f"  {receiver.name} ({receiver.type}): {route.text()}" for receiver, route in routes]
    return "\n".join(["receivers:", *rows])


def _short(settings: Settings, discovering: Mapping[str, AccountBudget]) -> Iterator[str]:
    """Accounts whose budget does not suffice: errors with `--strict`; the plan has the details."""
    for index, account in enumerate(settings.plan().accounts):
        place = f"{settings.path}: accounts[{index}].requests_per_second"
        if (budget := discovering.get(account.account)) is not None:
            if budget.counted and (warning := budget.plan.warning()) is not None:
                yield f"{place}: {warning}"
        elif not account.sufficient:
            yield f"{place}: {account.needed:.3g} are needed, {account.allowed:g} are allowed"


def _online(settings: Settings) -> int:
    """Try each account's key by one request; a refused key is an error of the configuration, no answer is not."""
    refused: list[str] = []
    silent: list[str] = []
    for index, account in enumerate(settings.accounts):
        try:
            say(asyncio.run(try_key(settings, account.id)))
        except LookFailedError as error:
            if error.outcome is Outcome.UNAUTHORIZED:
                refused.append(f"{settings.path}: accounts[{index}]: {error}")
            else:
                silent.append(str(error))
    if refused:
        raise ConfigurationError([*refused, *silent])
    if silent:
        raise CommandError("\n".join(silent))
    return CLEAN
