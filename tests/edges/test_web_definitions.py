"""Definitions as JSON."""

import pytest

from monitor.core.model import Status
from monitor.core.records import DefinitionSummary
from monitor.store.step_limits import DefinitionKey
from tests.edges.web_kit import Client, Daemon, asked

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
    )
    answer = await asked(client, "/api/v1/definitions")
    assert answer == {
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
            }
        ],
        "next": None,
    }


async def test_what_does_not_apply_is_absent(client: Client, daemon: Daemon) -> None:
    add(daemon, "acme", "d1")
    (listed,) = (await asked(client, "/api/v1/definitions"))["definitions"]
    numbers = {"versions", "statuses", "begun_last_hour", "ended_last_hour"}
    assert set(listed) == {"account", "definition", "discovered"} | numbers


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
