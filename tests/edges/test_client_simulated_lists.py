"""The client against the simulator's lists over real HTTP: from page to page it sees what the world holds."""

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import msgspec
import pytest

from monitor.core.discovery.list_looks import ListLook
from monitor.core.discovery.walk import Walk
from monitor.core.listing import DefinitionList, ListPage, Usage
from monitor.core.model import DefinitionVersion, Status
from monitor.sim.list_settings import ListOrder, Lists, Offset
from monitor.sim.scenario import Scenario
from monitor.sim.scenarios import traffic
from monitor.sim.server import base_url, serve
from monitor.sim.world import EPOCH, World
from monitor.upstream.client import Client, ClientConfig
from monitor.upstream.credentials import LiteralCredential
from monitor.upstream.transport import AiohttpTransport
from tests.edges.client_kit import NotedGate

ACCOUNT, KEY, NOW = "traffic", "sim-key-traffic", 60.0

LISTS = {
    "as documented": Lists(),
    "pages": Lists(offset=Offset.PAGE),
    "by creation": Lists(order=ListOrder.CREATED),
    "exclusive bounds": Lists(from_inclusive=False, to_inclusive=False),
    "whole starts": Lists(from_inclusive=False, to_inclusive=False, whole_starts=True),
}


class Here:
    """A client, and the world that it asks."""

    def __init__(self, client: Client, gate: NotedGate, world: World) -> None:
        self.client = client
        self.gate = gate
        self.world = world

    async def page(self, walk: Walk) -> ListPage:
        assert walk.request is not None
        page = await self.client.instances(walk.request, await self.gate.acquire_urgent())
        assert isinstance(page, ListPage), page
        return page

    def truth(self, definition: str, version: int) -> dict[str, str]:
        """Status by id, as the world says it in process."""
        path, found = f"/api/v1/accounts/{ACCOUNT}/definitions/{definition}/workflows", dict[str, str]()
        while True:
            seen = len(found)
            query = {"limit": "500", "offset": str(seen), "version": str(version)}
            for row in json.loads(self.world.answer("GET", path, query, KEY, NOW).body):
                found[row["workflowId"]] = row["status"]
            if len(found) == seen:
                return found


@asynccontextmanager
async def simulated(scenario: Scenario) -> AsyncIterator[Here]:
    world = World(scenario)
    runner = await serve(world, "127.0.0.1", 0, lambda: NOW)
    network = AiohttpTransport(timeout=10.0, max_response_bytes=8 * 2**20)
    try:
        gate = NotedGate(ACCOUNT)
        config = ClientConfig(base_url=base_url(runner), user_agent="workflow-monitor/1.2.3")
        keys = {ACCOUNT: LiteralCredential(KEY)}
        client = Client(config, keys, {ACCOUNT: gate}, network, now=lambda: EPOCH, report=lambda _: None)
        yield Here(client, gate, world)
    finally:
        await network.close()
        await runner.cleanup()


def look(definition: str, version: int) -> ListLook:
    """All that ever began."""
    about = DefinitionVersion(ACCOUNT, definition, version)
    return ListLook(version=about, question=None, started_from=EPOCH.replace(year=2000), started_to=None, limit=500)


@pytest.mark.parametrize("lists", LISTS.values(), ids=LISTS.keys())
async def test_every_instance_is_seen_once_with_its_status(lists: Lists) -> None:
    scenario = msgspec.structs.replace(traffic(4_000, definitions=1), lists=lists, gzip=True, queueing=2.0)
    async with simulated(scenario) as here:
        found = await here.client.definitions(ACCOUNT)
        assert isinstance(found, DefinitionList)
        assert (found.complete, found.drifts) == (True, ())
        [definition] = found.definitions
        assert definition.version is not None
        may_hide = lists.order is not Lists().order  # as a sweep knows it after a page out of order
        walk = Walk(look(definition.definition, definition.version), EPOCH, may_hide=may_hide)
        while walk.request is not None:
            page = await here.page(walk)
            assert (page.unreadable, page.drifts) == (0, ())
            assert all(row.certain and row.triggered_at is not None for row in page.rows)
            walk.take(page)
        seen = {workflow: row.status.value for workflow, row in walk.rows.items()}
        plain = msgspec.structs.replace(scenario, lists=Lists())
        truth = Here(here.client, here.gate, World(plain)).truth(definition.definition, definition.version)
        assert len(truth) > 500
        assert seen.items() <= truth.items()
        if not may_hide:  # one walk in the order of creation may miss some; the sweep asks for smaller windows
            assert seen == truth


async def test_a_status_is_asked_for_and_the_account_is_known() -> None:
    async with simulated(traffic(1_000, definitions=2)) as here:
        found = await here.client.definitions(ACCOUNT)
        assert isinstance(found, DefinitionList)
        assert len(found.definitions) == 2
        about = found.definitions[0]
        asked = msgspec.structs.replace(look(about.definition, about.version or 0), question=Status.RUNNABLE, limit=100)
        page = await here.page(Walk(asked, EPOCH))
        assert {row.status for row in page.rows} == {Status.RUNNABLE}
        usage = await here.client.usage(ACCOUNT)
        assert isinstance(usage, Usage)
        assert usage.allowed == 50_000
