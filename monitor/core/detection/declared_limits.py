"""The limits that a definition declares for its steps.

`Wait.duration`; `WaitForReply.timeout` and `WaitForDTMF.timeout`, one day if absent, a bare number is days;
`HttpRequest.timeoutSeconds`, 5 if absent. The other types of step declare no limit.
"""

from collections.abc import Iterable, Mapping
from typing import Any

import msgspec

from monitor.core.formats.timespan import DAY, parse_timespan


class DeclaredStep(msgspec.Struct, frozen=True, gc=False):
    """A step of a definition, possibly nested: its id, its type, and its `inputs` as written there."""

    name: str
    type: str
    inputs: Mapping[str, Any] = {}


class _Rule(msgspec.Struct, frozen=True):
    """How a type of step declares its limit."""

    field: str
    bare: float
    """Unit of a bare number, seconds."""
    silent: float | None
    """The limit if the field is absent; None: no limit."""


_RULES: Mapping[str, _Rule] = {
    "Wait": _Rule("duration", DAY, None),
    "WaitForReply": _Rule("timeout", DAY, DAY),
    "WaitForDTMF": _Rule("timeout", DAY, DAY),
    "HttpRequest": _Rule("timeoutSeconds", 1.0, 5.0),
}


def declared_limits(steps: Iterable[DeclaredStep]) -> dict[str, float | None]:
    """Seconds by the step's name; None if they are not known before run time. A step without a limit is absent.

    For two steps with one name the longer limit counts, and an unknown one counts as longest, since the log does not
    tell them apart.
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
