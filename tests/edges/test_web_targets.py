"""Targets as JSON."""

import pytest

from monitor.core.model import Status, Target, TargetKey, TargetState
from monitor.polling.watched import Watched
from tests.edges.web_kit import API, KEY, PAGE, SITE, Client, Daemon, asked, read, watched


async def test_a_target_in_the_list_says_what_is_believed(client: Client) -> None:
    answer = await asked(client, "/api/v1/targets")
    assert answer == {
        "targets": [
            {
                "account": "acme",
                "definition": "5870442f",
                "workflow": "60dbe307",
                "name": "onboarding-reply",
                "definition_name": "onboarding",
                "status": "Terminated",
                "since": "2026-01-05T10:00:00.000000Z",
                "version": 3,
                "cause": "fault",
                "started_at": "2026-01-05T08:00:00.000000Z",
                "completed_at": "2026-01-05T09:59:39.500000Z",
                "first_seen_at": "2026-01-05T09:00:00.000000Z",
                "last_seen_at": "2026-01-05T10:00:00.000000Z",
                "failures": 0,
                "interval": 10.0,
                "labels": {"runbook": "https://wiki.example/a?b&c"},
                "link": f"{SITE}{PAGE}",
            }
        ],
        "next": None,
    }


async def test_a_target_of_its_own_says_all_that_is_known(client: Client) -> None:
    answer = await asked(client, API)
    (listed,) = (await asked(client, "/api/v1/targets"))["targets"]
    assert {key: answer[key] for key in listed} == listed
    assert answer["steps"] == [
        {"id": "b2c6", "name": "step1", "status": "Failed", "started_at": "2026-01-05T08:00:00.000000Z"}
    ]
    assert answer["next_poll"] == {"reason": "interval 10s", "at": "2026-01-05T10:00:10.000000Z"}
    assert answer["polls"] == [
        {
            "at": "2026-01-05T10:00:00.000000Z",
            "outcome": "timeout",
            "duration": 10.0,
            "detail": "no answer within 10s",
            "events": ["workflow.terminated"],
        }
    ]
    assert [told["id"] for told in answer["events"]] == ["id1"]


async def test_a_target_never_seen_has_no_field_that_does_not_apply(client: Client, daemon: Daemon) -> None:
    daemon.entries[KEY] = Watched(Target(key=KEY, interval=30.0), TargetState(key=KEY), None)
    (listed,) = (await asked(client, "/api/v1/targets"))["targets"]
    assert set(listed) == {"account", "definition", "workflow", "status", "failures", "interval", "labels", "link"}
    answer = await asked(client, API)
    assert (answer["status"], answer["steps"], answer["polls"]) == ("Unknown", [], [])


async def test_an_id_may_hold_whatever_can_be_percent_encoded(client: Client, daemon: Daemon) -> None:
    key = TargetKey("acme", "d 1%", "w:ü+")
    daemon.entries[key] = watched(key)
    (link,) = (
        listed["link"] for listed in (await asked(client, "/api/v1/targets"))["targets"] if listed["workflow"] == "w:ü+"
    )
    path = link.removeprefix(SITE)
    assert path == "/targets/acme/d%201%25/w%3A%C3%BC%2B"
    assert (await asked(client, f"/api/v1{path}"))["workflow"] == "w:ü+"
    assert "w:ü+" in await read(client, path)


@pytest.mark.parametrize(
    ("asking", "found"),
    [
        ("", ["w0", "w1", "w2", "w3"]),
        ("?status=Runnable", ["w0", "w1", "w2"]),
        ("?status=Terminated", ["w3"]),
        ("?status=NotFound", []),
        ("?definition=alias", ["w2"]),
        ("?definition=d0", ["w0", "w2", "w3"]),
        ("?account=other", ["w1"]),
        ("?account=other&status=Terminated", []),
        ("?limit=2", ["w0", "w2"]),
        ("?account=", ["w0", "w1", "w2", "w3"]),
    ],
)
async def test_targets_are_chosen(client: Client, daemon: Daemon, asking: str, found: list[str]) -> None:
    def entry(account: str, definition: str, workflow: str, status: Status, alias: str | None = None) -> Watched:
        key = TargetKey(account, definition, workflow)
        return Watched(Target(key=key, interval=1.0, definition_name=alias), TargetState(key=key, status=status), None)

    entries = [
        entry("other", "d1", "w1", Status.RUNNABLE),
        entry("acme", "d0", "w0", Status.RUNNABLE),
        entry("acme", "d0", "w3", Status.TERMINATED),
        entry("acme", "d0", "w2", Status.RUNNABLE, "alias"),
    ]
    daemon.entries = {entry.target.key: entry for entry in entries}
    answer = await asked(client, f"/api/v1/targets{asking}")
    workflows = [listed["workflow"] for listed in answer["targets"]]
    assert sorted(workflows) == found
    assert workflows == sorted(workflows, key=lambda name: (name == "w1", name))
