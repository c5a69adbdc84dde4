"""Decodes a page of a definition's instances. Pure, and for any bytes: a page or a PollFailed, never an exception.

A row that is not as documented does not affect the page: an unreadable field is absent and a drift, and a row without
an instance of the definition is only counted. One field of the customers' `data` is decoded, a time.
"""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Annotated, Final, TypeGuard

import msgspec

from monitor.core.formats.ids import check_id
from monitor.core.listing import MOST_ROWS, ListedInstance, ListPage
from monitor.core.model import PollFailed, Status
from monitor.upstream.error_response import read_refusal
from monitor.upstream.wire import STATUSES, decode, folded_word, kinds, malformed, read_moment

MOST_ROWS_READ: Final = 2 * MOST_ROWS
"""An answer with more rows ignores the limit of the request, and reading many invalid rows would take long."""
_OK = 200
_parse = datetime.fromisoformat


class _RowContext(msgspec.Struct, gc=False, rename="camel"):
    """The part of `data` with the time of the trigger."""

    triggered_at: str | None = None


class _InstanceRow(msgspec.Struct, gc=False, rename="camel"):
    """An entry of the list, in the documented order."""

    workflow_id: Annotated[str, msgspec.Meta(min_length=1, max_length=200)] | None = None
    data: _RowContext | None = None
    definition_id: str | None = None
    version: Annotated[int, msgspec.Meta(ge=0, le=2**31 - 1)] | None = None
    status: str | None = None
    started_at: str | None = None
    completed_at: str | None = None


class _RawRow(msgspec.Struct, gc=False, rename="camel"):
    """The same with undecoded fields: if one has a wrong type, the others are still read."""

    workflow_id: msgspec.Raw = msgspec.Raw(b"null")
    data: msgspec.Raw = msgspec.Raw(b"null")
    definition_id: msgspec.Raw = msgspec.Raw(b"null")
    version: msgspec.Raw = msgspec.Raw(b"null")
    status: msgspec.Raw = msgspec.Raw(b"null")
    started_at: msgspec.Raw = msgspec.Raw(b"null")
    completed_at: msgspec.Raw = msgspec.Raw(b"null")


_PAGE = msgspec.json.Decoder(list[_InstanceRow])
_ROW = msgspec.json.Decoder(_InstanceRow)
_RAW_PAGE = msgspec.json.Decoder(list[msgspec.Raw])
_RAW_ROW = msgspec.json.Decoder(_RawRow)
_FIELDS = tuple(
    (field.name, field.encode_name, msgspec.json.Decoder(field.type)) for field in msgspec.structs.fields(_InstanceRow)
)


def read_page(
    status: int,
    headers: Mapping[str, str],
    body: bytes,
    *,
    definition: str,
    now: datetime | None = None,
    secret: str = "",
) -> ListPage | PollFailed:
    """An answer about `definition`. `now` and `secret` as in `read_refusal`."""
    if status != _OK:
        return read_refusal(status, headers, body, now=now, secret=secret)
    page = decode(_PAGE, body)
    if isinstance(page, PollFailed) or len(page) > MOST_ROWS_READ or not _has_plain_ids(page, definition):
        return _read_odd_page(body, definition)
    try:
        return ListPage(tuple([_documented(row) for row in page]), len(page))
    except (KeyError, ValueError):
        return _read_odd_page(body, definition)


# --- pages that are as documented: nearly all of them, so they are fast ----------------------------------------


def _has_plain_ids(rows: Sequence[_InstanceRow], definition: str) -> bool:
    """Whether all rows are of the definition, with ids of letters, digits and dashes."""
    workflows = "".join([row.workflow_id or "/" for row in rows])
    if not (workflows.isascii() and workflows.encode().translate(None, b"-_").isalnum()):  # bytes: a fifth of the time
        return False
    abouts = {row.definition_id for row in rows}
    return None not in abouts and {(about or "").casefold() for about in abouts} == {definition.casefold()}


def _documented(row: _InstanceRow) -> ListedInstance:
    """Raises KeyError or ValueError if a field is not as documented; its ids are checked already."""
    started, completed, triggered = _parse(row.started_at or ""), None, None
    if started.tzinfo is not UTC or started.year == 1 or row.version is None:
        raise ValueError
    if (text := row.completed_at) is not None:
        completed = _parse(text)
        if completed.year == 1:  # never set, as .NET writes it
            completed = None
        elif completed.tzinfo is not UTC:
            raise ValueError
    if row.data is not None and (text := row.data.triggered_at) is not None:
        triggered = _parse(text)
        if triggered.tzinfo is not UTC or triggered.year == 1:
            raise ValueError
    return ListedInstance(row.workflow_id or "", STATUSES[row.status or ""], row.version, started, completed, triggered)


# --- other pages: each row by itself, at a few times the cost --------------------------------------------------


def _read_odd_page(body: bytes, definition: str) -> ListPage | PollFailed:
    rows = decode(_RAW_PAGE, body)
    if isinstance(rows, PollFailed):
        return rows
    if len(rows) > MOST_ROWS_READ:
        return msgspec.structs.replace(malformed(f"Expected at most {MOST_ROWS_READ} rows"), drift="rows:list")
    drifts: list[str] = []
    each = (_listed(_row(bytes(row), drifts), definition, drifts) for row in rows)
    return ListPage(tuple([found for found in each if found is not None]), len(rows), kinds(_once(drifts)))


def _listed(row: _InstanceRow | None, definition: str, drifts: list[str]) -> ListedInstance | None:
    if row is None:
        return None
    workflow, status, version = row.workflow_id, STATUSES.get(row.status or ""), row.version
    if not _is_fit(workflow, drifts) or (row.definition_id != definition and _is_stray(row, definition, drifts)):
        return None
    if version is None:
        drifts.append("missing:list.version")
    if row.started_at is None:
        drifts.append("missing:list.startedAt")
    return ListedInstance(
        workflow,
        _odd_status(row.status, drifts) if status is None else status,
        version,
        read_moment(row.started_at, "list.startedAt", drifts),
        read_moment(row.completed_at, "list.completedAt", drifts),
        read_moment(row.data.triggered_at, "list.data.triggeredAt", drifts) if row.data is not None else None,
    )


def _is_fit(workflow: str | None, drifts: list[str]) -> TypeGuard[str]:
    """Whether it is an id that can be requested."""
    if workflow is None:
        drifts.append("missing:list.workflowId")
        return False
    try:
        check_id(workflow)
    except ValueError:
        drifts.append("id:list.workflowId")
        return False
    return True


def _is_stray(row: _InstanceRow, definition: str, drifts: list[str]) -> bool:
    """Whether it is about another definition; a row without a definition is about the requested one."""
    about = row.definition_id
    if about is None:
        drifts.append("missing:list.definitionId")
        return False
    if about.casefold() == definition.casefold():
        return False
    drifts.append("id:list.definitionId")
    return True


def _odd_status(word: str | None, drifts: list[str]) -> Status:
    drifts.append("missing:list.status" if word is None else f"status:{folded_word(word)}")
    return Status.UNKNOWN


def _row(row: bytes, drifts: list[str]) -> _InstanceRow | None:
    """The row without fields of a wrong type; None if it is no row at all."""
    whole = decode(_ROW, row)
    if not isinstance(whole, PollFailed):
        return whole
    fields = decode(_RAW_ROW, row)
    if isinstance(fields, PollFailed):
        drifts.append("type:list")
        return None
    found = _InstanceRow()
    for name, spelling, decoder in _FIELDS:
        field = decode(decoder, bytes(getattr(fields, name)))
        if isinstance(field, PollFailed):
            drifts.append(f"type:list.{spelling}")
        else:
            setattr(found, name, field)
    return found


def _once(drifts: list[str]) -> list[str]:
    """Without `missing` drifts of fields that are unreadable."""
    wrong = {drift.removeprefix("type:") for drift in drifts if drift.startswith("type:")}
    return [
        drift for drift in drifts if drift.removeprefix("missing:") not in wrong or not drift.startswith("missing:")
    ]
