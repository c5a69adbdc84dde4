"""Alerts and deliveries as JSON, and what a person may do about them."""

import asyncio
import json
from datetime import timedelta

import pytest
from aiohttp import ClientResponse
from aiohttp.test_utils import make_mocked_request

from monitor.core.commits import DeliveryKind
from monitor.core.event_types import EventType, Severity
from monitor.store import DeliveryStatus, StoredDelivery
from monitor.web.api.alerts import Alerts
from tests.edges.web_kit import NOW, PAGE, SITE, TOKEN, Client, Daemon, alert, asked, told


async def test_alerts_say_what_is_open_and_who_was_told(client: Client, daemon: Daemon) -> None:
    later = NOW + timedelta(seconds=30)
    tellings = (
        told("am", DeliveryStatus.DELIVERED, at=later),
        told("hook", DeliveryStatus.DEAD, about=DeliveryKind.EVENT, at=later, detail="HTTP 400: no"),
        told("pager", DeliveryStatus.PENDING, attempts=3, at=None, next_try=later, detail="HTTP 500"),
        told("chat", DeliveryStatus.PENDING, about=DeliveryKind.INCIDENT_OPENED, attempts=0, at=None),
    )
    daemon.open = [alert(*tellings, occurred_at=NOW - timedelta(seconds=18), labels={"team": "messaging"})]
    assert (await asked(client, "/api/v1/alerts"))["alerts"] == [
        {
            "id": "3f0c",
            "type": "workflow.terminated",
            "severity": "critical",
            "summary": "onboarding-reply terminated: step1: Invalid subaccount id.",
            "account": "acme",
            "definition": "5870442f",
            "workflow": "60dbe307",
            "name": "onboarding-reply",
            "opened_at": "2026-01-05T10:00:00.000000Z",
            "occurred_at": "2026-01-05T09:59:42.000000Z",
            "fault_group": "77aa",
            "incident": {"id": "88bb", "members": 3},
            "link": f"{SITE}{PAGE}",
            "labels": {"team": "messaging"},
            "deliveries": [
                {
                    "receiver": "am",
                    "about": "alert_opened",
                    "status": "delivered",
                    "attempts": 1,
                    "at": "2026-01-05T10:00:30.000000Z",
                },
                {
                    "receiver": "hook",
                    "about": "event",
                    "status": "dead",
                    "attempts": 1,
                    "at": "2026-01-05T10:00:30.000000Z",
                    "detail": "HTTP 400: no",
                },
                {
                    "receiver": "pager",
                    "about": "alert_opened",
                    "status": "pending",
                    "attempts": 3,
                    "next_try": "2026-01-05T10:00:30.000000Z",
                    "detail": "HTTP 500",
                },
                {"receiver": "chat", "about": "incident_opened", "status": "pending", "attempts": 0},
            ],
        }
    ]


async def test_an_alert_about_an_account_that_nobody_was_told_of_says_so(client: Client, daemon: Daemon) -> None:
    daemon.open = [alert(type=EventType.BLIND, definition=None, workflow=None, name=None)]
    (shown,) = (await asked(client, "/api/v1/alerts"))["alerts"]
    assert not {"definition", "workflow", "name", "occurred_at"} & set(shown)
    assert shown["link"] == f"{SITE}/"
    assert (shown["labels"], shown["deliveries"]) == ({}, [])


async def test_very_many_alerts_are_written_some_at_a_time_so_that_the_loop_turns(daemon: Daemon) -> None:
    daemon.open = [alert(id=f"id{number}") for number in range(1001)]
    pages = Alerts(daemon, external_url=SITE, admin_token=daemon.admin_token)
    writing = asyncio.create_task(pages.alerts(make_mocked_request("GET", "/api/v1/alerts")))
    turns = 0
    while not writing.done():
        await asyncio.sleep(0)
        turns += 1
    body = (await writing).body
    assert isinstance(body, bytes)
    assert [shown["id"] for shown in json.loads(body)["alerts"]] == [f"id{number}" for number in range(1001)]
    assert turns > 5


# --- what a person does ---


async def post(client: Client, path: str, token: str | None = TOKEN) -> ClientResponse:
    return await client.post(path, headers={} if token is None else {"Authorization": f"Bearer {token}"})


async def test_a_person_closes_an_alert_once(client: Client, daemon: Daemon) -> None:
    daemon.open = [alert(), alert(id="other")]
    response = await post(client, "/api/v1/alerts/3f0c/close")
    assert (response.status, await response.json()) == (200, {"closed": "3f0c", "alerts": 1})
    assert [one.alert.id for one in daemon.open] == ["other"]
    response = await post(client, "/api/v1/alerts/3f0c/close")
    assert response.status == 404
    assert "/api/v1/alerts" in (await response.json())["error"]


async def test_a_person_closes_an_incident_with_all_its_alerts(client: Client, daemon: Daemon) -> None:
    daemon.open = [alert(), alert(id="other")]
    incident = daemon.open[0].alert.incident
    response = await post(client, f"/api/v1/alerts/{incident}/close")
    assert (response.status, await response.json()) == (200, {"closed": incident, "alerts": 2})
    assert daemon.open == []


async def test_what_was_given_up_is_tried_again_of_one_receiver_or_of_all(client: Client, daemon: Daemon) -> None:
    daemon.outbox = [
        delivery(1, "hook", DeliveryStatus.DEAD),
        delivery(1, "pager", DeliveryStatus.DEAD),
        delivery(2, "hook", DeliveryStatus.DELIVERED),
    ]
    response = await post(client, "/api/v1/deliveries/retry?receiver=pager")
    assert (response.status, await response.json()) == (200, {"retried": 1})
    response = await post(client, "/api/v1/deliveries/retry")
    assert (response.status, await response.json()) == (200, {"retried": 1})
    assert sorted(one.status for one in daemon.outbox) == ["delivered", "pending", "pending"]


CHANGES = ("/api/v1/alerts/3f0c/close", "/api/v1/deliveries/retry")


@pytest.mark.parametrize("path", CHANGES)
@pytest.mark.parametrize(
    ("tokens", "status"),
    [((TOKEN, None), 401), ((TOKEN, "wrong"), 401), ((None, TOKEN), 403), ((None, None), 403)],
    ids=["no token", "a wrong token", "a token where none is configured", "none where none is configured"],
)
async def test_nothing_changes_without_the_admin_token(
    client: Client, daemon: Daemon, path: str, tokens: tuple[str | None, str | None], status: int
) -> None:
    daemon.token, given = tokens
    daemon.open, daemon.outbox = [alert()], [delivery(1, "hook", DeliveryStatus.DEAD)]
    response = await post(client, path, given)
    assert response.status == status
    assert "server.admin_token_file" in (await response.json())["error"]
    assert [one.alert.id for one in daemon.open] == ["3f0c"]
    assert [one.status for one in daemon.outbox] == ["dead"]


@pytest.mark.parametrize("path", CHANGES)
async def test_what_changes_something_is_no_get(client: Client, daemon: Daemon, path: str) -> None:
    daemon.open = [alert()]
    assert await asked(client, path, 405) == {"error": "expected POST"}
    assert len(daemon.open) == 1


@pytest.mark.parametrize("path", CHANGES)
async def test_a_change_that_the_store_does_not_take_is_a_503(client: Client, daemon: Daemon, path: str) -> None:
    daemon.disk_fails = True
    response = await post(client, path)
    assert response.status == 503
    assert "/secret/place" not in await response.text()


# --- deliveries ---


def delivery(seq: int, receiver: str, status: DeliveryStatus) -> StoredDelivery:
    return StoredDelivery(
        seq=seq,
        receiver=receiver,
        about=DeliveryKind.ALERT_OPENED,
        ref=f"id{seq}",
        type=EventType.TERMINATED,
        severity=Severity.CRITICAL,
        subject="acme/5870442f/60dbe307",
        observed_at=NOW,
        status=status,
        attempts=2,
        next_try=NOW + timedelta(seconds=5) if status is DeliveryStatus.PENDING else None,
        detail="" if status is DeliveryStatus.DELIVERED else "HTTP 500",
        done_at=None if status is DeliveryStatus.PENDING else NOW + timedelta(seconds=1),
        name="onboarding-reply",
        summary="onboarding-reply terminated",
    )


async def test_a_delivery_says_where_it_stands(client: Client, daemon: Daemon) -> None:
    daemon.outbox = [delivery(7, "hook", DeliveryStatus.PENDING), delivery(8, "hook", DeliveryStatus.DEAD)]
    answer = await asked(client, "/api/v1/deliveries")
    assert answer["next"] is None
    pending, dead = answer["deliveries"]
    assert pending == {
        "seq": 7,
        "receiver": "hook",
        "about": "alert_opened",
        "ref": "id7",
        "type": "workflow.terminated",
        "severity": "critical",
        "subject": "acme/5870442f/60dbe307",
        "observed_at": "2026-01-05T10:00:00.000000Z",
        "status": "pending",
        "attempts": 2,
        "next_try": "2026-01-05T10:00:05.000000Z",
        "name": "onboarding-reply",
        "summary": "onboarding-reply terminated",
        "detail": "HTTP 500",
    }
    assert (dead["status"], dead["at"]) == ("dead", "2026-01-05T10:00:01.000000Z")
    assert "next_try" not in dead


@pytest.mark.parametrize(
    ("asking", "found"),
    [
        ("", [(1, "hook"), (1, "pager"), (2, "hook"), (3, "pager")]),
        ("?status=dead", [(1, "pager")]),
        ("?status=pending", [(1, "hook"), (3, "pager")]),
        ("?status=delivered&receiver=pager", []),
        ("?receiver=pager", [(1, "pager"), (3, "pager")]),
        ("?receiver=nobody", []),
    ],
)
async def test_deliveries_are_chosen(client: Client, daemon: Daemon, asking: str, found: list[tuple[int, str]]) -> None:
    daemon.outbox = [
        delivery(1, "hook", DeliveryStatus.PENDING),
        delivery(1, "pager", DeliveryStatus.DEAD),
        delivery(2, "hook", DeliveryStatus.DELIVERED),
        delivery(3, "pager", DeliveryStatus.PENDING),
    ]
    answer = await asked(client, f"/api/v1/deliveries{asking}")
    assert [(one["seq"], one["receiver"]) for one in answer["deliveries"]] == found


@pytest.mark.parametrize("limit", [1, 2, 3, 4, 5, 100])
async def test_the_pages_hold_every_delivery_once_also_where_one_event_has_many(
    client: Client, daemon: Daemon, limit: int
) -> None:
    daemon.outbox = [
        delivery(seq, f"r{number}", DeliveryStatus.DELIVERED)
        for seq, receivers in ((1, 1), (2, 7), (5, 2), (6, 1), (9, 3))
        for number in range(receivers)
    ]
    met: list[tuple[int, str]] = []
    after: int | None = 0
    while after is not None:
        answer = await asked(client, f"/api/v1/deliveries?limit={limit}&after={after}")
        met += [(one["seq"], one["receiver"]) for one in answer["deliveries"]]
        after = answer["next"]
    assert met == [(one.seq, one.receiver) for one in daemon.outbox]
