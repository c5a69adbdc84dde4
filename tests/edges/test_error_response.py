"""Answers other than 200: which outcome, how long to wait, and what people may read of them."""

import json
from datetime import UTC, datetime

import pytest
from multidict import CIMultiDict

from monitor.core.model import Outcome, PollFailed
from monitor.upstream.error_response import read_refusal

OUTCOMES = {
    0: Outcome.MALFORMED,
    101: Outcome.MALFORMED,
    201: Outcome.MALFORMED,
    204: Outcome.MALFORMED,
    301: Outcome.MALFORMED,
    304: Outcome.MALFORMED,
    308: Outcome.MALFORMED,
    400: Outcome.BAD_REQUEST,
    401: Outcome.UNAUTHORIZED,
    402: Outcome.MALFORMED,
    403: Outcome.UNAUTHORIZED,
    404: Outcome.MALFORMED,
    410: Outcome.MALFORMED,
    418: Outcome.MALFORMED,
    429: Outcome.THROTTLED,
    499: Outcome.MALFORMED,
    500: Outcome.SERVER_ERROR,
    503: Outcome.SERVER_ERROR,
    504: Outcome.SERVER_ERROR,
    599: Outcome.SERVER_ERROR,
    600: Outcome.MALFORMED,
}
NOW = datetime(2026, 1, 5, 10, 0, 0, tzinfo=UTC)
SECRET = "s3cr3t+of/the=account"


@pytest.mark.parametrize(("status", "outcome"), OUTCOMES.items())
def test_a_status_has_its_outcome_and_the_detail_names_it(status: int, outcome: Outcome) -> None:
    failed = read_refusal(status, {}, b"<html>down for repair</html>")
    assert failed.outcome is outcome
    assert failed.detail.startswith(str(status))
    assert "repair" not in failed.detail


MISSES = {
    "documented": (b'{"code": 1300, "message": "m", "errorId": "x", "timestamp": "y"}', Outcome.NOT_FOUND),
    "another code": (b'{"code": 1301, "message": "m"}', Outcome.MALFORMED),
    "no code": (b'{"message": "m"}', Outcome.MALFORMED),
    "a code in words": (b'{"code": "1300", "message": "m"}', Outcome.MALFORMED),
    "a gateway": (b"<html>default backend - 404</html>", Outcome.MALFORMED),
    "nothing": (b"", Outcome.MALFORMED),
}


@pytest.mark.parametrize(("body", "outcome"), MISSES.values(), ids=MISSES.keys())
def test_only_the_api_itself_can_say_that_an_instance_is_not_there(body: bytes, outcome: Outcome) -> None:
    assert read_refusal(404, {}, body).outcome is outcome


DETAILS = {
    "documented": ({"code": 1300, "message": "Not found.", "errorId": "x", "timestamp": "y"}, "404 1300 Not found."),
    "no code": ({"message": "Not found."}, "404 Not found."),
    "more": ({"code": 1, "message": "m", "details": [{"a": 1}]}, "404 1 m"),
    "unclean": ({"code": 1, "message": "a\r\nb\u202e\0c"}, "404 1 a b c"),
    "long": ({"code": 1, "message": "m" * 999}, "404 1 " + "m" * 193 + "…"),
    "no message": ({"code": 1}, "404"),
    "message is none": ({"message": 5}, "404"),
    "code is a word": ({"code": "x", "message": "m"}, "404"),
    "a list": ([], "404"),
}


@pytest.mark.parametrize(("body", "detail"), DETAILS.values(), ids=DETAILS.keys())
def test_the_api_s_own_words_are_told_short_and_clean(body: object, detail: str) -> None:
    assert read_refusal(404, {}, json.dumps(body).encode()).detail == detail


REDIRECTS = {
    "elsewhere": ("https://login.example/in?state=PRIVATE#PRIVATE", "302, a redirect to https://login.example/in is"),
    "with a user": ("https://PRIVATE:PRIVATE@login.example/in", "302, a redirect to https://login.example/in is"),
    "a path": ("/in?x=PRIVATE", "302, a redirect to /in is"),
    "none": ("", "302, a redirect to nowhere is"),
    "no address": ("https://[PRIVATE", "302, a redirect to nowhere is"),
    "no port": ("https://h:PRIVATE/", "302, a redirect to https://h/ is"),
}


@pytest.mark.parametrize(("location", "detail"), REDIRECTS.values(), ids=REDIRECTS.keys())
def test_a_redirect_says_where_it_would_not_go_and_nothing_more(location: str, detail: str) -> None:
    failed = read_refusal(302, CIMultiDict({"location": location}), b"")
    assert failed.detail == f"{detail} not followed"
    assert failed.outcome is Outcome.MALFORMED


def test_a_key_that_is_sent_back_is_hidden() -> None:
    body = json.dumps({"code": 7, "message": f"no such key: Bearer {SECRET}"}).replace("+", "\\u002B").encode()
    assert read_refusal(401, {}, body, secret=SECRET).detail == "401 7 no such key: Bearer [hidden]"
    elsewhere = CIMultiDict({"Location": f"https://h/{SECRET}"})
    assert SECRET not in read_refusal(302, elsewhere, b"", secret=SECRET).detail


def test_a_key_is_hidden_before_the_text_is_cut() -> None:
    body = json.dumps({"message": "x" * 190 + SECRET}).encode()
    assert "s3cr" not in read_refusal(401, {}, body, secret=SECRET).detail


# --- Retry-After ---


@pytest.mark.parametrize("status", [429, 503])
def test_throttling_and_unavailable_ask_to_wait(status: int) -> None:
    assert read_refusal(status, CIMultiDict({"retry-after": "2.5"}), b"").retry_after == 2.5


@pytest.mark.parametrize("status", [200, 301, 400, 404, 500, 502])
def test_others_ask_in_vain(status: int) -> None:
    assert read_refusal(status, CIMultiDict({"Retry-After": "2.5"}), b"").retry_after is None


@pytest.mark.parametrize(
    ("date", "seconds"),
    [
        ("Mon, 05 Jan 2026 11:00:00 GMT", 30.0),
        ("nonsense", 3630.0),
        (None, 3630.0),
    ],
    ids=["the answer's own clock", "an unreadable one", "ours where it has none"],
)
def test_a_date_is_taken_by_the_clock_of_the_answer(date: str | None, seconds: float) -> None:
    headers = CIMultiDict({"Retry-After": "Mon, 05 Jan 2026 11:00:30 GMT"})
    if date is not None:
        headers["Date"] = date
    assert read_refusal(429, headers, b"", now=NOW).retry_after == seconds


def test_nonsense_asks_for_nothing() -> None:
    assert read_refusal(429, {"Retry-After": "-1"}, b"", now=NOW) == PollFailed(Outcome.THROTTLED, "429")
