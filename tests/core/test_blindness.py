"""Why an account is blind, in words."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from monitor.core.detection.blindness import LIMIT, Site, why
from monitor.core.model import Outcome

SITE = Site("automation.8x8.com:443", "/run/secrets/acme")
REFUSED = "the key in /run/secrets/acme is refused by automation.8x8.com:443"


@pytest.mark.parametrize(
    ("outcome", "detail", "expected"),
    [
        (Outcome.UNAUTHORIZED, "401", f"401 Unauthorized: {REFUSED}"),
        (Outcome.UNAUTHORIZED, "401 1200 Invalid token", f"401 Unauthorized: {REFUSED} (1200 Invalid token)"),
        (Outcome.UNAUTHORIZED, "401 Unauthorized", f"401 Unauthorized: {REFUSED}"),
        (Outcome.UNAUTHORIZED, "403", f"403 Forbidden: {REFUSED}"),
        (Outcome.THROTTLED, "429", "429 Too Many Requests from automation.8x8.com:443"),
        (Outcome.SERVER_ERROR, "503 Down", "503 Service Unavailable from automation.8x8.com:443 (Down)"),
        (Outcome.SERVER_ERROR, "599", "599 from automation.8x8.com:443"),
        (Outcome.BAD_REQUEST, "400 Go away.", "400 Bad Request from automation.8x8.com:443 (Go away.)"),
        (Outcome.MALFORMED, "404", "404 Not Found from automation.8x8.com:443"),
        (Outcome.MALFORMED, "204, expected 200", "204, expected 200 (automation.8x8.com:443)"),
        (Outcome.MALFORMED, "JSON is malformed: x", "JSON is malformed: x (automation.8x8.com:443)"),
        (Outcome.TIMEOUT, "no whole answer within 10s", "No whole answer within 10s (automation.8x8.com:443)"),
        (Outcome.CONNECTION, "no connection: Connection refused", "Connection refused by automation.8x8.com:443"),
        (
            Outcome.CONNECTION,
            "the host's name cannot be resolved",
            "The host's name cannot be resolved (automation.8x8.com:443)",
        ),
        (Outcome.CONNECTION, "", ""),
    ],
)
def test_the_status_or_what_broke_stands_first(outcome: Outcome, detail: str, expected: str) -> None:
    assert why(outcome, detail, SITE) == expected


@pytest.mark.parametrize(
    ("detail", "expected"),
    [
        ("401", "401 Unauthorized: the key is refused"),
        ("no connection: Connection refused", "Connection refused"),
        ("no whole answer within 10s", "No whole answer within 10s"),
    ],
)
def test_what_is_not_known_is_left_out(detail: str, expected: str) -> None:
    assert why(Outcome.UNAUTHORIZED, detail, Site()) == expected


@given(st.sampled_from(Outcome), st.text(max_size=600), st.text(max_size=600), st.text(max_size=600))
def test_it_is_one_line_of_bounded_length(outcome: Outcome, detail: str, address: str, key: str) -> None:
    said = why(outcome, detail, Site(address, key))
    assert len(said) <= LIMIT
    assert len(said.splitlines()) <= 1
