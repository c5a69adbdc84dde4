"""Which faults are one: failures with the same cause get the same group, whatever numbers and names they mention."""

import json
import re
import uuid
from typing import Final

from monitor.core.model import Event

_NAMESPACE = uuid.UUID("5b1c7d1a-0b0c-5a53-9a51-0f6b8a1c2d3e")
_FOLDED: Final = (
    (re.compile(r"\"[^\"]*\"|'[^']*'|`[^`]*`"), "<text>"),
    (re.compile(r"\b[0-9a-fA-F]{8}(?:-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}\b"), "<id>"),
    (re.compile(r"\b(?=[0-9a-fA-F]*[0-9])[0-9a-fA-F]{8,}\b"), "<id>"),
    (re.compile(r"\d+(?:[.,:]\d+)*"), "<n>"),
)


def fold(message: str) -> str:
    """The message without what differs from case to case: quoted text, ids, numbers."""
    for pattern, word in _FOLDED:
        message = pattern.sub(word, message)
    return " ".join(message.split()).casefold()


def fault_group(event: Event) -> str:
    """An id that alerts of the same account, definition, version, type, severity, cause, step and message share."""
    message = fold(event.errors[0].message) if event.errors else ""
    step = event.step.step if event.step is not None else ""
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
