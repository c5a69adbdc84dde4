"""Where something may be sent: one opinion of addresses for the settings and the client."""

from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from monitor.core.formats.urls import host_and_port, parse_base_url, parse_url, require_https, without_password

FINE = [
    "https://automation.8x8.com",
    "https://gateway.example:8443/8x8",
    "http://127.0.0.1:8080",
    "http://127.9.9.9",
    "http://[::1]:8080",
    "http://localhost:8080",
    "http://LOCALHOST",
    "https://automation.8x8.com.",
    f"https://{'a' * 63}.example",
]
IN_THE_CLEAR = {
    "plain http": "http://automation.8x8.com",
    "not quite this host": "http://127.0.0.1.example",
    "not quite localhost": "http://notlocalhost",
    "a name under localhost": "http://api.localhost",
    "another network": "http://10.0.0.1",
    "any address": "http://0.0.0.0",
}
REFUSED = {
    "user": ("https://user@h", "no user and password"),
    "password": ("https://user:SECRET@h", "no user and password"),
    "empty user": ("https://@h", "no user and password"),
    "looks like this host": ("http://127.0.0.1@evil.example", "no user and password"),
    "fragment": ("https://h/#SECRET", r"no fragment \(#\)"),
    "no scheme": ("automation.8x8.com", "begins with https://"),
    "another scheme": ("ftp://h", "begins with https://"),
    "no host": ("https://", "begins with https://"),
    "path only": ("/api", "begins with https://"),
    "empty": ("", "begins with https://"),
    "bad port": ("https://h:99999", "valid host and port"),
    "bad address": ("https://[::1", "valid host and port"),
    "newline": ("https://h\n.example", "without spaces"),
    "blank": ("https://h .example", "without spaces"),
    "backslash": ("https://h\\@evil.example", "without spaces and backslashes"),
    "not ascii": ("https://h\u00f6st", "printable ASCII"),
    "long": ("https://h/" + "x" * 2000, "printable ASCII"),
}


@pytest.mark.parametrize("url", FINE)
def test_an_address_that_nobody_can_listen_to_is_accepted(url: str) -> None:
    assert require_https(parse_base_url(url), allow_http=False) == url


@pytest.mark.parametrize("url", IN_THE_CLEAR.values(), ids=IN_THE_CLEAR.keys())
def test_plain_http_to_others_is_only_for_those_who_ask_for_it(url: str) -> None:
    with pytest.raises(ValueError, match="plain http is refused except to this machine"):
        require_https(url, allow_http=False)
    assert require_https(url, allow_http=True) == url


@pytest.mark.parametrize("host", ["automation..8x8.com", ".8x8.com", ".", f"{'a' * 64}.example"])
def test_a_name_that_nobody_can_resolve_is_refused(host: str) -> None:
    with pytest.raises(ValueError, match="1 to 63 characters between its dots"):
        require_https(parse_base_url(f"https://{host}"), allow_http=True)


@pytest.mark.parametrize("judge", [parse_url, parse_base_url])
@pytest.mark.parametrize(("url", "said"), REFUSED.values(), ids=REFUSED.keys())
def test_what_is_no_address_is_refused_without_being_repeated(url: str, said: str, judge: Callable[[str], str]) -> None:
    with pytest.raises(ValueError, match=said) as caught:
        judge(url)
    assert "SECRET" not in str(caught.value)


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("https://automation.8x8.com", "automation.8x8.com:443"),
        ("http://localhost/8x8", "localhost:80"),
        ("https://gateway.example:8443/8x8", "gateway.example:8443"),
        ("http://[::1]:8080", "[::1]:8080"),
        ("https://[2001:db8::1]", "[2001:db8::1]:443"),
    ],
)
def test_an_address_for_people_is_a_host_and_a_port(url: str, expected: str) -> None:
    assert host_and_port(url) == expected


def test_paths_are_appended_to_a_site() -> None:
    assert parse_base_url("https://h/8x8/") == "https://h/8x8"
    assert parse_url("https://h/hook?token=1") == "https://h/hook?token=1"
    for url in ("https://h/?a=b", "https://h?", "https://h#"):
        with pytest.raises(ValueError, match=r"no query \(\?\): paths are appended"):
            parse_base_url(url)


@given(st.text())
def test_no_text_breaks_the_judgement(text: str) -> None:
    try:
        require_https(parse_base_url(text), allow_http=False)
    except ValueError as error:
        assert str(error)  # noqa: PT017 - any of its messages will do


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        ("sqlite:////var/lib/monitor.db", "sqlite:////var/lib/monitor.db"),
        ("sqlite:///a:b@c.db", "sqlite:///a:b@c.db"),
        ("postgresql://monitor@db/w", "postgresql://monitor@db/w"),
        ("postgresql+psycopg://monitor:pa55@db:5432/w?x=1", "postgresql+psycopg://monitor:***@db:5432/w?x=1"),
        ("postgresql://monitor:p@55:/w0rd@db1:5432,db2/w", "postgresql://monitor:***@db1:5432,db2/w"),
        ("postgresql://:pa55@db/w", "postgresql://:***@db/w"),
        ("postgresql://db/w?user=m&password=pa55&x=1", "postgresql://db/w?user=m&password=***&x=1"),
        ("https://u:pa55@x.example/", "https://u:***@x.example/"),
    ],
)
def test_a_url_is_shown_without_its_password(url: str, shown: str) -> None:
    assert without_password(url) == shown
