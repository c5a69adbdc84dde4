"""The simulated API over real HTTP on a free port: what arrives is what the world says, and so are the failures."""

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import suppress
from datetime import UTC, datetime

import aiohttp
import msgspec
import pytest

from monitor.sim.faults import Fault, Shape, Trouble
from monitor.sim.scenario import watched
from monitor.sim.scenarios import calm, many
from monitor.sim.server import base_url, serve
from monitor.sim.simulate import scenario_names, simulate
from monitor.sim.world import World

SOON = aiohttp.ClientTimeout(total=0.2)
Listen = Callable[..., Awaitable[str]]


@pytest.fixture
async def listen() -> AsyncIterator[Listen]:
    """Serves calm() with these faults, its clock standing still; gives the base URL."""
    runners = []

    async def start(*faults: Fault, t: float = 30.0) -> str:
        world = World(msgspec.structs.replace(calm(), faults=faults))
        runners.append(await serve(world, "127.0.0.1", 0, lambda: t))
        return base_url(runners[-1])

    yield start
    for runner in runners:
        await runner.cleanup()


@pytest.fixture
async def session() -> AsyncIterator[aiohttp.ClientSession]:
    async with aiohttp.ClientSession(headers={"Authorization": "Bearer sim-key-acme"}) as session:
        yield session


def path(name: str = "calm-0") -> str:
    one = next(one for one in watched(calm()) if one.name == name)
    return f"/api/v1/accounts/{one.account}/definitions/{one.definition}/workflows/{one.workflow}"


def always(trouble: Trouble, **options: object) -> Fault:
    return msgspec.convert({"trouble": trouble, "begin": 0.0, "end": 1e9, **options}, Fault)


async def test_an_answer_is_what_the_world_says(listen: Listen, session: aiohttp.ClientSession) -> None:
    url = await listen()
    async with session.get(url + path(), params={"includeLogs": "true"}) as response:
        expected = World(calm()).answer("GET", path(), {"includeLogs": "true"}, "sim-key-acme", 30.0)
        assert (response.status, await response.read()) == (200, expected.body)
        assert response.headers["Date"] == expected.headers["Date"] == "Mon, 05 Jan 2026 10:00:30 GMT"
        assert response.content_type == "application/json"


@pytest.mark.parametrize(
    ("authorization", "status"),
    [("Bearer sim-key-acme", 200), ("bearer sim-key-acme", 200), ("Basic sim-key-acme", 401), ("", 401)],
)
async def test_a_bearer_opens_its_account(listen: Listen, authorization: str, status: int) -> None:
    url = await listen()
    headers = {"Authorization": authorization} if authorization else {}
    async with aiohttp.ClientSession() as bare, bare.get(url + path(), headers=headers) as response:
        assert response.status == status


async def test_a_command_arrives(listen: Listen, session: aiohttp.ClientSession) -> None:
    url = await listen()
    async with session.patch(url + path("calm-10"), json={"status": "suspend"}) as response:
        assert response.status == 200
    async with session.get(url + path("calm-10")) as response:
        assert (await response.json())["status"] == "Suspended"
    async with session.post(url + path("calm-10"), json={}) as response:
        assert response.status == 405


@pytest.mark.parametrize(
    ("fault", "status"),
    [
        (always(Trouble.STATUS, status=500), 500),
        (always(Trouble.STATUS, status=503), 503),
        (always(Trouble.THROTTLED, retry_after=7.0), 429),
        (always(Trouble.UNAUTHORIZED), 401),
    ],
    ids=["500", "503", "429", "401"],
)
async def test_a_refusal_arrives(listen: Listen, session: aiohttp.ClientSession, fault: Fault, status: int) -> None:
    async with session.get(await listen(fault) + path()) as response:
        assert response.status == status
        assert response.headers.get("Retry-After") == ("7" if status == 429 else None)


@pytest.mark.parametrize("shape", Shape)
async def test_a_malformed_answer_arrives_whole(listen: Listen, session: aiohttp.ClientSession, shape: Shape) -> None:
    async with session.get(await listen(always(Trouble.MALFORMED, shape=shape)) + path()) as response:
        body = await response.read()
    assert response.status == 200
    with suppress(ValueError):
        assert json.loads(body)["status"] == 7


@pytest.mark.parametrize(
    ("accepted", "limit", "encoding"),
    [("gzip, deflate", "100", "gzip"), ("identity", "100", None), ("gzip", "1", None)],
    ids=["long and accepted", "not accepted", "short"],
)
async def test_a_long_answer_may_be_compressed(
    session: aiohttp.ClientSession, accepted: str, limit: str, encoding: str | None
) -> None:
    world = World(msgspec.structs.replace(many(100), gzip=True))
    runner = await serve(world, "127.0.0.1", 0, lambda: 0.0)
    try:
        account = world.scenario.accounts[0]
        one = watched(world.scenario)[0]
        page = f"/api/v1/accounts/{account.id}/definitions/{one.definition}/workflows"
        headers = {"Authorization": f"Bearer {account.key}", "Accept-Encoding": accepted}
        async with session.get(base_url(runner) + page, params={"limit": limit}, headers=headers) as response:
            assert response.headers.get("Content-Encoding") == encoding
            assert len(await response.json()) == int(limit)
    finally:
        await runner.cleanup()


async def test_an_outage_cuts_the_connection(listen: Listen, session: aiohttp.ClientSession) -> None:
    url = await listen(always(Trouble.RESET))
    with pytest.raises((aiohttp.ServerDisconnectedError, aiohttp.ClientOSError)):
        await session.get(url + path())


@pytest.mark.parametrize("fault", [always(Trouble.HANG), always(Trouble.SLOW, seconds=60.0)], ids=["hang", "slow"])
async def test_what_hangs_is_left_to_the_clients_patience(
    listen: Listen, session: aiohttp.ClientSession, fault: Fault
) -> None:
    url = await listen(fault)
    with pytest.raises(TimeoutError):
        await session.get(url + path(), timeout=SOON)


async def test_a_little_slow_is_only_late(listen: Listen, session: aiohttp.ClientSession) -> None:
    loop = asyncio.get_running_loop()
    url, before = await listen(always(Trouble.SLOW, seconds=0.05)), loop.time()
    async with session.get(url + path()) as response:
        assert response.status == 200
    assert loop.time() - before >= 0.05


async def test_a_port_in_use_is_an_error(listen: Listen) -> None:
    port = int((await listen()).rpartition(":")[2])
    with pytest.raises(OSError, match="in use"):
        await serve(World(calm()), "127.0.0.1", port, lambda: 0.0)


async def test_the_simulator_runs_until_it_is_cancelled(session: aiohttp.ClientSession) -> None:
    ready: asyncio.Future[str] = asyncio.get_running_loop().create_future()
    started = datetime(2026, 3, 1, 12, tzinfo=UTC)
    running = asyncio.create_task(
        simulate("127.0.0.1", 0, "calm", now=lambda: started, on_ready=lambda url, _: ready.set_result(url))
    )
    url = await ready
    async with session.get(url + path()) as response:
        assert (await response.json())["startedAt"] == "2026-03-01T11:59:59.00Z"
    running.cancel()
    with pytest.raises(asyncio.CancelledError):
        await running
    with pytest.raises(aiohttp.ClientConnectorError):
        await session.get(url + path())


def test_every_scenario_can_be_named() -> None:
    assert {"demo_day", "calm", "faults", "stuck", "suspensions", "outage", "flapping"} <= set(scenario_names())
