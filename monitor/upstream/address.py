"""Where the API is, and what the path to a resource looks like. Pure."""

import ipaddress
from urllib.parse import SplitResult, quote, urlsplit

from monitor.core.ids import check_id
from monitor.core.model import TargetKey


def check_base_url(url: str, allow_http: bool = False) -> None:
    """Raises ValueError for an address that the key must not be sent to, with what was expected.

    Plain http is for the own machine only, or where `allow_http` says so: it shows the key to everybody on the way.
    """
    if not url.isprintable() or " " in url or "\\" in url:
        raise ValueError("expected an address such as https://automation.8x8.com, without blanks and backslashes")
    parts = _split(url)
    if "@" in parts.netloc:  # not echoed: it may hold a secret
        raise ValueError("an address must not hold a user or a password; the key has a setting of its own")
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise ValueError(f"expected an address such as https://automation.8x8.com, got {url[:80]!r}")
    if "?" in url or "#" in url:
        raise ValueError(f"an address must end before a query or a fragment, got {url[:80]!r}")
    if parts.scheme == "http" and not allow_http and not _loopback(parts.hostname):
        raise ValueError(f"plain http would show the key to everybody on the way to {parts.hostname[:80]}; use https")


def _split(url: str) -> SplitResult:
    try:
        parts = urlsplit(url)
        parts.port  # noqa: B018 - reading it checks it
    except ValueError as error:
        raise ValueError(
            "expected an address such as https://automation.8x8.com, with a valid host and port"
        ) from error
    return parts


def _loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost" or host.endswith(".localhost")


def workflow_path(key: TargetKey) -> str:
    """The path of the status resource, percent-encoded; raises ValueError for an id that would change it."""
    account, definition, workflow = (quote(check_id(part), safe="") for part in key)
    return f"/api/v1/accounts/{account}/definitions/{definition}/workflows/{workflow}"
