"""The URLs of the settings: of servers that the monitor uses, and of its database."""

from collections.abc import Callable

from monitor.core.formats import urls
from monitor.settings.errors import describe

_SQLITE = "sqlite:///"


def web_url(value: object) -> str:
    """An http(s) URL with a host; raises ValueError."""
    return urls.parse_url(_text(value))


def site_url(value: object) -> str:
    """A URL to which paths can be appended; raises ValueError."""
    return urls.parse_base_url(_text(value))


def _text(value: object) -> str:
    if not isinstance(value, str):
        raise ValueError(f"expected a URL, got {describe(value)}")  # noqa: TRY004 - pydantic expects ValueError
    return value


def store_url(later: tuple[str, ...], reason: str) -> Callable[[object], str]:
    """A reader of the store's URL; URLs with one of the prefixes `later` are refused with `reason`."""

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
