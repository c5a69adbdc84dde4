"""Warnings about valid settings: the monitor runs with them, but something was likely forgotten.

Each warning is one line, `file: key: reason`, like an error.
"""

import stat
from collections.abc import Iterator
from pathlib import Path
from typing import Final, NamedTuple
from urllib.parse import urlsplit

from pydantic import BaseModel

from monitor.core.formats.urls import is_this_machine
from monitor.settings.errors import printable, spell
from monitor.settings.load import Settings
from monitor.settings.secrets import SecretSource

_AT_START: Final = ("receivers", "server.external_url", "watchlist")


class Warned(NamedTuple):
    """One warning."""

    key: str
    reason: str


def warnings(settings: Settings) -> list[str]:
    """All warnings, one line each. Blocking: it checks the key files."""
    found = [*_of_telling(settings), *_of_watching(settings), *_of_secrets(settings)]
    return [f"{printable(str(settings.path))}: {warned.key}: {warned.reason}" for warned in found]


def warnings_at_start(settings: Settings) -> list[str]:
    """The warnings for the beginning of the log: nobody would be notified, or could follow a link."""
    found = [*_of_telling(settings), *_of_watching(settings)]
    return [f"{warned.key}: {warned.reason}" for warned in found if warned.key in _AT_START]


def _of_telling(settings: Settings) -> Iterator[Warned]:
    if not settings.receivers:
        yield Warned("receivers", "there are none: events are logged and shown, and nobody is notified")
    if settings.heartbeat is None:
        yield Warned("heartbeat", "there is none: nobody learns that the monitor itself has gone or is cut off")
    link = settings.server.external_url
    if is_this_machine(urlsplit(link).hostname or ""):
        reason = f"links in alerts begin with {link}, which leads nobody here who reads them on another machine"
        yield Warned("server.external_url", reason)


def _of_watching(settings: Settings) -> Iterator[Warned]:
    watchlist = settings.watchlist
    if not watchlist.targets and not watchlist.discoveries:
        files = ", ".join(printable(path) for path in settings.watchlist_paths)
        yield Warned("watchlist", f"there are no targets and no discoveries in {files}: nothing is watched")
        return
    watched = {key.account for key in watchlist.targets} | {each.account for each in watchlist.discoveries}
    for index, account in enumerate(settings.accounts):
        if account.id not in watched:
            yield Warned(f"accounts[{index}]", f"no target and no discovery is in the account {account.id}")


def _of_secrets(settings: Settings) -> Iterator[Warned]:
    sections = [
        *((("accounts", index), account) for index, account in enumerate(settings.accounts)),
        (("server",), settings.server),
        *((("receivers", index), receiver) for index, receiver in enumerate(settings.receivers)),
    ]
    for place, section in sections:
        for key, file in _secret_files(section):
            if _readable_to_others(file):
                yield Warned(
                    spell((*place, key)), f"every user of this machine can read {file}; chmod o-r takes that away"
                )


def _secret_files(section: BaseModel) -> Iterator[tuple[str, Path]]:
    for key in type(section).model_fields:
        value = getattr(section, key)
        if isinstance(value, SecretSource) and value.file is not None:
            yield key, value.file


def _readable_to_others(file: Path) -> bool:
    try:
        return bool(file.stat().st_mode & stat.S_IROTH)
    except OSError:
        return False
