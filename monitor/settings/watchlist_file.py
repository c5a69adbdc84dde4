"""The watchlist files: entries with their defaults, made into targets and discoveries.

Loading a hundred thousand targets takes seconds, so it should run in a thread. Entries are checked one by one in
Python, so that other threads can run in between.
"""

import difflib
import re
from collections.abc import Collection, Hashable, Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any, Final, TypeVar

import yaml
from pydantic import ValidationError

from monitor.core.discovery.following import Discovery
from monitor.core.model import Target, TargetKey
from monitor.core.watchlist import Watchlist, build
from monitor.settings.errors import Path as Place
from monitor.settings.errors import Problem, describe, kind_of, lines, problems_of, spell
from monitor.settings.watchlist_model import DiscoveryEntry, TargetDefaults, TargetEntry, WatchlistDocument
from monitor.settings.yamlfile import Tree, YamlError, item_lines, parse, read_text

_T = TypeVar("_T", bound=Hashable)
_LISTS: Final[Mapping[str, type[TargetEntry | DiscoveryEntry]]] = {"targets": TargetEntry, "discover": DiscoveryEntry}
"""The section of an entry, by the key of its list."""
_ENTRY: Final = re.compile(r"(.*): (targets|discover)\[(\d+)\]", re.DOTALL)


class WatchlistFile:
    """One file: its targets and discoveries, and its errors."""

    def __init__(self, path: Path, accounts: Collection[str] | None, interval: float) -> None:
        self.name = str(path)
        self.targets: list[Target] = []
        self.discoveries: list[Discovery] = []
        self.problems: list[Problem] = []
        self._tree: Tree = None
        self._accounts = accounts
        self._interval = interval
        self._shared: dict[Any, Any] = {}
        self._item_lines: dict[str, list[int]] = {}
        try:
            self._tree, flaws = parse(read_text(path))
        except YamlError as error:
            self.problems.append(Problem((), str(error)))
            return
        self.problems.extend(Problem((), flaw) for flaw in flaws)
        self._read()

    def lines(self) -> list[str]:
        return lines(self.name, self.problems, self._tree, self._line_of) if self.problems else []

    def place_with_line(self, entry: Place) -> str:
        line = self._line_of(entry)
        return self._place(entry) + (f", line {line}" if line is not None else "")

    def _line_of(self, place: Place) -> int | None:
        """The line of the file on which the entry of a place begins."""
        match place:
            case (str(key), int(index), *_) if key in _LISTS and index < len(found := self._lines_of(key)):
                return found[index]
        return None

    def _lines_of(self, key: str) -> list[int]:
        """Reads the file again: its text is not kept, since errors are rare."""
        if key not in self._item_lines:
            try:
                self._item_lines[key] = item_lines(read_text(Path(self.name)), key)
            except (YamlError, yaml.YAMLError):
                self._item_lines[key] = []
        return self._item_lines[key]

    def _place(self, entry: Place) -> str:
        return f"{self.name}: {spell(entry)}"

    def _read(self) -> None:
        if not isinstance(self._tree, dict):
            empty = self._tree is None
            self.problems.append(
                Problem((), "the file is empty" if empty else f"expected keys with values, got {kind_of(self._tree)}")
            )
            return
        entries = {key: found for key in _LISTS if isinstance(found := self._tree.get(key), list)}
        defaults = self._defaults({**self._tree, **{key: [] for key in entries}})
        # Entries are not checked against invalid defaults.
        certain = not any(problem.path[:1] == ("defaults",) for problem in self.problems)
        for key, found in entries.items():
            for index, written in enumerate(found):
                if self._take((key, index), written, defaults, certain):
                    # Freed one after the other, since freeing all at once would block other threads.
                    found[index] = None

    def _defaults(self, without_entries: Mapping[str, Any]) -> TargetDefaults:
        try:
            defaults = WatchlistDocument.model_validate(without_entries).defaults
        except ValidationError as error:
            self.problems.extend(found := problems_of(error, WatchlistDocument))
            if any(problem.path[:1] == ("defaults",) for problem in found):
                return TargetDefaults()
            return self._defaults({"defaults": without_entries.get("defaults")})
        if not self._known(defaults.account):
            self.problems.append(Problem(("defaults", "account"), self._stranger(defaults.account)))
            return defaults.model_copy(update={"account": None})
        return defaults

    def _take(self, here: Place, written: Tree, defaults: TargetDefaults, certain: bool) -> bool:
        """Make a target or a discovery of an entry; False if it is invalid."""
        kind = _LISTS[str(here[0])]
        try:
            entry = kind.model_validate(written)
        except ValidationError as error:
            found = problems_of(error, kind, here)
            self.problems.extend((*found, *self._stranger_beside(found, here, written)))
            return False
        account = entry.account or defaults.account
        if account is None:
            if certain:
                self.problems.append(Problem(here, "names no account, and the defaults name none"))
        elif not self._known(account):
            self.problems.append(Problem((*here, "account"), self._stranger(account)))
        elif isinstance(entry, TargetEntry):
            self.targets.append(self._target(here, entry, account, defaults))
            return True
        else:
            self.discoveries.append(self._discovery(here, entry, account, defaults))
            return True
        return False

    def _target(self, here: Place, entry: TargetEntry, account: str, defaults: TargetDefaults) -> Target:
        return Target(
            key=TargetKey(self._share(account), self._share(entry.definition), entry.workflow),
            name=entry.name,
            place=self._place(here),
            **self._wishes(entry, defaults),
        )

    def _discovery(self, here: Place, entry: DiscoveryEntry, account: str, defaults: TargetDefaults) -> Discovery:
        return Discovery(
            account=self._share(account),
            definition=self._share(entry.definition),
            exclude=frozenset(entry.exclude),
            name=entry.name,
            versions=entry.versions,
            started_within=entry.started_within,
            step_interval=entry.step_interval,
            lookback=entry.lookback,
            max_instances=entry.max_instances,
            place=self._place(here),
            **self._wishes(entry, defaults),
        )

    def _wishes(self, entry: TargetDefaults, defaults: TargetDefaults) -> dict[str, Any]:
        """The entry's values over the defaults."""
        return {
            "interval": entry.interval or defaults.interval or self._interval,
            "labels": self._over(defaults.labels, entry.labels),
            "severities": self._over(defaults.severities, entry.severities),
            "max_runtime": entry.max_runtime or defaults.max_runtime,
            "step_timeouts": self._over(defaults.step_timeouts, entry.step_timeouts),
        }

    def _over(self, low: Mapping[_T, Any], high: Mapping[_T, Any]) -> Mapping[_T, Any]:
        """One mapping overridden by the other; entries with equal results share one object."""
        if not high:
            return low
        both = {**low, **high}
        shared: Mapping[_T, Any] = self._shared.setdefault(tuple(both.items()), both)
        return shared

    def _share(self, text: str) -> str:
        shared: str = self._shared.setdefault(text, text)
        return shared

    def _known(self, account: str | None) -> bool:
        return account is None or self._accounts is None or account in self._accounts

    def _stranger_beside(
        self, found: Collection[Problem], here: tuple[str | int, ...], written: Tree
    ) -> Iterator[Problem]:
        """Report the unknown account of an entry with other errors, so that all errors come at once."""
        account = written.get("account") if isinstance(written, dict) else None
        place = (*here, "account")
        if isinstance(account, str) and not self._known(account) and all(one.path != place for one in found):
            yield Problem(place, self._stranger(account))

    def _stranger(self, account: str | None) -> str:
        near = difflib.get_close_matches(account or "", self._accounts or (), n=1)
        return f"{describe(account)} is not among the settings' accounts" + (
            f"; did you mean {near[0]!r}?" if near else ""
        )


def load_watchlist(
    files: Iterable[Path],
    accounts: Collection[str] | None,
    interval: float,
) -> tuple[Watchlist, list[str]]:
    """The watchlist of these files, and their errors, in their order.

    `accounts`: those of the settings; None if these are unknown. `interval`: for entries without one.
    """
    read = {str(path): WatchlistFile(path, accounts, interval) for path in files}
    watchlist, twins = build(
        (target for file in read.values() for target in file.targets),
        (discovery for file in read.values() for discovery in file.discoveries),
    )
    for twin in twins:
        (name, entry), (first_name, first) = _entry(twin.second.place), _entry(twin.first.place)
        what = "target" if isinstance(twin.second, Target) else "discovery"
        told = read[first_name].place_with_line(first)
        read[name].problems.append(Problem(entry, f"the same {what} as {told}"))
    return watchlist, [line for file in read.values() for line in file.lines()]


def _entry(place: str) -> tuple[str, Place]:
    """The file and the entry in a place."""
    found = _ENTRY.fullmatch(place)
    assert found is not None  # noqa: S101 - we wrote it
    return found[1], (found[2], int(found[3]))
