"""Loads files and environment into one frozen value, or raises all errors at once."""

import gc
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from monitor.core.scheduling.capacity import Budget, Plan, plan
from monitor.core.watchlist import Watchlist
from monitor.settings.errors import ConfigurationError, Problem, describe, kind_of, lines, printable, problems_of
from monitor.settings.fingerprint import fingerprint
from monitor.settings.globs import expand, is_path
from monitor.settings.model import (
    AccountSettings,
    AlertSettings,
    ApiSettings,
    Document,
    HeartbeatSettings,
    LogSettings,
    PollingSettings,
    ServerSettings,
    StoreSettings,
)
from monitor.settings.receivers import Receiver
from monitor.settings.sources import API_KEY, EnvironmentVariables, merge, rooted
from monitor.settings.watchlist_file import load_watchlist
from monitor.settings.yamlfile import YamlError, parse, read_text


@dataclass(frozen=True)
class Settings:
    """The whole configuration, in the structure of the YAML. Durations are seconds, sizes are bytes."""

    path: Path
    api: ApiSettings
    accounts: tuple[AccountSettings, ...]
    polling: PollingSettings
    store: StoreSettings
    server: ServerSettings
    receivers: tuple[Receiver, ...]
    alerts: AlertSettings
    heartbeat: HeartbeatSettings | None
    """None: no ping is sent."""
    shutdown_timeout: float
    log: LogSettings
    watchlist_paths: tuple[str, ...]
    """Paths and globs, relative to the working directory."""
    watchlist: Watchlist = field(repr=False)
    fingerprint: bytes | None = field(default=b"", repr=False, compare=False)
    """The fingerprint of the files when they were read; see `fingerprint`."""

    @property
    def files(self) -> tuple[Path, ...]:
        """The files to check for changes: the settings, the watchlists with their globs, and the key files.

        See `fingerprint`.
        """
        return (self.path, *map(Path, self.watchlist_paths), *_key_files(self.accounts))

    def plan(self) -> Plan:
        """The plan of every account's budget."""
        budgets = {a.id: Budget(a.requests_per_second, a.max_concurrency) for a in self.accounts}
        return plan(self.watchlist.targets.values(), budgets, self.api.timeout)


def load_settings(path: Path, environ: Mapping[str, str]) -> Settings:
    """The settings in a file, overridden by the environment, with their watchlist.

    Raises ConfigurationError with the errors of all of them. Blocking; it takes seconds for 100,000 targets.
    """
    with _uncollected():
        return _load(path, environ)


@contextmanager
def _uncollected() -> Iterator[None]:
    """Without garbage collections, each of which would block the event loop's thread.

    Loading creates a million short-lived objects without reference cycles.
    """
    enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if enabled:
            gc.enable()


def _load(path: Path, environ: Mapping[str, str]) -> Settings:
    file = printable(str(path))
    try:
        tree, flaws = parse(read_text(path))
    except YamlError as error:
        raise ConfigurationError([f"{file}: {error}", *EnvironmentVariables(environ, None).errors]) from None
    environment = EnvironmentVariables(environ, tree)
    if not isinstance(tree, dict):
        reason = "the file is empty" if tree is None else f"expected keys with values, got {kind_of(tree)}"
        raise ConfigurationError([f"{file}: {reason}", *environment.errors])
    merged = merge(environment.tree, rooted(tree, path.parent))
    if environ.get(API_KEY):
        merged["accounts"] = environment.lend_key(merged.get("accounts"))
    document, problems = _validated(merged, environ)
    files, missing = _watchlist_files(merged.get("watchlist"))
    twins = (*_twins(merged, "accounts", "id"), *_twins(merged, "receivers", "name"))
    problems += [*_keyless(merged), *twins, *_unacknowledged(merged), *missing]
    interval = document.polling.interval if document else 1.0
    seen = fingerprint((path, *map(Path, document.watchlist), *_key_files(document.accounts))) if document else None
    watchlist, wrong = load_watchlist(files, _ids(merged), interval)
    found = [*(f"{file}: {flaw}" for flaw in flaws), *_told(file, problems, tree, environment), *wrong]
    if document is None or found:
        raise ConfigurationError(found)
    return Settings(
        path=path,
        **{name: getattr(document, name) for name in Document.model_fields if name != "watchlist"},
        watchlist_paths=document.watchlist,
        watchlist=watchlist,
        fingerprint=seen,
    )


def _validated(merged: dict[str, Any], environ: Mapping[str, str]) -> tuple[Document | None, list[Problem]]:
    try:
        return Document.model_validate(merged, context=environ), []
    except ValidationError as error:
        return None, problems_of(error, Document)


def _told(file: str, problems: list[Problem], tree: object, environment: EnvironmentVariables) -> list[str]:
    """The problems of the file, then those of the environment."""
    of_file: list[Problem] = []
    of_environment: list[str] = []
    for problem in problems:
        line = environment.line(problem.path, problem.reason)
        if line is None:
            of_file.append(problem)
        else:
            of_environment.append(line)
    return [*lines(file, of_file, tree), *sorted({*of_environment, *environment.errors})]


def _key_files(accounts: Iterable[AccountSettings]) -> list[Path]:
    return [file for account in accounts if (file := account.secret.file) is not None]


def _watchlist_files(written: object) -> tuple[list[Path], list[Problem]]:
    """The files, each once, and the globs without a match. The model reports values that are no paths."""
    files: dict[Path, None] = {}
    missing: list[Problem] = []
    for index, pattern in enumerate(written if isinstance(written, list) else [written]):
        if not is_path(pattern):
            continue
        found = expand(pattern)
        files.update(dict.fromkeys(found))
        if not found:
            place = ("watchlist", index) if isinstance(written, list) else ("watchlist",)
            missing.append(Problem(place, "the glob matches no file"))
    return list(files), missing


def _keyless(merged: Mapping[str, Any]) -> Iterator[Problem]:
    """Accounts without an API key."""
    for index, account in enumerate(_entries(merged, "accounts")):
        if isinstance(account, dict) and account.get("api_key_file") is None and account.get("api_key_env") is None:
            reason = "has no API key; give it api_key_file or api_key_env, or set MONITOR_API_KEY for all"
            yield Problem(("accounts", index), reason)


def _unacknowledged(merged: Mapping[str, Any]) -> Iterator[Problem]:
    """A heartbeat that would never be sent."""
    if merged.get("heartbeat") is not None and merged.get("receivers") in (None, []):
        reason = "it is pinged only while at least one receiver acknowledges, and receivers has none"
        yield Problem(("heartbeat",), reason)


def _twins(merged: Mapping[str, Any], section: str, key: str) -> Iterator[Problem]:
    """Entries of a list with the same name."""
    first: dict[str, int] = {}
    for index, entry in enumerate(_entries(merged, section)):
        name = entry.get(key) if isinstance(entry, dict) else None
        if isinstance(name, str) and first.setdefault(name, index) != index:
            yield Problem((section, index, key), f"{describe(name)} is {section}[{first[name]}] already")


def _entries(merged: Mapping[str, Any], section: str) -> list[Any]:
    entries = merged.get(section)
    return entries if isinstance(entries, list) else []


def _ids(merged: Mapping[str, Any]) -> frozenset[str] | None:
    """The ids of the configured accounts, valid or not; None if they cannot be read."""
    ids = [account.get("id") if isinstance(account, dict) else None for account in _entries(merged, "accounts")]
    return frozenset(map(str, ids)) if ids and all(isinstance(account, str) for account in ids) else None
