"""Decodes the version history of a definition: its name, the declared limits of its steps, and nothing else. Pure.

An answer or a PollFailed, never an exception. A version or a step that is not as documented is skipped: its limit is
missing, all others are there. Texts, addresses and keys in a definition are not decoded.
"""

from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import Any, NamedTuple, TypeVar

import msgspec

from monitor.core.detection.declared_limits import DeclaredStep, declared_limits
from monitor.core.formats.clean import clean
from monitor.core.model import PollFailed
from monitor.upstream.wire import bounded, decode, decode_answer

Declared = Mapping[int, Mapping[str, float | None]]
"""Version -> step -> seconds; None: not known before run time. Steps without a limit are absent."""


class VersionHistory(NamedTuple):
    """The versions of one definition."""

    versions: Declared
    name: str
    """For people, from the latest version; empty: it has none."""


_T = TypeVar("_T")
_MOST_STEPS = 1000
LARGEST_VERSION = 2**31 - 1
LONGEST_NAME = 80
"""Characters; the name comes from the API, and stands in every title."""


class _Inputs(msgspec.Struct, gc=False):
    """The possible limits of a step, without the texts for customers."""

    duration: Any = None
    timeout: Any = None
    timeoutSeconds: Any = None  # noqa: N815 - the API's spelling, which the rules use


class _StepDeclaration(msgspec.Struct, gc=False, rename="camel"):
    id: str
    step_type: str
    inputs: msgspec.Raw = msgspec.Raw(b"{}")


class _DefinitionBody(msgspec.Struct, gc=False):
    """Of a definition. The API's documentation has id and version outside of it, its examples have them inside."""

    steps: list[msgspec.Raw]
    id: str | None = None
    version: int | None = None
    name: Any = None


class _Version(msgspec.Struct, gc=False):
    definition: _DefinitionBody
    id: str | None = None
    version: int | None = None


_HISTORY = msgspec.json.Decoder(list[msgspec.Raw])
_VERSION = msgspec.json.Decoder(_Version)
_STEP = msgspec.json.Decoder(_StepDeclaration)
_INPUTS = msgspec.json.Decoder(_Inputs)


def read_definitions(
    status: int,
    headers: Mapping[str, str],
    body: bytes,
    *,
    definition: str,
    now: datetime | None = None,
    secret: str = "",
) -> VersionHistory | PollFailed:
    """An answer about `definition`. `now` and `secret` as in `read_refusal`."""
    history = decode_answer(_HISTORY, status, headers, body, now=now, secret=secret)
    if isinstance(history, PollFailed):
        return history
    declared: dict[int, Mapping[str, float | None]] = {}
    names: dict[int, str] = {}
    for raw in history:
        found = _part(_VERSION, raw)
        if found is not None and (number := _number(found, definition)) is not None:
            declared.setdefault(number, declared_limits(_steps(found)))
            names.setdefault(number, _name(found))
    return VersionHistory(declared, names[max(names)] if names else "")


def _number(found: _Version, definition: str) -> int | None:
    """The number of a version of `definition`; None if it is of another one."""
    about, version = found.id or found.definition.id, found.version or found.definition.version
    if about is not None and about.casefold() != definition.casefold():
        return None
    return version if version is not None and 0 <= version <= LARGEST_VERSION else None


def _name(found: _Version) -> str:
    name = found.definition.name
    return clean(name, LONGEST_NAME) if isinstance(name, str) else ""


def _steps(found: _Version) -> Iterator[DeclaredStep]:
    for raw in found.definition.steps[:_MOST_STEPS]:
        step = _part(_STEP, raw)
        inputs = _part(_INPUTS, step.inputs) if step is not None else None
        if step is not None and inputs is not None:
            yield DeclaredStep(bounded(step.id), step.step_type, msgspec.structs.asdict(inputs))


def _part(decoder: msgspec.json.Decoder[_T], raw: msgspec.Raw) -> _T | None:
    result = decode(decoder, bytes(raw))
    return None if isinstance(result, PollFailed) else result
