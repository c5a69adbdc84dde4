"""What is recalled of answers is what reading them again would bring."""

from datetime import UTC, datetime

import pytest

from monitor.core.model import Outcome, PollFailed, Seen, Status, TargetKey
from monitor.upstream.response_cache import ResponseCache
from monitor.upstream.transport import Response
from monitor.upstream.wire import read_status

_NOW = datetime(2026, 1, 5, 10, tzinfo=UTC)


def _key(workflow: str) -> TargetKey:
    return TargetKey("acme", "d", workflow)


def _answer(workflow: str, status: str = "Runnable") -> Response:
    return Response(200, {}, f'{{"workflowId": "{workflow}", "status": "{status}", "logs": []}}'.encode())


def _read(recall: ResponseCache, workflow: str, response: Response) -> Seen | PollFailed:
    return recall.read(_key(workflow), response, now=lambda: _NOW, secret="")


@pytest.mark.parametrize("status", ["Runnable", "Suspended", "Complete", "Paused"])
def test_the_same_bytes_are_the_same_answer(status: str) -> None:
    recall, response = ResponseCache(), _answer("w", status)
    first = _read(recall, "w", response)
    again = _read(recall, "w", Response(200, {}, bytes(bytearray(response.body))))
    assert first == again == read_status(200, {}, response.body, workflow="w")


def test_an_answer_that_did_not_change_is_not_read_again() -> None:
    recall = ResponseCache()
    assert _read(recall, "w", _answer("w")) is _read(recall, "w", _answer("w"))


def test_a_changed_answer_is_read() -> None:
    recall = ResponseCache()
    _read(recall, "w", _answer("w"))
    changed = _read(recall, "w", _answer("w", "Suspended"))
    assert isinstance(changed, Seen)
    assert changed.snapshot.status is Status.SUSPENDED


def test_a_refusal_between_two_answers_is_told_each_time() -> None:
    recall, refusal = ResponseCache(), Response(429, {"Retry-After": "7"}, b"")
    outcomes = [_read(recall, "w", response) for response in (_answer("w"), refusal, refusal, _answer("w"))]
    assert [isinstance(outcome, Seen) for outcome in outcomes] == [True, False, False, True]
    assert outcomes[1] == outcomes[2] == read_status(429, {"Retry-After": "7"}, b"", now=_NOW)


def test_what_one_target_was_told_is_not_recalled_for_another() -> None:
    recall = ResponseCache()
    _read(recall, "w", _answer("w"))
    strange = _read(recall, "v", _answer("w"))
    assert isinstance(strange, PollFailed)
    assert strange.outcome is Outcome.MALFORMED


def test_the_answer_that_was_read_the_longest_ago_makes_way() -> None:
    recall = ResponseCache(kept=lambda: 2)
    first = _read(recall, "a", _answer("a"))
    second = _read(recall, "b", _answer("b"))
    _read(recall, "c", _answer("c"))
    assert _read(recall, "b", _answer("b")) is second
    assert _read(recall, "a", _answer("a")) is not first


def test_an_answer_that_was_read_again_keeps_its_place_in_the_memory_longest() -> None:
    recall = ResponseCache(kept=lambda: 2)
    _read(recall, "a", _answer("a"))
    second = _read(recall, "b", _answer("b"))
    again = _read(recall, "a", _answer("a", "Suspended"))
    _read(recall, "c", _answer("c"))
    assert _read(recall, "a", _answer("a", "Suspended")) is again
    assert _read(recall, "b", _answer("b")) is not second
