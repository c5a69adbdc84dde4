"""The watchlist files: entries with their defaults, made into targets.

Loading a hundred thousand targets takes seconds and is meant for a thread. Targets are checked one by one in Python, so
that other threads get their turn.
"""

import difflib
import re
from collections.abc import Collection, Hashable, Iterable, Iterator, Mapping
from functools import cached_property
from pathlib import Path
from typing import Annotated, Any, ClassVar, TypeVar

import yaml
from pydantic import Field, ValidationError

from monitor.core.event_types import EventType, Severity
from monitor.core.model import Target, TargetKey
from monitor.core.watchlist import Watchlist, build
from monitor.settings import unsupported
from monitor.settings.errors import Path as Place
from monitor.settings.errors import Problem, describe, kind_of, lines, problems_of
from monitor.settings.fields import FromText, choice, default, duration, identifier, line, optional
from monitor.settings.section import Section
from monitor.settings.yamlfile import Tree, YamlError, item_lines, parse, read_text

_T = TypeVar("_T", bound=Hashable)
_LABEL = re.compile(r"[a-zA-Z_][a-zA-Z0-9_]*")
_JUDGED = [kind.value for kind in EventType if not kind.facts.severity_fixed]
"""Types of events whose severity a target may decide."""


def _label_name(value: object) -> str:
    if not isinstance(value, str) or not _LABEL.fullmatch(value) or len(value) > 100:  # noqa: PLR2004 - a bound
        raise ValueError("a label's name consists of letters, digits and _, and begins with no digit")
    if value.startswith("__"):
        raise ValueError("names of labels that begin with __ belong to Prometheus")
    return value


def _event_type(value: object) -> EventType:
    if value in list(EventType):
        type_ = EventType(str(value))
        if why_not := type_.facts.severity_fixed:
            raise ValueError(why_not)
        return type_
    near = difflib.get_close_matches(str(value)[:100], _JUDGED, n=1)
    raise ValueError("no type of event" + (f"; did you mean {near[0]!r}?" if near else ""))


_Labels = Annotated[
    dict[Annotated[str, FromText(_label_name, {"type": "string"})], Annotated[str, line(1000)]],
    Field(json_schema_extra={"propertyNames": {"pattern": "^(?!__)[a-zA-Z_][a-zA-Z0-9_]*$"}}),
]
_Severities = Annotated[
    dict[Annotated[EventType, FromText(_event_type, {"type": "string"})], Annotated[Severity, choice(Severity)]],
    Field(json_schema_extra={"propertyNames": {"enum": [*_JUDGED]}}),
]
_Interval = Annotated[float | None, optional(duration("100ms", "30d"))]
_LONGEST_LIMIT = "365d"
_Limit = Annotated[float, duration("1s", _LONGEST_LIMIT)]
_MaxRuntime = Annotated[float | None, optional(duration("1s", _LONGEST_LIMIT))]
_StepTimeouts = dict[Annotated[str, line(200)], _Limit]


class TargetDefaults(Section):
    """What the defaults and a target have in common."""

    account: Annotated[str | None, optional(identifier())] = default(None)
    """An account of the settings."""
    interval: _Interval = default(None)
    """Without one, `polling.interval` of the settings."""
    labels: _Labels = Field(default_factory=dict)
    """Of events; a target's are laid over the defaults'."""
    severities: _Severities = Field(default_factory=dict)
    """Per type of event, instead of the default; a target's are laid over the defaults'."""
    max_runtime: _MaxRuntime = default(None)
    """How long it may be Runnable before it is overdue."""
    step_timeouts: _StepTimeouts = Field(default_factory=dict)
    """How long an execution of a step may take, by the step's name; `*` stands for every other step.

    A target's are laid over the defaults'.
    """


class TargetEntry(TargetDefaults):
    """One target."""

    definition: Annotated[str, identifier()]
    workflow: Annotated[str, identifier()]
    name: Annotated[str | None, optional(line(200))] = default(None)
    """Shown instead of the ids."""


class WatchlistDocument(Section):
    """All that a watchlist may say."""

    later_keys: ClassVar[frozenset[str]] = unsupported.WATCHLIST

    defaults: TargetDefaults = Field(default_factory=TargetDefaults)
    targets: tuple[TargetEntry, ...] = ()


class WatchlistFile:
    """One file as it was read: its targets, and what is wrong with it."""

    def __init__(self, path: Path, accounts: Collection[str] | None, interval: float) -> None:
        self.name = str(path)
        self.targets: list[Target] = []
        self.problems: list[Problem] = []
        self._tree: Tree = None
        self._accounts = accounts
        self._interval = interval
        self._shared: dict[Any, Any] = {}
        try:
            self._tree, flaws = parse(read_text(path))
        except YamlError as error:
            self.problems.append(Problem((), str(error)))
            return
        self.problems.extend(Problem((), flaw) for flaw in flaws)
        self._read()

    def lines(self) -> list[str]:
        return lines(self.name, self.problems, self._tree, self._line_of) if self.problems else []

    def place_with_line(self, index: int) -> str:
        line = self._line_of(("targets", index))
        return self.place(index) + (f", line {line}" if line is not None else "")

    def _line_of(self, place: Place) -> int | None:
        """On which line of the file the entry begins that a place is in."""
        match place:
            case ("targets", int(index), *_) if index < len(self._item_lines):
                return self._item_lines[index]
        return None

    @cached_property
    def _item_lines(self) -> list[int]:
        """The file is read again: its text is not kept for the sake of errors that hardly ever are there."""
        try:
            return item_lines(read_text(Path(self.name)), "targets")
        except (YamlError, yaml.YAMLError):
            return []

    def place(self, index: int) -> str:
        return f"{self.name}: targets[{index}]"

    def _read(self) -> None:
        if not isinstance(self._tree, dict):
            empty = self._tree is None
            self.problems.append(
                Problem((), "the file is empty" if empty else f"expected keys with values, got {kind_of(self._tree)}")
            )
            return
        entries = self._tree.get("targets")
        one_by_one = isinstance(entries, list)
        try:
            defaults = WatchlistDocument.model_validate(
                {**self._tree, "targets": [] if one_by_one else entries}
            ).defaults
        except ValidationError as error:
            self.problems.extend(problems_of(error, WatchlistDocument))
            defaults = None
        if defaults is not None and not self._known(defaults.account):
            self.problems.append(Problem(("defaults", "account"), self._stranger(defaults.account)))
            defaults = defaults.model_copy(update={"account": None})
        # What depends on defaults that are wrong is not judged.
        certain = not any(problem.path[:1] == ("defaults",) for problem in self.problems)
        if not isinstance(entries, list):
            return
        for index, written in enumerate(entries):
            if self._take(index, written, defaults or TargetDefaults(), certain):
                # Let go of one after the other: to free them all at once would hold up other threads.
                entries[index] = None

    def _take(self, index: int, written: Tree, defaults: TargetDefaults, certain: bool) -> bool:
        """Make a target of an entry; False where it is none."""
        here = ("targets", index)
        try:
            entry = TargetEntry.model_validate(written)
        except ValidationError as error:
            found = problems_of(error, TargetEntry, here)
            self.problems.extend((*found, *self._stranger_beside(found, here, written)))
            return False
        account = entry.account or defaults.account
        if account is None:
            if certain:
                self.problems.append(Problem(here, "names no account, and the defaults name none"))
        elif not self._known(account):
            self.problems.append(Problem((*here, "account"), self._stranger(account)))
        else:
            self.targets.append(self._target(index, entry, account, defaults))
            return True
        return False

    def _target(self, index: int, entry: TargetEntry, account: str, defaults: TargetDefaults) -> Target:
        return Target(
            key=TargetKey(self._share(account), self._share(entry.definition), entry.workflow),
            interval=entry.interval or defaults.interval or self._interval,
            name=entry.name,
            labels=self._over(defaults.labels, entry.labels),
            severities=self._over(defaults.severities, entry.severities),
            max_runtime=entry.max_runtime or defaults.max_runtime,
            step_timeouts=self._over(defaults.step_timeouts, entry.step_timeouts),
            place=self.place(index),
        )

    def _over(self, low: Mapping[_T, Any], high: Mapping[_T, Any]) -> Mapping[_T, Any]:
        """One mapping laid over the other; targets that say the same share it."""
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
        """An unknown account, of an entry that is wrong elsewhere: all is told in one go."""
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
    files: Iterable[Path], accounts: Collection[str] | None, interval: float
) -> tuple[Watchlist, list[str]]:
    """The watchlist of these files, and what is wrong with them, in their order.

    `accounts` are those of the settings, None where these are not known; `interval` is for targets without one.
    """
    read = {str(path): WatchlistFile(path, accounts, interval) for path in files}
    watchlist, twins = build(target for file in read.values() for target in file.targets)
    for first, second in ((pair.first, pair.second) for pair in twins):
        (name, index), (first_name, first_index) = _entry(second.place), _entry(first.place)
        told = read[first_name].place_with_line(first_index)
        read[name].problems.append(Problem(("targets", index), f"the same target as {told}"))
    return watchlist, [line for file in read.values() for line in file.lines()]


def _entry(place: str) -> tuple[str, int]:
    """The file and the position that a target's place names."""
    name, _, position = place.rpartition(": targets[")
    return name, int(position.rstrip("]"))
