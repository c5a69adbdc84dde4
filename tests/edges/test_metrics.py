"""The metrics of the contract, to the letter, and what each record does to them."""

import math
import threading
import time
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from io import StringIO
from typing import Any

import msgspec
import pytest
from prometheus_client import CollectorRegistry, Metric
from prometheus_client.openmetrics.parser import text_string_to_metric_families as parse_openmetrics
from prometheus_client.parser import text_string_to_metric_families as parse_text

from monitor import __version__
from monitor.core.event_types import EventType, FactKind, Severity
from monitor.core.listing import Usage
from monitor.core.model import (
    Endpoint,
    Event,
    Outcome,
    Purpose,
    Status,
    StepExecution,
    StepStatus,
    Target,
    TargetKey,
    TargetState,
)
from monitor.core.records import (
    AccountRecord,
    BoundsRecord,
    DeliveryOutcome,
    DeliveryRecord,
    HeartbeatOutcome,
    HeartbeatRecord,
    LaneRecord,
    ListedEndRecord,
    OldestLookRecord,
    OverdueRecord,
    PollRecord,
    ReloadRecord,
    RequestRecord,
    StartRecord,
    StoreRecord,
    UsageRecord,
)
from monitor.telemetry import Telemetry, configure, render
from monitor.telemetry.collectors import LoopIdle, PendingDeliveries

NOW = datetime(2026, 1, 5, 10, 0, 0, tzinfo=UTC)
OPENMETRICS = "application/openmetrics-text; version=1.0.0"

CONTRACT = {
    "workflow_targets": ("gauge", {"account", "definition", "status"}),
    "workflow_transitions_total": ("counter", {"account", "definition", "from_status", "to_status"}),
    "workflow_events_total": ("counter", {"account", "definition", "event", "severity"}),
    "workflow_step_failures_total": ("counter", {"account", "definition", "step"}),
    "workflow_run_duration_seconds": ("histogram", {"account", "definition", "status"}),
    "workflow_started_total": ("counter", {"account", "definition"}),
    "workflow_queue_delay_seconds": ("histogram", {"account", "definition"}),
    "workflow_detection_delay_seconds": ("histogram", {"account", "kind"}),
    "workflow_monitor_detection_bound_seconds": ("gauge", {"account", "definition", "kind"}),
    "workflow_monitor_requests_total": ("counter", {"account", "endpoint", "outcome"}),
    "workflow_monitor_looks_total": ("counter", {"account", "purpose"}),
    "workflow_monitor_request_duration_seconds": ("histogram", {"account", "endpoint"}),
    "workflow_monitor_schedule_delay_seconds": ("histogram", {"account"}),
    "workflow_monitor_lane_open": ("gauge", {"account"}),
    "workflow_monitor_lane_requests_per_second": ("gauge", {"account"}),
    "workflow_monitor_oldest_look_timestamp_seconds": ("gauge", {"account", "kind"}),
    "workflow_monitor_last_success_timestamp_seconds": ("gauge", {"account"}),
    "workflow_monitor_clock_skew_seconds": ("gauge", {"account"}),
    "workflow_account_workflows_allowed": ("gauge", {"account"}),
    "workflow_account_workflows_executed": ("gauge", {"account"}),
    "workflow_monitor_deliveries_total": ("counter", {"receiver", "outcome"}),
    "workflow_monitor_deliveries_pending": ("gauge", {"receiver"}),
    "workflow_monitor_oldest_pending_delivery_timestamp_seconds": ("gauge", {"receiver"}),
    "workflow_monitor_delivery_delay_seconds": ("histogram", {"receiver"}),
    "workflow_monitor_config_last_reload_successful": ("gauge", set()),
    "workflow_monitor_config_last_reload_success_timestamp_seconds": ("gauge", set()),
    "workflow_monitor_build_info": ("gauge", {"version", "python"}),
    "workflow_definition_info": ("gauge", {"account", "definition", "name"}),
    "workflow_target_status": ("gauge", {"account", "definition", "workflow", "name", "status"}),
    "workflow_monitor_target_series_dropped": ("gauge", set()),
}
"""Name: type and labels, as the contract's table has them."""

TARGET = Target(
    key=TargetKey("acme", "5870442f", "60dbe307"),
    interval=30.0,
    name="onboarding-reply",
    definition_name="onboarding",
)
RUNNING = TargetState(key=TARGET.key, status=Status.RUNNABLE, started_at=NOW - timedelta(hours=2))
ENDED = msgspec.structs.replace(RUNNING, status=Status.TERMINATED, completed_at=NOW - timedelta(seconds=20))


def poll_record(**changes: Any) -> PollRecord:
    unchanged = PollRecord(
        target=TARGET,
        before=Status.RUNNABLE,
        state=RUNNING,
        changed=False,
        outcome=Outcome.OK,
        detail="",
        events=(),
        delay=0.02,
        duration=0.1,
        observed_at=NOW,
        skew=0.0,
    )
    return msgspec.structs.replace(unchanged, **changes)


def event(type: EventType = EventType.TERMINATED, **changes: Any) -> Event:
    told = Event(
        id="3f0c",
        type=type,
        severity=type.severity,
        summary="onboarding-reply terminated",
        account="acme",
        definition=TARGET.key.definition,
        definition_name=TARGET.definition_name,
        workflow=TARGET.key.workflow,
        occurred_at=NOW - timedelta(seconds=20),
        observed_at=NOW,
        last_seen_at=NOW - timedelta(seconds=30),
    )
    return msgspec.structs.replace(told, **changes)


class Scene:
    """A registry, and the telemetry that fills it."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        self.pending: dict[str, tuple[int, datetime | None]] = {}
        self.idle: dict[str, float] = {}
        self.logs = configure("info", "json", StringIO(), now=lambda: NOW)
        self.telemetry = Telemetry(
            self.registry,
            self.logs.log,
            external_url="http://localhost:8808",
            receivers=["oncall"],
        )
        self.registry.register(PendingDeliveries(lambda: self.pending, ["oncall"]))
        self.registry.register(LoopIdle(lambda: self.idle))
        self.telemetry.watch("acme")

    def value(self, metric: str, /, **labels: str) -> float | None:
        return self.registry.get_sample_value(metric, labels)

    def families(self) -> dict[str, Metric]:
        _, body = render(self.registry, "")
        return {family.name: family for family in parse_text(body.decode())}


@pytest.fixture
def scene() -> Iterable[Scene]:
    scene = Scene()
    yield scene
    scene.logs.close()


def exercise(scene: Scene) -> None:
    """At least one of everything."""
    step = StepExecution("b2c6", "step1", StepStatus.FAILED)
    told = (event(), event(EventType.STEP_FAILED, step=step))
    telemetry = scene.telemetry
    telemetry.target_added(TARGET, RUNNING)
    telemetry.request(RequestRecord("acme", Endpoint.STATUS, Outcome.OK, 0.02, NOW, 0.5))
    telemetry.poll(poll_record(state=ENDED, changed=True, events=told))
    telemetry.definition_named("acme", "5870442f", "onboarding")
    telemetry.account(AccountRecord("acme", (event(EventType.BLIND, definition=None, workflow=None),)))
    telemetry.lane(LaneRecord("acme", open=False, requests_per_second=5.0, reason="429"))
    telemetry.oldest_look(OldestLookRecord("acme", NOW, NOW))
    telemetry.bounds(BoundsRecord("acme", {("5870442f", FactKind.END): 4.0}))
    telemetry.usage(UsageRecord("acme", Usage(50_000, 1_200)))
    telemetry.delivery(DeliveryRecord("oncall", "3f0c", EventType.TERMINATED, DeliveryOutcome.DELIVERED, 1, 0.03))
    telemetry.reload(ReloadRecord(successful=True, at=NOW, trigger="start", added=1))
    scene.pending["oncall"] = (3, NOW)


@pytest.mark.parametrize("name", CONTRACT)
def test_a_metric_is_as_the_contract_names_it(scene: Scene, name: str) -> None:
    kind, labels = CONTRACT[name]
    exercise(scene)
    family = scene.families()[name.removesuffix("_total") if kind == "counter" else name]
    assert family.type == kind
    assert family.samples
    assert {frozenset(sample.labels) - {"le"} for sample in family.samples} == {frozenset(labels)}
    assert family.documentation


OF_OURSELVES = {
    "workflow_monitor_faults",
    "workflow_monitor_store_available",
    "workflow_monitor_loop_idle_seconds",
    "workflow_monitor_heartbeat_last_success_timestamp_seconds",
    "workflow_monitor_alerts_open",
    "workflow_monitor_targets_leaving",
    "workflow_monitor_watchlist_halved",
}


def test_there_is_no_metric_beside_the_contract_but_those_about_ourselves(scene: Scene) -> None:
    exercise(scene)
    expected = {name.removesuffix("_total") if kind == "counter" else name for name, (kind, _) in CONTRACT.items()}
    families = {name for name in scene.families() if not name.startswith("process_")}
    assert families == expected | OF_OURSELVES


@pytest.mark.parametrize("parse", [pytest.param((parse_text, ""), id="text"), (parse_openmetrics, OPENMETRICS)])
def test_both_formats_are_parsed_and_say_the_same(scene: Scene, parse: Any) -> None:
    read, accept = parse
    exercise(scene)
    content_type, body = render(scene.registry, accept)
    assert content_type.startswith(accept.split(";")[0] or "text/plain")
    samples = {
        (sample.name, frozenset(sample.labels.items())): sample.value
        for family in read(body.decode())
        for sample in family.samples
    }
    assert not [name for name, _ in samples if name.endswith("_created")]
    labels = {"account": "acme", "endpoint": "status", "outcome": "ok"}
    assert samples["workflow_monitor_requests_total", frozenset(labels.items())] == 1.0


@pytest.mark.parametrize("accept", ["application/openmetrics-text; version=x.y", "text/plain;version=q", "*/*", ";,;="])
def test_an_accept_header_that_makes_no_sense_gets_the_text_format(scene: Scene, accept: str) -> None:
    assert render(scene.registry, accept)[0].startswith("text/plain; version=0.0.4")


def test_counters_of_a_watched_account_are_there_before_the_first_failure(scene: Scene) -> None:
    for endpoint in Endpoint:
        for outcome in Outcome:
            labels = {"account": "acme", "endpoint": endpoint.value, "outcome": outcome.value}
            assert scene.value("workflow_monitor_requests_total", **labels) == 0.0
        duration = scene.value(
            "workflow_monitor_request_duration_seconds_count", account="acme", endpoint=endpoint.value
        )
        assert duration == 0.0
    for type_ in [each for each in EventType if each.of_account]:
        labels = {"account": "acme", "definition": "", "event": type_.value, "severity": type_.severity.value}
        assert scene.value("workflow_events_total", **labels) == 0.0
    for kind in FactKind:
        assert scene.value("workflow_detection_delay_seconds_count", account="acme", kind=kind.value) == 0.0
    assert scene.value("workflow_monitor_schedule_delay_seconds_count", account="acme") == 0.0


@pytest.mark.parametrize(
    ("endpoint", "confirms", "purpose"),
    [
        (Endpoint.LIST, False, Purpose.ENDS),
        (Endpoint.STATUS, False, Purpose.STEPS),
        (Endpoint.STATUS, True, Purpose.CONFIRM),
        (Endpoint.ERRORS, False, Purpose.EXPLAIN),
        (Endpoint.DEFINITIONS, False, Purpose.DEFINITIONS),
        (Endpoint.USAGE, False, Purpose.USAGE),
    ],
)
def test_a_request_counts_for_its_purpose(scene: Scene, endpoint: Endpoint, confirms: bool, purpose: Purpose) -> None:
    scene.telemetry.request(RequestRecord("acme", endpoint, Outcome.OK, 0.1, NOW, confirms=confirms))
    counts = {each: scene.value("workflow_monitor_looks_total", account="acme", purpose=each.value) for each in Purpose}
    assert counts == {each: float(each is purpose) for each in Purpose}


def test_counters_of_a_watched_definition_are_there_before_the_first_failure(scene: Scene) -> None:
    target = msgspec.structs.replace(TARGET, severities={EventType.SUSPENDED: Severity.INFO})
    scene.telemetry.target_added(target, RUNNING)
    place = {"account": "acme", "definition": "5870442f"}
    for type_, severity in [
        *((own, each) for own in EventType if not own.of_account for each in own.facts.severities),
        (EventType.SUSPENDED, Severity.INFO),
    ]:
        labels = {"event": type_.value, "severity": severity.value}
        assert scene.value("workflow_events_total", **place, **labels) == 0.0
    for before in Status:
        for after in Status:
            number = scene.value("workflow_transitions_total", **place, from_status=before.value, to_status=after.value)
            assert number == (None if before.ended or before is after else 0.0)
    for status in (Status.COMPLETE, Status.TERMINATED):
        assert scene.value("workflow_run_duration_seconds_count", **place, status=status.value) == 0.0
    assert scene.value("workflow_started_total", **place) == 0.0
    assert scene.value("workflow_queue_delay_seconds_count", **place) == 0.0


def test_the_oldest_look_goes_with_what_is_looked_at_and_with_its_account(scene: Scene) -> None:
    def shown() -> list[float | None]:
        name = "workflow_monitor_oldest_look_timestamp_seconds"
        return [scene.value(name, account="acme", kind=kind) for kind in ("end", "step")]

    assert shown() == [None, None]
    scene.telemetry.oldest_look(OldestLookRecord("acme", NOW, NOW - timedelta(minutes=5)))
    assert shown() == [NOW.timestamp(), NOW.timestamp() - 300.0]
    scene.telemetry.oldest_look(OldestLookRecord("acme", None, NOW))
    assert shown() == [None, NOW.timestamp()]
    scene.telemetry.unwatch("acme")
    scene.telemetry.oldest_look(OldestLookRecord("acme", NOW, NOW))
    assert shown() == [None, None]


def test_bounds_are_those_of_the_last_plan_and_go_with_their_account(scene: Scene) -> None:
    def shown(definition: str, kind: FactKind) -> float | None:
        name = "workflow_monitor_detection_bound_seconds"
        return scene.value(name, account="acme", definition=definition, kind=kind.value)

    scene.telemetry.bounds(BoundsRecord("acme", {("orders", FactKind.END): 4.0, ("orders", FactKind.STEP): math.inf}))
    assert [shown("orders", kind) for kind in (FactKind.END, FactKind.STEP)] == [4.0, math.inf]
    scene.telemetry.bounds(BoundsRecord("acme", {("calls", FactKind.END): 5.0}))
    assert [shown("orders", FactKind.END), shown("calls", FactKind.END)] == [None, 5.0]
    scene.telemetry.unwatch("acme")
    scene.telemetry.bounds(BoundsRecord("acme", {("calls", FactKind.END): 5.0}))
    assert shown("calls", FactKind.END) is None


def test_of_more_bounds_than_there_may_be_series_the_worst_are_shown(scene: Scene) -> None:
    worst = {(f"d{number}", FactKind.END): float(number) for number in range(1100)}
    scene.telemetry.bounds(BoundsRecord("acme", worst))
    (family,) = [each for each in scene.registry.collect() if each.name == "workflow_monitor_detection_bound_seconds"]
    assert sorted(sample.value for sample in family.samples) == [float(number) for number in range(100, 1100)]


def test_a_followed_definition_counts_starts_from_0_under_its_alias(scene: Scene) -> None:
    place = {"account": "acme", "definition": "orders"}
    scene.telemetry.definition_followed("acme", "orders", NOW)
    assert scene.value("workflow_started_total", **place) == 0.0
    target = msgspec.structs.replace(TARGET, definition_alias="orders")
    for delay in (0.2, 40.0, None):
        scene.telemetry.begun(StartRecord(target, delay))
    assert scene.value("workflow_started_total", **place) == 3.0
    assert scene.value("workflow_queue_delay_seconds_count", **place) == 2.0
    assert scene.value("workflow_queue_delay_seconds_bucket", **place, le="1.0") == 1.0
    assert scene.value("workflow_queue_delay_seconds_sum", **place) == pytest.approx(40.2)


def test_counters_of_a_receiver_are_there_before_the_first_delivery(scene: Scene) -> None:
    for outcome in DeliveryOutcome:
        assert scene.value("workflow_monitor_deliveries_total", receiver="oncall", outcome=outcome.value) == 0.0
    assert scene.value("workflow_monitor_delivery_delay_seconds_count", receiver="oncall") == 0.0
    assert scene.value("workflow_monitor_deliveries_pending", receiver="oncall") == 0.0


def test_a_request_is_counted_with_its_outcome_and_duration(scene: Scene) -> None:
    scene.telemetry.request(RequestRecord("acme", Endpoint.ERRORS, Outcome.TIMEOUT, 10.0, NOW, None))
    labels = {"account": "acme", "endpoint": "errors"}
    assert scene.value("workflow_monitor_requests_total", **labels, outcome="timeout") == 1.0
    assert scene.value("workflow_monitor_request_duration_seconds_sum", **labels) == 10.0


def test_only_a_request_that_succeeded_moves_the_last_success(scene: Scene) -> None:
    name = "workflow_monitor_last_success_timestamp_seconds"
    assert scene.value(name, account="acme") == 0.0
    scene.telemetry.request(RequestRecord("acme", Endpoint.STATUS, Outcome.NOT_FOUND, 0.1, NOW, None))
    assert scene.value(name, account="acme") == 0.0
    scene.telemetry.request(RequestRecord("acme", Endpoint.STATUS, Outcome.OK, 0.1, NOW, -1.5))
    assert scene.value(name, account="acme") == NOW.timestamp()
    assert scene.value("workflow_monitor_clock_skew_seconds", account="acme") == -1.5


def test_the_use_of_an_account_is_shown_once_the_api_tells_it_and_while_the_account_is_watched(scene: Scene) -> None:
    allowed, executed = "workflow_account_workflows_allowed", "workflow_account_workflows_executed"
    assert scene.value(executed, account="acme") is None
    scene.telemetry.usage(UsageRecord("acme", Usage(None, 1_200)))
    assert (scene.value(allowed, account="acme"), scene.value(executed, account="acme")) == (None, 1_200)
    scene.telemetry.unwatch("acme")
    scene.telemetry.usage(UsageRecord("acme", Usage(50_000, 1_300)))
    assert (scene.value(allowed, account="acme"), scene.value(executed, account="acme")) == (None, None)


def test_an_end_is_counted_once_with_how_long_the_run_was(scene: Scene) -> None:
    scene.telemetry.target_added(TARGET, RUNNING)
    scene.telemetry.poll(poll_record(state=ENDED, changed=True))
    place = {"account": "acme", "definition": "5870442f"}
    transition = {"from_status": "Runnable", "to_status": "Terminated"}
    assert scene.value("workflow_transitions_total", **place, **transition) == 1.0
    assert scene.value("workflow_run_duration_seconds_sum", **place, status="Terminated") == 7180.0
    assert scene.value("workflow_targets", **place, status="Runnable") == 0.0
    assert scene.value("workflow_targets", **place, status="Terminated") == 1.0


@pytest.mark.parametrize(
    ("changes", "skew", "count", "seconds"),
    [
        pytest.param({}, 0.0, 1, 20.0, id="occurred to observed"),
        pytest.param({}, -5.0, 1, 15.0, id="in our clock"),
        pytest.param({"occurred_at": NOW + timedelta(seconds=9)}, 0.0, 1, 0.0, id="never negative"),
        pytest.param({"occurred_at": None}, 0.0, 0, 0.0, id="the API does not tell when"),
        pytest.param({"last_seen_at": None}, 0.0, 0, 0.0, id="before the first look"),
    ],
)
def test_detection_delay(scene: Scene, changes: Any, skew: float, count: int, seconds: float) -> None:
    scene.telemetry.poll(poll_record(events=(event(**changes),), skew=skew))
    assert scene.value("workflow_detection_delay_seconds_count", account="acme", kind="end") == count
    assert scene.value("workflow_detection_delay_seconds_sum", account="acme", kind="end") == seconds


@pytest.mark.parametrize(
    ("type", "kind"),
    [
        (EventType.TERMINATED, "end"),
        (EventType.COMPLETED, "end"),
        (EventType.STEP_FAILED, "step"),
        (EventType.STEP_CANCELLED, "step"),
        (EventType.STEP_OVERDUE, "condition"),
        (EventType.OVERDUE, "condition"),
    ],
)
def test_a_detection_delay_counts_by_what_is_detected(scene: Scene, type: EventType, kind: str) -> None:
    scene.telemetry.overdue(OverdueRecord(TARGET, (event(type=type),), 0.0))
    counts = {
        each.value: scene.value("workflow_detection_delay_seconds_count", account="acme", kind=each.value)
        for each in FactKind
    }
    assert counts == {each.value: float(each.value == kind) for each in FactKind}


@pytest.mark.parametrize(
    ("since", "count"),
    [(timedelta(seconds=30), 1), (timedelta(seconds=20), 1), (timedelta(seconds=10), 0)],
    ids=["while lists were read", "at the first look", "before the first look"],
)
def test_an_end_on_a_list_counts_if_lists_were_read_when_it_occurred(
    scene: Scene, since: timedelta, count: int
) -> None:
    scene.telemetry.definition_followed("acme", "5870442f", NOW - since)
    record = ListedEndRecord(TARGET, Status.RUNNABLE, ENDED, (event(last_seen_at=None),), -5.0)
    scene.telemetry.listed_end(record)
    assert scene.value("workflow_detection_delay_seconds_count", account="acme", kind="end") == count
    assert scene.value("workflow_detection_delay_seconds_sum", account="acme", kind="end") == 15.0 * count


def test_a_step_is_counted_with_zero_as_soon_as_it_is_seen(scene: Scene) -> None:
    def failures(step: str) -> float | None:
        return scene.value("workflow_step_failures_total", account="acme", definition="5870442f", step=step)

    first, second = (StepExecution(f"id-{name}", name, StepStatus.RUNNING) for name in ("first", "second"))
    scene.telemetry.target_added(TARGET, msgspec.structs.replace(RUNNING, steps=(first,)))
    assert (failures("first"), failures("second")) == (0.0, None)
    went_on = msgspec.structs.replace(RUNNING, steps=(first, second))
    scene.telemetry.poll(poll_record(state=went_on, changed=True))
    assert (failures("first"), failures("second")) == (0.0, 0.0)
    failed = msgspec.structs.replace(second, status=StepStatus.FAILED)
    scene.telemetry.poll(poll_record(events=(event(EventType.STEP_FAILED, step=failed),)))
    assert (failures("first"), failures("second")) == (0.0, 1.0)


def test_the_steps_of_a_definition_that_are_counted_by_name_are_bounded_before_they_fail(scene: Scene) -> None:
    steps = tuple(StepExecution(f"id{n}", f"step{n}", StepStatus.COMPLETE) for n in range(300))
    scene.telemetry.target_added(TARGET, msgspec.structs.replace(RUNNING, steps=steps))
    samples = [
        sample.labels["step"]
        for sample in scene.families()["workflow_step_failures"].samples
        if sample.name.endswith("_total")
    ]
    assert samples == [*(f"step{n}" for n in range(200)), "(other)"]


def test_a_step_that_fails_is_counted_by_its_name_and_names_are_bounded(scene: Scene) -> None:
    for number in range(300):
        step = StepExecution(f"id{number}", f"step{number}", StepStatus.FAILED)
        scene.telemetry.poll(poll_record(events=(event(EventType.STEP_FAILED, step=step),)))
    place = {"account": "acme", "definition": "5870442f"}
    assert scene.value("workflow_step_failures_total", **place, step="step0") == 1.0
    assert scene.value("workflow_step_failures_total", **place, step="(other)") == 100.0


def test_an_event_about_an_account_has_no_definition(scene: Scene) -> None:
    drift = event(EventType.SCHEMA_DRIFT, reason="status:Paused")
    scene.telemetry.poll(poll_record(events=(drift,)))
    labels = {"account": "acme", "definition": "", "event": "monitor.schema_drift", "severity": "warning"}
    assert scene.value("workflow_events_total", **labels) == 1.0


def test_the_store_takes_commits_until_it_is_said_that_it_does_not(scene: Scene) -> None:
    name = "workflow_monitor_store_available"
    assert scene.value(name) == 1.0
    scene.telemetry.store(StoreRecord(available=False, detail="disk full"))
    assert scene.value(name) == 0.0
    scene.telemetry.store(StoreRecord(available=True))
    assert scene.value(name) == 1.0


def test_open_alerts_are_counted_by_severity_from_the_start(scene: Scene) -> None:
    def shown() -> list[float | None]:
        return [scene.value("workflow_monitor_alerts_open", severity=severity.value) for severity in Severity]

    assert shown() == [0.0, 0.0, 0.0]
    scene.telemetry.alerts_open({Severity.CRITICAL: 2, Severity.WARNING: 5})
    scene.telemetry.alerts_open({Severity.WARNING: 4})
    assert scene.value("workflow_monitor_alerts_open", severity="warning") == 4.0
    assert sorted(shown(), key=str) == [0.0, 0.0, 4.0]


def test_the_heartbeat_shows_when_it_was_last_acknowledged(scene: Scene) -> None:
    name = "workflow_monitor_heartbeat_last_success_timestamp_seconds"
    assert scene.value(name) == 0.0
    scene.telemetry.heartbeat(HeartbeatRecord(NOW, HeartbeatOutcome.PINGED))
    for outcome in (HeartbeatOutcome.FAILED, HeartbeatOutcome.WITHHELD):
        scene.telemetry.heartbeat(HeartbeatRecord(NOW + timedelta(minutes=1), outcome, "why"))
    assert scene.value(name) == NOW.timestamp()


def test_a_loop_shows_how_long_ago_it_turned_as_long_as_it_runs(scene: Scene) -> None:
    name = "workflow_monitor_loop_idle_seconds"
    scene.idle["commit"] = 12.5
    assert scene.value(name, loop="commit") == 12.5
    scene.idle.clear()
    assert scene.value(name, loop="commit") is None


def test_the_process_says_when_it_started_so_that_restarts_are_seen(scene: Scene) -> None:
    started = scene.value("process_start_time_seconds")
    assert started is not None
    assert 0 < time.time() - started < 86400


def test_a_lane_shows_whether_it_is_open_and_its_rate(scene: Scene) -> None:
    assert scene.value("workflow_monitor_lane_open", account="acme") == 1.0
    assert scene.value("workflow_monitor_lane_requests_per_second", account="acme") is None
    scene.telemetry.watch("acme", requests_per_second=10.0)
    assert scene.value("workflow_monitor_lane_requests_per_second", account="acme") == 10.0
    scene.telemetry.lane(LaneRecord("acme", open=False, requests_per_second=2.5, reason="429"))
    assert scene.value("workflow_monitor_lane_open", account="acme") == 0.0
    assert scene.value("workflow_monitor_lane_requests_per_second", account="acme") == 2.5


def test_an_account_that_is_not_watched_any_more_keeps_its_counters_only(scene: Scene) -> None:
    exercise(scene)
    scene.telemetry.unwatch("acme")
    assert scene.value("workflow_monitor_lane_open", account="acme") is None
    assert scene.value("workflow_monitor_last_success_timestamp_seconds", account="acme") is None
    labels = {"account": "acme", "endpoint": "status", "outcome": "ok"}
    assert scene.value("workflow_monitor_requests_total", **labels) == 1.0


def test_what_ends_after_its_account_left_is_counted_and_brings_no_gauge_back(scene: Scene) -> None:
    scene.telemetry.unwatch("acme")
    exercise(scene)
    gauges = ("lane_open", "lane_requests_per_second", "last_success_timestamp_seconds", "clock_skew_seconds")
    assert {scene.value(f"workflow_monitor_{name}", account="acme") for name in gauges} == {None}
    labels = {"account": "acme", "endpoint": "status", "outcome": "ok"}
    assert scene.value("workflow_monitor_requests_total", **labels) == 1.0


def test_the_oldest_pending_delivery_is_absent_while_nothing_is_pending(scene: Scene) -> None:
    name = "workflow_monitor_oldest_pending_delivery_timestamp_seconds"
    assert scene.value(name, receiver="oncall") is None
    scene.pending["oncall"] = (2, NOW)
    assert scene.value(name, receiver="oncall") == NOW.timestamp()
    assert scene.value("workflow_monitor_deliveries_pending", receiver="oncall") == 2.0


@pytest.mark.parametrize(("outcome", "observed"), [("delivered", 1.0), ("retried", 0.0), ("dead", 0.0)])
def test_only_an_acknowledged_delivery_has_a_delay(scene: Scene, outcome: str, observed: float) -> None:
    record = DeliveryRecord("oncall", "3f0c", EventType.TERMINATED, DeliveryOutcome(outcome), 1, 0.2, "500")
    scene.telemetry.delivery(record)
    assert scene.value("workflow_monitor_deliveries_total", receiver="oncall", outcome=outcome) == 1.0
    assert scene.value("workflow_monitor_delivery_delay_seconds_count", receiver="oncall") == observed


def test_a_refused_reload_keeps_the_time_of_the_last_good_one(scene: Scene) -> None:
    scene.telemetry.reload(ReloadRecord(successful=True, at=NOW, trigger="start"))
    later = NOW + timedelta(hours=1)
    scene.telemetry.reload(ReloadRecord(successful=False, at=later, trigger="file", errors=("a.yaml: bad",)))
    assert scene.value("workflow_monitor_config_last_reload_successful") == 0.0
    assert scene.value("workflow_monitor_config_last_reload_success_timestamp_seconds") == NOW.timestamp()


def test_the_build_is_known_by_its_version(scene: Scene) -> None:
    sample, *others = scene.families()["workflow_monitor_build_info"].samples
    assert not others
    assert sample.labels["version"] == __version__
    assert sample.value == 1.0


def test_a_poll_that_ends_after_its_target_was_removed_counts_nothing(scene: Scene) -> None:
    scene.telemetry.target_added(TARGET, RUNNING)
    scene.telemetry.target_removed(TARGET.key)
    scene.telemetry.poll(poll_record(state=ENDED, changed=True))
    assert sum(scene.telemetry.totals().values()) == 0
    place = {"account": "acme", "definition": "5870442f"}
    assert {scene.value("workflow_targets", **place, status=status.value) for status in Status} == {0.0}


def test_a_target_with_a_name_has_a_series_per_status(scene: Scene) -> None:
    scene.telemetry.target_added(TARGET, RUNNING)
    labels = {"account": "acme", "definition": "5870442f", "workflow": "60dbe307", "name": "onboarding-reply"}

    def believed() -> dict[str, float | None]:
        return {status.value: scene.value("workflow_target_status", **labels, status=status.value) for status in Status}

    assert believed() == {status.value: float(status is Status.RUNNABLE) for status in Status}
    scene.telemetry.poll(poll_record(state=ENDED, changed=True))
    assert believed() == {status.value: float(status is Status.TERMINATED) for status in Status}
    scene.telemetry.target_removed(TARGET.key)
    assert set(believed().values()) == {None}


def test_a_scrape_in_another_thread_does_not_mind_what_changes_meanwhile(scene: Scene) -> None:
    done = threading.Event()
    failures: list[Exception] = []

    def scrape() -> None:
        try:
            while not done.is_set():
                render(scene.registry, OPENMETRICS)
        except Exception as error:  # noqa: BLE001 - told to the test's own thread
            failures.append(error)

    thread = threading.Thread(target=scrape)
    thread.start()
    for number in range(3000):
        key = TargetKey("acme", f"d{number % 50}", f"w{number}")
        target = Target(key=key, interval=1.0, name=f"n{number}")
        scene.telemetry.target_added(target, TargetState(key=key))
        scene.telemetry.poll(poll_record(target=target, before=Status.UNKNOWN, state=RUNNING, changed=False))
        scene.telemetry.target_removed(key)
    done.set()
    thread.join()
    assert not failures


def test_no_bucket_is_out_of_order(scene: Scene) -> None:
    exercise(scene)
    for family in scene.families().values():
        series: dict[frozenset[tuple[str, str]], list[float]] = {}
        for sample in family.samples:
            if sample.name.endswith("_bucket"):
                labels = frozenset((k, v) for k, v in sample.labels.items() if k != "le")
                series.setdefault(labels, []).append(float(sample.labels["le"]))
        for bounds in series.values():
            assert bounds == sorted(set(bounds))
            assert bounds[-1] == math.inf


def test_a_definition_has_one_name_and_a_newer_one_takes_its_place(scene: Scene) -> None:
    place = {"account": "acme", "definition": "5870442f"}
    scene.telemetry.target_added(TARGET, RUNNING)
    for name in ("order", "Order reminder", "Order reminder"):
        scene.telemetry.definition_named("acme", "5870442f", name)
    assert scene.value("workflow_definition_info", **place, name="order") is None
    assert scene.value("workflow_definition_info", **place, name="Order reminder") == 1
    scene.telemetry.target_removed(TARGET.key)
    assert scene.value("workflow_definition_info", **place, name="Order reminder") is None


def test_the_name_of_a_definition_joins_by_its_alias(scene: Scene) -> None:
    scene.telemetry.definition_named("acme", "5870442f", "Order reminder")
    scene.telemetry.target_added(msgspec.structs.replace(TARGET, definition_alias="orders"), RUNNING)
    place = {"account": "acme", "name": "Order reminder"}
    assert scene.value("workflow_definition_info", definition="orders", **place) == 1
    assert scene.value("workflow_definition_info", definition="5870442f", **place) is None
