"""Where the key may be sent, and how ids become a path."""

from urllib.parse import unquote

import pytest
from hypothesis import given
from hypothesis import strategies as st
from yarl import URL

from monitor.core.formats.ids import check_id
from monitor.core.model import TargetKey
from monitor.upstream.paths import check_base_url, workflow_path


def test_the_key_is_sent_only_where_nobody_else_reads_it() -> None:
    check_base_url("https://automation.8x8.com")
    check_base_url("http://127.0.0.1:8080")
    check_base_url("http://automation.internal", allow_http=True)
    for url in ("http://automation.8x8.com", "https://user:SECRET@h", "https://h?a=b", "automation.8x8.com"):
        with pytest.raises(ValueError, match=r"URL|plain http") as caught:
            check_base_url(url)
        assert "SECRET" not in str(caught.value)


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
