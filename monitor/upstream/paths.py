"""Where the API is, and what the path to a resource looks like. Pure."""

from urllib.parse import quote

from monitor.core.formats.ids import check_id
from monitor.core.formats.timestamps import format_timestamp
from monitor.core.formats.urls import parse_base_url, require_https
from monitor.core.listing import ListRequest
from monitor.core.model import TargetKey


def check_base_url(url: str, allow_http: bool = False) -> None:
    """Raises ValueError for an address that the key must not be sent to, with what was expected.

    Plain http is for the own machine only, or where `allow_http` says so: it shows the key to everybody on the way.
    """
    require_https(parse_base_url(url), allow_http)


def definitions_path(account: str) -> str:
    """The path of an account's active definitions; raises ValueError for an id that would change it."""
    return f"/api/v1/accounts/{_part(account)}/definitions"


def usage_path(account: str) -> str:
    """The path of an account's counts; otherwise like `definitions_path`."""
    return f"/api/v1/accounts/{_part(account)}/usage"


def definition_path(account: str, definition: str) -> str:
    """The path of a definition's version history; otherwise like `workflow_path`."""
    return f"{definitions_path(account)}/{_part(definition)}"


def list_path(request: ListRequest) -> str:
    """The path and the query of a page of a definition's instances."""
    asked = {
        "limit": request.limit,
        "offset": request.offset,
        "version": request.version,
        "status": request.status,
        "startTimeFrom": request.started_from and format_timestamp(request.started_from),
        "startTimeTo": request.started_to and format_timestamp(request.started_to),
    }
    query = "&".join(f"{name}={value}" for name, value in asked.items() if value is not None)
    return f"{definition_path(request.account, request.definition)}/workflows?{query}"


def workflow_path(key: TargetKey) -> str:
    """The path of the status resource, percent-encoded; raises ValueError for an id that would change it."""
    return f"{definition_path(key.account, key.definition)}/workflows/{_part(key.workflow)}"


def _part(id: str) -> str:
    return quote(check_id(id), safe="")
