"""Where the key may be sent, and how ids become a path."""

from urllib.parse import unquote

import pytest
from hypothesis import given
from hypothesis import strategies as st
from yarl import URL

from monitor.core.ids import check_id
from monitor.core.model import TargetKey
from monitor.upstream.address import check_base_url, workflow_path

FINE = [
    "https://automation.8x8.com",
    "https://automation.8x8.com/",
    "https://gateway.example:8443/8x8",
    "http://127.0.0.1:8080",
    "http://127.9.9.9",
    "http://[::1]:8080",
    "http://localhost:8080",
    "http://api.localhost",
]
REFUSED = {
    "plain http": ("http://automation.8x8.com", "plain http would show the key .* automation.8x8.com"),
    "not quite this host": ("http://127.0.0.1.example", "plain http"),
    "not quite localhost": ("http://notlocalhost", "plain http"),
    "another network": ("http://10.0.0.1", "plain http"),
    "any address": ("http://0.0.0.0", "plain http"),
    "user": ("https://user@h", "user or a password"),
    "password": ("https://user:SECRET@h", "user or a password"),
    "empty user": ("https://@h", "user or a password"),
    "looks like this host": ("http://127.0.0.1@evil.example", "user or a password"),
    "query": ("https://h/?a=b", "before a query or a fragment"),
    "empty query": ("https://h?", "before a query or a fragment"),
    "fragment": ("https://h/#a", "before a query or a fragment"),
    "no scheme": ("automation.8x8.com", "expected an address"),
    "another scheme": ("ftp://h", "expected an address"),
    "no host": ("https://", "expected an address"),
    "path only": ("/api", "expected an address"),
    "empty": ("", "expected an address"),
    "bad port": ("https://h:99999", "valid host and port"),
    "bad address": ("https://[::1", "valid host and port"),
    "newline": ("https://h\n.example", "without blanks"),
    "blank": ("https://h .example", "without blanks"),
    "backslash": ("https://h\\@evil.example", "without blanks and backslashes"),
}


@pytest.mark.parametrize("url", FINE)
def test_an_address_that_is_safe_for_the_key_is_accepted(url: str) -> None:
    check_base_url(url)


@pytest.mark.parametrize(("url", "said"), REFUSED.values(), ids=REFUSED.keys())
def test_an_address_that_is_not_is_refused_with_what_was_expected(url: str, said: str) -> None:
    with pytest.raises(ValueError, match=said) as caught:
        check_base_url(url)
    assert "SECRET" not in str(caught.value)


def test_plain_http_is_accepted_where_it_is_wanted() -> None:
    check_base_url("http://automation.internal", allow_http=True)


@given(st.text())
def test_no_text_breaks_the_check(text: str) -> None:
    try:
        check_base_url(text)
    except ValueError as error:
        assert str(error)  # noqa: PT017 - any of its messages will do


def test_ids_are_percent_encoded() -> None:
    key = TargetKey("a b", "5870442f-3ddd", "100%;ö")
    assert workflow_path(key) == "/api/v1/accounts/a%20b/definitions/5870442f-3ddd/workflows/100%25%3B%C3%B6"


@pytest.mark.parametrize("id", ["..", ".", "a/b", "a?b", "a#b", "a\\b", "", "a\n"])
def test_an_id_that_would_change_the_path_gets_into_none(id: str) -> None:
    with pytest.raises(ValueError, match=r"id |path"):
        workflow_path(TargetKey("acme", "d", id))


def _is_id(text: str) -> bool:
    try:
        check_id(text)
    except ValueError:
        return False
    return True


_ODD = ["%2e%2e", "%2F", "...", "a%00", "~", "+", "@", ":"]
IDS = st.text(min_size=1, max_size=20).filter(_is_id) | st.sampled_from(_ODD)


@given(IDS, IDS, IDS)
def test_what_is_sent_leads_to_exactly_these_ids(account: str, definition: str, workflow: str) -> None:
    url = URL(f"https://h{workflow_path(TargetKey(account, definition, workflow))}?includeLogs=true", encoded=True)
    parts = url.raw_path.split("/")
    assert [unquote(part) for part in parts] == [
        *("", "api", "v1", "accounts", account, "definitions", definition, "workflows", workflow)
    ]
    assert url.raw_query_string == "includeLogs=true"
    assert url.host == "h"
