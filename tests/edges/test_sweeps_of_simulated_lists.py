"""The sweep against the simulator's lists, asked and read as the client does: whatever they do, every end is found."""

import json
from urllib.parse import parse_qsl, urlsplit

import msgspec
import pytest

from monitor.core.discovery.findings import Horizon
from monitor.core.discovery.list_looks import ListLook
from monitor.core.listing import ListPage, ListRequest
from monitor.core.model import DefinitionVersion, Status
from monitor.sim.api_enums import Endpoint
from monitor.sim.definitions import definition_id
from monitor.sim.faults import Fault, Trouble
from monitor.sim.list_settings import ListOrder, Lists, Offset
from monitor.sim.scenario import workflow_id
from monitor.sim.scenarios import traffic
from monitor.sim.traffic import Storm
from monitor.sim.world import World
from monitor.upstream.paths import list_path
from monitor.upstream.wire_lists import read_page
from tests.core.hostile_lists import NOON, Follower, at

DEFINITION = definition_id("traffic", "journey-000")
WITHIN, TROUBLED, UNTIL = 3600.0, 3600.0, 5400.0
BUSY = traffic(
    200,
    definitions=1,
    versions=1,
    lifetime=600.0,
    faults_per_hour=0.5,
    suspended=0.1,
    storms=(Storm(at=900.0, size=30),),
)


def trouble(kind: Trouble, **options: float) -> Fault:
    """While instances end that are watched; later the lists recover."""
    return Fault(trouble=kind, begin=0.0, end=TROUBLED, endpoints=(Endpoint.LIST,), **options)  # type: ignore[arg-type]


class SimulatedLists:
    """The server of a `Follower`."""

    def __init__(self, lists: Lists, faults: tuple[Fault, ...]) -> None:
        self.world = World(msgspec.structs.replace(BUSY, lists=lists, faults=faults), epoch=NOON)
        self.requests: list[ListRequest] = []
        self._account = self.world.scenario.accounts[0]

    def page(self, request: ListRequest, now: float) -> ListPage:
        self.requests.append(request)
        url = urlsplit(list_path(request))
        told = self.world.answer("GET", url.path, dict(parse_qsl(url.query)), self._account.key, now)
        page = read_page(told.status, told.headers, told.body, definition=DEFINITION)
        assert isinstance(page, ListPage), page
        return page

    def status(self, workflow: str, now: float) -> Status:
        path = f"/api/v1/accounts/{self._account.id}/definitions/{DEFINITION}/workflows/{workflow}"
        return Status(json.loads(self.world.answer("GET", path, {}, self._account.key, now).body)["status"])

    def matching(self, look: ListLook, now: float) -> int:
        return 0

    def ends(self, begin: float, end: float) -> set[str]:
        """Of those that are young enough to be looked for."""
        ended = self.world.traffic("traffic").ended(begin, end)
        return {workflow_id(0, one) for one in ended if one.starts > -WITHIN}


@pytest.mark.parametrize(
    ("lists", "faults"),
    [
        pytest.param(Lists(), (), id="as documented"),
        pytest.param(Lists(from_inclusive=False, to_inclusive=False), (), id="exclusive bounds"),
        pytest.param(Lists(whole_starts=True, to_inclusive=False), (), id="bounds compared with more than is told"),
        pytest.param(Lists(order=ListOrder.CREATED, offset=Offset.PAGE), (), id="by creation"),
        pytest.param(Lists(), (trouble(Trouble.STALE, seconds=120.0),), id="lagging"),
        pytest.param(Lists(), (trouble(Trouble.STALE_ROWS, seconds=90.0, rows=0.3),), id="old rows"),
        pytest.param(Lists(), (trouble(Trouble.LOST_ROWS, rows=0.2),), id="lost rows"),
        pytest.param(Lists(), (trouble(Trouble.REPEATED_ROWS, rows=0.3),), id="repeated rows"),
        pytest.param(
            Lists(order=ListOrder.CREATED, from_inclusive=False, to_inclusive=False, whole_starts=True),
            (
                trouble(Trouble.STALE_ROWS, seconds=90.0, rows=0.2),
                trouble(Trouble.LOST_ROWS, rows=0.1),
                trouble(Trouble.REPEATED_ROWS, rows=0.1),
            ),
            id="all at once",
        ),
    ],
)
def test_every_end_is_found_once_and_true(lists: Lists, faults: tuple[Fault, ...]) -> None:
    server = SimulatedLists(lists, faults)
    version = DefinitionVersion("traffic", DEFINITION, 1)
    watching = Follower(server, 0.0, limit=25, horizon=Horizon(at(0), 1e9), started_within=WITHIN, version=version)

    now = 0.0
    while now < UNTIL:
        told = len(watching.told)
        watching.turn(now)
        assert all(server.status(workflow, now) is status for workflow, status in watching.told[told:])
        now += 120.0

    found = [workflow for workflow, _ in watching.told]
    assert len(found) == len(set(found))
    assert server.ends(0.0, UNTIL - 1200.0) <= set(found)
