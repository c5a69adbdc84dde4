"""Decodes answers about an instance. Pure, and for any bytes: an answer or a PollFailed, never an exception.

Lenient towards changes (a new field or word, a missing field that is not essential: a drift, which makes an event),
strict towards wrong types. The customers' `data` is not decoded: no struct has a field for it.
"""

import re
from collections.abc import Iterable, Mapping
from datetime import datetime
from sys import intern
from typing import Annotated, TypeVar

import msgspec

from monitor.core.alerting.fault_groups import normalize
from monitor.core.formats.clean import clean
from monitor.core.formats.timestamps import parse_timestamp
from monitor.core.model import Outcome, PollFailed, Seen, Snapshot, Status, StepExecution, StepStatus, WorkflowError
from monitor.upstream.error_response import read_refusal

_T = TypeVar("_T")
_OK = 200
_LONGEST_NAME = 200
_LONGEST_WORD = 40
_LONGEST_MESSAGE = 500
_MOST_DRIFTS = 10
_MOST_ERRORS = 50
_NAMELESS = "?"

STATUSES = {s.value: s for s in (Status.RUNNABLE, Status.SUSPENDED, Status.COMPLETE, Status.TERMINATED)}
_STEP_STATUSES = {status.value: status for status in StepStatus if status is not StepStatus.UNKNOWN}


class _StepBody(msgspec.Struct, gc=False, rename="camel"):
    """An entry of `logs`: one execution of a step."""

    id: str | None = None
    step_name: str | None = None
    status: str | None = None
    started_at: str | None = None
    completed_at: str | None = None


class _InstanceBody(msgspec.Struct, gc=False, rename="camel"):
    """The status resource, without its `data`."""

    status: str
    workflow_id: str | None = None
    version: Annotated[int, msgspec.Meta(ge=0, le=2**31 - 1)] | None = None
    started_at: str | None = None
    completed_at: str | None = None
    logs: list[_StepBody] | None = None


class _FaultBody(msgspec.Struct, gc=False, rename="camel"):
    """An entry of `/errors`."""

    step: str | None = None
    message: str | None = None
    error_time: str | None = None


_INSTANCE = msgspec.json.Decoder(_InstanceBody)
_FAULTS = msgspec.json.Decoder(list[_FaultBody] | _FaultBody)


def read_status(
    status: int,
    headers: Mapping[str, str],
    body: bytes,
    *,
    workflow: str | None = None,
    now: datetime | None = None,
    secret: str = "",
) -> Seen | PollFailed:
    """An answer of the status resource with `includeLogs=true`.

    `workflow` is the requested id: an answer about another one is refused. `now` and `secret` as in `read_refusal`.
    """
    instance = decode_answer(_INSTANCE, status, headers, body, now=now, secret=secret)
    if isinstance(instance, PollFailed):
        return instance
    about = instance.workflow_id
    if workflow is not None and about is not None and about != workflow and about.casefold() != workflow.casefold():
        return malformed("it is about another workflow - at `$.workflowId`")
    return Seen(_snapshot(instance))


def read_errors(
    status: int, headers: Mapping[str, str], body: bytes, *, now: datetime | None = None, secret: str = ""
) -> tuple[WorkflowError, ...] | PollFailed:
    """An answer of `/errors`: the documented list, or the single object of the documented example."""
    faults = decode_answer(_FAULTS, status, headers, body, now=now, secret=secret)
    if isinstance(faults, PollFailed):
        return faults
    if isinstance(faults, _FaultBody):
        if faults.step is None and faults.message is None:
            return malformed("Expected a list of errors, got another object")
        faults = [faults]
    return tuple(_error(fault) for fault in faults[:_MOST_ERRORS])


# --- values -----------------------------------------------------------------------------------------------


def _snapshot(instance: _InstanceBody) -> Snapshot:
    drifts: list[str] = []
    if instance.workflow_id is None:
        drifts.append("missing:workflowId")
    if instance.version is None:
        drifts.append("missing:version")
    if instance.started_at is None:
        drifts.append("missing:startedAt")
    status = STATUSES.get(instance.status)
    if status is None:
        status = Status.UNKNOWN
        drifts.append(f"status:{folded_word(instance.status)}")
    return Snapshot(
        status=status,
        version=instance.version,
        started_at=read_moment(instance.started_at, "startedAt", drifts),
        completed_at=read_moment(instance.completed_at, "completedAt", drifts),
        steps=_steps(instance.logs, drifts),
        drifts=kinds(drifts),
    )


def _steps(logs: list[_StepBody] | None, drifts: list[str]) -> tuple[StepExecution, ...]:
    if logs is None:
        drifts.append("missing:logs")
        return ()
    steps = tuple([_step(entry, drifts) for entry in logs])
    last = {step.id: step for step in steps}
    return steps if len(last) == len(steps) else tuple(last.values())


def _step(entry: _StepBody, drifts: list[str]) -> StepExecution:
    if not entry.step_name:
        drifts.append("missing:logs.stepName")
    if not entry.id:
        drifts.append("missing:logs.id")
    return StepExecution(
        # An execution without an id is identified by its time, so that its failure makes exactly one event.
        bounded(entry.id or f"{entry.step_name or _NAMELESS}@{entry.started_at or ''}"),
        intern(bounded(entry.step_name or _NAMELESS)),  # a hundred thousand logs share a few names
        _step_status(entry.status, drifts),
        read_moment(entry.started_at, "logs.startedAt", drifts),
        read_moment(entry.completed_at, "logs.completedAt", drifts),
    )


def _step_status(word: str | None, drifts: list[str]) -> StepStatus:
    status = _STEP_STATUSES.get(word) if word is not None else None
    if status is None:
        drifts.append("missing:logs.status" if word is None else f"step_status:{folded_word(word)}")
        return StepStatus.UNKNOWN
    return status


def folded_word(text: str) -> str:
    """An unknown word, without the parts that vary."""
    word = clean(text, _LONGEST_WORD)
    folded = normalize(word)
    return word if folded == word.casefold() else folded


def _error(fault: _FaultBody) -> WorkflowError:
    moment = _set(parse_timestamp(fault.error_time)) if fault.error_time is not None else None
    return WorkflowError(bounded(fault.step or ""), clean(fault.message or "", _LONGEST_MESSAGE), moment)


def read_moment(text: str | None, field: str, drifts: list[str]) -> datetime | None:
    """None if it is absent, or unreadable, which is a drift."""
    if text is None:
        return None
    moment = parse_timestamp(text)
    if moment is None:
        drifts.append(f"timestamp:{field}")
    return _set(moment)


def _set(moment: datetime | None) -> datetime | None:
    """None also for the first moment of year 1, which .NET writes for an unset one."""
    return moment if moment is not None and moment.year > 1 else None


def kinds(drifts: Iterable[str]) -> tuple[str, ...]:
    """The kinds of drift in one answer, each once, up to a limit."""
    return tuple(sorted(set(drifts))[:_MOST_DRIFTS]) if drifts else ()


def bounded(text: str) -> str:
    """A name from the API, cleaned and cut."""
    return text if len(text) <= _LONGEST_NAME and text.isprintable() else clean(text, _LONGEST_NAME)


# --- bytes ------------------------------------------------------------------------------------------------

_ESCAPE = re.compile(
    rb"\\(?:u[dD][89abAB][0-9a-fA-F]{2}\\u[dD][c-fC-F][0-9a-fA-F]{2}|(u[dD][89a-fA-F][0-9a-fA-F]{2})|.)", re.DOTALL
)
"""Any escape of a JSON string; the group matches a lone surrogate."""


def decode_answer(
    decoder: msgspec.json.Decoder[_T],
    status: int,
    headers: Mapping[str, str],
    body: bytes,
    *,
    now: datetime | None,
    secret: str,
) -> _T | PollFailed:
    """Decode the body of a 200; of any other status, the reason. `now` and `secret` as in `read_refusal`."""
    if status != _OK:
        return read_refusal(status, headers, body, now=now, secret=secret)
    return decode(decoder, body)


def decode(decoder: msgspec.json.Decoder[_T], body: bytes) -> _T | PollFailed:
    """Decode an answer's body. The messages of msgspec name a path or a position, never the content."""
    try:
        return decoder.decode(body)
    except msgspec.ValidationError as error:
        return msgspec.structs.replace(malformed(str(error)), drift=_kind(str(error)))
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        pass
    try:
        return decoder.decode(_mended(body))
    except msgspec.DecodeError as error:
        return malformed(str(error))
    except UnicodeDecodeError:
        return malformed("JSON is malformed: invalid UTF-8")
    except RecursionError:
        return malformed("JSON is nested too deeply")


_PLACE = re.compile(r" - at `\$\.?([^`]*)`$")
_MISSING = re.compile(r"missing required field `([^`]+)`")


def _kind(message: str) -> str:
    """The kind of drift, from msgspec's message about a complete JSON answer that is not as documented."""
    place = _PLACE.search(message)
    path = re.sub(r"\[[^]]*\]", "", place[1]) if place else ""
    if (missing := _MISSING.search(message)) is not None:
        return f"missing:{path + '.' if path else ''}{missing[1]}"
    return f"type:{path or 'answer'}"


def _mended(body: bytes) -> bytes:
    """The body without lone surrogates: half an emoji in a customer's cut message must not make it unreadable."""
    return _ESCAPE.sub(lambda escape: b"\\ufffd" if escape[1] else escape[0], body)


def malformed(detail: str) -> PollFailed:
    return PollFailed(Outcome.MALFORMED, f"not the documented answer: {detail}")
