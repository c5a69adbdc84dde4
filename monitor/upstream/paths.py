"""The base URL of the API, and the paths of its resources. Pure."""

from urllib.parse import quote

from monitor.core.formats.ids import check_id
from monitor.core.formats.timestamps import format_timestamp
from monitor.core.formats.urls import parse_base_url, require_https
from monitor.core.listing import ListRequest
from monitor.core.model import TargetKey


def check_base_url(url: str, allow_http: bool = False) -> None:
    """Raises ValueError, with the expected form, for a URL to which the key must not be sent.

    Plain http is allowed to the loopback, or with `allow_http`, since it shows the key to everybody on the network.
    """
    require_https(parse_base_url(url), allow_http)


def definitions_path(account: str) -> str:
    """The path of an account's active definitions; raises ValueError for an id that would change it."""
    return f"/api/v1/accounts/{_part(account)}/definitions"


def usage_path(account: str) -> str:
    """The path of an account's usage; like `definitions_path`."""
    return f"/api/v1/accounts/{_part(account)}/usage"


def definition_path(account: str, definition: str) -> str:
    """The path of a definition's version history; like `workflow_path`."""
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
