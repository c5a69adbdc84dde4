"""Events as JSON: what a follower may rely on."""

import json

import pytest

from monitor.core.event_types import EventType
from tests.edges.web_kit import Client, Daemon, asked, event


async def test_events_come_as_they_were_told(client: Client, daemon: Daemon) -> None:
    async with client.get("/api/v1/events") as response:
        assert daemon.stored[0].body in await response.read()
        assert (await response.json())["next"] == 1


@pytest.mark.parametrize("limit", [1, 3, 7, 1000])
@pytest.mark.parametrize(
    ("glob", "types"),
    [
        (None, set(EventType)),
        ("*", set(EventType)),
        ("workflow.terminated", {EventType.TERMINATED}),
        ("monitor.*", {type_ for type_ in EventType if type_.of_account}),
        (
            "workflow.step_*",
            {EventType.STEP_FAILED, EventType.STEP_CANCELLED, EventType.STEP_OVERDUE, EventType.STEP_OVERDUE_CLEARED},
        ),
    ],
)
async def test_a_follower_neither_loses_nor_repeats_an_event(
    client: Client, daemon: Daemon, limit: int, glob: str | None, types: set[EventType]
) -> None:
    every = list(EventType)
    daemon.stored = [event(3 * number, every[number % len(every)]) for number in range(1, 41)]
    asking = f"limit={limit}" + (f"&type={glob}" if glob else "")
    followed: list[str] = []
    cursor, moved = 0, True
    while moved:
        answer = await asked(client, f"/api/v1/events?after={cursor}&{asking}")
        assert len(answer["events"]) <= limit
        followed += [told["id"] for told in answer["events"]]
        cursor, moved = answer["next"], answer["next"] != cursor
    assert followed == [f"id{s.seq}" for s in daemon.stored if json.loads(s.body)["type"] in types]
    late = event(1000, next(iter(types)))
    daemon.stored.append(late)
    answer = await asked(client, f"/api/v1/events?after={cursor}&{asking}")
    assert [told["id"] for told in answer["events"]] == ["id1000"]


async def test_a_glob_that_finds_little_goes_on_from_where_it_looked(client: Client, daemon: Daemon) -> None:
    daemon.stored = [event(number) for number in range(1, 12_001)] + [event(12_001, EventType.BLIND)]
    first = await asked(client, "/api/v1/events?type=monitor.*")
    assert (first["events"], first["next"]) == ([], 10_000)
    second = await asked(client, f"/api/v1/events?type=monitor.*&after={first['next']}")
    assert [told["id"] for told in second["events"]] == ["id12001"]
