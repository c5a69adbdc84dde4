"""Groups faults by cause: failures with the same cause have the same group, even if they mention other numbers."""

import json
import re
import uuid
from typing import Final

from monitor.core import step_log
from monitor.core.event_types import EventType
from monitor.core.model import Cause, Event

_NAMESPACE = uuid.UUID("5b1c7d1a-0b0c-5a53-9a51-0f6b8a1c2d3e")
_READ: Final = 2000
_COMPARED: Final = 200
"""Characters of a normalized message: long messages were cut on arrival, each at another place of its text."""
_MONTH = r"(?:jan|feb|mar|apr|may|jun|jul|aug|sep|oct|nov|dec)[a-z]*"
_VARIABLE: Final = re.compile(
    r"""
    "[^"]*" | `[^`]*` | “[^“”]*” | «[^«»]*»
    | (?<!\w)'(?:[^']|(?<=\w)'(?=\w))*+'(?!\w)               # an apostrophe is no quotation mark
    | (?<=[^\s?]\?)[^\s"'<>]++                               # the query of a URL
    | (?<![^\s"'`<>(),;:/])[^\s"'`<>(),;:/@]++@[^\s"'`<>(),;:/@]++          # an e-mail address
    | (?<![^\W_])[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}(?![^\W_])      # a UUID
    | (?<![^\W_])\d{4}-\d\d-\d\d(?:[t ]\d\d:\d\d(?::\d\d(?:[.,]\d++)?)?)?(?:z|[ ]?[+-]\d\d:?\d\d)?(?![^\W_])
    | (?<![^\W_])(?:(?:mon|tue|wed|thu|fri|sat|sun)[a-z]*,?[ ])?
      (?:\d{1,2}[ ]MONTH|MONTH[ ]\d{1,2}),?[ ][\d:]{4,}(?:[ ][\d:]{4,})?(?:[ ](?:gmt|utc|[+-]\d{4}))?(?![^\W_])
    | (?<![^\W_])[+-]?\d++(?![^\W_])(?:[ ().,:/-]{1,3}\d++(?![^\W_]))*+     # numbers, addresses, phone numbers
    | (?P<word>(?<![^\W_])[^\W\d_]*+\d[^\W_]*+)              # what holds a digit
    """.replace("MONTH", _MONTH),
    re.VERBOSE,
)
_DIGITS = re.compile(r"\d+")
_HEX = re.compile(r"[0-9a-f]{8,}|0x[0-9a-f]+")
_SHORTEST_ID: Final = 6


def normalize(message: str) -> str:
    """The message with `#` for the parts that vary: quoted text, numbers, ids, addresses, timestamps.

    Idempotent. Only the first `_READ` characters are read.
    """
    # A replacement is never longer than the text it replaces, so that the cut is idempotent, too.
    message, before = " ".join(message[: _READ * 8].casefold().split())[:_READ].strip(), None
    while message != before:
        message, before = _VARIABLE.sub(_folded, message), message
    return message


def fault_group(event: Event) -> str:
    """An id that alerts of the same account, definition, version, type, severity, cause, step and message share.

    Drifts share it by their kind. The source of a limit, and the reason for blindness, are left out: they may change.
    """
    step, message = fault_of(event)
    if event.type is EventType.SCHEMA_DRIFT:
        message = event.reason or ""
    parts = (
        event.account,
        event.definition or "",
        event.version,
        event.type.value,
        event.severity.value,
        event.cause.value if event.cause is not None else "",
        step,
        message,
    )
    return str(uuid.uuid5(_NAMESPACE, json.dumps(parts)))


def fault_of(event: Event) -> tuple[str, str]:
    """The step that failed, and its normalized message; both may be empty. A cause from a sample is that of others."""
    error, sampled = step_log.error_of(event), event.sampled
    step = event.step.step if event.step is not None else error.step if error is not None else ""
    if sampled is not None and sampled.cause is Cause.FAULT:
        step = sampled.step
    return step, normalize(error.message)[:_COMPARED] if error is not None else ""


def _folded(found: re.Match[str]) -> str:
    word: str | None = found["word"]
    if word is None or _HEX.fullmatch(word):
        return "#"
    is_id = len(word) >= _SHORTEST_ID and len(_DIGITS.findall(word)) > 1
    return "#" if is_id else _DIGITS.sub("#", word)
