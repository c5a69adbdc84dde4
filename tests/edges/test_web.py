"""What all paths have in common, asked over a real connection."""

import asyncio

import pytest

from tests.edges.web_kit import API, PAGE, Client, Daemon, asked, read


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        ("/api/v1/targets?status=runnable", "status: expected Runnable, Suspended, Complete, Terminated, NotFound or"),
        ("/api/v1/targets?limit=0", "limit: expected a number from 1 to 1000, got '0'"),
        ("/api/v1/targets?limit=1001", "limit: expected a number from 1 to 1000"),
        ("/api/v1/targets?limit=%D9%A3", "limit: expected a number from 1 to 1000"),
        ("/api/v1/targets?after=%25%25", "after: expected the `next` of an earlier answer"),
        ("/api/v1/targets?after=WzFd", "after: expected the `next` of an earlier answer"),
        ("/api/v1/targets?after=%F0%9F%98%80", "after: expected the `next` of an earlier answer"),
        ("/api/v1/targets?state=Runnable", "unknown parameter 'state'; expected status, definition, account, limit or"),
        ("/api/v1/targets?limit=1&limit=2", "limit: expected one value"),
        ("/api/v1/events?after=-1", "after: expected the `next` of an earlier answer, got '-1'"),
        ("/api/v1/events?after=9223372036854775808", "after: expected the `next` of an earlier answer"),
        ("/api/v1/events?type=workflow.exploded", "type: expected workflow.terminated, "),
        ("/api/v1/events?limit=ten", "limit: expected a number from 1 to 1000, got 'ten'"),
        ("/api/v1/deliveries?status=lost", "status: expected pending, delivered or dead, got 'lost'"),
        ("/api/v1/deliveries?after=x", "after: expected the `next` of an earlier answer, got 'x'"),
        ("/api/v1/deliveries?limit=0", "limit: expected a number from 1 to 1000, got '0'"),
        ("/api/v1/deliveries?dead=1", "unknown parameter 'dead'; expected status, receiver, limit or after"),
        ("/api/v1/definitions?after=WzFd", "after: expected the `next` of an earlier answer"),
        ("/api/v1/definitions?name=x", "unknown parameter 'name'; expected account, limit or after"),
        ("/api/v1/alerts?x=1", "unknown parameter 'x'; expected no parameters"),
    ],
)
async def test_a_question_that_is_not_understood_is_told_what_was_expected(
    client: Client, path: str, expected: str
) -> None:
    assert (await asked(client, path, 400))["error"].startswith(expected)


@pytest.mark.parametrize("path", ["/api/v1/targets/acme/x/y", "/api/v1/nothing", "/favicon.ico", "/api/v1/targets/a/b"])
async def test_what_is_not_there_is_a_404(client: Client, path: str) -> None:
    assert (await asked(client, path, 404))["error"]


# --- a store that cannot be read ---


@pytest.mark.parametrize("path", ["/api/v1/events", "/api/v1/alerts", "/api/v1/deliveries", API])
async def test_json_that_cannot_be_read_is_a_503_without_where_it_lies(
    client: Client, daemon: Daemon, path: str
) -> None:
    daemon.disk_fails = True
    assert await asked(client, path, 503) == {"error": "the store cannot be used now; the log says why"}


@pytest.mark.parametrize("path", ["/", PAGE])
async def test_a_page_shows_what_else_is_known_when_the_store_cannot_be_read(
    client: Client, daemon: Daemon, path: str
) -> None:
    daemon.disk_fails = True
    page = await read(client, path)
    assert "Terminated" in page
    assert "The store cannot be read now" in page
    assert "/secret/place" not in page


# --- many at once ---


async def test_two_questions_are_answered_at_once_and_the_others_in_their_turn(client: Client, daemon: Daemon) -> None:
    daemon.disk_turns.clear()
    asking = [asyncio.create_task(asked(client, "/api/v1/events")) for _ in range(7)]
    async with asyncio.timeout(5):
        for _ in range(2):
            await daemon.reads.get()
        # What is asked after them is answered before, so they had their time to get in.
        for path in ("/metrics", "/-/healthy", "/-/ready"):
            async with client.get(path) as response:
                assert response.status == 200
        assert daemon.reads.empty()
        daemon.disk_turns.set()
        assert all(answer["events"] for answer in await asyncio.gather(*asking))
    assert daemon.reads.qsize() == 5


# --- all answers ---

PATHS = (
    "/",
    PAGE,
    "/targets/a/b/c",
    "/metrics",
    "/-/healthy",
    "/api/v1/targets",
    "/api/v1/targets?limit=0",
    "/nothing",
)


@pytest.mark.parametrize("path", PATHS)
async def test_every_answer_is_guarded(client: Client, path: str) -> None:
    async with client.get(path) as response:
        policy = dict(part.split(" ", 1) for part in response.headers["Content-Security-Policy"].split("; "))
        assert policy["default-src"] == policy["frame-ancestors"] == policy["base-uri"] == "'none'"
        assert {allowed for name, allowed in policy.items() if allowed != "'none'"} == {"'self'"}
        assert response.headers["X-Content-Type-Options"] == "nosniff"
        assert response.headers["X-Frame-Options"] == "DENY"
        assert response.headers["Cross-Origin-Opener-Policy"] == "same-origin"
        assert response.headers["Cross-Origin-Resource-Policy"] == "same-origin"
        assert response.headers["Referrer-Policy"] == "no-referrer"
        assert response.headers["Server"] == "workflow-monitor"


@pytest.mark.parametrize(
    "path", ["/", PAGE, "/metrics", "/-/healthy", "/api/v1/targets", API, "/api/v1/events", "/api/v1/deliveries"]
)
@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "PATCH"])
async def test_what_only_reads_takes_no_other_method(client: Client, method: str, path: str) -> None:
    async with client.request(method, path) as response:
        assert response.status == 405
        assert response.headers["Allow"] == "GET, HEAD"
        assert await response.json() == {"error": "expected GET, HEAD"}
