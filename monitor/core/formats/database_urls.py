"""URLs of a PostgreSQL database, as people write them and as SQLAlchemy reads them, and names of schemas."""

import re
from pathlib import PurePosixPath
from urllib.parse import parse_qsl, quote, unquote, urlencode, urlsplit

POSTGRESQL = "postgresql+psycopg://"
EXPECTED = f"{POSTGRESQL}USER@HOST/DATABASE"

_FILES = ("passfile", "sslcert", "sslcrl", "sslcrldir", "sslkey", "sslrootcert")
_OPTIONS = frozenset(re.findall(r"\w+", """
host port hostaddr target_session_attrs load_balance_hosts application_name krbsrvname require_auth gssencmode
connect_timeout keepalives keepalives_idle keepalives_interval keepalives_count tcp_user_timeout
sslmode sslnegotiation sslcompression sslcertmode sslsni channel_binding
ssl_min_protocol_version ssl_max_protocol_version
"""))  # fmt: skip
"""Of libpq, besides files: https://www.postgresql.org/docs/current/libpq-connect.html#LIBPQ-PARAMKEYWORDS"""
SCHEMA_PATTERN = "^(?!pg_)[a-z_][a-z0-9_]{0,62}$"


def check_schema(name: str) -> str:
    """The name of a schema, which needs no quotes in PostgreSQL; raises ValueError."""
    if not re.match(SCHEMA_PATTERN, name) or name.endswith("\n"):
        raise ValueError("expected at most 63 lower-case letters, digits and _, not a digit first, and not pg_")
    return name


def parse_postgresql_url(text: str) -> str:
    """The URL as SQLAlchemy reads it; raises ValueError, which repeats no part of it: it may hold a password.

    Several hosts are written as libpq has them, `host1:5432,host2:5432`; they become its options `host` and `port`.
    """
    if not text.startswith(POSTGRESQL) or not text.isascii() or not text.isprintable() or " " in text:
        raise ValueError(f"expected {EXPECTED}")
    try:
        parts = urlsplit(text)
    except ValueError:
        raise ValueError(f"expected {EXPECTED}, a bracket has no end") from None
    user, _, hosts = parts.netloc.rpartition("@")
    if ":" in user:
        raise ValueError("a secret is never written here; name a file by store.password_file")
    if parts.fragment or not unquote(parts.path.removeprefix("/")):
        raise ValueError(f"expected {EXPECTED}, there is no database")
    options = _options(parts.query)
    if "," in hosts:
        names, ports = zip(*(_host_and_port(each) for each in hosts.split(",")), strict=True)
        options = {"host": ",".join(names), "port": ",".join(ports), **options}
        hosts = ""
    else:
        _host_and_port(hosts)
    if not hosts and not options.get("host"):
        raise ValueError(f"expected {EXPECTED}, there is no host")
    at = f"{user}@" if user else ""
    query = f"?{urlencode(options, quote_via=quote, safe='/,:')}" if options else ""
    return f"{POSTGRESQL}{at}{hosts}{parts.path}{query}"


def _options(query: str) -> dict[str, str]:
    pairs = parse_qsl(query, keep_blank_values=True)
    options = dict(pairs)
    if len(options) < len(pairs):
        raise ValueError("an option of the URL is there twice; several hosts are written host1:5432,host2:5432")
    for name, value in pairs:
        if name in ("password", "sslpassword"):
            raise ValueError("a secret is never written here; name a file by store.password_file")
        if name == "options":
            raise ValueError("options does not pass through a pooler; the schema is named by store.schema")
        if name not in (*_FILES, *_OPTIONS):
            raise ValueError("an option of the URL is none of libpq's, or it is set by the monitor itself")
        if name in _FILES and value != "system" and not PurePosixPath(value).is_absolute():
            raise ValueError(f"{name}: expected an absolute path")
    return options


def _host_and_port(text: str) -> tuple[str, str]:
    """`host`, `host:port` or `[::1]:port`; the port is empty if there is none."""
    if text.startswith("["):
        host, end, rest = text[1:].partition("]")
        port = rest.removeprefix(":") if end and rest[:1] in ("", ":") else "?"
    else:
        host, _, port = text.partition(":")
    if port and not (port.isdecimal() and 0 < int(port) <= 65_535):  # noqa: PLR2004 - the largest port
        raise ValueError(f"expected {EXPECTED}, a port is no number from 1 to 65535")
    return host, port
