"""The page of one definition: the grid of its instances, its versions, the instances behind a cell."""

import re
from datetime import timedelta

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from monitor.core.model import Cause, Status, StepExecution, StepStatus, Target, TargetKey, TargetState
from monitor.core.records import DefinitionSummary
from monitor.polling.watched import Watched
from monitor.store.step_limits import DefinitionKey
from monitor.web.pages.instance_grid import GridCell, NoStatus, grid, ordered
from monitor.web.pages.version_tally import VersionTally, quantile
from tests.edges.web_kit import EVIL, NOW, Client, Daemon, read, watched

PAGE = "/definitions/acme/5870442f"
FAILED, COMPLETE, RUNNING = StepStatus.FAILED, StepStatus.COMPLETE, StepStatus.RUNNING


def log(*steps: tuple[str, StepStatus]) -> tuple[StepExecution, ...]:
    return tuple(StepExecution(f"e{place}", step, status, NOW) for place, (step, status) in enumerate(steps))


def add(daemon: Daemon, workflow: str, age: int, **facts: object) -> None:
    """`age` in minutes."""
    key = TargetKey("acme", "5870442f", workflow)
    entry = watched(key, started_at=NOW - timedelta(minutes=age), **facts)
    entry.target = msgspec.structs.replace(entry.target, name=workflow)
    daemon.entries[key] = entry


@pytest.fixture
def fleet(daemon: Daemon) -> Daemon:
    daemon.entries.clear()
    statuses = dict.fromkeys(Status, 0) | {Status.COMPLETE: 2}
    daemon.summaries[DefinitionKey("acme", "5870442f")] = DefinitionSummary(
        account="acme", definition="5870442f", name="orders", statuses=statuses, versions=(1, 2), latest=2
    )
    done = {"status": Status.COMPLETE, "cause": None}
    add(daemon, "old", 90, version=1, completed_at=NOW - timedelta(minutes=80), steps=log(("a", COMPLETE)), **done)
    add(daemon, "mid", 60, version=2, steps=log(("a", COMPLETE), ("b", FAILED), ("b", FAILED)))
    add(daemon, "new", 30, version=2, status=Status.RUNNABLE, cause=None, steps=log(("a", COMPLETE), ("b", RUNNING)))
    add(daemon, "far", 10, version=None, status=Status.RUNNABLE, cause=None, steps=())
    return daemon


@pytest.mark.usefixtures("fleet")
async def test_the_grid_has_the_newest_instance_first_and_a_word_in_each_cell(client: Client) -> None:
    page = await read(client, PAGE)
    table = page[page.index('<table class="grid">') : page.index("</table>")]
    columns = re.findall(r'<th scope="col"><a class="\w+" href="/monitor(/targets/[^"]+)" title="([^"]+)"', table)
    assert [words for _, words in columns] == ["far: Runnable", "new: Runnable", "mid: Terminated", "old: Complete"]
    assert columns[0][0] == "/targets/acme/5870442f/far"
    rows = re.split('<th scope="row">', table)[1:]
    words = [re.findall(r'aria-label="([^"]+)"|class="vh">([^<]+)', row) for row in rows]
    assert [["".join(one) for one in row] for row in words] == [
        ["not seen yet", "Complete", "Complete", "Complete"],
        ["not seen yet", "Running", "Failed, 2 times", "not reached"],
    ]
    assert '<span class="small bad nowrap">1 failed</span>' in rows[1]
    versions = re.findall(r'colspan="(\d+)">([^<]+)<', table)
    assert versions == [("1", "?"), ("2", "2"), ("1", "1")]


@pytest.mark.usefixtures("fleet")
async def test_a_cell_leads_to_the_instances_like_it(client: Client) -> None:
    page = await read(client, PAGE)
    (link,) = re.findall(rf'href="/monitor({re.escape(PAGE)}\?step=b&amp;state=Failed)#instances"', page)
    behind = await read(client, link.replace("&amp;", "&"))
    assert "1 of 4 instances: <strong>b</strong>" in behind
    assert re.findall(r'<tr data-key="/targets/acme/5870442f/(\w+)">', behind) == ["mid"]
    assert "<option selected>Failed</option>" in behind


@pytest.mark.parametrize(
    ("query", "found"),
    [("step=a", ["new", "mid", "old"]), ("step=a&version=2", ["new", "mid"]), ("step=b&state=Complete", []), ("", [])],
)
@pytest.mark.usefixtures("fleet")
async def test_instances_are_chosen_by_a_step_its_status_and_a_version(
    client: Client, query: str, found: list[str]
) -> None:
    page = await read(client, f"{PAGE}?{query}")
    assert re.findall(r'<tr data-key="/targets/acme/5870442f/(\w+)">', page) == found


@pytest.mark.usefixtures("fleet")
async def test_versions_are_compared(client: Client) -> None:
    page = await read(client, PAGE)
    rows = dict(re.findall(r'<tr data-key="v(\w+)">(.*?)</tr>', page, re.DOTALL))
    assert list(rows) == ["2", "1", "None"], "newest first"
    assert "100.0 %" in rows["2"]
    assert "1 of 1" in rows["2"]
    assert "0.0 %" in rows["1"]
    assert rows["1"].count(">10m<") == 2, "median and the 95th percentile"
    assert "none has ended" in rows["None"]
    assert (
        'href="/monitor/targets?account=acme&amp;definition=5870442f&amp;version=2&amp;status=Terminated"' in rows["2"]
    )


async def test_a_definition_that_is_not_watched_says_so(client: Client, daemon: Daemon) -> None:
    assert "not watched" in await read(client, "/definitions/acme/none", 404)
    assert "is still shown" in await read(client, PAGE), "its instances have ended"
    daemon.entries.clear()
    assert "not watched" in await read(client, PAGE, 404)


@pytest.mark.parametrize("query", ["state=Broken", "version=x", "step=a&step=b", "column=3"])
async def test_a_wrong_cell_is_refused(client: Client, query: str) -> None:
    async with client.get(f"{PAGE}?{query}", headers={"Accept": "text/html"}) as response:
        assert response.status == 400


async def test_hostile_steps_stay_text_and_the_page_small(client: Client, daemon: Daemon) -> None:
    daemon.entries.clear()
    names = [EVIL, "s" * 500, "\u202egnisrever", "👩‍🚒", *(f"step {place}" for place in range(60))]
    for number in range(60):
        add(daemon, f"w{number}", number, steps=log(*((name, FAILED if number % 2 else COMPLETE) for name in names)))
    page = await read(client, PAGE)
    assert page.count("<script") == 1
    assert "&lt;script&gt;" in page
    assert "34 more steps" in page
    assert page.count('<th scope="col"><a class=') == 50
    assert len(page) < 400_000


async def test_of_a_hundred_thousand_targets_each_of_the_definition_is_read_once(
    client: Client, daemon: Daemon
) -> None:
    keys = [TargetKey("acme", f"d{number % 10}", f"w{number}") for number in range(100_000)]
    daemon.entries = {key: Watched(Target(key=key, interval=1.0), TargetState(key=key), NOW) for key in keys}
    daemon.peeks = 0
    assert "w9990" in await read(client, "/definitions/acme/d0")
    assert daemon.peeks == 10_000


# --- rules ---


def test_a_grid_says_why_a_cell_has_no_status() -> None:
    found = grid([log(("a", COMPLETE)), (), log(("a", FAILED), ("b", RUNNING), ("a", COMPLETE))])
    assert [row.step for row in found.rows] == ["a", "b"]
    assert found.rows[0].cells == (GridCell(COMPLETE, 1), GridCell(NoStatus.NOT_SEEN), GridCell(COMPLETE, 2))
    assert found.rows[1].cells == (GridCell(NoStatus.NOT_REACHED), GridCell(NoStatus.NOT_SEEN), GridCell(RUNNING, 1))


def test_a_long_grid_keeps_the_steps_in_trouble_in_their_order() -> None:
    found = grid([log(("a", COMPLETE), ("b", FAILED), ("c", COMPLETE), ("d", FAILED), ("e", COMPLETE))], most=3)
    assert [row.step for row in found.rows] == ["a", "b", "d"]
    assert found.left_out == 2


@pytest.mark.parametrize(
    ("logs", "order"),
    [
        ([], []),
        (["abc", "abc"], "abc"),
        (["ac", "abc"], "abc"),
        (["ab", "cb"], "cab"),
        (["abab"], "ab"),
        (["abd", "acd"], "acbd"),
    ],
)
def test_steps_stand_where_logs_have_them(logs: list[str], order: str) -> None:
    assert ordered(logs) == list(order)


@given(st.lists(st.text("abcdef", max_size=8), max_size=6))
def test_every_step_has_one_row(logs: list[str]) -> None:
    found = ordered(logs)
    assert sorted(found) == sorted(set("".join(logs)))


@given(st.lists(st.floats(0, 1e6), min_size=1), st.sampled_from([0.5, 0.95]))
def test_a_quantile_is_the_least_value_with_that_share_at_or_below_it(values: list[float], share: float) -> None:
    found = quantile(sorted(values), share)
    assert found in values
    assert sum(value <= found for value in values) >= share * len(values) - 1e-9
    assert sum(value < found for value in values) < share * len(values)


def test_a_manual_termination_is_no_failure() -> None:
    tally = VersionTally()
    for status, cause in ((Status.TERMINATED, Cause.MANUAL), (Status.TERMINATED, None), (Status.RUNNABLE, None)):
        tally.add(TargetState(key=TargetKey("a", "b", "c"), status=status, cause=cause))
    figures = tally.figures(1)
    assert (figures.ended, figures.failed, figures.failure_share, figures.median) == (2, 1, 0.5, None)
