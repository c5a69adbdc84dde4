"""Pages for people."""

import re
from datetime import timedelta

import msgspec
import pytest
from jinja2 import UndefinedError

from monitor.core.alerts import AlertEnd
from monitor.core.commits import DeliveryKind
from monitor.core.liveness import LoopHealth
from monitor.core.model import Outcome, StepExecution, StepStatus, TargetKey
from monitor.core.records import PollTrace
from monitor.store import DeliveryStatus, Notification
from monitor.web.pages.models.message import MessagePage
from monitor.web.pages.templating import Templates
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


async def test_the_overview_leads_everywhere(client: Client, daemon: Daemon) -> None:
    daemon.open = [alert()]
    page = await read(client, "/")
    pages = ("/alerts", "/definitions", "/targets", "/events", "/receivers", "/alerts/3f0c", PAGE)
    for path in ("/metrics", "/api/v1/alerts", "/-/healthy", "/-/ready", *pages):
        assert f'href="/monitor{path}"' in page
        async with client.get(path) as response:
            assert response.status == 200


async def test_the_overview_says_what_is_wrong_with_the_monitor(client: Client, daemon: Daemon) -> None:
    daemon.reason = "the store takes no commits"
    daemon.health["deliver oncall"] = LoopHealth(turns=False, idle=61.0)
    page = await read(client, "/")
    assert "Not ready: the store takes no commits" in page
    assert "stuck</span> deliver oncall" in page


async def test_the_overview_is_calm_if_nothing_is_open(client: Client) -> None:
    assert "All is well" in await read(client, "/")


async def test_an_alert_says_who_has_it(client: Client, daemon: Daemon) -> None:
    daemon.open = [
        alert(
            told("am", DeliveryStatus.DELIVERED, at=NOW + timedelta(seconds=3)),
            told("am", DeliveryStatus.PENDING, about=DeliveryKind.INCIDENT_GREW, at=None),
            told("pager", DeliveryStatus.PENDING, attempts=0, at=None),
            told("chat", DeliveryStatus.PENDING, attempts=3, at=None, detail="HTTP 500: <b>"),
            told("hook", DeliveryStatus.DEAD, detail="HTTP 410"),
        ),
    ]
    page = await read(client, "/alerts")
    assert page.count("am</span> ") == 1
    for receiver, words in (
        ("am", "told"),
        ("pager", "pending"),
        ("chat", "pending after 3 tries: HTTP 500: &lt;b&gt;"),
        ("hook", "given up: HTTP 410"),
    ):
        assert f"{receiver}</span> {words}" in page
    assert '<time datetime="2026-01-05T10:00:03.000000Z"' in page


async def test_the_front_page_says_of_an_alert_that_nobody_was_told(client: Client, daemon: Daemon) -> None:
    daemon.open = [alert()]
    assert "nobody: no receiver takes it" in await read(client, "/")


async def test_the_page_of_a_target_says_what_is_known(client: Client) -> None:
    page = await read(client, PAGE)
    for fact in ("onboarding-reply", "Terminated", "fault", "step1", "Failed", "event 1", "unchanged"):
        assert fact in page
    assert "2026-01-05 10:00:10 UTC</span></time> (interval 10s)" in page
    assert '<a href="https://wiki.example/a?b&amp;c" rel="noreferrer">' in page
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
    entry.traces = (*entry.traces, PollTrace(NOW, Outcome.MALFORMED, EVIL, 1.0))
    daemon.entries[key] = entry
    daemon.stored = [event(1, key=key, text=EVIL)]
    telling: Notification = told(EVIL, DeliveryStatus.DEAD, detail=EVIL)
    daemon.open = [alert(telling, summary=EVIL, workflow=key.workflow)]
    daemon.reason = EVIL
    (link,) = (
        listed["link"] for listed in (await asked(client, "/api/v1/targets"))["targets"] if listed.get("name") == EVIL
    )
    for path in ("/", "/alerts", "/alerts/3f0c", "/events", "/targets", link.removeprefix(SITE)):
        page = await read(client, path)
        assert page.count("<script") == 1, "our own"
        assert "&lt;script&gt;alert(&#39;1&#39;)&lt;/script&gt;&amp;&#34;" in page
        assert 'href="javascript:' not in page


async def test_the_link_of_an_alert_leads_somewhere_after_it_is_over(client: Client, daemon: Daemon) -> None:
    over = msgspec.structs.replace(alert().alert, end=AlertEnd.CLOSED, ended_at=NOW)
    daemon.ended = [over]
    page = await read(client, "/alerts/3f0c")
    assert "This alert is over" in page
    assert PAGE in page


@pytest.mark.parametrize("kind", ["alert", "incident"])
async def test_an_unknown_alert_says_where_to_look(client: Client, kind: str) -> None:
    page = await read(client, f"/{kind}s/nothing", 404)
    assert f"No {kind} with the id <code>nothing</code> is known" in page
    assert 'href="/monitor/events"' in page


@pytest.mark.parametrize(
    ("path", "status", "words"),
    [("/nothing", 404, "there is nothing here"), ("/targets?status=x", 400, "status: expected Runnable")],
)
async def test_a_browser_gets_an_error_as_a_page(client: Client, path: str, status: int, words: str) -> None:
    async with client.get(path, headers={"Accept": "text/html,*/*"}) as response:
        assert response.status == status
        assert words in await response.text()


# --- fragments ---


async def test_a_fragment_that_a_browser_has_is_not_sent_again(client: Client, daemon: Daemon) -> None:
    daemon.open = [alert()]
    async with client.get("/?fragment=incidents") as response:
        text, tag = await response.text(), response.headers["ETag"]
        assert "terminated: step1" in text
        assert "<html" not in text
    async with client.get("/?fragment=incidents", headers={"If-None-Match": tag}) as response:
        assert response.status == 304
        assert await response.text() == ""
    daemon.open = []
    async with client.get("/?fragment=incidents", headers={"If-None-Match": tag}) as response:
        assert response.status == 200
        assert response.headers["ETag"] != tag


async def test_every_live_part_of_a_page_is_a_fragment_of_it(client: Client, daemon: Daemon) -> None:
    for path in ("/", "/alerts", "/definitions", "/targets", "/events", "/receivers", PAGE):
        names = re.findall(r'data-live="(\w+)"', await read(client, path))
        assert names
        for name in names:
            assert await read(client, f"{path}?fragment={name}") in await read(client, path)


async def test_a_fragment_that_a_page_does_not_have_is_a_404(client: Client) -> None:
    await asked(client, "/?fragment=nothing", 404)


# --- static files ---


async def test_style_and_script_are_our_own_and_kept_by_browsers(client: Client) -> None:
    page = await read(client, "/")
    found = re.findall(r'(?:src|href)="/monitor(/static/[^"]+)"', page)
    assert len(found) == 3
    for path in found:
        async with client.get(path) as response:
            assert response.status == 200
            assert "immutable" in response.headers["Cache-Control"]
    assert "style=" not in page
    assert "<style" not in page


async def test_a_template_refuses_a_name_that_its_model_does_not_have() -> None:
    templates = Templates(lambda: NOW, url=str, static=str)
    with pytest.raises(UndefinedError, match="has no attribute 'readable'"):
        templates.page("alert.html", {"page": MessagePage(title="x", text="y"), "here": ""})
