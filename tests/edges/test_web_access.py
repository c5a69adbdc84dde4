"""The read token: what needs it, how it is sent, and how guesses are slowed."""

import base64
from collections.abc import AsyncIterator

import pytest
from aiohttp.test_utils import TestClient, TestServer

from monitor.web import build
from monitor.web.access import MOST_WRONG, WINDOW, Guesses
from tests.edges.web_kit import API, PAGE, SITE, TOKEN, Client, Daemon

READ = "read me"
PROTECTED = ("/", PAGE, "/alerts", "/nothing", "/api/v1/alerts", "/api/v1/openapi.json", API)
OPEN = ("/-/healthy", "/-/ready")


def bearer(token: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {token}"}


def basic(password: str, user: str = "oncall") -> dict[str, str]:
    return {"Authorization": "Basic " + base64.b64encode(f"{user}:{password}".encode()).decode()}


async def status(client: Client, path: str, headers: dict[str, str] | None = None, method: str = "GET") -> int:
    async with client.request(method, path, headers=headers) as response:
        return response.status


@pytest.fixture
def reading(daemon: Daemon) -> Daemon:
    daemon.reading = READ
    return daemon


@pytest.mark.parametrize("path", PROTECTED)
async def test_without_the_token_nothing_is_shown(client: Client, reading: Daemon, path: str) -> None:
    for method in ("GET", "HEAD"):
        async with client.request(method, path) as response:
            assert response.status == 401
            assert "terminated" not in await response.text()
            challenges = response.headers.getall("WWW-Authenticate")
            assert [challenge.split()[0] for challenge in challenges] == ["Bearer", "Basic"]


@pytest.mark.parametrize("headers", [bearer(READ), basic(READ), basic(READ, ""), bearer(TOKEN), basic(TOKEN)])
async def test_the_token_is_a_bearer_token_or_a_password_and_the_admin_token_serves_as_well(
    client: Client, reading: Daemon, headers: dict[str, str]
) -> None:
    assert await status(client, "/", headers) == 200
    assert await status(client, "/api/v1/alerts", headers) == 200


async def test_a_password_may_be_any_text(client: Client, daemon: Daemon) -> None:
    daemon.reading = "pässwort:with:colons"
    assert await status(client, "/", basic(daemon.reading)) == 200


@pytest.mark.parametrize(
    "sent",
    [
        "Bearer",
        "Bearer wrong",
        "Basic ***",
        "Basic bm8gY29sb24=",
        "Digest x",
        f"Bearer {READ}x",
    ],
)
async def test_anything_else_is_refused(client: Client, reading: Daemon, sent: str) -> None:
    assert await status(client, "/", {"Authorization": sent}) == 401


async def test_without_a_configured_token_everything_can_be_read(client: Client) -> None:
    for path in ("/", "/api/v1/alerts", "/metrics"):
        assert await status(client, path) == 200


async def test_a_token_that_cannot_be_read_opens_nothing(daemon: Daemon) -> None:
    def gone() -> str:
        raise FileNotFoundError

    application = build(daemon, daemon.registry, external_url=SITE, admin_token=daemon.admin_token, read_token=gone)
    async with TestClient(TestServer(application, host="127.0.0.1")) as client:
        assert await status(client, "/", bearer(TOKEN)) == 403


@pytest.mark.parametrize("path", OPEN)
async def test_probes_stay_open(client: Client, reading: Daemon, path: str) -> None:
    assert await status(client, path) == 200


@pytest.fixture
async def guarded(reading: Daemon) -> AsyncIterator[Client]:
    application = build(
        reading,
        reading.registry,
        external_url=SITE,
        admin_token=reading.admin_token,
        read_token=reading.read_token,
        protect_metrics=True,
    )
    async with TestClient(TestServer(application, host="127.0.0.1")) as client:
        yield client


async def test_metrics_are_protected_if_asked_for(client: Client, guarded: Client) -> None:
    assert await status(client, "/metrics") == 200
    assert await status(guarded, "/metrics") == 401
    assert await status(guarded, "/metrics", bearer(READ)) == 200
    for path in OPEN:
        assert await status(guarded, path) == 200


# --- guesses ---


async def test_after_some_wrong_tokens_an_address_waits_and_not_even_the_right_one_is_compared(
    client: Client, reading: Daemon
) -> None:
    for _ in range(MOST_WRONG):
        assert await status(client, "/", bearer("guess")) == 401
    async with client.get("/", headers=bearer(READ)) as response:
        assert response.status == 429
        assert 0 < int(response.headers["Retry-After"]) <= WINDOW + 1
    assert await status(client, "/api/v1/deliveries/retry", bearer(TOKEN), "POST") == 429
    assert await status(client, "/-/healthy") == 200


async def test_guesses_at_the_admin_token_are_slowed_as_well(client: Client) -> None:
    for _ in range(MOST_WRONG):
        assert await status(client, "/-/reload", bearer("guess"), "POST") == 401
    assert await status(client, "/-/reload", bearer(TOKEN), "POST") == 429


async def test_a_request_without_a_token_is_no_guess(client: Client, reading: Daemon) -> None:
    for _ in range(2 * MOST_WRONG):
        assert await status(client, "/") == 401
    assert await status(client, "/", bearer(READ)) == 200


def test_an_address_waits_until_its_first_wrong_token_is_a_minute_old() -> None:
    clock = [0.0]
    guesses = Guesses(lambda: clock[0])
    for second in range(MOST_WRONG):
        clock[0] = second
        assert guesses.wait("a") == 0
        guesses.add("a")
    assert guesses.wait("a") == WINDOW - clock[0]
    assert guesses.wait("b") == 0
    clock[0] = WINDOW
    assert guesses.wait("a") == 0
    guesses.add("a")
    assert guesses.wait("a") == 1


def test_addresses_are_remembered_within_a_bound() -> None:
    guesses = Guesses(lambda: 0.0)
    for number in range(5000):
        for _ in range(MOST_WRONG):
            guesses.add(str(number))
    assert guesses.wait("0") == 0
    assert guesses.wait("4999") > 0
