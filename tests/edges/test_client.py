"""The client on a real socket: what it asks, what becomes of each answer, and that every permit ends once."""

import asyncio
import gzip
import json
import logging
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import pytest

from monitor.core.model import Endpoint, Outcome, PollFailed, Seen, Status, TargetKey, WorkflowError
from monitor.upstream.credentials import FileCredential
from tests.edges.client_kit import KEY, NOW, SECRET, house
from tests.edges.scripted import Script, answering, answering_in_turn, http, serving

SAMPLES = Path(__file__).parent.parent / "samples"
WITH_LOGS = (SAMPLES / "workflow_instance_with_logs.json").read_bytes()
ERRORS = (SAMPLES / "errors_list.json").read_bytes()
STATUS_PATH = f"/api/v1/accounts/{KEY.account}/definitions/{KEY.definition}/workflows/{KEY.workflow}"
ERROR = WorkflowError("step1", "Invalid subaccount id.", datetime(2021, 6, 30, 3, 21, 25, 830_000, tzinfo=UTC))


# --- what is asked ---


async def test_a_status_is_asked_for_with_its_step_log_and_our_name() -> None:
    async with serving(answering(http(200, WITH_LOGS))) as server, house(server.url) as here:
        result = await here.status()
    assert isinstance(result, Seen)
    assert (result.snapshot.status, len(result.snapshot.steps), result.errors) == (Status.COMPLETE, 2, None)
    request, *headers = server.heads[0].splitlines()
    assert request == f"GET {STATUS_PATH}?includeLogs=true HTTP/1.1"
    assert {"Authorization: Bearer " + SECRET, "Accept: application/json", "User-Agent: workflow-monitor/1.2.3"} <= set(
        headers
    )


async def test_errors_are_asked_for_beneath_the_status() -> None:
    async with serving(answering(http(200, ERRORS))) as server, house(server.url) as here:
        assert await here.client.errors(KEY) == (ERROR,)
    assert server.heads[0].startswith(f"GET {STATUS_PATH}/errors HTTP/1.1\r\n")


async def test_a_definition_is_asked_for_by_its_history() -> None:
    steps = [{"id": "wait", "stepType": "Wait", "inputs": {"duration": "00:01:00"}}]
    history = json.dumps([{"definition": {"id": KEY.definition, "version": 3, "steps": steps}}]).encode()
    async with serving(answering(http(200, history))) as server, house(server.url) as here:
        answer = await here.client.declared(KEY.account, KEY.definition, 1.0)
        assert not isinstance(answer, PollFailed)
        assert answer.versions == {3: {"wait": 60.0}}
    assert server.heads[0].startswith(f"GET /api/v1/accounts/{KEY.account}/definitions/{KEY.definition} HTTP/1.1\r\n")
    assert [(record.endpoint, record.outcome) for record in here.records] == [(Endpoint.DEFINITIONS, Outcome.OK)]
    assert here.outcomes == [Outcome.OK]


async def test_a_definition_of_an_account_that_left_is_not_asked_for() -> None:
    async with serving(answering(http(200, b"[]"))) as server, house(server.url) as here:
        answer = await here.client.declared("another", KEY.definition, 1.0)
    assert isinstance(answer, PollFailed)
    assert server.heads == []


async def test_a_path_and_a_slash_in_the_address_are_kept_and_dropped() -> None:
    async with serving(answering(http(200, WITH_LOGS))) as server, house(f"{server.url}/8x8/") as here:
        await here.status()
    assert server.heads[0].startswith(f"GET /8x8{STATUS_PATH}?")


async def test_odd_ids_are_encoded_once() -> None:
    async with serving(answering(http(404))) as server, house(server.url) as here:
        await here.status(TargetKey("acme", "a b", "50%;ö"))
    assert "/definitions/a%20b/workflows/50%25%3B%C3%B6?includeLogs=true " in server.heads[0]


@pytest.mark.parametrize("url", ["http://automation.8x8.com", "https://user:pass@h", "https://h/?a", "nonsense"])
async def test_a_client_is_not_made_for_an_address_that_the_key_must_not_go_to(url: str) -> None:
    with pytest.raises(ValueError, match=r"a URL here|expected a URL|plain http"):
        async with house(url):
            pass


# --- what becomes of it ---

UNKNOWN_ID = b'{"code": 1300, "message": "Definition d not found."}'
STATUSES = {
    400: Outcome.BAD_REQUEST,
    401: Outcome.UNAUTHORIZED,
    403: Outcome.UNAUTHORIZED,
    404: Outcome.NOT_FOUND,
    429: Outcome.THROTTLED,
    500: Outcome.SERVER_ERROR,
    503: Outcome.SERVER_ERROR,
    302: Outcome.MALFORMED,
    204: Outcome.MALFORMED,
}


@pytest.mark.parametrize(("status", "outcome"), STATUSES.items())
async def test_a_refusal_is_a_value_and_its_permit_ends_once(status: int, outcome: Outcome) -> None:
    body = UNKNOWN_ID if outcome is Outcome.NOT_FOUND else b""
    async with serving(answering(http(status, body))) as server, house(server.url) as here:
        result = await here.status()
    assert isinstance(result, PollFailed)
    assert result.outcome is outcome
    assert here.outcomes == [outcome]


async def hang(_head: str, _writer: asyncio.StreamWriter) -> None:
    await asyncio.Event().wait()


async def hang_up(_head: str, writer: asyncio.StreamWriter) -> None:
    writer.close()


HALF = gzip.compress(WITH_LOGS)[:-20]
FAULTS: dict[str, tuple[Script, Outcome]] = {
    "hangs": (hang, Outcome.TIMEOUT),
    "hangs up": (hang_up, Outcome.CONNECTION),
    "not HTTP": (answering(b"hello\r\n\r\n"), Outcome.CONNECTION),
    "too large": (answering(http(200, b"x" * 10_001)), Outcome.MALFORMED),
    "half a gzip": (answering(http(200, HALF, {"Content-Encoding": "gzip"})), Outcome.MALFORMED),
    "half a document": (answering(http(200, WITH_LOGS[:100])), Outcome.MALFORMED),
    "another workflow": (answering(http(200, WITH_LOGS.replace(b"db61", b"db62"))), Outcome.MALFORMED),
}


@pytest.mark.parametrize(("script", "outcome"), FAULTS.values(), ids=FAULTS.keys())
async def test_a_fault_is_a_value_and_its_permit_ends_once(script: Script, outcome: Outcome) -> None:
    async with serving(script) as server, house(server.url, patience=0.1) as here:
        result = await here.status()
    assert isinstance(result, PollFailed)
    assert result.outcome is outcome
    assert result.detail
    assert here.outcomes == [outcome]
    assert len(server.heads) == 1


async def test_retry_after_reaches_the_gate() -> None:
    throttled = http(429, b"", {"Retry-After": "2.5"})
    async with serving(answering(throttled)) as server, house(server.url) as here:
        assert await here.status() == PollFailed(Outcome.THROTTLED, "429", 2.5)
        assert not here.gate.open
        assert [retry_after for _, _, retry_after in here.gate.ended] == [2.5]


async def test_a_cancelled_request_ends_its_permit() -> None:
    arrived = asyncio.Event()

    async def script(head: str, writer: asyncio.StreamWriter) -> None:
        arrived.set()
        await hang(head, writer)

    async with serving(script) as server, house(server.url) as here:
        asking = asyncio.ensure_future(here.status())
        await arrived.wait()
        asking.cancel()
        with pytest.raises(asyncio.CancelledError):
            await asking
        assert here.outcomes == [Outcome.CONNECTION]


async def test_an_error_of_ours_ends_the_permit_too_and_is_not_hidden() -> None:
    async with serving(answering(http(200))) as server, house(server.url) as here:
        with pytest.raises(ValueError, match="path"):
            await here.status(TargetKey("acme", "d", ".."))
        assert here.outcomes == [Outcome.CONNECTION]
    assert server.heads == []


# --- records ---


async def test_a_record_says_what_was_asked_and_how_it_ended() -> None:
    async with serving(answering(http(200, WITH_LOGS))) as server, house(server.url) as here:
        await here.status()
    (record,) = here.records
    assert (record.account, record.endpoint, record.outcome) == ("acme", Endpoint.STATUS, Outcome.OK)
    assert 0 < record.duration < 1
    assert (record.ended_at, record.skew) == (NOW, None)


@pytest.mark.parametrize(
    ("date", "skew"),
    [
        ("Mon, 05 Jan 2026 10:00:00 GMT", 0.0),
        ("Mon, 05 Jan 2026 10:00:10 GMT", 9.5),
        ("Mon, 05 Jan 2026 09:59:50 GMT", -9.5),
        ("yesterday", None),
    ],
)
async def test_the_clock_of_the_api_is_compared_by_its_date(date: str, skew: float | None) -> None:
    async with serving(answering(http(500, b"", {"Date": date}))) as server, house(server.url) as here:
        await here.status()
    assert here.records[0].skew == skew


# --- errors are asked twice at most ---


@pytest.mark.parametrize("first", [500, 503, 204, 302])
async def test_errors_are_asked_for_once_more(first: int) -> None:
    script = answering_in_turn(http(first), http(200, ERRORS))
    async with serving(script) as server, house(server.url) as here:
        assert await here.client.errors(KEY) == (ERROR,)
        assert len(here.outcomes) == 2
    assert {record.endpoint for record in here.records} == {Endpoint.ERRORS}


async def test_errors_are_asked_for_once_more_and_no_more() -> None:
    async with serving(answering(http(500))) as server, house(server.url) as here:
        assert await here.client.errors(KEY) == PollFailed(Outcome.SERVER_ERROR, "500")
        assert here.outcomes == [Outcome.SERVER_ERROR] * 2


@pytest.mark.parametrize("status", [400, 401, 403, 404])
async def test_errors_are_not_asked_for_again_where_the_answer_would_be_the_same(status: int) -> None:
    async with serving(answering(http(status, UNKNOWN_ID))) as server, house(server.url) as here:
        assert isinstance(await here.client.errors(KEY), PollFailed)
        assert len(here.outcomes) == 1


async def test_after_a_429_the_errors_do_not_wait_for_the_lane() -> None:
    script = answering_in_turn(http(429, b"", {"Retry-After": "60"}), http(200, ERRORS))
    async with serving(script) as server, house(server.url) as here:
        assert await here.client.errors(KEY) == PollFailed(Outcome.THROTTLED, "the lane is closed")
        assert here.outcomes == [Outcome.THROTTLED]


async def test_errors_that_do_not_come_are_asked_for_twice_within_the_patience() -> None:
    async with serving(hang) as server, house(server.url) as here:
        started = asyncio.get_running_loop().time()
        answer = await here.client.errors(KEY, 0.2)
        assert isinstance(answer, PollFailed)
        assert answer.outcome is Outcome.TIMEOUT
        assert len(here.outcomes) == 2
        assert 0.2 <= asyncio.get_running_loop().time() - started < 2.0


# --- keys ---


def only(key: str) -> Script:
    async def script(head: str, writer: asyncio.StreamWriter) -> None:
        writer.write(http(200, WITH_LOGS) if f"Bearer {key}\r\n" in head else http(401))

    return script


async def test_a_rotated_key_is_used_by_the_poll_after_the_401(tmp_path: Path) -> None:
    path = tmp_path / "key"
    path.write_text("old")
    frozen: Callable[[], float] = lambda: 0.0  # noqa: E731 - the file is never due to be looked at
    async with serving(only("new")) as server, house(server.url, FileCredential(path, clock=frozen)) as here:
        path.write_text("new")
        await here.status()
        await here.status()
        assert here.outcomes == [Outcome.UNAUTHORIZED, Outcome.OK]


async def test_no_key_gets_out_even_where_the_api_sends_it_back(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    body = json.dumps({"code": 1, "message": f"Bearer {SECRET} is not known"}).encode()
    script = answering_in_turn(
        http(401, body, {"Location": f"https://h/{SECRET}"}),
        http(302, body, {"Location": f"https://h/{SECRET}?{SECRET}"}),
        http(200, body),
        SECRET.encode() + b"\r\n\r\n",
    )
    async with serving(script) as server, house(server.url) as here:
        results = [await here.status() for _ in range(4)]
        told = repr(results) + repr(here.records) + repr(here.client) + caplog.text
    assert here.outcomes == [Outcome.UNAUTHORIZED, Outcome.MALFORMED, Outcome.MALFORMED, Outcome.CONNECTION]
    assert SECRET not in told
