"""Decodes answers about a whole account: its active definitions, and its usage. Pure.

An answer or a PollFailed, never an exception. A definition that is not as documented does not affect the others.
"""

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any, NamedTuple

import msgspec

from monitor.core.formats.clean import clean
from monitor.core.formats.ids import check_id
from monitor.core.listing import DefinitionList, ListedDefinition, Usage
from monitor.core.model import PollFailed
from monitor.upstream.wire import decode, decode_answer, kinds
from monitor.upstream.wire_definitions import LARGEST_VERSION, LONGEST_NAME

_MOST_ON_A_PAGE = 1_000
_LARGEST_COUNT = 2**53
"""Larger numbers of JSON are not exact."""


class DefinitionsBody(NamedTuple):
    """A page of an account's definitions."""

    definitions: tuple[ListedDefinition, ...]
    received: int
    """Including those that could not be read."""
    drifts: tuple[str, ...]


class _AccountBody(msgspec.Struct, gc=False):
    """The API's documentation has id and version outside of it, its examples have them inside."""

    id: Any = None
    version: Any = None
    name: Any = None


class _ActiveDefinition(msgspec.Struct, gc=False):
    id: Any = None
    version: Any = None
    name: Any = None
    definition: _AccountBody | None = None


class _Counts(msgspec.Struct, gc=False, rename="camel"):
    account_id: Any = None
    allowed_workflow_count: Any = None
    executed_workflow_count: Any = None


_PAGE = msgspec.json.Decoder(list[msgspec.Raw])
_DEFINITION = msgspec.json.Decoder(_ActiveDefinition)
_USAGE = msgspec.json.Decoder(list[_Counts] | _Counts)


def read_active(
    status: int, headers: Mapping[str, str], body: bytes, *, now: datetime | None = None, secret: str = ""
) -> DefinitionsBody | PollFailed:
    """An answer about an account's definitions. `now` and `secret` as in `read_refusal`."""
    page = decode_answer(_PAGE, status, headers, body, now=now, secret=secret)
    if isinstance(page, PollFailed):
        return page
    drifts: list[str] = []
    found = [each for raw in page[:_MOST_ON_A_PAGE] if (each := _listed(bytes(raw), drifts)) is not None]
    return DefinitionsBody(tuple(found), len(page), kinds(drifts))


def joined(pages: Iterable[DefinitionsBody], *, complete: bool) -> DefinitionList:
    """One list of pages that may overlap. `complete`: whether the last page was the end."""
    pages = tuple(pages)
    found = {each.definition: each for page in reversed(pages) for each in reversed(page.definitions)}
    whole = complete and all(page.received == len(page.definitions) for page in pages)
    return DefinitionList(tuple(reversed(found.values())), whole, kinds(kind for page in pages for kind in page.drifts))


def read_usage(
    status: int,
    headers: Mapping[str, str],
    body: bytes,
    *,
    account: str,
    now: datetime | None = None,
    secret: str = "",
) -> Usage | PollFailed:
    """An answer about the account's usage: the documented list, or the single object of the documented example."""
    answer = decode_answer(_USAGE, status, headers, body, now=now, secret=secret)
    if isinstance(answer, PollFailed):
        return answer
    counts = [answer] if isinstance(answer, _Counts) else answer
    mine = next((each for each in counts if each.account_id in (account, None)), _Counts())
    return Usage(_count(mine.allowed_workflow_count), _count(mine.executed_workflow_count))


def _listed(raw: bytes, drifts: list[str]) -> ListedDefinition | None:
    found = decode(_DEFINITION, raw)
    if isinstance(found, PollFailed):
        drifts.append("type:definitions")
        return None
    body = found.definition or _AccountBody()
    about, version, name = found.id or body.id, found.version or body.version, found.name or body.name
    if not _is_fit(about):
        drifts.append("missing:definitions.id" if about is None else "id:definitions.id")
        return None
    if not _is_version(version):
        drifts.append("missing:definitions.version" if version is None else "type:definitions.version")
        version = None
    return ListedDefinition(about, version, clean(name, LONGEST_NAME) if isinstance(name, str) else "")


def _is_fit(id: Any) -> bool:
    try:
        return isinstance(id, str) and bool(check_id(id))
    except ValueError:
        return False


def _is_version(version: Any) -> bool:
    return type(version) is int and 1 <= version <= LARGEST_VERSION


def _count(number: Any) -> int | None:
    return number if type(number) is int and 0 <= number <= _LARGEST_COUNT else None
