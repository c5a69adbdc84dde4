"""The types of fields: durations, sizes, numbers, words, URLs, each with its JSON Schema.

Every reader takes the text of the file or the environment and returns the value, or raises ValueError with the expected
form and the text.
"""

import enum
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, TypeVar

from pydantic import Field, GetCoreSchemaHandler, GetJsonSchemaHandler
from pydantic_core import CoreSchema, core_schema

from monitor.core.formats.ids import check_id
from monitor.core.formats.units import format_duration, parse_duration, parse_size
from monitor.settings.errors import describe

Read = Callable[..., Any]
"""Takes the written value; for a `FromEnvironment`, also the `ValidationInfo`."""
Schema = Mapping[str, Any]

_LONGEST = 40
"""Characters of a number, duration or size."""
_INTEGER = re.compile(r"[+-]?[0-9]+")
_NUMBER = re.compile(r"[+-]?[0-9]+(?:\.[0-9]+)?")
_DURATION_PATTERN = r"^\d+(\.\d+)?(ms|s|m|h|d)$"
_SIZE_PATTERN = r"^\d+(B|KiB|MiB|GiB)$"
_E = TypeVar("_E", bound=enum.StrEnum)


@dataclass(frozen=True)
class FromText:
    """The form of a field: a reader that returns the value, and a schema for editors."""

    read: Read
    schema: Schema

    def __get_pydantic_core_schema__(self, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        return core_schema.no_info_plain_validator_function(self.read)

    def __get_pydantic_json_schema__(self, schema: CoreSchema, handler: GetJsonSchemaHandler) -> dict[str, Any]:
        return dict(self.schema)


class FromEnvironment(FromText):
    """A `FromText` whose reader also gets the validation's context."""

    def __get_pydantic_core_schema__(self, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        return core_schema.with_info_plain_validator_function(self.read)


def default(written: str | list[str] | None) -> Any:
    """A default, written as in the file, and read in the same way."""
    return Field(written, validate_default=True)


def optional(written: FromText) -> FromText:
    """The same, or None."""

    def read(value: object, *context: Any) -> Any:
        return None if value is None else written.read(value, *context)

    return type(written)(read, {"anyOf": [dict(written.schema), {"type": "null"}]})


def duration(low: str, high: str) -> FromText:
    """Seconds, bounds included."""
    least, most = parse_duration(low), parse_duration(high)

    def read(value: object) -> float:
        seconds = parse_duration(_short(value, "a duration such as 30s"))
        if not least <= seconds <= most:
            raise ValueError(
                f"expected a duration from {format_duration(least)} to {format_duration(most)}, got {describe(value)}"
            )
        return seconds

    return FromText(read, {"type": "string", "pattern": _DURATION_PATTERN, "description": f"From {low} to {high}."})


def size(low: str, high: str) -> FromText:
    """Bytes, bounds included."""
    least, most = parse_size(low), parse_size(high)

    def read(value: object) -> int:
        count = parse_size(_short(value, "a size such as 8MiB"))
        if not least <= count <= most:
            raise ValueError(f"expected a size from {low} to {high}, got {describe(value)}")
        return count

    return FromText(read, {"type": "string", "pattern": _SIZE_PATTERN, "description": f"From {low} to {high}."})


def integer(low: int, high: int) -> FromText:
    expected = f"a whole number from {low} to {high}"

    def read(value: object) -> int:
        text = _short(value, expected)
        if not _INTEGER.fullmatch(text) or not low <= int(text) <= high:
            raise ValueError(f"expected {expected}, got {describe(value)}")
        return int(text)

    return FromText(read, {"type": "integer", "minimum": low, "maximum": high})


def number(low: float, high: float) -> FromText:
    expected = f"a number from {low:g} to {high:g}"

    def read(value: object) -> float:
        text = _short(value, expected)
        if not _NUMBER.fullmatch(text) or not low <= float(text) <= high:
            raise ValueError(f"expected {expected}, got {describe(value)}")
        return float(text)

    return FromText(read, {"type": "number", "minimum": low, "maximum": high})


def flag() -> FromText:
    def read(value: object) -> bool:
        text = _short(value, "true or false").lower()
        if text not in ("true", "false"):
            raise ValueError(f"expected true or false, got {describe(value)}")
        return text == "true"

    return FromText(read, {"type": "boolean"})


def choice(words: type[_E]) -> FromText:
    """One of an enum's words."""
    names = [word.value for word in words]
    expected = " or ".join((", ".join(names[:-1]), names[-1])) if len(names) > 1 else names[0]

    def read(value: object) -> _E:
        if not isinstance(value, str) or value not in names:
            raise ValueError(f"expected {expected}, got {describe(value)}")
        return words(value)

    return FromText(read, {"enum": names})


def line(longest: int) -> FromText:
    """One line of text for people."""

    def read(value: object) -> str:
        if not isinstance(value, str) or not value.strip():
            raise ValueError(f"expected a text, got {describe(value)}")
        if len(value) > longest:
            raise ValueError(f"expected a text of at most {longest} characters, got {len(value)}")
        if not value.isprintable():
            raise ValueError("expected a text on one line, without control characters")
        return value

    return FromText(read, {"type": "string", "minLength": 1, "maxLength": longest})


def identifier() -> FromText:
    """An id of the API; part of a URL's path."""

    def read(value: object) -> str:
        if not isinstance(value, str):
            raise ValueError(f"expected an id, got {describe(value)}")  # noqa: TRY004 - pydantic expects ValueError
        return check_id(value)

    return FromText(read, {"type": "string", "minLength": 1, "maxLength": 200, "pattern": r"^[^/?#\\]+$"})


def _short(value: object, expected: str) -> str:
    if not isinstance(value, str) or len(value) > _LONGEST:
        raise ValueError(f"expected {expected}, got {describe(value)}")
    return value.strip()
