"""Errors of a configuration, for people: `file: key.path: reason`, in the order of the file."""

import difflib
import re
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, NamedTuple, get_args, get_origin

from pydantic import BaseModel, ValidationError

_EACH = re.compile(r"\[\d+\]")
"""The index of an entry in a spelled path."""
Path = tuple[str | int, ...]
"""Keys and indexes from the top of a file to a value."""

MAX_ERRORS = 1000
"""Errors of one file that are shown; the rest is counted."""
MAX_ALIKE = 20
"""Errors of one file that are shown although they differ only in their entry; the rest is counted."""


class ConfigurationError(Exception):
    """The settings or a watchlist cannot be used. `errors` has a line for each reason, `file: key.path: reason`."""

    def __init__(self, errors: Sequence[str]) -> None:
        super().__init__("\n".join(errors))
        self.errors = tuple(errors)


class Problem(NamedTuple):
    """One error, at one place of a file."""

    path: Path
    reason: str


def spell(path: Path) -> str:
    """A path in the usual notation: `accounts[0].id`."""
    return "".join(f"[{key}]" if isinstance(key, int) else f".{_clean(key)}" for key in path).removeprefix(".")


def _clean(key: str) -> str:
    return printable(key if len(key) <= 60 else f"{key[:60]}…")  # noqa: PLR2004 - so that it fits beside the reason


def printable(text: str) -> str:
    """The text, escaped if it would harm a terminal or a log."""
    return text if text and text.isprintable() else repr(text)


def describe(value: object) -> str:
    """The value, cut, for messages; only for values that cannot be secret."""
    if isinstance(value, str):
        return repr(value if len(value) <= 40 else f"{value[:40]}…")  # noqa: PLR2004 - enough to recognise it
    return kind_of(value)


def kind_of(value: object) -> str:
    """The kind of a value, without its content."""
    match value:
        case None:
            return "nothing"
        case str():
            return "a text"
        case list():
            return "a list"
        case dict():
            return "keys with values"
    return "something else"


def lines(
    file: str, problems: Iterable[Problem], tree: object, line_of: Callable[[Path], int | None] = lambda _path: None
) -> list[str]:
    """The problems of one file in its order. `line_of` returns the line of a place, if it is known."""
    file = printable(file)
    position = _ErrorOrder(tree)
    ordered, alike = _without_echoes(sorted(problems, key=lambda problem: position.of(problem.path)))
    shown = [_line(file, problem, line_of(problem.path)) for problem in ordered[:MAX_ERRORS]]
    shown += [f"{file}: {place}: and {count:,} more of these: {reason}" for (place, reason), count in alike.items()]
    if len(ordered) > MAX_ERRORS:
        shown.append(f"{file}: and {len(ordered) - MAX_ERRORS:,} errors more")
    return shown


def _line(file: str, problem: Problem, line: int | None) -> str:
    place = f"{file}: {spell(problem.path)}: " if problem.path else f"{file}: "
    return f"{place}{problem.reason}" + (f" (line {line})" if line is not None else "")


def _without_echoes(problems: Iterable[Problem]) -> tuple[list[Problem], dict[tuple[str, str], int]]:
    """The first of those that differ only in their entry of a list, and the number of the others: (place, reason)."""
    kept: list[Problem] = []
    seen: Counter[tuple[str, str]] = Counter()
    for problem in problems:
        kind = _EACH.sub("[*]", spell(problem.path)), problem.reason
        seen[kind] += 1
        if seen[kind] <= MAX_ALIKE or not problem.path:
            kept.append(problem)
    left = {kind: count - MAX_ALIKE for kind, count in seen.items() if count > MAX_ALIKE and kind[0]}
    return kept, left


class _ErrorOrder:
    """The order of places in a file; mappings keep the order of the file."""

    def __init__(self, tree: object) -> None:
        self._tree = tree
        self._positions: dict[int, Mapping[str, int]] = {}

    def of(self, path: Path) -> tuple[int, ...]:
        here = self._tree
        rank: list[int] = []
        for key in path:
            if isinstance(here, dict):
                rank.append(self._within(here).get(str(key), len(here)))
                here = here.get(str(key))
            elif isinstance(here, list) and isinstance(key, int):
                rank.append(key)
                here = here[key] if key < len(here) else None
            else:
                break
        return tuple(rank)

    def _within(self, mapping: dict[str, Any]) -> Mapping[str, int]:
        if id(mapping) not in self._positions:
            self._positions[id(mapping)] = {key: place for place, key in enumerate(mapping)}
        return self._positions[id(mapping)]


# --- pydantic's errors in our words -----------------------------------------------------------------------


def problems_of(error: ValidationError, model: type[BaseModel], within: Path = ()) -> list[Problem]:
    """The errors of a validation as problems; `within`: the place of the validated part in its file."""
    problems = []
    for detail in error.errors(include_url=False):
        path, _ = _placed(model, detail["loc"])
        if detail["type"].startswith("union_tag_"):
            path = (*path, "type")
        # An error of a key itself belongs to the place of the key.
        problems.append(Problem((*within, *(key for key in path if key != "[key]")), _reason(detail, model)))
    return problems


def _reason(detail: Any, model: type[BaseModel]) -> str:
    kind: str = detail["type"]
    if kind == "value_error":
        return str(detail["ctx"]["error"])
    if kind in ("missing", "union_tag_not_found"):
        return "missing, and it has no default"
    if kind == "extra_forbidden":
        _, sections = _placed(model, detail["loc"][:-1])
        return unknown(str(detail["loc"][-1]), sections[0]) if sections else "unknown key"
    if kind == "union_tag_invalid":
        _, sections = _placed(model, detail["loc"])
        *others, last = (str(tag_of(section)) for section in sections)
        return f"expected {', '.join(others)} or {last}, got {describe(detail['input'].get('type'))}"
    return _misshapen(kind, detail)


def _misshapen(kind: str, detail: Any) -> str:
    if kind in ("model_type", "model_attributes_type", "dict_type"):
        return f"expected keys with values, got {kind_of(detail['input'])}"
    if kind in ("tuple_type", "list_type"):
        return f"expected a list, got {kind_of(detail['input'])}"
    return "not understood"


def unknown(key: str, section: type[BaseModel]) -> str:
    """Why a key that the section does not have is refused."""
    if key in getattr(section, "literal_secrets", {}):
        return f"a secret is never written here; {section.literal_secrets[key]}"  # type: ignore[attr-defined]  # see above
    if key in getattr(section, "foreign_keys", {}):
        return str(section.foreign_keys[key])  # type: ignore[attr-defined]  # see above
    reason = f"unknown key of {tag}" if (tag := tag_of(section)) else "unknown key"
    near = difflib.get_close_matches(key[:100], section.model_fields, n=1)
    return f"{reason}; did you mean {near[0]!r}?" if near else reason


def _placed(model: type[BaseModel], location: Path) -> tuple[Path, list[type[BaseModel]]]:
    """A place as it is written, and the section with its keys, or all possible types of it.

    If a section may have several types, pydantic's location names the type after the section.
    """
    path: list[str | int] = []
    here: list[type[BaseModel]] = [model]
    for key in location:
        if len(here) > 1 and (chosen := [section for section in here if tag_of(section) == key]):
            here = chosen
            continue
        path.append(key)
        if isinstance(key, str):
            field = here[0].model_fields.get(key) if len(here) == 1 else None
            here = sections_in(field.annotation) if field else []
    return tuple(path), here


def tag_of(section: type[BaseModel]) -> str | None:
    """The value of the key `type`, for a section that is one of several types."""
    field = section.model_fields.get("type")
    words = get_args(field.annotation) if field else ()
    return str(words[0]) if words else None


def is_list(annotation: Any) -> bool:
    """Whether a field holds a list."""
    return get_origin(annotation) is tuple


def section_in(annotation: Any) -> type[BaseModel] | None:
    """The section that a field holds, alone or in a list; the first one, if it may have several types."""
    return next(iter(sections_in(annotation)), None)


def sections_in(annotation: Any) -> list[type[BaseModel]]:
    """The sections that a field may hold, alone or in a list."""
    if inside := get_args(annotation):
        return [section for inner in inside for section in sections_in(inner)]
    return [annotation] if isinstance(annotation, type) and issubclass(annotation, BaseModel) else []
