"""The page of all definitions: search, filter, orders."""

import re

import pytest

from monitor.core.model import Status
from monitor.core.records import DefinitionSummary
from monitor.store.step_limits import DefinitionKey
from tests.edges.web_kit import EVIL, Client, Daemon, read

NONE = dict.fromkeys(Status, 0)


def add(daemon: Daemon, definition: str, account: str = "acme", running: int = 0, **facts: object) -> None:
    known = {"account": account, "definition": definition, "statuses": NONE | {Status.RUNNABLE: running}, **facts}
    daemon.summaries[DefinitionKey(account, definition)] = DefinitionSummary(**known)  # type: ignore[arg-type]


@pytest.fixture
def fleet(daemon: Daemon) -> Daemon:
    add(daemon, "d1", running=5, name="surveys", alias="Polls", begun=3, discovered=True)
    add(daemon, "d2", running=9, name="orders", begun=1, ended=4)
    add(daemon, "d3", "globex", running=1, name="calls", failed=2)
    return daemon


def shown(page: str) -> list[str]:
    return re.findall(r'<tr data-key="/definitions/\w+/(\w+)"', page)


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ("", ["d3", "d2", "d1"]),
        ("sort=name", ["d3", "d2", "d1"]),
        ("sort=targets", ["d2", "d1", "d3"]),
        ("sort=begun", ["d1", "d2", "d3"]),
        ("sort=ended", ["d2", "d1", "d3"]),
        ("sort=failed", ["d3", "d1", "d2"]),
        ("sort=account", ["d2", "d1", "d3"]),
        ("account=globex", ["d3"]),
        ("q=POLL", ["d1"]),
        ("q=surv", ["d1"]),
        ("q=d2", ["d2"]),
        ("q=nothing", []),
    ],
)
@pytest.mark.usefixtures("fleet")
async def test_definitions_are_found_and_sorted(client: Client, query: str, found: list[str]) -> None:
    assert shown(await read(client, f"/definitions?{query}")) == found


@pytest.mark.usefixtures("fleet")
async def test_a_definition_says_its_alias_its_name_and_its_id(client: Client) -> None:
    page = await read(client, "/definitions?q=polls")
    assert ">Polls</a>" in page
    assert ">surveys</div>" in page
    assert ">d1</div>" in page
    assert "5 Runnable" in page
    assert "by the watchlist" not in page
    assert "by the watchlist" in await read(client, "/definitions?q=orders")


@pytest.mark.usefixtures("fleet")
async def test_a_sorted_column_says_so_and_the_filter_stays(client: Client) -> None:
    page = await read(client, "/definitions?sort=targets&account=acme")
    assert 'aria-sort="descending"><a href="/monitor/definitions?account=acme">Targets' in page
    assert 'href="/monitor/definitions?account=acme&amp;sort=name">Definition' in page
    assert page.count("aria-sort=") == 1


async def test_the_pages_keep_the_filter(client: Client, daemon: Daemon) -> None:
    for number in range(60):
        add(daemon, f"d{number:02}")
    page = await read(client, "/definitions?sort=name")
    assert 'href="/monitor/definitions?sort=name&amp;page=2" rel="next"' in page
    assert shown(await read(client, "/definitions?sort=name&page=2")) == [f"d{number}" for number in range(50, 60)]


async def test_hostile_names_stay_text(client: Client, daemon: Daemon) -> None:
    add(daemon, EVIL, name=EVIL + "n", alias=EVIL)
    page = await read(client, "/definitions?q=%3Cscript")
    assert page.count("<script") == 1
    assert "&lt;script&gt;" in page


@pytest.mark.parametrize("query", ["sort=size", "order=name"])
async def test_a_wrong_order_is_refused(client: Client, query: str) -> None:
    async with client.get(f"/definitions?{query}", headers={"Accept": "text/html"}) as response:
        assert response.status == 400
