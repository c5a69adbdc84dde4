"""The page of events: filters, pages, and following the newest."""

import html
import re

import pytest

from monitor.core.event_types import EventType
from monitor.core.model import Status, TargetKey
from monitor.core.records import DefinitionSummary
from monitor.store.step_limits import DefinitionKey
from tests.edges.web_kit import EVIL, Client, Daemon, event, read

OTHER = TargetKey("globex", "9999", "w9")


@pytest.fixture
def log(daemon: Daemon) -> Daemon:
    daemon.stored = [
        event(1, EventType.STEP_FAILED),
        event(2, EventType.TERMINATED),
        event(3, EventType.COMPLETED, OTHER),
        event(4, EventType.TERMINATED, OTHER),
    ]
    daemon.summaries[DefinitionKey("globex", "9999")] = DefinitionSummary(
        account="globex", definition="9999", name="surveys", statuses=dict.fromkeys(Status, 0)
    )
    return daemon


def ids(page: str) -> list[str]:
    return re.findall(r'<tr data-key="id(\d+)"', page)


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ("", "4321"),
        ("type=workflow.terminated", "42"),
        ("type=workflow.*ed", "4321"),
        ("severity=critical", "42"),
        ("severity=info", "3"),
        ("account=acme", "21"),
        ("definition=9999", "43"),
        ("definition=surveys", "43"),
        ("account=globex&severity=critical&type=", "4"),
        ("definition=nothing", ""),
    ],
)
@pytest.mark.usefixtures("log")
async def test_a_filter_chooses_events(client: Client, query: str, found: str) -> None:
    assert ids(await read(client, f"/events?{query}")) == list(found)


async def test_pages_lead_to_older_and_back_to_newer_events(client: Client, daemon: Daemon) -> None:
    daemon.stored = [event(number) for number in range(1, 251)]

    async def follow(page: str, rel: str) -> str:
        (link,) = re.findall(rf'href="/monitor([^"]+)" rel="{rel}"', page)
        return await read(client, html.unescape(link))

    newest = await read(client, "/events?account=acme")
    middle = await follow(newest, "next")
    oldest = await follow(middle, "next")
    shown = [int(number) for page in (newest, middle, oldest) for number in ids(page)]
    assert shown == list(range(250, 0, -1))
    assert 'rel="next"' not in oldest
    assert 'rel="prev"' not in newest
    assert ids(await follow(oldest, "prev")) == ids(await follow(newest, "next"))
    last = await follow(await follow(oldest, "prev"), "prev")
    assert ids(last)[0] == "250"
    assert 'rel="prev"' not in last


async def test_only_the_newest_page_follows(client: Client, daemon: Daemon) -> None:
    daemon.stored = [event(number) for number in range(1, 5)]
    assert 'data-live="rows"' in await read(client, "/events")
    page = await read(client, "/events?before=3&severity=warning")
    assert "data-live" not in page
    assert '<a href="/monitor/events?severity=warning">Follow the newest events</a>' in page


@pytest.mark.parametrize("query", ["type=nothing", "severity=bad", "before=x", "after=-1", "page=2"])
async def test_a_wrong_filter_is_refused(client: Client, query: str) -> None:
    async with client.get(f"/events?{query}", headers={"Accept": "text/html"}) as response:
        assert response.status == 400
        assert "expected" in await response.text()


async def test_hostile_texts_stay_text(client: Client, daemon: Daemon) -> None:
    daemon.stored = [event(1, text=EVIL), event(2, text="x" * 500), event(3, text="\u202egnisrever 👩‍🚒")]
    page = await read(client, "/events?account=%3Cscript%3E")
    assert "No event is like that" in page
    assert 'value="&lt;script&gt;"' in page
    assert (await read(client, "/events")).count("<script") == 1


async def test_the_page_stands_without_the_store(client: Client, daemon: Daemon) -> None:
    daemon.disk_fails = True
    assert "cannot be read" in await read(client, "/events")
