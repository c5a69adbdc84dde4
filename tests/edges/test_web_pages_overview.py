"""The overview: what is wrong, what is watched, and whether the monitor is all right."""

import re
from datetime import timedelta
from typing import Any

import pytest

from monitor.core.event_types import EventType, FactKind, Severity
from monitor.core.model import Outcome, Status
from monitor.core.records import AccountSummary, Activity, DefinitionSummary, ReceiverSummary
from monitor.core.scheduling.plan import Bound
from monitor.store import OpenAlert
from monitor.store.step_limits import DefinitionKey
from monitor.web.pages.charts import bars, polyline
from tests.edges.web_kit import NOW, Client, Daemon, alert, read

LANE = AccountSummary(
    account="acme",
    open=True,
    requests_per_second=10.0,
    ceiling=10.0,
    used=4.0,
    succeeded_at=NOW,
    polled=3,
    oldest_end_look=NOW - timedelta(seconds=20),
)


def opened(id: str, *, minutes: float = 0, incident: str | None = None, **facts: Any) -> OpenAlert:
    """An alert that was opened `minutes` ago."""
    at = NOW - timedelta(minutes=minutes)
    return alert(id=id, observed_at=at, incident=incident or f"i{id}", **facts)


def headlines(page: str) -> list[str]:
    return re.findall(r'class="headline" href="/monitor([^"]+)"', page)


def marks(page: str) -> list[str]:
    return re.findall(r'class="mark \w+">([^<]+)<', page)


async def test_the_most_severe_come_first_and_of_these_the_new_ones(client: Client, daemon: Daemon) -> None:
    daemon.open = [
        opened("warning", minutes=1, severity=Severity.WARNING, type=EventType.SUSPENDED, workflow="w1"),
        opened("fresh", minutes=5, workflow="w2"),
        opened("old", minutes=300, workflow="w3"),
        opened("older warning", minutes=600, severity=Severity.WARNING, type=EventType.SUSPENDED, workflow="w4"),
    ]
    page = await read(client, "/")
    assert headlines(page) == ["/alerts/fresh", "/alerts/old", "/alerts/warning", "/alerts/older%20warning"]
    assert marks(page) == ["new cause", "known", "new cause", "known"]
    assert "4 open problems, 2 critical" in page


async def test_alerts_of_one_incident_are_one_row_that_leads_to_it(client: Client, daemon: Daemon) -> None:
    daemon.open = [opened(f"a{n}", minutes=n, incident="storm", workflow=f"w{n}", name=f"order-{n}") for n in range(5)]
    page = await read(client, "/")
    assert headlines(page) == ["/incidents/storm"]
    assert "<strong>5</strong> workflows" in page
    assert "order-2</a> and 2 more" in page
    assert marks(page) == ["new cause", "growing"]


async def test_a_cause_that_had_an_incident_before_came_back(client: Client, daemon: Daemon) -> None:
    daemon.open = [opened("a")]
    daemon.earlier = {daemon.open[0].alert.fault_group: NOW - timedelta(days=2)}
    page = await read(client, "/")
    assert marks(page) == ["came back"]
    assert "before: over" in page


async def test_the_failed_step_of_a_workflow_that_it_ended_is_no_row_of_its_own(client: Client, daemon: Daemon) -> None:
    step: dict[str, Any] = {"severity": Severity.WARNING, "type": EventType.STEP_FAILED}
    daemon.open = [opened("end", workflow="w1"), opened("step", workflow="w1", **step)]
    assert headlines(await read(client, "/")) == ["/alerts/end"]
    daemon.open = [opened("end", workflow="w1"), opened("step", workflow="w2", **step)]
    assert headlines(await read(client, "/")) == ["/alerts/end", "/alerts/step"]


async def test_it_is_calm_if_nothing_is_wrong(client: Client, daemon: Daemon) -> None:
    daemon.lanes = [LANE]
    daemon.receiving = [ReceiverSummary(receiver="pager", pending=0, acknowledged_at=NOW)]
    page = await read(client, "/")
    assert "All is well" in page
    for alarm in ("banner bad", "banner warn"):
        assert alarm not in page


# --- what is watched ---


async def test_a_definition_shows_its_counts_its_last_hour_and_its_promise(client: Client, daemon: Daemon) -> None:
    key = DefinitionKey("acme", "5870442f")
    statuses = {**dict.fromkeys(Status, 0), Status.RUNNABLE: 12, Status.TERMINATED: 2}
    bounds = {FactKind.END: Bound("5870442f", FactKind.END, 30.0, 15.0)}
    daemon.summaries = {
        key: DefinitionSummary(
            account="acme",
            definition="5870442f",
            name="order",
            statuses=statuses,
            begun=7,
            ended=4,
            failed=2,
            bounds=bounds,
        )
    }
    daemon.activities = {key: Activity((0,) * 59 + (7,), (0,) * 59 + (4,), (0,) * 59 + (2,))}
    page = await read(client, "/")
    for text in ("12 Runnable", "2 Terminated", "last hour: 7 begun, 4 ended, 2 failed", "ends 30s"):
        assert text in page
    assert "0 Complete" not in page
    assert re.search(r'<path class="failed" d="M112.1 26V', page)


async def test_definitions_that_fail_come_first(client: Client, daemon: Daemon) -> None:
    def summary(name: str, failed: int) -> DefinitionSummary:
        return DefinitionSummary(account="acme", definition=name, statuses=dict.fromkeys(Status, 0), failed=failed)

    daemon.summaries = {DefinitionKey("acme", name): summary(name, failed) for name, failed in (("a", 0), ("b", 3))}
    page = await read(client, "/?fragment=definitions")
    assert page.index("/definitions/acme/b") < page.index("/definitions/acme/a")


def test_a_line_goes_from_edge_to_edge_and_bars_stand_on_the_lower_one() -> None:
    assert polyline((0, 5, 10), 100, 12, 10) == "0,11 50,6 100,1"
    assert bars((0, 10), 100, 12, 10) == "M50 12V1h40V12z"
    assert polyline((), 100, 12, 1) == bars((), 100, 12, 1) == ""


# --- the monitor itself ---


@pytest.mark.parametrize(
    ("lane", "said"),
    [
        ({}, "answers"),
        ({"blind": True, "reason": Outcome.UNAUTHORIZED}, "Blind: acme"),
        ({"blind": True, "reason": Outcome.UNAUTHORIZED}, "(unauthorized)"),
        ({"open": False, "closed_until": NOW + timedelta(minutes=5)}, "lane closed"),
        ({"open": False, "closed_until": NOW + timedelta(minutes=5)}, "in 5 min"),
        ({"requests_per_second": 2.5}, "4.0 of 2.5"),
        ({"requests_per_second": 2.5}, "slowed, of 10.0"),
        ({"succeeded_at": None}, "not since the start"),
    ],
)
async def test_an_account_says_how_it_stands(client: Client, daemon: Daemon, lane: dict[str, Any], said: str) -> None:
    daemon.lanes = [AccountSummary(**{name: getattr(LANE, name) for name in LANE.__struct_fields__} | lane)]
    assert said in await read(client, "/")


@pytest.mark.parametrize(("age", "said"), [(20, "kept"), (1000, "not kept")])
async def test_a_promise_is_kept_or_not(client: Client, daemon: Daemon, age: float, said: str) -> None:
    bounds = {FactKind.END: Bound("d", FactKind.END, 30.0, 15.0)}
    summary = DefinitionSummary(account="acme", definition="d", statuses=dict.fromkeys(Status, 0), bounds=bounds)
    daemon.summaries = {DefinitionKey("acme", "d"): summary}
    lane = {name: getattr(LANE, name) for name in LANE.__struct_fields__}
    daemon.lanes = [AccountSummary(**lane | {"oldest_end_look": NOW - timedelta(seconds=age)})]
    assert f"</svg>{said}</span>" in await read(client, "/?fragment=lanes")


async def test_a_receiver_that_does_not_acknowledge_is_told(client: Client, daemon: Daemon) -> None:
    daemon.receiving = [ReceiverSummary(receiver="pager", pending=3, oldest=NOW, dead=2, acknowledges=False)]
    page = await read(client, "/")
    assert "pager</span> does not acknowledge" in page
    assert "nothing since the start" in page


async def test_without_a_receiver_it_says_that_nobody_is_told(client: Client) -> None:
    assert "nobody is told" in await read(client, "/")
