"""The pages of alerts and incidents: their story, and what is still known after they are over."""

from datetime import timedelta

import msgspec
import pytest

from monitor.core.alerts import AlertEnd, Incident
from monitor.core.commits import DeliveryKind
from monitor.core.model import WorkflowError
from monitor.store import DeliveryStatus
from tests.edges.web_kit import EVIL, NOW, Client, Daemon, alert, read, told

LATER = NOW + timedelta(minutes=5)


async def test_the_page_of_an_alert_tells_its_story_from_the_first_sight_to_its_end(
    client: Client, daemon: Daemon
) -> None:
    cause = WorkflowError("step1", "Invalid subaccount id.", NOW)
    opened = alert(occurred_at=NOW - timedelta(seconds=20), errors=(cause,))
    daemon.ended = [msgspec.structs.replace(opened.alert, end=AlertEnd.CLOSED, ended_at=LATER)]
    daemon.told = {
        "3f0c": [
            told("am", DeliveryStatus.DELIVERED, at=NOW + timedelta(seconds=2)),
            told("hook", DeliveryStatus.DEAD, at=NOW + timedelta(seconds=3), attempts=9, detail="HTTP 400: no"),
            told("chat", DeliveryStatus.PENDING, at=None),
        ],
        "88bb": [told("pager", DeliveryStatus.DELIVERED, about=DeliveryKind.INCIDENT_OPENED, at=NOW)],
    }
    page = await read(client, "/alerts/3f0c")
    story = [
        "it happened",
        "the monitor saw it",
        "pager acknowledged the incident",
        "am acknowledged the alert",
        "hook could not be told of the alert after 9 tries",
        "HTTP 400: no",
        "a person closed it",
        "chat is not told yet of the alert",
    ]
    places = [page.index(words, page.index("Story")) for words in story]
    assert places == sorted(places)
    for fact in ("This alert is over", "step1: Invalid subaccount id.", "/incidents/88bb", "18 %"):
        assert fact in page


async def test_the_page_of_an_incident_lists_its_alerts_open_or_over(client: Client, daemon: Daemon) -> None:
    over = msgspec.structs.replace(alert(id="1111", summary=EVIL).alert, end=AlertEnd.RESOLVED, ended_at=LATER)
    daemon.ended = [over]
    daemon.open = [alert()]
    event = alert().alert.event
    daemon.incidents = {
        "88bb": Incident(
            id="88bb", fault_group="77aa", event=event, opened_at=NOW, first_at=NOW, last_at=NOW, members=2
        )
    }
    page = await read(client, "/incidents/88bb")
    for fact in ("/alerts/1111", "/alerts/3f0c", "resolved", "&lt;script&gt;", "Is it all of them?", "version 3"):
        assert fact in page
    assert "<script>alert" not in page


@pytest.mark.parametrize("path", ["/alerts/gone", "/incidents/gone"])
async def test_a_link_to_what_is_forgotten_says_so_and_where_to_go_on(client: Client, path: str) -> None:
    page = await read(client, path, status=404)
    assert "forgotten after the retention" in page
    assert 'href="/monitor/events"' in page


async def test_while_the_store_cannot_be_read_the_page_says_so_and_is_no_404(client: Client, daemon: Daemon) -> None:
    daemon.disk_fails = True
    for path in ("/alerts/3f0c", "/incidents/88bb"):
        assert "The store cannot be read now" in await read(client, path)
