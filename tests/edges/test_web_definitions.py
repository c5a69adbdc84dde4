"""Definitions as JSON."""

import math

import pytest

from monitor.core.event_types import FactKind
from monitor.core.model import Status
from monitor.core.records import DefinitionSummary
from monitor.core.scheduling.plan import ArmGroup, Bound, plan_budget
from monitor.store.step_limits import DefinitionKey
from tests.edges.web_kit import Client, Daemon, asked

END, STEP = FactKind.END, FactKind.STEP
NONE = dict.fromkeys(Status, 0)


def add(daemon: Daemon, account: str, definition: str) -> None:
    summary = DefinitionSummary(account=account, definition=definition, statuses=NONE)
    daemon.summaries[DefinitionKey(account, definition)] = summary


async def test_a_definition_says_its_names_versions_counts_and_whether_it_is_discovered(
    client: Client, daemon: Daemon
) -> None:
    daemon.summaries[DefinitionKey("acme", "d1")] = DefinitionSummary(
        account="acme",
        definition="d1",
        name="order-reminder",
        alias="orders",
        versions=(2, 3),
        latest=3,
        statuses=NONE | {Status.RUNNABLE: 40},
        begun=7,
        ended=5,
        discovered=True,
        bounds={END: Bound("d1", END, 20.0, 9.5), STEP: Bound("d1", STEP, math.inf, math.inf)},
    )
    answer = await asked(client, "/api/v1/definitions")
    assert answer == {
        "budgets": [],
        "definitions": [
            {
                "account": "acme",
                "definition": "d1",
                "name": "order-reminder",
                "alias": "orders",
                "discovered": True,
                "latest": 3,
                "versions": [2, 3],
                "statuses": {
                    "Runnable": 40,
                    "Suspended": 0,
                    "Complete": 0,
                    "Terminated": 0,
                    "NotFound": 0,
                    "Unknown": 0,
                },
                "begun_last_hour": 7,
                "ended_last_hour": 5,
                "ends": {"worst": 20.0, "mean": 9.5},
                "steps": {"worst": None, "mean": None},
            }
        ],
        "next": None,
    }


async def test_what_does_not_apply_is_absent(client: Client, daemon: Daemon) -> None:
    add(daemon, "acme", "d1")
    (listed,) = (await asked(client, "/api/v1/definitions"))["definitions"]
    numbers = {"versions", "statuses", "begun_last_hour", "ended_last_hour"}
    assert set(listed) == {"account", "definition", "discovered"} | numbers


async def test_a_budget_says_what_is_needed_allowed_and_saved_by_one_request_more(
    client: Client, daemon: Daemon
) -> None:
    daemon.plans["acme"] = plan_budget([ArmGroup(definition="d1", kind=END, count=20, rate=0.01, longest=4.0)], 9.0)
    daemon.plans["other"] = plan_budget([ArmGroup(definition="d1", kind=END, count=90, rate=0.01, longest=5.0)], 9.0)
    acme, other = (await asked(client, "/api/v1/definitions"))["budgets"]
    assert acme == {
        "account": "acme",
        "requests_per_second_needed": pytest.approx(5.0),
        "requests_per_second_allowed": 9.0,
        "best_mean_delay": pytest.approx(20 / 18),
        "mean_delay": pytest.approx(20 / 18),
        "saved_by_one_more": pytest.approx(20 / 18 - 20 / 20),
    }
    assert other["account"] == "other"
    assert "18 requests/s" in other["warning"]
    only = (await asked(client, "/api/v1/definitions?account=other"))["budgets"]
    assert [each["account"] for each in only] == ["other"]


async def test_an_account_whose_budget_buys_nothing_has_no_delays(client: Client, daemon: Daemon) -> None:
    daemon.plans["acme"] = plan_budget([ArmGroup(definition="d1", kind=END, count=20, rate=0.01)], 0.0)
    (budget,) = (await asked(client, "/api/v1/definitions"))["budgets"]
    assert budget == {"account": "acme", "requests_per_second_needed": 0.0, "requests_per_second_allowed": 0.0}


@pytest.mark.parametrize("limit", [1, 2, 3, 7, 100])
async def test_the_pages_show_every_definition_once_in_the_order_of_the_keys(
    client: Client, daemon: Daemon, limit: int
) -> None:
    for number in (4, 1, 6, 0, 3, 5, 2):
        add(daemon, "acme", f"d{number}")
    add(daemon, "other", "d0")
    seen, path = [], f"/api/v1/definitions?account=acme&limit={limit}"
    answer = await asked(client, path)
    while True:
        assert len(answer["definitions"]) <= limit
        seen += [listed["definition"] for listed in answer["definitions"]]
        if answer["next"] is None:
            break
        answer = await asked(client, f"{path}&after={answer['next']}")
    assert seen == [f"d{number}" for number in range(7)]


async def test_a_definition_that_is_forgotten_meanwhile_does_not_end_the_pages(client: Client, daemon: Daemon) -> None:
    for number in range(3):
        add(daemon, "acme", f"d{number}")
    daemon.summaries[DefinitionKey("acme", "d0")] = None
    answer = await asked(client, "/api/v1/definitions?limit=1")
    assert answer["definitions"] == []
    answer = await asked(client, f"/api/v1/definitions?limit=1&after={answer['next']}")
    assert [listed["definition"] for listed in answer["definitions"]] == ["d1"]
