"""The URLs of the settings: of servers that the monitor uses, and of its database."""

from collections.abc import Callable
from importlib.util import find_spec

from monitor.core.formats import urls
from monitor.core.formats.database_urls import EXPECTED, check_schema, parse_postgresql_url
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


def has_driver_of_postgresql() -> bool:
    return find_spec("psycopg") is not None


def store_url(value: object, *, has_driver: Callable[[], bool] = has_driver_of_postgresql) -> str:
    """The URL of a store, for SQLAlchemy; raises ValueError, which repeats no part of it: it may hold a password."""
    if isinstance(value, str) and value.startswith("postgresql"):
        if not has_driver():
            raise ValueError("PostgreSQL needs a driver, psycopg: pip install 'workflow-monitor[postgresql]'")
        return parse_postgresql_url(value)
    path = value[len(_SQLITE) :] if isinstance(value, str) and value.startswith(_SQLITE) else ""
    if not path or path.startswith(("?", "file:")) or not path.isprintable():
        raise ValueError(f"expected {_SQLITE}PATH or {EXPECTED}")
    if path.partition("?")[0] == ":memory:":
        raise ValueError("a database in memory would forget on every start; expected sqlite:///PATH")
    return str(value)


def schema_of_store(value: object) -> str:
    """The name of a schema of PostgreSQL; raises ValueError."""
    if not isinstance(value, str):
        raise ValueError(f"expected the name of a schema, got {describe(value)}")  # noqa: TRY004 - pydantic expects it
    return check_schema(value)


def anchored_store_url(url: str, folder: str) -> str:
    """A relative path of SQLite, made relative to a folder."""
    path = url.removeprefix(_SQLITE)
    if path == url or not path or path.startswith(("/", ":", "?", "file:")) or folder in ("", "."):
        return url
    return f"{_SQLITE}{folder}/{path}"
