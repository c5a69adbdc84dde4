"""`workflow-monitor status`: poll one workflow instance and print it with its step log."""

import argparse
import asyncio
from datetime import datetime

import msgspec

from monitor import app
from monitor.commands.account_client import LookFailedError, account_named, client_of
from monitor.commands.options import CLEAN, Adding, CommandError, identifier, loader, say, with_config
from monitor.core.formats.timestamps import format_timestamp
from monitor.core.formats.units import format_duration
from monitor.core.model import Cause, Outcome, PollFailed, Seen, Snapshot, Status, StepExecution, TargetKey
from monitor.core.step_log import cause
from monitor.settings import Settings


def add(command: Adding) -> None:
    sub = command("status", _status, "poll one workflow instance and print it with its step log")
    for name in ("account", "definition", "workflow"):
        sub.add_argument(name, metavar=name.upper(), type=identifier)
    sub.add_argument("--json", action="store_true", help="for a program")
    with_config(sub)


def _status(options: argparse.Namespace) -> int:
    settings = loader(options)()
    key = TargetKey(options.account, options.definition, options.workflow)
    try:
        found = asyncio.run(look(settings, key))
    except LookFailedError as error:
        raise CommandError(str(error)) from None
    say(as_json(key, found) if options.json else as_text(key, found, app.utc_now()))
    return CLEAN


_UNKNOWN = "unknown"


_NOBODYS = ("00000000-0000-0000-0000-000000000000", "000000000000000000000000")
"""A definition and an instance that no account has; ids of the usual form."""


_MEANINGS = {
    None: "",
    Cause.FAULT: " (it faulted)",
    Cause.MANUAL: " (no errors, no failed step: by hand, or by a program)",
    Cause.UNKNOWN: " (nobody knows why: its errors could not be read)",
}


async def look(settings: Settings, key: TargetKey) -> Seen:
    """The instance as the API shows it now, with its errors if it is Terminated. Raises LookFailedError."""
    account = account_named(settings, key.account)
    async with client_of(settings, account) as (client, gate):
        found = await client.status(key, await gate.acquire_urgent())
        if isinstance(found, PollFailed):
            raise LookFailedError(settings, account, found)
        if found.snapshot.status is not Status.TERMINATED:
            return found
        errors = await client.errors(key, settings.api.timeout)
        return found if isinstance(errors, PollFailed) else Seen(found.snapshot, errors)


async def try_key(settings: Settings, name: str) -> str:
    """Try the key of an account by one request; returns the result for people. Raises LookFailedError if it is refused.

    The request is for the account's first target, or for an instance that does not exist if it has no target.
    """
    account = account_named(settings, name)
    nobodys = TargetKey(name, *_NOBODYS)
    key = next((key for key in settings.watchlist.targets if key.account == name), nobodys)
    async with client_of(settings, account) as (client, gate):
        found = await client.status(key, await gate.acquire_urgent())
    # The API accepts the key if it answers that there is no such instance.
    if isinstance(found, PollFailed) and found.outcome is not Outcome.NOT_FOUND:
        raise LookFailedError(settings, account, found)
    return f"account {name}: {settings.api.base_url} takes the key in {account.secret.place}"


def as_json(key: TargetKey, seen: Seen) -> str:
    """For a program: words as in the monitor's events, times in RFC 3339; null if a value does not apply."""
    snapshot = seen.snapshot
    shown = {
        **key._asdict(),
        "status": snapshot.status.value,
        "cause": _cause(seen),
        "version": snapshot.version,
        "started_at": _moment(snapshot.started_at),
        "completed_at": _moment(snapshot.completed_at),
        "errors": [
            {"step": error.step, "message": error.message, "time": _moment(error.time)} for error in seen.errors or ()
        ],
        "steps": [
            {
                "id": step.id,
                "name": step.step,
                "status": step.status.value,
                "started_at": _moment(step.started_at),
                "completed_at": _moment(step.completed_at),
            }
            for step in snapshot.steps
        ],
    }
    return msgspec.json.format(msgspec.json.encode(shown)).decode()


def as_text(key: TargetKey, seen: Seen, now: datetime) -> str:
    """For a person."""
    snapshot = seen.snapshot
    lines = [
        f"workflow    {key.workflow}",
        f"definition  {key.definition}, version {snapshot.version or _UNKNOWN}",
        f"account     {key.account}",
        f"status      {snapshot.status.value}{_MEANINGS[_cause(seen)]}",
        f"started     {_when(snapshot.started_at, now)}",
        f"completed   {_when(snapshot.completed_at, now) if snapshot.completed_at else 'no'}",
    ]
    lines += [f"error       {error.step}: {error.message}" for error in seen.errors or ()]
    lines += ["", *(_steps(snapshot, now) or ["no steps yet"])]
    return "\n".join(lines)


def _cause(seen: Seen) -> Cause | None:
    """Why it is Terminated, by the daemon's own rule."""
    if seen.snapshot.status is not Status.TERMINATED:
        return None
    return cause(seen.snapshot.steps, seen.errors)


def _steps(snapshot: Snapshot, now: datetime) -> list[str]:
    width = max((len(step.step) for step in snapshot.steps), default=0)
    return [f"{step.step:<{width}}  {step.status.value:<15}  {_span(step, now)}" for step in snapshot.steps]


def _span(step: StepExecution, now: datetime) -> str:
    if step.started_at is None:
        return "not started"
    lasted = format_duration(((step.completed_at or now) - step.started_at).total_seconds())
    return f"{format_timestamp(step.started_at)}, {'took' if step.completed_at else 'for'} {lasted}"


def _when(moment: datetime | None, now: datetime) -> str:
    if moment is None:
        return _UNKNOWN
    return f"{format_timestamp(moment)} ({format_duration((now - moment).total_seconds())} ago)"


def _moment(moment: datetime | None) -> str | None:
    return format_timestamp(moment) if moment is not None else None
