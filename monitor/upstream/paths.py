"""Where the API is, and what the path to a resource looks like. Pure."""

from urllib.parse import quote

from monitor.core.formats.ids import check_id
from monitor.core.formats.urls import parse_base_url, require_https
from monitor.core.model import TargetKey


def check_base_url(url: str, allow_http: bool = False) -> None:
    """Raises ValueError for an address that the key must not be sent to, with what was expected.

    Plain http is for the own machine only, or where `allow_http` says so: it shows the key to everybody on the way.
    """
    require_https(parse_base_url(url), allow_http)


def definition_path(account: str, definition: str) -> str:
    """The path of a definition's version history; otherwise like `workflow_path`."""
    return f"/api/v1/accounts/{_part(account)}/definitions/{_part(definition)}"


def workflow_path(key: TargetKey) -> str:
    """The path of the status resource, percent-encoded; raises ValueError for an id that would change it."""
    return f"{definition_path(key.account, key.definition)}/workflows/{_part(key.workflow)}"


def _part(id: str) -> str:
    return quote(check_id(id), safe="")
