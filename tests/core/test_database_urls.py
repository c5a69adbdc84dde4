"""What may stand in the URL of a PostgreSQL database, and what becomes of it."""

import pytest
from sqlalchemy import make_url

from monitor.core.formats.database_urls import check_schema, parse_postgresql_url

_AT = "postgresql+psycopg://monitor@"


@pytest.mark.parametrize(
    ("written", "host", "port"),
    [
        ("db/workflows", "db", None),
        ("db:5433/workflows", "db", 5433),
        ("[::1]:5433/workflows", "::1", 5433),
        ("/workflows?host=/run/postgresql", "/run/postgresql", None),
        ("db1,db2/workflows", "db1,db2", ","),
        ("db1:5432,db2:5433/workflows?sslmode=verify-full", "db1,db2", "5432,5433"),
        ("[::1]:5432,db2/workflows", "::1,db2", "5432,"),
        ("/workflows?host=db1,db2&port=5432,5433", "db1,db2", "5432,5433"),
    ],
)
def test_the_driver_gets_the_hosts_and_ports_that_are_written(written: str, host: str, port: int | str | None) -> None:
    url = make_url(parse_postgresql_url(_AT + written))
    _, given = url.get_dialect()().create_connect_args(url)
    assert given["host"] == host
    assert given.get("port") == port
    assert (given["user"], given["dbname"]) == ("monitor", "workflows")


def test_options_of_the_url_reach_the_driver() -> None:
    url = make_url(parse_postgresql_url(f"{_AT}db1,db2/w?sslmode=verify-full&sslrootcert=/etc/ca%20s.pem"))
    _, given = url.get_dialect()().create_connect_args(url)
    assert (given["sslmode"], given["sslrootcert"]) == ("verify-full", "/etc/ca s.pem")


@pytest.mark.parametrize(
    ("url", "reason"),
    [
        ("postgresql://monitor@db/w", "expected postgresql+psycopg://USER@HOST/DATABASE"),
        (f"{_AT}db", "there is no database"),
        (f"{_AT}db/", "there is no database"),
        (f"{_AT}/w", "there is no host"),
        (f"{_AT}db:x/w", "a port is no number"),
        (f"{_AT}db:0/w", "a port is no number"),
        (f"{_AT}[::1/w", "expected postgresql"),
        (f"{_AT}db1:1,db2:70000/w", "a port is no number"),
        (f"{_AT}db/w x", "expected postgresql"),
        ("postgresql+psycopg://monitor:pa55@db/w", "a secret is never written here"),
        (f"{_AT}db/w?password=pa55", "a secret is never written here"),
        (f"{_AT}db/w?sslmode=require&sslmode=disable", "twice"),
        (f"{_AT}db/w?options=-csearch_path%3Dx", "store.schema"),
        (f"{_AT}db/w?prepare_threshold=1", "none of libpq's"),
        (f"{_AT}db/w?sslrootcert=ca.pem", "sslrootcert: expected an absolute path"),
    ],
)
def test_a_url_that_cannot_be_used_is_refused_without_being_repeated(url: str, reason: str) -> None:
    with pytest.raises(ValueError, match=r"\w") as refused:
        parse_postgresql_url(url)
    assert reason in str(refused.value)
    assert "pa55" not in str(refused.value)


def test_the_certificates_of_the_system_may_be_named() -> None:
    assert parse_postgresql_url(f"{_AT}db/w?sslrootcert=system").endswith("sslrootcert=system")


@pytest.mark.parametrize("name", ["staging", "_a1", "a" * 63])
def test_a_plain_name_of_a_schema_is_taken(name: str) -> None:
    assert check_schema(name) == name


@pytest.mark.parametrize("name", ["", "1a", "Prod", "a-b", 'a"b', "pg_temp", "a" * 64, "ü", "a\n"])
def test_a_name_that_would_need_quotes_is_refused(name: str) -> None:
    with pytest.raises(ValueError, match="expected"):
        check_schema(name)
