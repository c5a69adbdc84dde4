import contextlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from monitor.core.formats.ids import check_id

FINE = [
    "60dbe307fe55d99fc083db61",
    "5870442f-3ddd-4657-b74c-6e17308f5230",
    "acme",
    "a.b",
    "...",
    "a b",
    "100%",
    "%2e%2e",
    "größe",
    "x" * 200,
    "a:b@c;d=e&f",
]
REFUSED = {
    "empty": "",
    "too long": "x" * 201,
    "here": ".",
    "up": "..",
    "slash": "a/b",
    "backslash": "a\\b",
    "query": "a?b",
    "fragment": "a#b",
    "newline": "a\n",
    "nul": "a\0",
    "delete": "a\x7f",
    "bidi": "a\u202eb",
    "lone surrogate": "a\ud800",
}


@pytest.mark.parametrize("text", FINE)
def test_an_opaque_id_is_accepted(text: str) -> None:
    assert check_id(text) == text


@pytest.mark.parametrize("text", REFUSED.values(), ids=REFUSED.keys())
def test_an_id_that_would_change_the_path_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"id |path"):
        check_id(text)


@given(st.text())
def test_what_passes_prints_and_encodes(text: str) -> None:
    with contextlib.suppress(ValueError):
        check_id(text)
        assert text.isprintable()
        text.encode()


@given(st.text(min_size=1).filter(lambda text: not text.isprintable()))
def test_the_message_can_be_shown(text: str) -> None:
    with pytest.raises(ValueError, match=r"^[ -~]+$"):
        check_id(text)
