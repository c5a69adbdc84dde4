"""The pages of a daemon that is plain data."""

from collections.abc import AsyncIterator

import pytest
from aiohttp.test_utils import TestClient, TestServer

from monitor.web import build
from tests.edges.web_kit import SITE, Client, Daemon


@pytest.fixture
def daemon() -> Daemon:
    return Daemon()


@pytest.fixture
async def client(daemon: Daemon) -> AsyncIterator[Client]:
    application = build(
        daemon,
        daemon.registry,
        external_url=SITE + "/",
        admin_token=daemon.admin_token,
        read_token=daemon.read_token,
        fresh_for=0.0,
    )
    async with TestClient(TestServer(application, host="127.0.0.1")) as client:
        yield client
