"""`workflow-monitor definitions`: the account's active definitions, each with the entry that watches it."""

import argparse
import asyncio
import json
from collections.abc import Iterator, Sequence
from typing import Final, NamedTuple

import msgspec

from monitor.commands.account_client import LookFailedError, account_named, client_of, trouble
from monitor.commands.options import CLEAN, Adding, CommandError, identifier, loader, say, warn, with_config
from monitor.commands.tables import MOST, TableRow, table
from monitor.core.listing import MOST_ROWS, DefinitionList, ListedDefinition, ListPage, ListRequest
from monitor.core.model import Outcome, PollFailed, Status
from monitor.settings import AccountSettings, Settings
from monitor.upstream.client import Client
from monitor.upstream.rate_limiter import RateLimiter

MOST_COUNTED: Final = 100
"""Definitions whose instances are counted: one request each."""
_OF_ONE: Final = (Outcome.MALFORMED, Outcome.NOT_FOUND, Outcome.BAD_REQUEST)
"""Failures that concern one definition only."""
_LONGEST_ID: Final = 200
_HEAD: Final = ("definition", "name", "versions", "running")
_LIMITS: Final = (_LONGEST_ID, 50, 12, 14)
_PASTE: Final = """\
"running" counts instances of the latest version.
Paste an entry into a watchlist to watch every instance of that definition; definition: "*" stands for all of them, also
for those to come."""


class RunningCount(NamedTuple):
    """How many instances of the latest version run."""

    number: int
    at_least: bool
    """The page was full: there may be more."""


class FoundDefinitions(NamedTuple):
    """The active definitions of an account."""

    account: str
    definitions: Sequence[ListedDefinition]
    running: Sequence[RunningCount | None]
    """Of each definition; None: not counted."""
    complete: bool
    notes: Sequence[str]
    """What is missing, for people."""


def add(command: Adding) -> None:
    sub = command(
        "definitions", _definitions, "list the active definitions of an account, each with its watchlist entry"
    )
    sub.add_argument("account", metavar="ACCOUNT", type=identifier)
    sub.add_argument("--json", action="store_true", help="for a program")
    with_config(sub)


def _definitions(options: argparse.Namespace) -> int:
    settings = loader(options)()
    account = account_named(settings, options.account)
    try:
        found = asyncio.run(find(settings, account))
    except LookFailedError as error:
        raise CommandError(str(error)) from None
    say(as_json(found) if options.json else as_text(found))
    for note in found.notes:
        warn(note)
    return CLEAN


async def find(settings: Settings, account: AccountSettings) -> FoundDefinitions:
    """The definitions, and how many instances of the first `MOST_COUNTED` run. Raises LookFailedError."""
    async with client_of(settings, account) as (client, gate):
        listed = await client.definitions(account.id, patience=0.0)
        if isinstance(listed, PollFailed):
            raise LookFailedError(settings, account, listed)
        running, failed = await _count(client, gate, account.id, listed.definitions[:MOST_COUNTED])
    running += [None] * (len(listed.definitions) - len(running))
    why = trouble(settings, account, failed) if failed else f"that takes at most {MOST_COUNTED} requests"
    return FoundDefinitions(
        account.id, listed.definitions, running, listed.complete, tuple(_notes(listed, running, why))
    )


async def _count(
    client: Client, gate: RateLimiter, account: str, definitions: Sequence[ListedDefinition]
) -> tuple[list[RunningCount | None], PollFailed | None]:
    """The count of each in turn, until the API does not answer; and the first failure."""
    running: list[RunningCount | None] = []
    failed: PollFailed | None = None
    for each in definitions:
        request = ListRequest(account=account, definition=each.definition, status=Status.RUNNABLE)
        page = await client.instances(request, await gate.acquire_urgent())
        if isinstance(page, PollFailed):
            failed = failed or page
            if page.outcome not in _OF_ONE:
                break
        running.append(None if isinstance(page, PollFailed) else _running(page))
    return running, failed


def _notes(listed: DefinitionList, running: Sequence[RunningCount | None], why: str) -> Iterator[str]:
    if not listed.complete:
        yield "the API's list of definitions is not whole: there may be more"
    if uncounted := running.count(None):
        yield f"the instances of {uncounted} definitions are not counted: {why}"


def _running(page: ListPage) -> RunningCount:
    alive = {row.workflow for row in page.rows if row.status is Status.RUNNABLE}
    return RunningCount(len(alive), page.received >= MOST_ROWS)


def as_text(found: FoundDefinitions) -> str:
    """For a person; the entries are YAML."""
    if not found.definitions:
        return f"account {found.account} has no active definition"
    rows = [
        TableRow((each.definition, each.name, _number(each.version), _amount(running)))
        for each, running in zip(found.definitions, found.running, strict=True)
    ]
    entries = [_entry(found.account, each) for each in found.definitions[:MOST]]
    return "\n".join([table(_HEAD, _LIMITS, rows), "", _PASTE, "", "discover:", *entries])


def _entry(account: str, each: ListedDefinition) -> str:
    name = f"  # {each.name}" if each.name else ""
    return f"  - {{definition: {_quoted(each.definition)}, account: {_quoted(account)}}}{name}"


def _quoted(id: str) -> str:
    """Quoted, so that YAML reads it as text."""
    return json.dumps(id, ensure_ascii=False)


def _number(version: int | None) -> str:
    return str(version) if version is not None else ""


def _amount(running: RunningCount | None) -> str:
    if running is None:
        return ""
    return f"{running.number} or more" if running.at_least else str(running.number)


def as_json(found: FoundDefinitions) -> str:
    """For a program; null: unknown."""
    shown = {
        "account": found.account,
        "complete": found.complete,
        "definitions": [
            {
                "definition": each.definition,
                "name": each.name or None,
                "versions": each.version,
                "running": running.number if running else None,
                "running_at_least": running.at_least if running else None,
                "discover": {"definition": each.definition, "account": found.account},
            }
            for each, running in zip(found.definitions, found.running, strict=True)
        ],
    }
    return msgspec.json.format(msgspec.json.encode(shown)).decode()
