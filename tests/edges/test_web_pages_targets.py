"""The page of targets: search, filters, orders, pages."""

import html
import re
from datetime import timedelta

import msgspec
import pytest

from monitor.core.model import Status, Target, TargetKey
from monitor.polling.watched import Watched
from tests.edges.web_kit import EVIL, NOW, Client, Daemon, read, watched

ROW = re.compile(r'<tr data-key="([^"]+)"')


def add(daemon: Daemon, workflow: str, definition: str = "5870442f", account: str = "acme", **facts: object) -> None:
    key = TargetKey(account, definition, workflow)
    target = {name: facts.pop(name) for name in ("name", "definition_name", "labels") if name in facts}
    entry = watched(key, **facts)
    entry.target = msgspec.structs.replace(entry.target, **{"name": None, "labels": {}, **target})
    daemon.entries[key] = entry


async def workflows(client: Client, query: str) -> list[str]:
    page = await read(client, f"/targets?{query}")
    return [html.unescape(path).rpartition("/")[2] for path in ROW.findall(page)]


@pytest.fixture
def fleet(daemon: Daemon) -> Daemon:
    daemon.entries.clear()
    add(daemon, "w1", name="Order of Acme", labels={"team": "billing"}, since=NOW, started_at=NOW - timedelta(hours=3))
    add(daemon, "w2", status=Status.RUNNABLE, since=NOW - timedelta(hours=1), version=4, labels={"team": "Growth"})
    add(daemon, "w3", definition="9999", definition_name="surveys", status=Status.RUNNABLE, since=None, started_at=None)
    add(daemon, "w4", account="globex", since=NOW - timedelta(hours=2), started_at=NOW - timedelta(hours=9))
    return daemon


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ("", ["w1", "w2", "w3", "w4"]),
        ("status=Runnable", ["w2", "w3"]),
        ("account=globex", ["w4"]),
        ("definition=9999", ["w3"]),
        ("definition=surveys", ["w3"]),
        ("version=4", ["w2"]),
        ("label=team", ["w1", "w2"]),
        ("label=team%3Dbilling", ["w1"]),
        ("label=team=nobody", []),
        ("q=W4", ["w4"]),
        ("q=order+of", ["w1"]),
        ("q=growth", ["w2"]),
        ("q=SURVEY", ["w3"]),
        ("q=x&status=&account=", []),
        ("status=Runnable&version=4", ["w2"]),
    ],
)
@pytest.mark.usefixtures("fleet")
async def test_a_filter_chooses_targets(client: Client, query: str, found: list[str]) -> None:
    assert await workflows(client, query) == found


@pytest.mark.parametrize(
    ("sort", "found"),
    [
        ("id", ["w1", "w2", "w3", "w4"]),
        ("name", ["w2", "w4", "w1", "w3"]),
        ("since", ["w4", "w2", "w1", "w3"]),
        ("-since", ["w1", "w2", "w4", "w3"]),
        ("-started", ["w2", "w1", "w4", "w3"]),
    ],
)
@pytest.mark.usefixtures("fleet")
async def test_the_rows_are_sorted_over_all_pages(client: Client, sort: str, found: list[str]) -> None:
    met: list[str] = []
    query = f"sort={sort}&limit=1&version="
    for _ in found:
        page = await read(client, f"/targets?{query}")
        met += [path.rpartition("/")[2] for path in ROW.findall(page)]
        following = re.search(r'href="/monitor/targets\?([^"]+)" rel="next"', page)
        query = html.unescape(following[1]) if following else ""
    assert met == found
    assert query == "", "the last page leads nowhere"


@pytest.mark.usefixtures("fleet")
async def test_a_column_says_how_it_is_sorted_and_turns(client: Client) -> None:
    page = await read(client, "/targets?sort=-since&status=Runnable")
    assert 'aria-sort="descending"><a href="/monitor/targets?status=Runnable&amp;sort=since">Since' in page
    assert page.count("aria-sort=") == 1
    page = await read(client, "/targets?sort=since&status=Runnable")
    assert 'aria-sort="ascending"><a href="/monitor/targets?status=Runnable&amp;sort=-since">Since' in page


@pytest.mark.usefixtures("fleet")
async def test_the_form_shows_what_was_chosen(client: Client) -> None:
    page = await read(client, "/targets?q=%22%3E&status=Runnable&label=a%3Db&sort=name")
    assert 'name="q" value="&#34;&gt;"' in page
    assert "<option selected>Runnable</option>" in page
    assert 'name="label" value="a=b"' in page
    assert '<input type="hidden" name="sort" value="name">' in page
    assert '<a href="/monitor/targets">Clear</a>' in page


@pytest.mark.parametrize(
    "query",
    [
        "sort=size",
        "version=latest",
        "after=WyIiLFsiYSIsImIiLCJjIl1d&sort=since",
        "after=x",
        "label=a&label=b",
        "page=2",
    ],
)
async def test_a_wrong_filter_is_refused(client: Client, query: str) -> None:
    async with client.get(f"/targets?{query}", headers={"Accept": "text/html"}) as response:
        assert response.status == 400
        assert "expected" in await response.text()


async def test_hostile_names_stay_text(client: Client, daemon: Daemon) -> None:
    for name in (EVIL, "a" * 500, "\u202egnisrever", "👩‍🚒", "'; drop table"):
        add(daemon, f"w{len(name)}", definition=name.replace("/", ""), name=name, definition_name=name)
    page = await read(client, "/targets")
    assert page.count("<script") == 1
    assert "&lt;script&gt;" in page
    assert "👩‍🚒" in page
    assert len(ROW.findall(page)) == 6


async def test_of_a_hundred_thousand_targets_few_are_read_for_a_page(client: Client, daemon: Daemon) -> None:
    keys = [TargetKey("acme", f"d{number % 9}", f"w{number * 7919 % 100_000:05}") for number in range(100_000)]
    state = next(iter(daemon.entries.values())).state
    daemon.entries = {key: Watched(Target(key=key, interval=10.0), state, NOW) for key in keys}
    first = await workflows(client, "")
    assert first == [key.workflow for key in sorted(keys)[:100]]
    assert daemon.peeks < 12_000
    daemon.peeks = 0
    assert await workflows(client, "account=globex") == []
    assert daemon.peeks == 0
    await workflows(client, "q=nothing")
    assert daemon.peeks == 100_000, "once each"
