"""The page of receivers: whether each takes what it is sent, what waits, what was given up."""

import html
import re
from datetime import timedelta

import pytest

from monitor.core.alerting.circuit_breaker import BreakerState
from monitor.core.commits import DeliveryKind
from monitor.core.event_types import EventType, Severity
from monitor.core.records import ReceiverSummary
from monitor.store import DeliveryStatus, StoredDelivery
from tests.edges.web_kit import EVIL, NOW, Client, Daemon, read

PENDING, DEAD, DELIVERED = DeliveryStatus.PENDING, DeliveryStatus.DEAD, DeliveryStatus.DELIVERED


def delivery(seq: int, receiver: str, status: DeliveryStatus, **facts: object) -> StoredDelivery:
    known = {
        "seq": seq,
        "receiver": receiver,
        "about": DeliveryKind.ALERT_OPENED,
        "ref": f"a{seq}",
        "type": EventType.TERMINATED,
        "severity": Severity.CRITICAL,
        "subject": "d/w",
        "observed_at": NOW,
        "status": status,
        "attempts": 2,
        "summary": f"summary {seq}",
        **facts,
    }
    return StoredDelivery(**known)  # type: ignore[arg-type]


@pytest.fixture
def outbox(daemon: Daemon) -> Daemon:
    daemon.receiving = [
        ReceiverSummary(receiver="am", pending=0, acknowledged_at=NOW),
        ReceiverSummary(receiver="pager", pending=2, oldest=NOW, dead=1, acknowledges=False),
    ]
    daemon.outbox = [
        delivery(1, "am", DELIVERED, done_at=NOW),
        delivery(2, "pager", PENDING, detail="HTTP 500", next_try=NOW + timedelta(seconds=9)),
        delivery(3, "pager", DEAD, detail="HTTP 410", about=DeliveryKind.INCIDENT_GREW, done_at=NOW),
        delivery(4, "pager", PENDING, behind=2, about=DeliveryKind.EVENT),
    ]
    return daemon


def shown(page: str) -> list[str]:
    return re.findall(r'<tr data-key="(\d+) \w+"', page)


@pytest.mark.usefixtures("outbox")
async def test_each_receiver_leads_to_its_deliveries(client: Client) -> None:
    page = await read(client, "/receivers")
    assert "takes what it is sent" in page
    assert "did not take the last one" in page
    links = {html.unescape(link) for link in re.findall(r'href="/monitor(/receivers\?[^"]+)"', page)}
    assert links == {
        "/receivers?receiver=am&status=delivered",
        "/receivers?receiver=pager&status=pending",
        "/receivers?receiver=pager&status=dead",
    }


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ("", ["3", "2", "4"]),
        ("status=pending", ["2", "4"]),
        ("status=delivered", ["1"]),
        ("receiver=pager&status=dead", ["3"]),
        ("receiver=am", []),
    ],
)
@pytest.mark.usefixtures("outbox")
async def test_deliveries_are_filtered(client: Client, query: str, found: list[str]) -> None:
    assert shown(await read(client, f"/receivers?{query}")) == found


@pytest.mark.usefixtures("outbox")
async def test_a_delivery_says_why_it_is_there_and_what_it_is_about(client: Client) -> None:
    page = await read(client, "/receivers")
    assert "HTTP 410" in page
    assert "waits for an earlier one about the same" in page
    assert 'href="/monitor/alerts/a2">summary 2<' in page
    assert 'href="/monitor/incidents/a3">summary 3<' in page
    assert 'datetime="2026-01-05T10:00:09.000000Z"' in page


@pytest.mark.parametrize(
    ("state", "words"),
    [
        (BreakerState.OPEN, ["does not answer", "circuit breaker open: 3 failed probes, the next"]),
        (BreakerState.IN_DOUBT, ["takes nothing", "refuses one delivery after the other; the next retry"]),
    ],
)
async def test_an_open_circuit_breaker_says_when_it_is_tried_next(
    client: Client, daemon: Daemon, state: BreakerState, words: list[str]
) -> None:
    daemon.receiving = [
        ReceiverSummary(
            receiver="pager",
            pending=1,
            acknowledges=False,
            breaker=state,
            failed_probes=3,
            next_probe_at=NOW + timedelta(seconds=30),
        )
    ]
    page = await read(client, "/receivers")
    for word in words:
        assert word in page
    assert 'datetime="2026-01-05T10:00:30.000000Z"' in page


async def test_a_long_outbox_has_pages(client: Client, daemon: Daemon) -> None:
    daemon.outbox = [delivery(number, "pager", DEAD) for number in range(1, 121)]
    page, met = await read(client, "/receivers?receiver=pager"), []
    while True:
        met += shown(page)
        following = re.search(r'href="/monitor([^"]+)" rel="next"', page)
        if following is None:
            break
        page = await read(client, html.unescape(following[1]))
    assert met == [str(number) for number in range(1, 121)]


async def test_hostile_texts_stay_text(client: Client, daemon: Daemon) -> None:
    daemon.receiving = [ReceiverSummary(receiver=EVIL, pending=1)]
    daemon.outbox = [delivery(1, EVIL, DEAD, detail=EVIL, summary=EVIL, ref=EVIL)]
    assert (await read(client, "/receivers")).count("<script") == 1


async def test_the_page_stands_without_receivers_and_without_the_store(client: Client, daemon: Daemon) -> None:
    assert "nobody is told" in await read(client, "/receivers")
    daemon.disk_fails = True
    assert "cannot be read" in await read(client, "/receivers")


@pytest.mark.parametrize("query", ["status=lost", "after=x", "page=2"])
async def test_a_wrong_filter_is_refused(client: Client, query: str) -> None:
    async with client.get(f"/receivers?{query}", headers={"Accept": "text/html"}) as response:
        assert response.status == 400
