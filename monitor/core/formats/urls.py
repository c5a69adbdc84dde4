"""Checks URLs that the monitor sends to, for the settings and for the client that holds the key.

Pure. No error message repeats a URL, since it may hold a token.
"""

import ipaddress
import re
from urllib.parse import SplitResult, urlsplit

_LONGEST = 2000
_PASSWORDS = (re.compile(r"(://[^/?#:@]*:).*(@)"), re.compile(r"([?&;](?:password|passwd|sslpassword)=)[^&;]*()"))
"""The text before and behind a password: after the user, up to the last @, since some do not quote it; or by name."""
_LONGEST_LABEL = 63
"""Characters between two dots of a host's name (RFC 1035), at least one; resolvers refuse other names."""


def parse_url(text: str) -> str:
    """The text, if it is an http(s) URL with a host, without user and fragment; raises ValueError."""
    parts = _split(text)
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise ValueError("expected a URL that begins with https:// and a host")
    if "@" in parts.netloc:
        raise ValueError("a URL here holds no user and password: a secret is never written into the file")
    if parts.fragment:
        raise ValueError("a URL here has no fragment (#)")
    return text


def parse_base_url(text: str) -> str:
    """The URL, if paths can be appended to it: without query, and without the slash at its end; raises ValueError."""
    parse_url(text)
    if "?" in text or "#" in text:
        raise ValueError("a URL here has no query (?): paths are appended to it")
    return text.rstrip("/")


def require_https(url: str, allow_http: bool) -> str:
    """The URL; raises ValueError if it is unusable, or would send a secret without encryption."""
    parts = _split(url)
    if not _can_be_resolved(parts.hostname or ""):
        raise ValueError("expected a host whose name has 1 to 63 characters between its dots")
    if parts.scheme == "http" and not allow_http and not is_this_machine(parts.hostname or ""):
        raise ValueError("plain http is refused except to this machine; use https, or allow_http: true beside it")
    return url


def host_and_port(url: str) -> str:
    """Host and port of a URL with a host, e.g. `automation.8x8.com:443`."""
    parts = urlsplit(url)
    host = parts.hostname or ""
    port = parts.port or (80 if parts.scheme == "http" else 443)
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


def without_password(url: str) -> str:
    """Any kind of URL, for people, with `***` for the password."""
    for password in _PASSWORDS:
        url = password.sub(r"\1***\2", url)
    return url


def _split(text: str) -> SplitResult:
    if not text.isascii() or not text.isprintable() or " " in text or "\\" in text or len(text) > _LONGEST:
        raise ValueError("expected a URL of printable ASCII characters, without spaces and backslashes")
    try:
        parts = urlsplit(text)
        parts.port  # noqa: B018 - raises ValueError for a wrong port
    except ValueError:
        raise ValueError("expected a URL with a valid host and port") from None
    return parts


def _can_be_resolved(host: str) -> bool:
    labels = host.removesuffix(".").split(".")
    return ":" in host or all(0 < len(label) <= _LONGEST_LABEL for label in labels)


def is_this_machine(host: str) -> bool:
    """Whether it is the loopback. Names under `localhost` are not: some resolvers send them to other machines."""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
