"""What is wrong with a configuration, in words for a person: `file: key.path: reason`, in the order of the file."""

import difflib
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NamedTuple, get_args

from pydantic import BaseModel, ValidationError

from monitor.settings import later

Path = tuple[str | int, ...]
"""Keys and positions from the top of a file to a value."""

MAX_ERRORS = 1000
"""Of one file; the rest is counted."""


class ConfigurationError(Exception):
    """The settings or a watchlist cannot be used. `errors` has a line for each reason, `file: key.path: reason`."""

    def __init__(self, errors: Sequence[str]) -> None:
        super().__init__("\n".join(errors))
        self.errors = tuple(errors)


class Problem(NamedTuple):
    """One thing that is wrong, at one place of a file."""

    path: Path
    reason: str


def spell(path: Path) -> str:
    """A place as people write it: `accounts[0].id`."""
    return "".join(f"[{key}]" if isinstance(key, int) else f".{_clean(key)}" for key in path).removeprefix(".")


def _clean(key: str) -> str:
    return printable(key if len(key) <= 60 else f"{key[:60]}…")  # noqa: PLR2004 - what fits beside the reason


def printable(text: str) -> str:
    """The text, or a spelling of it that does no harm to a terminal or a log."""
    return text if text and text.isprintable() else repr(text)


def describe(value: object) -> str:
    """What came, cut; only for what cannot be a secret."""
    if isinstance(value, str):
        return repr(value if len(value) <= 40 else f"{value[:40]}…")  # noqa: PLR2004 - enough to recognise it
    return kind_of(value)


def kind_of(value: object) -> str:
    """What came, without what it says."""
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


def lines(file: str, problems: Iterable[Problem], tree: object) -> list[str]:
    """The problems of one file in its order."""
    file = printable(file)
    position = _Order(tree)
    ordered = sorted(problems, key=lambda problem: position.of(problem.path))
    shown = [f"{file}: {spell(p.path)}: {p.reason}" if p.path else f"{file}: {p.reason}" for p in ordered[:MAX_ERRORS]]
    if len(ordered) > MAX_ERRORS:
        shown.append(f"{file}: and {len(ordered) - MAX_ERRORS:,} errors more")
    return shown


class _Order:
    """Where a place stands in a file: mappings keep the order in which they were written."""

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


# --- pydantic's findings in our words ---------------------------------------------------------------------


def problems_of(error: ValidationError, model: type[BaseModel], within: Path = ()) -> list[Problem]:
    """What validation found, as problems; `within` is where the validated part stands in its file."""
    found = error.errors(include_url=False)
    alien = {detail["loc"][:-1] for detail in found if detail["loc"][-1:] == ("type",)}
    # What a receiver of an unknown type needs is not known, so nothing more is said of it.
    told = [detail for detail in found if detail["loc"][:-1] not in alien or detail["loc"][-1] == "type"]
    # What is wrong with a key itself is told where the key stands.
    return [
        Problem((*within, *(key for key in detail["loc"] if key != "[key]")), _reason(detail, model)) for detail in told
    ]


def _reason(detail: Any, model: type[BaseModel]) -> str:
    kind: str = detail["type"]
    if kind == "value_error":
        return str(detail["ctx"]["error"])
    if kind == "missing":
        return "missing, and it has no default"
    if kind == "extra_forbidden":
        section = section_at(model, detail["loc"][:-1])
        return unknown(str(detail["loc"][-1]), section) if section else "unknown key"
    if kind in ("model_type", "model_attributes_type", "dict_type"):
        return f"expected keys with values, got {kind_of(detail['input'])}"
    if kind in ("tuple_type", "list_type"):
        return f"expected a list, got {kind_of(detail['input'])}"
    return "not understood"


def unknown(key: str, section: type[BaseModel]) -> str:
    """Why a key is refused that the section does not have."""
    if key in getattr(section, "later_keys", ()):
        return later.REASON
    if key in getattr(section, "literal_secrets", {}):
        return f"a secret is never written here; {section.literal_secrets[key]}"  # type: ignore[attr-defined]  # asked for above
    near = difflib.get_close_matches(key[:100], section.model_fields, n=1)
    return f"unknown key; did you mean {near[0]!r}?" if near else "unknown key"


def section_at(model: type[BaseModel], path: Path) -> type[BaseModel] | None:
    """The section whose keys stand at a place; None where no section stands."""
    here: type[BaseModel] | None = model
    for key in path:
        if isinstance(key, int):
            continue
        field = here.model_fields.get(key) if here else None
        here = section_in(field.annotation) if field else None
    return here


def section_in(annotation: Any) -> type[BaseModel] | None:
    """The section that a field holds, alone or in a list."""
    if inside := get_args(annotation):
        return next((inner for inner in map(section_in, inside) if inner), None)
    return annotation if isinstance(annotation, type) and issubclass(annotation, BaseModel) else None
