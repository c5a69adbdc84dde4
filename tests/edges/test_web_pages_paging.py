"""Long lists, page by page."""

import re
from itertools import chain

import pytest

from monitor.core.event_types import EventType, Severity
from monitor.core.model import Status
from monitor.core.records import DefinitionSummary
from monitor.store.step_limits import DefinitionKey
from tests.edges.web_kit import Client, Daemon, alert, asked, read

MOST_BYTES = 200_000


async def followed(client: Client, path: str, pattern: str) -> list[list[str]]:
    """What each page of a list shows, from the first to the last."""
    found = []
    while path:
        page = await read(client, path)
        assert len(page) < MOST_BYTES
        found.append(re.findall(pattern, page))
        following = re.search(r'href="/monitor([^"]+)" rel="next"', page)
        path = following[1] if following is not None else ""
    return found


async def test_a_thousand_alerts_are_shown_page_by_page_most_severe_first(client: Client, daemon: Daemon) -> None:
    mild = {"type": EventType.SUSPENDED, "severity": Severity.WARNING}
    daemon.open = [alert(id=f"a{n}", workflow=f"w{n}", **(mild if n % 2 else {})) for n in range(1000)]
    pages = await followed(client, "/alerts", r'data-key="(a\d+)"')
    assert [len(page) for page in pages] == [100] * 10
    assert list(chain(*pages)) == [f"a{n}" for n in range(0, 1000, 2)] + [f"a{n}" for n in range(1, 1000, 2)]
    assert "901 to 1000 of" in await read(client, "/alerts?page=99"), "what was beyond the end is the end"


async def test_definitions_are_shown_page_by_page(client: Client, daemon: Daemon) -> None:
    for number in range(120):
        key = DefinitionKey("acme", f"d{number:03}")
        daemon.summaries[key] = DefinitionSummary(
            account="acme", definition=key.definition, statuses=dict.fromkeys(Status, 1), begun=1
        )
    pages = await followed(client, "/definitions", r'data-key="/definitions/acme/(d\d+)"')
    assert [len(page) for page in pages] == [50, 50, 20]
    assert list(chain(*pages)) == sorted(key.definition for key in daemon.summaries)


async def test_the_overview_of_much_trouble_is_a_small_page(client: Client, daemon: Daemon) -> None:
    daemon.open = [alert(id=f"a{n}", incident=f"i{n}", workflow=f"w{n}") for n in range(1000)]
    for number in range(300):
        key = DefinitionKey("acme", f"d{number:03}")
        daemon.summaries[key] = DefinitionSummary(
            account="acme", definition=key.definition, statuses=dict.fromkeys(Status, 1)
        )
    page = await read(client, "/")
    assert len(page) < MOST_BYTES
    assert "1000 open problems" in page
    assert "and 970 more problems" in page
    assert "270 more definitions" in page


@pytest.mark.parametrize("number", ["0", "-1", "x", "9" * 30])
async def test_a_page_that_is_no_number_is_refused(client: Client, number: str) -> None:
    for path in ("/alerts", "/definitions"):
        assert (await asked(client, f"{path}?page={number}", 400))["error"].startswith("page: expected a number from 1")
