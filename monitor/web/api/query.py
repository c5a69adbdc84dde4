"""Reads the query of a URL strictly: an invalid parameter is refused with the expected form, never ignored."""

import base64
import binascii
from collections.abc import Collection, Iterable
from enum import StrEnum
from fnmatch import fnmatchcase
from typing import Final, TypeVar

import msgspec
from multidict import MultiMapping

from monitor.core.event_types import EventType
from monitor.core.model import Status, TargetKey
from monitor.store import DeliveryStatus
from monitor.store.step_limits import DefinitionKey

USUAL_LIMIT: Final = 100
MOST: Final = 1000
LAST_SEQ: Final = 2**63 - 1
_SHOWN: Final = 40
"""Characters of an invalid value that the error repeats."""
_Word = TypeVar("_Word", bound=StrEnum)
_Key = TypeVar("_Key", TargetKey, DefinitionKey)


class QueryError(ValueError):
    """An invalid query; the message has the expected form."""


def parameters(query: MultiMapping[str], expected: Collection[str]) -> dict[str, str]:
    """The parameters by name. Raises QueryError for an unknown or repeated one; an empty one counts as absent."""
    for name in query:
        if name not in expected:
            raise QueryError(f"unknown parameter {name[:_SHOWN]!r}; expected {_listed(expected)}")
        if len(query.getall(name)) > 1:
            raise QueryError(f"{name}: expected one value")
    return {name: value for name, value in query.items() if value}


def limit(text: str | None) -> int:
    number = USUAL_LIMIT if text is None else _number(text, MOST)
    if not number:
        raise QueryError(f"limit: expected a number from 1 to {MOST}, got {(text or '')[:_SHOWN]!r}")
    return number


def page_number(text: str | None) -> int:
    """Of a page, counted from 1; 1 without one."""
    number = 1 if text is None else _number(text, LAST_SEQ)
    if not number:
        raise QueryError(f"page: expected a number from 1, got {(text or '')[:_SHOWN]!r}")
    return number


def sequence(text: str | None) -> int:
    """The cursor of events and deliveries; 0 without one, which means from the oldest."""
    number = 0 if text is None else _number(text, LAST_SEQ)
    if number is None:
        raise QueryError(f"after: expected the `next` of an earlier answer, got {(text or '')[:_SHOWN]!r}")
    return number


def _number(text: str, most: int) -> int | None:
    if not (text.isascii() and text.isdecimal() and len(text) <= len(str(most))):
        return None
    return int(text) if int(text) <= most else None


def status(text: str | None) -> Status | None:
    return word("status", text, Status)


def version(text: str | None) -> int | None:
    number = None if text is None else _number(text, LAST_SEQ)
    if text is not None and number is None:
        raise QueryError(f"version: expected a whole number, got {text[:_SHOWN]!r}")
    return number


def delivery_status(text: str | None) -> DeliveryStatus | None:
    return word("status", text, DeliveryStatus)


def word(name: str, text: str | None, words: type[_Word]) -> _Word | None:
    """One of a few words; `name` is that of the parameter."""
    if text is None:
        return None
    try:
        return words(text)
    except ValueError:
        raise QueryError(f"{name}: expected {_listed(words)}, got {text[:_SHOWN]!r}") from None


def types(glob: str | None) -> frozenset[EventType]:
    """The types of events that match an exact name or a glob; all without one."""
    chosen = frozenset(type_ for type_ in EventType if glob is None or fnmatchcase(type_, glob))
    if not chosen:
        expected = f"{_listed(EventType)}, or a glob such as workflow.*"
        raise QueryError(f"type: expected {expected}; got {(glob or '')[:_SHOWN]!r}")
    return chosen


def cursor_of(key: TargetKey | DefinitionKey) -> str:
    """The place of a target or a definition in its list, as an opaque text."""
    return base64.urlsafe_b64encode(msgspec.json.encode(key)).decode().rstrip("=")


def key_of(cursor: str | None) -> TargetKey | None:
    return None if cursor is None else _decoded(cursor, TargetKey)


def definition_of(cursor: str | None) -> DefinitionKey | None:
    return None if cursor is None else _decoded(cursor, DefinitionKey)


def _decoded(cursor: str, type: type[_Key]) -> _Key:
    try:
        padded = cursor.encode("ascii") + b"=" * (-len(cursor) % 4)
        return msgspec.json.decode(base64.b64decode(padded, altchars=b"-_", validate=True), type=type)
    except (binascii.Error, ValueError):
        raise QueryError(f"after: expected the `next` of an earlier answer, got {cursor[:_SHOWN]!r}") from None


def _listed(names: Iterable[str]) -> str:
    *most, last = names or ("no parameters",)
    return f"{', '.join(most)} or {last}" if most else last
