"""A drill through receivers that answer, refuse, hang, and are not there."""

import json
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import yaml

from monitor.app import Drilled, drill, drill_text
from monitor.app.drill import Book
from monitor.core.alerting.drill import ending, opening
from monitor.core.alerting.verdict import Delivered, Refused, Retry, Verdict
from monitor.core.commits import Delivery
from monitor.notify import Notifier
from monitor.notify.notifier import AlertReader
from monitor.settings import Receiver, Settings, load_settings
from monitor.settings.receivers import AlertmanagerReceiver
from tests.edges.notifier_kit import NOW, http, receiver

SECRET = "hush-hush-hush"


def settings(folder: Path, urls: Mapping[str, str], **more: Any) -> Settings:
    """With a webhook for each name."""
    (folder / "key").write_text("k3y\n")
    (folder / "watchlist.yaml").write_text("targets: [{account: acme, definition: d, workflow: w}]")
    file = folder / "monitor.yaml"
    hooks = [{"name": name, "type": "webhook", "url": url, **more} for name, url in urls.items()]
    accounts = [{"id": "acme", "api_key_file": "key"}]
    file.write_text(yaml.safe_dump({"accounts": accounts, "receivers": hooks}))
    return load_settings(file, {})


async def drilled(configured: Settings) -> dict[str, Drilled]:
    heard: list[Drilled] = []
    result = await drill(configured, configured.receivers, 0.0, report=heard.append)
    assert sorted(one.receiver for one in heard) == sorted(one.receiver for one in result)
    return {one.receiver: one for one in result}


async def test_a_receiver_gets_the_test_alert_and_its_end(tmp_path: Path) -> None:
    async with receiver(http(202)) as hook:
        one = (await drilled(settings(tmp_path, {"hook": hook.url})))["hook"]
    assert one.passed
    assert (one.opened.verdict, one.resolved.verdict) == (Delivered("HTTP 202"), Delivered("HTTP 202"))
    assert 0 < one.opened.latency < 5
    told = [json.loads(request.body) for request in hook.requests]
    assert [event["type"] for event in told] == ["workflow.suspended", "workflow.resumed"]
    assert {event["data"]["account"] for event in told} == {"acme"}
    assert all("DRILL" in event["data"]["summary"] for event in told)


async def test_what_a_receiver_wants_to_hear_of_does_not_matter_in_a_drill(tmp_path: Path) -> None:
    async with receiver(http(200)) as hook:
        configured = settings(tmp_path, {"hook": hook.url}, events=["monitor.*"], min_severity="critical")
        assert (await drilled(configured))["hook"].passed
    assert len(hook.requests) == 2


async def test_each_receiver_is_drilled_whatever_becomes_of_the_others(tmp_path: Path) -> None:
    async with receiver(http(200)) as good, receiver(http(403, "no")) as bad, receiver(b"", "hang") as silent:
        urls = {"good": good.url, "bad": bad.url, "silent": silent.url, "away": "http://127.0.0.1:1/"}
        result = await drilled(settings(tmp_path, urls, timeout="200ms"))
    assert {name: one.passed for name, one in result.items()} == {
        "good": True,
        "bad": False,
        "silent": False,
        "away": False,
    }
    assert result["bad"].opened.verdict == Refused("HTTP 403: no")
    assert result["silent"].resolved.verdict == Retry("no answer within 200ms", receiver_down=True)
    assert isinstance(result["away"].opened.verdict, Retry)


async def test_every_drill_is_a_new_alert(tmp_path: Path) -> None:
    async with receiver(http(200)) as hook:
        configured = settings(tmp_path, {"hook": hook.url})
        await drilled(configured)
        await drilled(configured)
    assert len({json.loads(request.body)["id"] for request in hook.requests}) == 4


async def test_no_secret_is_told(tmp_path: Path) -> None:
    (tmp_path / "secret").write_text(SECRET + "\n")
    async with receiver(http(401, f"bad token {SECRET} for /{SECRET}")) as hook:
        urls = {"hook": f"{hook.url}/{SECRET}?token={SECRET}"}
        configured = settings(tmp_path, urls, signature_secret_file=str(tmp_path / "secret"))
        one = (await drilled(configured))["hook"]
    assert SECRET not in drill_text(one) + repr(one)
    assert "HTTP 401" in drill_text(one)


async def test_people_read_each_answer_and_how_long_it_took(tmp_path: Path) -> None:
    async with receiver(http(204)) as good, receiver(http(400, "who?")) as bad:
        result = await drilled(settings(tmp_path, {"good": good.url, "bad": bad.url}))
    good_lines, bad_lines = (drill_text(result[name]).splitlines() for name in ("good", "bad"))
    assert good_lines[0] == "good (webhook): passed"
    assert good_lines[1].startswith("  opened    HTTP 204, ")
    assert good_lines[2].startswith("  resolved  HTTP 204, ")
    assert good_lines[2].endswith(" ms")
    assert bad_lines[0] == "bad (webhook): FAILED"
    assert bad_lines[1].startswith("  opened    HTTP 400: who?, ")


# --- what needs more than a URL ---


class Asking:
    """A notifier that looks into the book, as those do that tell of alerts."""

    def __init__(self, book: AlertReader, heard: list[str]) -> None:
        self._book = book
        self._heard = heard

    async def send(self, delivery: Delivery) -> Verdict:
        alert = await self._book.alert(delivery.event_id)
        self._heard.append(f"{delivery.about.value}: {alert.end if alert is not None else 'unknown'}")
        return Delivered()

    async def close(self) -> None:
        self._heard.append("closed")


def configured_with(folder: Path, **entry: Any) -> Settings:
    """With this receiver only."""
    settings(folder, {})
    file = folder / "monitor.yaml"
    written = yaml.safe_load(file.read_text())
    file.write_text(yaml.safe_dump({**written, "receivers": [entry]}))
    return load_settings(file, {})


def alertmanagers(folder: Path, *urls: str) -> Settings:
    return configured_with(folder, name="am", type="alertmanager", urls=list(urls))


async def test_an_alertmanager_is_told_of_an_alert_that_is_open_and_then_has_ended(tmp_path: Path) -> None:
    async with receiver(http(200)) as am:
        one = (await drilled(alertmanagers(tmp_path, am.url)))["am"]
    assert one.passed
    assert [request.line for request in am.requests] == ["POST /api/v2/alerts HTTP/1.1"] * 2
    (opened,), (ended,) = (json.loads(request.body) for request in am.requests)
    assert opened["labels"] == ended["labels"]
    assert opened["labels"]["drill"] == "true"
    assert opened["labels"]["alertname"] == "WorkflowSuspended"
    now = datetime.now(UTC)
    assert datetime.fromisoformat(opened["endsAt"]) > now >= datetime.fromisoformat(ended["endsAt"])


async def test_a_pager_is_told_of_an_incident_and_of_its_end(tmp_path: Path) -> None:
    (tmp_path / "routing").write_text("a" * 32)
    async with receiver(http(202, '{"status":"success"}')) as pagerduty:
        entry = {"type": "pagerduty", "base_url": pagerduty.url, "routing_key_file": str(tmp_path / "routing")}
        one = (await drilled(configured_with(tmp_path, name="pager", **entry)))["pager"]
    assert one.passed
    opened, ended = (json.loads(request.body) for request in pagerduty.requests)
    assert (opened["event_action"], ended["event_action"]) == ("trigger", "resolve")
    assert opened["dedup_key"] == ended["dedup_key"]
    assert "DRILL" in opened["payload"]["summary"]


async def test_a_chat_is_told_by_apprise(tmp_path: Path) -> None:
    async with receiver(http(200)) as chat, receiver(http(500)) as broken:
        (tmp_path / "good").write_text(f"json://{chat.url.removeprefix('http://')}/{SECRET}\n")
        (tmp_path / "bad").write_text(f"json://{broken.url.removeprefix('http://')}/{SECRET}\n")
        entry = {"name": "chat", "type": "apprise"}
        one = (await drilled(configured_with(tmp_path, **entry, url_file=str(tmp_path / "good"))))["chat"]
        two = (await drilled(configured_with(tmp_path, **entry, url_file=str(tmp_path / "bad"))))["chat"]
    assert (one.passed, two.passed) == (True, False)
    opened, ended = (json.loads(request.body) for request in chat.requests)
    assert opened["title"].startswith("CRITICAL: DRILL: ")
    assert ended["title"].startswith("Resolved (critical): DRILL: ")
    assert SECRET not in drill_text(one) + drill_text(two)


async def test_a_receiver_of_alerts_finds_the_alert_open_and_then_resolved(tmp_path: Path) -> None:
    heard: list[str] = []
    configured = alertmanagers(tmp_path, "http://127.0.0.1:9093")
    (one,) = await drill(
        configured,
        configured.receivers,
        0.0,
        report=lambda _: None,
        notifier=lambda _receiver, _settings, book: Asking(book, heard),
    )
    assert heard == ["alert_opened: None", "alert_closed: resolved", "closed"]
    assert "opened    acknowledged, " in drill_text(one)


async def test_every_instance_of_an_alertmanager_is_drilled_by_itself(tmp_path: Path) -> None:
    made: list[Receiver] = []

    def making(receiver: Receiver, _settings: Settings, book: AlertReader) -> Notifier:
        made.append(receiver)
        return Asking(book, [])

    configured = alertmanagers(tmp_path, "http://one:9093", "http://two:9093/s3cret")
    result = await drill(configured, configured.receivers, 0.0, report=lambda _: None, notifier=making)
    assert [one.receiver for one in result] == ["am at one:9093", "am at two:9093"]
    assert [one.urls for one in made if isinstance(one, AlertmanagerReceiver)] == [
        ("http://one:9093",),
        ("http://two:9093/s3cret",),
    ]


async def test_a_receiver_that_cannot_be_set_up_fails_and_does_not_stop_the_others(tmp_path: Path) -> None:
    def making(receiver: Receiver, _settings: Settings, book: AlertReader) -> Notifier:
        if receiver.name == "broken":
            raise OSError(f"/run/{SECRET}")
        return Asking(book, [])

    configured = settings(tmp_path, {"broken": "http://127.0.0.1:1", "good": "http://127.0.0.1:1"})
    broken, good = await drill(configured, configured.receivers, 0.0, report=lambda _: None, notifier=making)
    assert (broken.passed, good.passed) == (False, True)
    assert broken.opened.verdict == Retry("cannot be set up: OSError")


async def test_a_notifier_that_breaks_is_a_failure_that_says_no_more_than_its_kind(tmp_path: Path) -> None:
    class Breaking(Asking):
        async def send(self, delivery: Delivery) -> Verdict:
            raise RuntimeError(SECRET)

    configured = settings(tmp_path, {"hook": "http://127.0.0.1:1"})
    heard: list[str] = []
    (one,) = await drill(
        configured,
        configured.receivers,
        0.0,
        report=lambda _: None,
        notifier=lambda _receiver, _settings, book: Breaking(book, heard),
    )
    assert one.opened.verdict == one.resolved.verdict == Retry("cannot send: RuntimeError")
    assert heard == ["closed"]


# --- what notifiers may look up ---


async def test_the_book_of_a_drill_holds_its_alert_and_nothing_else() -> None:
    opened = opening("acme", "w", "am", NOW)
    book = Book(opened)
    assert await book.alert(opened.alert.id) is opened.alert
    assert await book.incident(opened.incident.id) is opened.incident
    assert (await book.alert("other"), await book.incident("other")) == (None, None)
    assert await book.alerts_of("am", after="", limit=10, ended_after=NOW) == [opened.alert]
    assert await book.alerts_of("am", after=opened.alert.id, limit=10, ended_after=NOW) == []
    assert await book.alerts_of("other", after="", limit=10, ended_after=NOW) == []
    book.act = ending(opened, NOW)
    assert (await book.alerts_of("am", after="", limit=10, ended_after=NOW)) == []
    assert (await book.incident(opened.incident.id)) is book.act.incident
