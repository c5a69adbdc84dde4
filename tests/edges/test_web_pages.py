"""Pages for people."""

from datetime import timedelta

import msgspec

from monitor.core.commits import DeliveryKind
from monitor.core.liveness import LoopHealth
from monitor.core.model import Outcome, StepExecution, StepStatus, TargetKey
from monitor.core.records import PollTrace
from monitor.store import DeliveryStatus, Notification
from tests.edges.web_kit import (
    API,
    EVIL,
    NOW,
    PAGE,
    SITE,
    Client,
    Daemon,
    alert,
    asked,
    event,
    read,
    told,
    watched,
)


async def test_the_front_page_leads_everywhere(client: Client, daemon: Daemon) -> None:
    daemon.open = [alert()]
    page = await read(client, "/")
    api = [f"/api/v1/{name}" for name in ("targets", "events", "alerts", "deliveries")]
    for path in ("/metrics", *api, "/-/healthy", "/-/ready", PAGE):
        assert f'href="/monitor{path}"' in page
        async with client.get(path) as response:
            assert response.status == 200
    assert "<tr><td>Terminated</td><td>1</td></tr>" in page


async def test_the_front_page_says_what_is_wrong(client: Client, daemon: Daemon) -> None:
    daemon.reason = "the store takes no commits"
    daemon.health["deliver oncall"] = LoopHealth(turns=False, idle=61.0)
    page = await read(client, "/")
    assert "no: the store takes no commits" in page
    assert "no: deliver oncall stuck" in page


async def test_the_front_page_says_who_has_an_alert(client: Client, daemon: Daemon) -> None:
    daemon.open = [
        alert(
            told("am", DeliveryStatus.DELIVERED, at=NOW + timedelta(seconds=3)),
            told("am", DeliveryStatus.PENDING, about=DeliveryKind.INCIDENT_GREW, at=None),
            told("pager", DeliveryStatus.PENDING, attempts=0, at=None),
            told("chat", DeliveryStatus.PENDING, attempts=3, at=None, detail="HTTP 500: <b>"),
            told("hook", DeliveryStatus.DEAD, detail="HTTP 410"),
        ),
    ]
    page = await read(client, "/")
    assert '<div class="delivered">am: has it since 2026-01-05 10:00:03 UTC</div>' in page
    assert page.count("am: ") == 1
    assert '<div class="pending">pager: pending</div>' in page
    assert '<div class="pending">chat: pending after 3 tries: HTTP 500: &lt;b&gt;</div>' in page
    assert '<div class="dead">hook: given up: HTTP 410</div>' in page


async def test_the_front_page_says_of_an_alert_that_nobody_was_told(client: Client, daemon: Daemon) -> None:
    daemon.open = [alert()]
    assert "nobody: no receiver takes it" in await read(client, "/")


async def test_the_page_of_a_target_says_what_is_known(client: Client) -> None:
    page = await read(client, PAGE)
    for fact in ("onboarding-reply", "Terminated", "fault", "step1", "Failed", "event 1", "no answer within 10s"):
        assert fact in page
    assert "2026-01-05 10:00:10 UTC (interval 10s)" in page
    assert '<a href="https://wiki.example/a?b&amp;c">' in page
    assert f'href="/monitor{API}"' in page


async def test_the_link_of_an_alert_leads_somewhere_after_its_target_is_gone(client: Client, daemon: Daemon) -> None:
    daemon.entries.clear()
    assert "event 1" in await read(client, PAGE)
    assert "not watched" in await read(client, "/targets/acme/5870442f/nothing", 404)


async def test_no_text_becomes_markup(client: Client, daemon: Daemon) -> None:
    key = TargetKey("acme", "5870442f", EVIL.replace("/", ""))
    entry = watched(key, steps=(StepExecution("1", EVIL, StepStatus.FAILED),))
    labels = {EVIL: EVIL, "runbook": "javascript:alert(1)", "wiki": f'https://x/"{EVIL}'}
    entry.target = msgspec.structs.replace(entry.target, name=EVIL, definition_name=EVIL, labels=labels)
    entry.traces.append(PollTrace(NOW, Outcome.MALFORMED, EVIL, 1.0))
    daemon.entries[key] = entry
    daemon.stored = [event(1, key=key, text=EVIL)]
    telling: Notification = told(EVIL, DeliveryStatus.DEAD, detail=EVIL)
    daemon.open = [alert(telling, summary=EVIL, workflow=key.workflow)]
    daemon.reason = EVIL
    (link,) = (
        listed["link"] for listed in (await asked(client, "/api/v1/targets"))["targets"] if listed.get("name") == EVIL
    )
    for path in ("/", link.removeprefix(SITE)):
        page = await read(client, path)
        assert "<script" not in page
        assert "&lt;script&gt;alert(&#x27;1&#x27;)&lt;/script&gt;&amp;&quot;" in page
        assert 'href="javascript:' not in page
