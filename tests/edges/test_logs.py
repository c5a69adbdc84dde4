"""What the log says of each record, how often, and in which form."""

import io
import json
import logging
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec
import pytest
from prometheus_client import CollectorRegistry

from monitor.core.event_types import EventType, Severity
from monitor.core.model import (
    Cause,
    Endpoint,
    Event,
    Outcome,
    Status,
    StepExecution,
    StepStatus,
    Target,
    TargetKey,
    TargetState,
    WorkflowError,
)
from monitor.core.records import (
    AccountRecord,
    DeliveryOutcome,
    DeliveryRecord,
    LaneRecord,
    PollRecord,
    ReloadRecord,
    RequestRecord,
    StoreRecord,
)
from monitor.core.text import cloudevent
from monitor.telemetry import Logs, Telemetry, configure

NOW = datetime(2026, 1, 5, 10, 0, 21, 31000, tzinfo=UTC)
SITE = "http://localhost:8808"


class Log:
    """A configured log, telemetry that writes to it, and what was written."""

    def __init__(self, level: str = "info", form: str = "json", stream: io.StringIO | None = None) -> None:
        self.stream = stream or io.StringIO()
        self.logs: Logs = configure(level, form, self.stream, now=lambda: NOW)
        self.telemetry = Telemetry(CollectorRegistry(), self.logs.log, external_url=SITE)

    def lines(self) -> list[dict[str, Any]]:
        """The lines since the last call."""
        written = [json.loads(line) for line in self.stream.getvalue().splitlines()]
        self.stream.seek(0)
        self.stream.truncate()
        return written

    def told(self) -> list[tuple[str, str]]:
        return [(line["level"], line["event"]) for line in self.lines()]


@pytest.fixture
def log() -> Iterable[Log]:
    log = Log()
    yield log
    log.logs.close()


@pytest.fixture
def verbose() -> Iterable[Log]:
    log = Log("debug")
    yield log
    log.logs.close()


def target(number: int = 0, account: str = "acme") -> Target:
    return Target(key=TargetKey(account, "5870442f", f"w{number}"), interval=30.0, name="onboarding-reply")


def poll(number: int = 0, outcome: Outcome = Outcome.OK, account: str = "acme", **changes: Any) -> PollRecord:
    watched = target(number, account)
    record = PollRecord(
        target=watched,
        before=Status.RUNNABLE,
        state=TargetState(key=watched.key, status=Status.RUNNABLE),
        changed=False,
        outcome=outcome,
        detail="" if outcome is Outcome.OK else "connection refused",
        events=(),
        delay=0.01,
        duration=0.05,
        observed_at=NOW,
        skew=0.0,
    )
    return msgspec.structs.replace(record, **changes)


EVENT = Event(
    id="3f0c",
    type=EventType.TERMINATED,
    severity=Severity.CRITICAL,
    summary="onboarding-reply terminated: step1: Invalid subaccount id.",
    account="acme",
    definition="5870442f",
    workflow="w0",
    name="onboarding-reply",
    version=1,
    from_status=Status.RUNNABLE,
    to_status=Status.TERMINATED,
    cause=Cause.FAULT,
    step=StepExecution("b2c6", "step1", StepStatus.FAILED),
    errors=(WorkflowError("step1", "Invalid subaccount id.", NOW),),
    occurred_at=NOW - timedelta(seconds=19),
    observed_at=NOW,
    last_seen_at=NOW - timedelta(seconds=32),
    labels={"team": "messaging"},
)


# --- polls and events ---


def test_a_line_begins_with_when_how_bad_and_what(log: Log) -> None:
    log.telemetry.poll(poll(changed=True))
    (line,) = log.lines()
    assert list(line)[:3] == ["timestamp", "level", "event"]
    assert line["timestamp"] == "2026-01-05T10:00:21.031000Z"


def test_a_poll_that_changed_something_is_one_line(log: Log) -> None:
    log.telemetry.poll(poll(changed=True))
    (line,) = log.lines()
    assert (line["level"], line["event"], line["account"], line["workflow"]) == ("info", "poll", "acme", "w0")
    assert (line["before"], line["status"], line["outcome"]) == ("Runnable", "Runnable", "ok")


def test_a_poll_that_changed_nothing_is_no_line_unless_it_is_asked_for(log: Log, verbose: Log) -> None:
    log.telemetry.poll(poll())
    assert log.lines() == []
    verbose.telemetry.poll(poll())
    verbose.telemetry.request(RequestRecord("acme", Endpoint.STATUS, Outcome.OK, 0.02, NOW))
    assert verbose.told() == [("debug", "poll"), ("debug", "request")]


def test_an_event_is_one_line_with_the_facts_that_receivers_are_told(log: Log) -> None:
    log.telemetry.poll(poll(changed=True, events=(EVENT,)))
    _, line = log.lines()
    told = json.loads(cloudevent.encode(EVENT, base_url="https://api.example", external_url=SITE))
    assert (line.pop("event"), line.pop("event_id"), line.pop("time")) == (told["type"], told["id"], told["time"])
    assert (line.pop("timestamp"), line.pop("level")) == ("2026-01-05T10:00:21.031000Z", "error")
    assert line == told["data"]


@pytest.mark.parametrize(("severity", "level"), [("info", "info"), ("warning", "warning"), ("critical", "error")])
def test_the_level_of_an_event_is_its_severity(log: Log, severity: str, level: str) -> None:
    told = msgspec.structs.replace(EVENT, severity=Severity(severity))
    log.telemetry.account(AccountRecord("acme", (told,)))
    assert log.told() == [(level, "workflow.terminated")]


def test_a_failing_target_is_a_line_when_it_begins_and_one_when_it_ends(log: Log) -> None:
    for _ in range(5):
        log.telemetry.poll(poll(outcome=Outcome.TIMEOUT))
    log.telemetry.poll(poll(observed_at=NOW + timedelta(seconds=90)))
    log.telemetry.poll(poll())
    began, ended = log.lines()
    assert (began["level"], began["event"], began["outcome"]) == ("warning", "poll.failing", "timeout")
    assert (ended["level"], ended["event"], ended["seconds"]) == ("info", "poll.recovered", 90.0)


def test_when_a_whole_account_fails_one_line_speaks_for_it(log: Log) -> None:
    for _ in range(3):
        for number in range(1000):
            log.telemetry.poll(poll(number, Outcome.CONNECTION))
    told = log.told()
    assert told == [("warning", "poll.failing")] * 10 + [("warning", "account.failing")]
    for number in range(1000):
        log.telemetry.poll(poll(number))
    assert log.told() == [("info", "account.recovered")]
    log.telemetry.poll(poll(outcome=Outcome.CONNECTION))
    assert log.told() == [("warning", "poll.failing")]


def test_one_account_that_fails_says_nothing_about_another(log: Log) -> None:
    log.telemetry.poll(poll(outcome=Outcome.CONNECTION))
    log.telemetry.poll(poll(account="other"))
    log.lines()
    log.telemetry.poll(poll(outcome=Outcome.CONNECTION, account="other"))
    assert log.told() == [("warning", "poll.failing")]


def test_throttled_polls_are_left_to_the_line_of_their_lane(log: Log) -> None:
    log.telemetry.poll(poll(outcome=Outcome.THROTTLED))
    assert log.lines() == []


def test_a_failing_target_that_is_not_watched_any_more_is_forgotten(log: Log) -> None:
    log.telemetry.poll(poll(outcome=Outcome.TIMEOUT))
    log.lines()
    log.telemetry.target_removed(target().key)
    log.telemetry.poll(poll())
    assert log.lines() == []


# --- the rest of the daemon ---


def lane(*, open: bool, rate: float = 10.0) -> LaneRecord:
    return LaneRecord("acme", open=open, requests_per_second=rate, reason="429, Retry-After 30s")


def test_a_lane_is_a_line_when_it_closes_and_one_when_it_opens(log: Log) -> None:
    for record in (lane(open=True), lane(open=False), lane(open=False), lane(open=True), lane(open=True, rate=5.0)):
        log.telemetry.lane(record)
    assert log.told() == [("warning", "lane.closed"), ("info", "lane.opened")]


def delivery(outcome: str, event_id: str = "3f0c") -> DeliveryRecord:
    retry_in = 2.0 if outcome == "retried" else None
    return DeliveryRecord(
        "oncall", event_id, EventType.TERMINATED, DeliveryOutcome(outcome), 1, 0.25, "answer 503", retry_in
    )


def test_a_receiver_that_is_down_is_a_line_when_it_begins_and_one_when_it_ends(log: Log) -> None:
    for outcome, event_id in [("retried", "a"), ("retried", "a"), ("retried", "b"), ("delivered", "a")]:
        log.telemetry.delivery(delivery(outcome, event_id))
    assert log.told() == [("warning", "delivery.failing"), ("info", "delivery")]
    log.telemetry.delivery(delivery("delivered", "b"))
    assert log.told() == [("info", "delivery"), ("info", "delivery.recovered")]


def test_a_dead_delivery_is_an_error(log: Log) -> None:
    log.telemetry.delivery(delivery("dead"))
    (line,) = log.lines()
    assert (line["level"], line["event"], line["detail"]) == ("error", "delivery.dead", "answer 503")


def test_a_reload_is_a_line_with_what_it_changed_or_what_is_wrong(log: Log) -> None:
    log.telemetry.reload(ReloadRecord(successful=True, at=NOW, trigger="sighup", added=2, removed=1))
    log.telemetry.reload(ReloadRecord(successful=False, at=NOW, trigger="file", errors=("a.yaml: x: bad",) * 30))
    loaded, refused = log.lines()
    assert (loaded["event"], loaded["added"], loaded["removed"]) == ("config.loaded", 2, 1)
    assert (refused["level"], refused["event"], refused["number"]) == ("error", "config.refused", 30)
    assert len(refused["errors"]) == 20


def test_a_store_that_fails_is_a_line_when_it_begins_and_one_when_it_ends(log: Log) -> None:
    for available in (True, False, False, True, True):
        log.telemetry.store(StoreRecord(available, "" if available else "the disk is full"))
    assert log.told() == [("error", "store.unavailable"), ("info", "store.available")]


def fail(where: str) -> Exception:
    api_key = "s3cret"
    try:
        raise RuntimeError(where) if api_key else AssertionError
    except RuntimeError as error:
        return error


def test_a_fault_is_told_with_its_traceback_the_first_time_and_then_ever_more_rarely(log: Log) -> None:
    for _ in range(150):
        log.telemetry.fault("poll acme", fail("here"))
    lines = log.lines()
    assert [line["times"] for line in lines] == [1, 10, 100]
    assert "RuntimeError: here" in lines[0]["exception"]


# --- forms ---


@pytest.mark.parametrize("form", ["json", "console"])
def test_a_traceback_shows_no_local_variable(form: str) -> None:
    log = Log(form=form)
    log.telemetry.fault("poll acme", fail("here"))
    log.logs.close()
    assert "RuntimeError: here" in log.stream.getvalue()
    assert "s3cret" not in log.stream.getvalue().replace('api_key = "s3cret"', "")


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


@pytest.mark.parametrize(("stream", "coloured"), [(io.StringIO(), False), (Terminal(), True)], ids=["file", "tty"])
def test_the_console_is_coloured_for_a_terminal_only(stream: io.StringIO, coloured: bool) -> None:
    log = Log(form="console", stream=stream)
    log.telemetry.account(AccountRecord("acme", (EVENT,)))
    log.logs.close()
    written = stream.getvalue()
    assert "workflow.terminated: onboarding-reply terminated: step1: Invalid subaccount id." in written
    assert ("\x1b[" in written) is coloured


def test_no_text_from_outside_forges_a_line_of_the_console() -> None:
    log = Log(form="console")
    log.logs.log.warning("something", detail="bad\n2026 [info] all is well \x1b[2J")
    log.logs.close()
    assert log.stream.getvalue().count("\n") == 1
    assert "\x1b" not in log.stream.getvalue()


def test_what_libraries_warn_of_comes_in_the_same_form(log: Log) -> None:
    logging.getLogger("sqlalchemy.engine").info("SELECT 1")
    logging.getLogger("aiohttp.server").error("bad\nrequest from %s", "127.0.0.1", exc_info=fail("there"))
    (line,) = log.lines()
    assert (line["level"], line["logger"], line["event"]) == (
        "error",
        "aiohttp.server",
        "bad request from 127.0.0.1",
    )
    assert "RuntimeError: there" in line["exception"]


def test_what_anybody_can_make_a_library_say_is_a_line_a_minute() -> None:
    stream, clock = io.StringIO(), [0.0]
    logs = configure("info", "json", stream, now=lambda: NOW, time=lambda: clock[0])
    server, pool = logging.getLogger("aiohttp.server"), logging.getLogger("sqlalchemy.pool")
    for number in range(1000):
        server.error("Error handling request from %s", f"10.0.0.{number}")
    pool.error("lost")
    clock[0] = 60.0
    server.error("Error handling request from %s", "10.0.0.1")
    logs.close()
    lines = [json.loads(line) for line in stream.getvalue().splitlines()]
    assert [(line["logger"], line.get("times")) for line in lines] == [
        ("aiohttp.server", None),
        ("sqlalchemy.pool", None),
        ("aiohttp.server", 1000),
    ]


def test_a_closed_log_leaves_libraries_as_it_found_them() -> None:
    root = logging.getLogger()
    before = root.level, list(root.handlers)
    log = Log()
    log.logs.close()
    assert (root.level, list(root.handlers)) == before
