"""Every path of the contract, asked over a real connection."""

import json
from collections.abc import AsyncIterator, Iterable, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec
import pytest
from aiohttp import ClientResponse
from aiohttp.test_utils import TestClient, TestServer
from aiohttp.web import Application, Request
from prometheus_client import CollectorRegistry, Counter
from prometheus_client.openmetrics.parser import text_string_to_metric_families as parse_openmetrics
from prometheus_client.parser import text_string_to_metric_families as parse_text

from monitor.core import cloudevent
from monitor.core.model import (
    Cause,
    Event,
    EventType,
    Outcome,
    Severity,
    Status,
    StepExecution,
    StepStatus,
    Target,
    TargetKey,
    TargetState,
)
from monitor.core.pulse import LoopHealth
from monitor.core.records import NextPoll, PollTrace
from monitor.poller import Watched
from monitor.store import Alert, StoredEvent, StoreUnavailable
from monitor.web import build

NOW = datetime(2026, 1, 5, 10, 0, 0, tzinfo=UTC)
SITE = "https://watch.example/monitor"
TOKEN = "correct horse"
EVIL = "<script>alert('1')</script>&\""
KEY = TargetKey("acme", "5870442f", "60dbe307")
API = "/api/v1/targets/acme/5870442f/60dbe307"
PAGE = "/targets/acme/5870442f/60dbe307"


def event(number: int, type: EventType = EventType.STEP_FAILED, key: TargetKey = KEY, text: str = "") -> StoredEvent:
    told = Event(
        id=f"id{number}",
        type=type,
        severity=type.severity,
        summary=text or f"event {number}",
        account=key.account,
        definition=key.definition,
        workflow=key.workflow,
        observed_at=NOW + timedelta(seconds=number),
    )
    return StoredEvent(number, cloudevent.encode(told, base_url="https://api.example", external_url=SITE))


def watched(key: TargetKey = KEY, **changes: Any) -> Watched:
    target = Target(
        key=key,
        interval=10.0,
        name="onboarding-reply",
        definition_name="onboarding",
        labels={"runbook": "https://wiki.example/a?b&c"},
    )
    state = TargetState(
        key=key,
        status=Status.TERMINATED,
        since=NOW,
        first_seen_at=NOW - timedelta(hours=1),
        version=3,
        started_at=NOW - timedelta(hours=2),
        completed_at=NOW - timedelta(seconds=20, microseconds=500_000),
        cause=Cause.FAULT,
        steps=(StepExecution("b2c6", "step1", StepStatus.FAILED, NOW - timedelta(hours=2)),),
    )
    entry = Watched(target, msgspec.structs.replace(state, **changes), NOW)
    entry.traces.append(PollTrace(NOW, Outcome.TIMEOUT, "no answer within 10s", 10.0, ("workflow.terminated",)))
    return entry


class Daemon:
    """What a daemon knows, as plain data."""

    def __init__(self) -> None:
        self.entries: dict[TargetKey, Watched] = {KEY: watched()}
        self.stored: list[StoredEvent] = [event(1)]
        self.open: list[Alert] = []
        self.health: dict[str, LoopHealth] = {"poll acme": LoopHealth(turns=True, idle=0.5)}
        self.reason: str | None = None
        self.errors: tuple[str, ...] = ()
        self.reloads: list[str] = []
        self.disk_fails = False
        self.token: str | None = TOKEN
        self.token_fails: Exception | None = None
        self.registry = CollectorRegistry()

    def loops(self) -> Mapping[str, LoopHealth]:
        return self.health

    def ready(self) -> str | None:
        return self.reason

    def admin_token(self) -> str | None:
        if self.token_fails is not None:
            raise self.token_fails
        return self.token

    async def reload(self, trigger: str) -> tuple[str, ...]:
        self.reloads.append(trigger)
        return self.errors

    def totals(self) -> Mapping[Status, int]:
        statuses = [entry.state.status for entry in self.entries.values()]
        return {status: statuses.count(status) for status in Status}

    def targets(self) -> Iterable[Watched]:
        return self.entries.values()

    def target(self, key: TargetKey) -> Watched | None:
        return self.entries.get(key)

    def next_poll(self, key: TargetKey) -> NextPoll:
        return NextPoll(key, NOW + timedelta(seconds=10), "interval 10s")

    async def events(self, after: int, type: str | None, limit: int) -> tuple[list[StoredEvent], int]:
        self._read()
        found = [
            stored for stored in self.stored if stored.seq > after and type in (None, json.loads(stored.body)["type"])
        ][:limit]
        return found, found[-1].seq if found else after

    async def target_events(self, key: TargetKey) -> list[StoredEvent]:
        self._read()
        subject = f"{key.definition}/{key.workflow}"
        return [stored for stored in self.stored if json.loads(stored.body)["subject"] == subject]

    async def alerts(self) -> list[Alert]:
        self._read()
        return self.open

    def _read(self) -> None:
        if self.disk_fails:
            raise StoreUnavailable("sqlite:////secret/place/monitor.db: the disk is full")


@pytest.fixture
def daemon() -> Daemon:
    return Daemon()


Client = TestClient[Request, Application]


@pytest.fixture
async def client(daemon: Daemon) -> AsyncIterator[Client]:
    application = build(daemon, daemon.registry, external_url=SITE + "/", admin_token=daemon.admin_token)
    async with TestClient(TestServer(application, host="127.0.0.1")) as client:
        yield client


async def asked(client: Client, path: str, status: int = 200) -> Any:
    """The JSON of an answer."""
    async with client.get(path) as response:
        assert response.status == status, await response.text()
        assert response.content_type == "application/json"
        return await response.json()


async def read(client: Client, path: str, status: int = 200) -> str:
    """The text of a page."""
    async with client.get(path) as response:
        assert response.status == status
        assert response.content_type == "text/html"
        return await response.text()


# --- probes ---


async def test_it_is_healthy_while_every_loop_turns(client: Client, daemon: Daemon) -> None:
    answer = await asked(client, "/-/healthy")
    assert answer == {"healthy": True, "loops": {"poll acme": {"turns": True, "idle": 0.5}}}
    daemon.health["deliver oncall"] = LoopHealth(turns=False, idle=61.0)
    answer = await asked(client, "/-/healthy", 503)
    assert answer["healthy"] is False
    assert answer["loops"]["deliver oncall"] == {"turns": False, "idle": 61.0}


async def test_it_says_why_it_is_not_ready(client: Client, daemon: Daemon) -> None:
    assert await asked(client, "/-/ready") == {"ready": True}
    daemon.reason = "the store takes no commits"
    assert await asked(client, "/-/ready", 503) == {"ready": False, "reason": "the store takes no commits"}


@pytest.mark.parametrize(
    ("accept", "content_type", "parse"),
    [
        ("", "text/plain", parse_text),
        (
            "application/openmetrics-text;version=1.0.0,text/plain;q=0.5",
            "application/openmetrics-text",
            parse_openmetrics,
        ),
        ("application/openmetrics-text;version=nonsense", "text/plain", parse_text),
    ],
    ids=["text", "openmetrics", "nonsense"],
)
async def test_metrics_come_in_the_format_that_is_asked_for(
    client: Client, daemon: Daemon, accept: str, content_type: str, parse: Any
) -> None:
    Counter("things_total", "Things.", registry=daemon.registry).inc(3)
    async with client.get("/metrics", headers={"Accept": accept}) as response:
        assert response.status == 200
        assert response.content_type == content_type
        (family,) = parse(await response.text())
    assert [(sample.name, sample.value) for sample in family.samples] == [("things_total", 3.0)]


# --- reload ---


async def reload(client: Client, authorization: str | None) -> ClientResponse:
    headers = {} if authorization is None else {"Authorization": authorization}
    return await client.post("/-/reload", headers=headers)


async def test_reload_with_the_admin_token_reloads(client: Client, daemon: Daemon) -> None:
    response = await reload(client, f"Bearer {TOKEN}")
    assert (response.status, await response.json()) == (200, {"reloaded": True})
    assert daemon.reloads == ["http"]


async def test_reload_of_a_bad_configuration_says_every_error(client: Client, daemon: Daemon) -> None:
    daemon.errors = ("monitor.yaml: server.port: expected a port", "watchlist.yaml: targets[0]: twice")
    response = await reload(client, f"bearer {TOKEN}")
    assert (response.status, await response.json()) == (400, {"errors": list(daemon.errors)})


@pytest.mark.parametrize(
    "authorization",
    [None, "", "Bearer", "Bearer wrong", f"Basic {TOKEN}", TOKEN, f"Bearer {TOKEN}x", "Bearer \u00fc"],
    ids=["none", "empty", "no token", "wrong", "other scheme", "no scheme", "longer", "not ascii"],
)
async def test_reload_without_the_admin_token_changes_nothing(
    client: Client, daemon: Daemon, authorization: str | None
) -> None:
    response = await reload(client, authorization)
    assert response.status == 401
    assert response.headers["WWW-Authenticate"] == "Bearer"
    assert TOKEN not in await response.text()
    assert daemon.reloads == []


@pytest.mark.parametrize("token", [None, ""])
async def test_reload_is_refused_where_no_token_is_configured(
    client: Client, daemon: Daemon, token: str | None
) -> None:
    daemon.token = token
    response = await reload(client, "Bearer ")
    assert response.status == 403
    assert "server.admin_token_file" in (await response.json())["error"]
    assert daemon.reloads == []


@pytest.mark.parametrize("error", [PermissionError("/run/secrets/admin"), ValueError("empty")])
async def test_reload_is_refused_while_the_token_cannot_be_read(
    client: Client, daemon: Daemon, error: Exception
) -> None:
    daemon.token_fails = error
    response = await reload(client, f"Bearer {TOKEN}")
    assert response.status == 403
    assert str(error) not in await response.text()
    assert daemon.reloads == []


async def test_reload_is_no_get(client: Client, daemon: Daemon) -> None:
    answer = await asked(client, "/-/reload", 405)
    assert answer == {"error": "expected POST"}
    assert daemon.reloads == []


# --- targets ---


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


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        ("/api/v1/targets?status=runnable", "status: expected Runnable, Suspended, Complete, Terminated, NotFound or"),
        ("/api/v1/targets?limit=0", "limit: expected a number from 1 to 1000, got '0'"),
        ("/api/v1/targets?limit=1001", "limit: expected a number from 1 to 1000"),
        ("/api/v1/targets?limit=%D9%A3", "limit: expected a number from 1 to 1000"),
        ("/api/v1/targets?after=%25%25", "after: expected the `next` of an earlier answer"),
        ("/api/v1/targets?after=WzFd", "after: expected the `next` of an earlier answer"),
        ("/api/v1/targets?after=%F0%9F%98%80", "after: expected the `next` of an earlier answer"),
        ("/api/v1/targets?state=Runnable", "unknown parameter 'state'; expected status, definition, account, limit or"),
        ("/api/v1/targets?limit=1&limit=2", "limit: expected one value"),
        ("/api/v1/events?after=-1", "after: expected the `next` of an earlier answer, got '-1'"),
        ("/api/v1/events?after=9223372036854775808", "after: expected the `next` of an earlier answer"),
        ("/api/v1/events?type=workflow.exploded", "type: expected workflow.terminated, "),
        ("/api/v1/events?limit=ten", "limit: expected a number from 1 to 1000, got 'ten'"),
        ("/api/v1/alerts?x=1", "unknown parameter 'x'; expected no parameters"),
    ],
)
async def test_a_question_that_is_not_understood_is_told_what_was_expected(
    client: Client, path: str, expected: str
) -> None:
    assert (await asked(client, path, 400))["error"].startswith(expected)


@pytest.mark.parametrize("path", ["/api/v1/targets/acme/x/y", "/api/v1/nothing", "/favicon.ico", "/api/v1/targets/a/b"])
async def test_what_is_not_there_is_a_404(client: Client, path: str) -> None:
    assert (await asked(client, path, 404))["error"]


# --- events ---


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
        ("monitor.*", {EventType.BLIND, EventType.SIGHTED, EventType.SCHEMA_DRIFT}),
        ("workflow.step_*", {EventType.STEP_FAILED, EventType.STEP_CANCELLED}),
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


# --- alerts ---


def alert(**changes: Any) -> Alert:
    opened = Alert(
        id="3f0c",
        type=EventType.TERMINATED,
        severity=Severity.CRITICAL,
        account="acme",
        definition="5870442f",
        workflow="60dbe307",
        name="onboarding-reply",
        summary="onboarding-reply terminated: step1: Invalid subaccount id.",
        opened_at=NOW,
    )
    return msgspec.structs.replace(opened, **changes)


async def test_alerts_say_what_is_open(client: Client, daemon: Daemon) -> None:
    blind = alert(id="77", type=EventType.BLIND, definition=None, workflow=None, name=None, summary="No answer")
    daemon.open = [alert(), blind]
    first, second = (await asked(client, "/api/v1/alerts"))["alerts"]
    assert first == {
        "id": "3f0c",
        "type": "workflow.terminated",
        "severity": "critical",
        "summary": "onboarding-reply terminated: step1: Invalid subaccount id.",
        "account": "acme",
        "definition": "5870442f",
        "workflow": "60dbe307",
        "name": "onboarding-reply",
        "opened_at": "2026-01-05T10:00:00.000000Z",
        "link": f"{SITE}{PAGE}",
    }
    assert "definition" not in second
    assert second["link"] == f"{SITE}/"


# --- a store that cannot be read ---


@pytest.mark.parametrize("path", ["/api/v1/events", "/api/v1/alerts", API])
async def test_json_that_cannot_be_read_is_a_503_without_where_it_lies(
    client: Client, daemon: Daemon, path: str
) -> None:
    daemon.disk_fails = True
    assert await asked(client, path, 503) == {"error": "the store cannot be read now; the log says why"}


@pytest.mark.parametrize("path", ["/", PAGE])
async def test_a_page_shows_what_else_is_known_when_the_store_cannot_be_read(
    client: Client, daemon: Daemon, path: str
) -> None:
    daemon.disk_fails = True
    page = await read(client, path)
    assert "Terminated" in page
    assert "The store cannot be read now" in page
    assert "/secret/place" not in page


# --- pages ---


async def test_the_front_page_leads_everywhere(client: Client, daemon: Daemon) -> None:
    daemon.open = [alert()]
    page = await read(client, "/")
    for path in ("/metrics", "/api/v1/targets", "/api/v1/events", "/api/v1/alerts", "/-/healthy", "/-/ready", PAGE):
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
    daemon.open = [alert(summary=EVIL, workflow=key.workflow)]
    daemon.reason = EVIL
    (link,) = (
        listed["link"] for listed in (await asked(client, "/api/v1/targets"))["targets"] if listed.get("name") == EVIL
    )
    for path in ("/", link.removeprefix(SITE)):
        page = await read(client, path)
        assert "<script" not in page
        assert "&lt;script&gt;alert(&#x27;1&#x27;)&lt;/script&gt;&amp;&quot;" in page
        assert 'href="javascript:' not in page


# --- all answers ---

PATHS = (
    "/",
    PAGE,
    "/targets/a/b/c",
    "/metrics",
    "/-/healthy",
    "/api/v1/targets",
    "/api/v1/targets?limit=0",
    "/nothing",
)


@pytest.mark.parametrize("path", PATHS)
async def test_every_answer_is_guarded(client: Client, path: str) -> None:
    async with client.get(path) as response:
        policy = response.headers["Content-Security-Policy"]
        assert policy.startswith("default-src 'none'; style-src 'sha256-")
        assert "unsafe" not in policy
        assert response.headers["X-Content-Type-Options"] == "nosniff"
        assert response.headers["Referrer-Policy"] == "no-referrer"
        assert response.headers["Server"] == "workflow-monitor"


@pytest.mark.parametrize("path", ["/", PAGE, "/metrics", "/-/healthy", "/api/v1/targets", API, "/api/v1/events"])
@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "PATCH"])
async def test_what_only_reads_takes_no_other_method(client: Client, method: str, path: str) -> None:
    async with client.request(method, path) as response:
        assert response.status == 405
        assert response.headers["Allow"] == "GET, HEAD"
        assert await response.json() == {"error": "expected GET, HEAD"}
