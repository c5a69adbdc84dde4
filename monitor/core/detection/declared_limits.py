"""What a workflow's definition declares of its steps: how long each may take by its own words.

`Wait.duration`; `WaitForReply.timeout` and `WaitForDTMF.timeout`, one day where silent, a bare number is days;
`HttpRequest.timeoutSeconds`, 5 where silent. The other types of step declare nothing.
"""

from collections.abc import Iterable, Mapping
from typing import Any

import msgspec

from monitor.core.formats.timespan import DAY, parse_timespan


class DeclaredStep(msgspec.Struct, frozen=True, gc=False):
    """A step of a definition, nested ones included: its id, its type, and its `inputs` as they are written there."""

    name: str
    type: str
    inputs: Mapping[str, Any] = {}


class _Rule(msgspec.Struct, frozen=True):
    """Where a type of step says its limit."""

    field: str
    bare: float
    """Unit of a bare number, seconds."""
    silent: float | None
    """The limit where the field is absent; None: then nothing is declared."""


_RULES: Mapping[str, _Rule] = {
    "Wait": _Rule("duration", DAY, None),
    "WaitForReply": _Rule("timeout", DAY, DAY),
    "WaitForDTMF": _Rule("timeout", DAY, DAY),
    "HttpRequest": _Rule("timeoutSeconds", 1.0, 5.0),
}


def declared_limits(steps: Iterable[DeclaredStep]) -> dict[str, float | None]:
    """Seconds by the step's name; None where they are not known before run time. What declares nothing is absent.

    Of two steps with one name the longer limit counts, and one that is not known most of all: the log does not tell
    them apart.
    """
    limits: dict[str, float | None] = {}
    for step in steps:
        rule = _RULES.get(step.type)
        if rule is None or (step.inputs.get(rule.field) is None and rule.silent is None):
            continue
        limit = _declared(rule, step.inputs)
        known = limits.get(step.name, limit)
        limits[step.name] = None if limit is None or known is None else max(limit, known)
    return limits


def _declared(rule: _Rule, inputs: Mapping[str, Any]) -> float | None:
    value = inputs.get(rule.field)
    return rule.silent if value is None else parse_timespan(value, bare=rule.bare)
