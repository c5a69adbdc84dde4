"""The keys of a watchlist file: types, ranges and defaults. Durations are seconds."""

import difflib
import re
from typing import Annotated

from pydantic import Field, ValidationInfo, field_validator

from monitor.core.discovery.following import EVERY, Versions
from monitor.core.event_types import EventType, Severity
from monitor.settings.errors import describe
from monitor.settings.fields import FromText, choice, default, duration, identifier, integer, line, optional
from monitor.settings.section import Section

_LABEL = re.compile(r"[a-zA-Z_][a-zA-Z0-9_]*")
_JUDGED = [kind.value for kind in EventType if not kind.facts.severity_fixed]
"""Types of events whose severity a target may set."""


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
    """The common keys of the defaults, a target and a discovery."""

    account: Annotated[str | None, optional(identifier())] = default(None)
    """An account of the settings."""
    interval: _Interval = default(None)
    """Between two looks, if the budget allows it. Without one, `polling.interval` of the settings."""
    labels: _Labels = Field(default_factory=dict)
    """Labels of events; an entry's override the defaults'."""
    severities: _Severities = Field(default_factory=dict)
    """Per type of event, instead of the default; an entry's override the defaults'."""
    max_runtime: _MaxRuntime = default(None)
    """How long it may be Runnable before it is overdue."""
    step_timeouts: _StepTimeouts = Field(default_factory=dict)
    """How long an execution of a step may take, by the step's name; `*` stands for every other step.

    An entry's override the defaults'.
    """


class TargetEntry(TargetDefaults):
    """One target."""

    definition: Annotated[str, identifier()]
    workflow: Annotated[str, identifier()]
    name: Annotated[str | None, optional(line(200))] = default(None)
    """Shown instead of the ids."""


def _versions(value: object) -> Versions | tuple[int, ...]:
    words = [word.value for word in Versions]
    if isinstance(value, str) and value in words:
        return Versions(value)
    if isinstance(value, list) and value:
        return tuple(sorted({_VERSION.read(each) for each in value}))
    raise ValueError(f"expected {', '.join(words)} or a list of versions such as [3, 4], got {describe(value)}")


_VERSION = integer(1, 1_000_000)
_Versions = Annotated[
    Versions | tuple[int, ...],
    FromText(
        _versions,
        {
            "anyOf": [
                {"enum": [word.value for word in Versions]},
                {"type": "array", "items": dict(_VERSION.schema), "minItems": 1},
            ]
        },
    ),
]


class DiscoveryEntry(TargetDefaults):
    """Every instance of a definition."""

    definition: Annotated[str, identifier()]
    """Its id, or `*`: every active definition of the account, also those to come, but none that has an entry."""
    exclude: tuple[Annotated[str, identifier()], ...] = ()
    """With `*`: ids of definitions that are not watched."""
    name: Annotated[str | None, optional(line(200))] = default(None)
    """Stands for the definition in metrics and alerts. Without one, its id in metrics, its own name in texts."""
    versions: _Versions = default("all")
    """`all`, `latest`, or a list of them."""
    started_within: Annotated[float, duration("1m", "365d")] = default("7d")
    """How old an instance may be when it is found. A known instance is followed to its end."""
    step_interval: _Interval = default(None)
    """Wanted longest time between two looks at the steps of one instance. Without one, none is promised."""
    lookback: Annotated[float, duration("0s", "365d")] = default("1h")
    """At the very first start, an end that is longer ago is recorded without an alert."""
    max_instances: Annotated[int, integer(1, 10_000_000)] = default("200000")
    """If there are more, the newest are watched."""

    @field_validator("exclude")
    @classmethod
    def _of_every_definition(cls, exclude: tuple[str, ...], info: ValidationInfo) -> tuple[str, ...]:
        if exclude and info.data.get("definition", EVERY) != EVERY:
            raise ValueError('goes with definition: "*" alone; a discovery of one definition has nothing to exclude')
        return exclude

    @field_validator("name")
    @classmethod
    def _of_one_definition(cls, name: str | None, info: ValidationInfo) -> str | None:
        if name is not None and info.data.get("definition") == EVERY:
            raise ValueError('stands for one definition; with definition: "*" all would go by it')
        return name


class WatchlistDocument(Section):
    """The keys of a watchlist."""

    defaults: TargetDefaults = Field(default_factory=TargetDefaults)
    targets: tuple[TargetEntry, ...] = ()
    discover: tuple[DiscoveryEntry, ...] = ()
