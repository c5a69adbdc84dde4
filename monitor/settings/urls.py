"""URLs that the monitor talks to: https, or plain http where nobody can listen."""

import ipaddress
from collections.abc import Callable
from urllib.parse import SplitResult, urlsplit

from monitor.settings.errors import describe

_LONGEST = 2000
_SQLITE = "sqlite:///"


def web_url(value: object) -> str:
    """An http(s) URL with a host; raises ValueError. The message does not repeat it: a URL may hold a token."""
    if not isinstance(value, str):
        raise ValueError(f"expected a URL, got {describe(value)}")  # noqa: TRY004 - pydantic hears ValueError
    parts = _split(value)
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise ValueError("expected a URL that begins with https:// and a host")
    if parts.username is not None or parts.password is not None:
        raise ValueError("a URL here holds no user and password: a secret is never written into the file")
    if parts.fragment:
        raise ValueError("a URL here has no fragment (#)")
    return value


def site_url(value: object) -> str:
    """A URL that paths are appended to: without query, and without a slash at its end."""
    text = web_url(value)
    if "?" in text or "#" in text:
        raise ValueError("a URL here has no query (?): paths are appended to it")
    return text.rstrip("/")


def guarded(url: str, allow_http: bool) -> str:
    """The URL, refused where it would send a secret in the clear; raises ValueError."""
    parts = _split(url)
    if parts.scheme == "http" and not allow_http and not _loopback(parts.hostname or ""):
        raise ValueError("plain http is refused except to this machine; use https, or allow_http: true beside it")
    return url


def store_url(later: tuple[str, ...], reason: str) -> Callable[[object], str]:
    """A reader of the store's URL; those that begin with one of `later` are refused with `reason`."""

    def read(value: object) -> str:
        if isinstance(value, str) and value.startswith(later):
            raise ValueError(reason)
        path = value[len(_SQLITE) :] if isinstance(value, str) and value.startswith(_SQLITE) else ""
        if not path or path.startswith(("?", "file:")) or not path.isprintable():
            # The value is not repeated: the URL of a database may hold a password.
            raise ValueError(f"expected {_SQLITE}PATH")
        if path.partition("?")[0] == ":memory:":
            raise ValueError("a database in memory would forget on every start; expected sqlite:///PATH")
        return str(value)

    return read


def anchored_store_url(url: str, folder: str) -> str:
    """A relative path of SQLite, made relative to a folder."""
    path = url.removeprefix(_SQLITE)
    if path == url or not path or path.startswith(("/", ":", "?", "file:")) or folder in ("", "."):
        return url
    return f"{_SQLITE}{folder}/{path}"


def _split(text: str) -> SplitResult:
    if not text.isascii() or not text.isprintable() or " " in text or len(text) > _LONGEST:
        raise ValueError("expected a URL of printable ASCII characters, without spaces")
    try:
        parts = urlsplit(text)
        parts.port  # noqa: B018 - asked for so that a wrong port is found here
    except ValueError:
        raise ValueError("expected a URL with a valid host and port") from None
    return parts


def _loopback(host: str) -> bool:
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False
