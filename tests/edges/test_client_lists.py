"""The client and lists: what it asks for, from how many pages, and at whose turn."""

import asyncio
import json
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest

from monitor.core.listing import DefinitionList, ListedDefinition, ListPage, ListRequest, Usage
from monitor.core.model import Endpoint, Outcome, PollFailed, Status
from tests.edges.client_kit import KEY, SECRET, House, house
from tests.edges.scripted import Script, answering, answering_in_turn, http, serving

REQUEST = ListRequest(account=KEY.account, definition=KEY.definition)
ROW = {
    "workflowId": KEY.workflow,
    "definitionId": KEY.definition,
    "version": 3,
    "status": "Terminated",
    "startedAt": "2026-01-05T09:00:00.49Z",
    "completedAt": "2026-01-05T09:30:00.49Z",
    "data": {"triggeredAt": "2026-01-05T08:59:59.49Z", "payload": {"text": "Hello, world!"}},
}


async def instances(here: House, request: ListRequest = REQUEST) -> ListPage | PollFailed:
    return await here.client.instances(request, await here.gate.acquire_urgent())


def asked(head: str) -> tuple[str, dict[str, str]]:
    """Path and query of a request."""
    parts = urlsplit(head.split(" ")[1])
    return parts.path, {name: value for name, [value] in parse_qs(parts.query).items()}


# --- a page of instances ---


async def test_a_page_is_asked_for_by_version_status_and_window() -> None:
    request = ListRequest(
        account="acme",
        definition="a b",
        version=3,
        status=Status.TERMINATED,
        started_from=datetime(2026, 1, 5, 9, tzinfo=UTC),
        started_to=datetime(2026, 1, 5, 10, 0, 0, 1, tzinfo=UTC),
        limit=200,
        offset=1,
    )
    async with serving(answering(http(200, b"[]"))) as server, house(server.url) as here:
        assert await instances(here, request) == ListPage((), 0)
    path, query = asked(server.heads[0])
    assert path == "/api/v1/accounts/acme/definitions/a%20b/workflows"
    assert query == {
        "limit": "200",
        "offset": "1",
        "version": "3",
        "status": "Terminated",
        "startTimeFrom": "2026-01-05T09:00:00.000000Z",
        "startTimeTo": "2026-01-05T10:00:00.000001Z",
    }


async def test_a_page_of_whatever_runs_is_asked_for_whole() -> None:
    async with serving(answering(http(200, json.dumps([ROW]).encode()))) as server, house(server.url) as here:
        page = await instances(here)
    assert isinstance(page, ListPage)
    assert [(row.workflow, row.version, row.status) for row in page.rows] == [(KEY.workflow, 3, Status.TERMINATED)]
    assert "Hello" not in repr(page)
    assert asked(server.heads[0])[1] == {"limit": "500", "offset": "0"}
    assert f"Authorization: Bearer {SECRET}\r\n" in server.heads[0]
    assert [(record.endpoint, record.outcome) for record in here.records] == [(Endpoint.LIST, Outcome.OK)]


@pytest.mark.parametrize(
    ("answer", "outcome", "too_large"),
    [
        pytest.param(http(429, b"", {"Retry-After": "2"}), Outcome.THROTTLED, False, id="throttled"),
        pytest.param(http(404, b'{"code": 1300, "message": "m"}'), Outcome.NOT_FOUND, False, id="no definition"),
        pytest.param(http(200, b"{}"), Outcome.MALFORMED, False, id="no list"),
        pytest.param(http(200, b"[" + b" " * 10_000 + b"]"), Outcome.MALFORMED, True, id="too large"),
    ],
)
async def test_what_is_no_page_is_a_failure_and_the_permit_ends(
    answer: bytes, outcome: Outcome, too_large: bool
) -> None:
    async with serving(answering(answer)) as server, house(server.url) as here:
        result = await instances(here)
        assert isinstance(result, PollFailed)
        assert (result.outcome, result.too_large) == (outcome, too_large)
        assert here.outcomes == [outcome]


# --- the definitions of an account ---


def definitions_api(ids: Sequence[str], size: int = 1, *, by_pages: bool = False) -> Script:
    """Answers as the API does, with definitions of so many bytes."""

    async def script(head: str, writer: asyncio.StreamWriter) -> None:
        path, query = asked(head)
        assert path == "/api/v1/accounts/acme/definitions"
        limit, offset = int(query["limit"]), int(query["offset"])
        begin = offset * limit if by_pages else offset
        page = [{"definition": {"id": each, "version": 1, "text": "x" * size}} for each in ids[begin : begin + limit]]
        writer.write(http(200, json.dumps(page).encode()))

    return script


def listed(ids: Sequence[str]) -> tuple[ListedDefinition, ...]:
    return tuple(ListedDefinition(each, 1, "") for each in ids)


async def test_the_definitions_of_an_account_are_one_request() -> None:
    async with serving(definitions_api(["a", "b"])) as server, house(server.url) as here:
        assert await here.client.definitions("acme") == DefinitionList(listed(["a", "b"]), complete=True)
        assert here.outcomes == [Outcome.OK]
    assert [record.endpoint for record in here.records] == [Endpoint.DEFINITIONS]


@pytest.mark.parametrize("by_pages", [False, True], ids=["by rows", "by pages"])
async def test_many_definitions_are_read_whichever_way_the_offset_is_meant(by_pages: bool) -> None:
    ids = [f"d{number}" for number in range(130)]
    async with serving(definitions_api(ids, by_pages=by_pages)) as server, house(server.url) as here:
        assert await here.client.definitions("acme") == DefinitionList(listed(ids), complete=True)
        assert len(here.outcomes) <= 3


async def test_definitions_that_are_too_large_together_are_asked_for_by_fewer() -> None:
    ids = [f"d{number}" for number in range(30)]
    async with serving(definitions_api(ids, 400)) as server, house(server.url) as here:
        found = await here.client.definitions("acme")
        assert isinstance(found, DefinitionList)
        assert (len(found.definitions), found.complete) == (30, True)
        assert here.outcomes[0] is Outcome.MALFORMED


async def test_a_page_that_fails_fails_the_list() -> None:
    full = json.dumps([{"definition": {"id": f"d{number}", "version": 1}} for number in range(100)]).encode()
    script = answering_in_turn(http(200, full), http(500))
    async with serving(script) as server, house(server.url) as here:
        assert await here.client.definitions("acme") == PollFailed(Outcome.SERVER_ERROR, "500")
        assert here.outcomes == [Outcome.OK, Outcome.SERVER_ERROR]


async def test_an_account_without_end_is_asked_for_so_many_pages_and_no_more() -> None:
    count = 0

    async def script(_head: str, writer: asyncio.StreamWriter) -> None:
        nonlocal count
        count += 1
        page = [{"definition": {"id": f"d{count}-{number}", "version": 1}} for number in range(100)]
        writer.write(http(200, json.dumps(page).encode()))

    async with serving(script) as server, house(server.url) as here:
        found = await here.client.definitions("acme")
    assert isinstance(found, DefinitionList)
    assert (len(found.definitions), found.complete, count) == (5_000, False, 50)


# --- usage ---


async def test_the_use_of_an_account_is_asked_for() -> None:
    counts: dict[str, Any] = {"allowedWorkflowCount": 50_000, "executedWorkflowCount": 1_200}
    async with serving(answering(http(200, json.dumps(counts).encode()))) as server, house(server.url) as here:
        assert await here.client.usage("acme") == Usage(50_000, 1_200)
    assert asked(server.heads[0])[0] == "/api/v1/accounts/acme/usage"
    assert [(record.endpoint, record.outcome) for record in here.records] == [(Endpoint.USAGE, Outcome.OK)]


# --- whose turn it is ---


async def test_nothing_is_asked_of_an_account_that_left() -> None:
    async with serving(answering(http(200, b"[]"))) as server, house(server.url) as here:
        answers = [await here.client.definitions("another"), await here.client.usage("another")]
        here.gate.dismiss()
        answers += [await here.client.definitions("acme"), await here.client.usage("acme")]
    assert {type(answer) for answer in answers} == {PollFailed}
    assert server.heads == []


async def test_what_can_wait_leaves_the_lane_to_what_is_urgent() -> None:
    async with serving(answering(http(200, b"[]"))) as server, house(server.url) as here:
        while here.gate.try_acquire() is not None:
            pass
        asking = asyncio.ensure_future(here.client.usage("acme"))
        await asyncio.sleep(0)
        await here.gate.acquire_urgent()
        assert server.heads == []
        assert await asking == Usage()
