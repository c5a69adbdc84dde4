"""Records to numbers. The children of every account are looked up once and kept, so that a poll is a few dict reads."""

import platform
from collections.abc import Iterable, Mapping
from datetime import datetime

from prometheus_client import CollectorRegistry, Counter, Gauge, ProcessCollector

from monitor import __version__
from monitor.core.detection.clock_skew import detection_delay
from monitor.core.event_types import EventType, FactKind, Severity
from monitor.core.model import Endpoint, Event, Outcome, Purpose, Status, Target, TargetKey, TargetState
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
from monitor.telemetry.collectors import DefinitionNames, DetectionBounds, NamedTargets, TargetsByStatus
from monitor.telemetry.families import Families
from monitor.telemetry.histogram import FastHistogram

_MOST_STEPS = 200
"""Steps per definition that get a series; their names come from the API, and must not fill the memory."""
_OTHER_STEPS = "(other)"

_OF_ACCOUNTS = tuple(type_ for type_ in EventType if type_.of_account)
_OF_WORKFLOWS = tuple(type_ for type_ in EventType if not type_.of_account)
_TRANSITIONS = tuple(
    (before, after) for before in Status if not before.ended for after in Status if before is not after
)
"""An ended target is not polled again, so its status never changes."""


class _AccountMetrics:
    """The children of one account."""

    def __init__(self, families: Families, account: str) -> None:
        self.requests: Mapping[Endpoint, Mapping[Outcome, Counter]] = {
            endpoint: {outcome: families.requests.labels(account, endpoint.value, outcome.value) for outcome in Outcome}
            for endpoint in Endpoint
        }
        self.looks: Mapping[Purpose, Counter] = {
            purpose: families.looks.labels(account, purpose.value) for purpose in Purpose
        }
        self.durations: Mapping[Endpoint, FastHistogram] = {
            endpoint: families.request_duration.labels(account, endpoint.value) for endpoint in Endpoint
        }
        self.schedule_delay = families.schedule_delay.labels(account)
        for kind in FactKind:
            families.detection_delay.labels(account, kind.value)
        self.succeeded_at = 0.0
        self.skew = 0.0
        # Read by a scrape, which is rare, rather than set by each request.
        families.last_success.labels(account).set_function(lambda: self.succeeded_at)
        families.clock_skew.labels(account).set_function(lambda: self.skew)
        self.lane_open: Gauge = families.lane_open.labels(account)
        self.lane_open.set(1)
        for type_ in _OF_ACCOUNTS:
            families.events.labels(account, "", type_.value, type_.severity.value)


class Metrics:
    """The numbers of one daemon in one registry."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self._families = Families(registry)
        self._families.build.info({"version": __version__, "python": platform.python_version()})
        self._census = TargetsByStatus()
        self._names = DefinitionNames(self._census.watches)
        self._named = NamedTargets()
        self._bounds = DetectionBounds()
        for collector in (self._census, self._names, self._named, self._bounds):
            registry.register(collector)
        for loop in ("commit", "deadlines", "definitions", "usage"):
            self._families.faults.labels(loop)
        ProcessCollector(registry=registry)
        self._families.store_available.set(1)
        self.alerts_open({})
        self._accounts: dict[str, _AccountMetrics] = {}
        self._definitions: set[tuple[str, str]] = set()
        self._steps: dict[tuple[str, str], dict[str, Counter]] = {}
        self._followed: dict[tuple[str, str], datetime] = {}
        """Since when the lists of a definition are read, on the API's clock."""

    # --- series that exist with 0 from the start ---

    def watch(self, account: str, requests_per_second: float | None) -> None:
        """Create the account's gauges; no other method does."""
        if account not in self._accounts:
            self._accounts[account] = _AccountMetrics(self._families, account)
        for loop in (f"poll {account}", f"look {account}"):
            self._families.faults.labels(loop)
        if requests_per_second is not None:
            self._families.lane_rate.labels(account).set(requests_per_second)

    def unwatch(self, account: str) -> None:
        """Remove its gauges; its counters stay, so that queries over them go on."""
        families = self._families
        if self._accounts.pop(account, None) is not None:
            for gauge in (families.lane_open, families.lane_rate, families.last_success, families.clock_skew):
                gauge.remove(account)
            for gauge in (families.workflows_allowed, families.workflows_executed, families.oldest_look):
                gauge.remove_by_labels({"account": account})
            self._bounds.replace(account, {})

    def receiver(self, receiver: str) -> None:
        for outcome in DeliveryOutcome:
            self._families.deliveries.labels(receiver, outcome.value)
        self._families.delivery_delay.labels(receiver)
        self._families.faults.labels(f"deliver {receiver}")

    def _definition(self, account: str, definition: str) -> None:
        if (account, definition) in self._definitions:
            return
        self._definitions.add((account, definition))
        families = self._families
        for before, after in _TRANSITIONS:
            families.transitions.labels(account, definition, before.value, after.value)
        for type_ in _OF_WORKFLOWS:
            for severity in type_.facts.severities:
                families.events.labels(account, definition, type_.value, severity.value)
        for status in (Status.COMPLETE, Status.TERMINATED):
            families.run_duration.labels(account, definition, status.value)
        families.started.labels(account, definition)
        families.queue_delay.labels(account, definition)

    def definition_followed(self, account: str, definition: str, since: datetime) -> None:
        """Create the count of what begins, and nothing more: an account may have thousands where nothing runs."""
        self._followed.setdefault((account, definition), since)
        self._families.started.labels(account, definition)

    def _steps_of(self, target: Target, state: TargetState) -> None:
        """Create the counter of every step in the log before it fails."""
        account, definition = target.key.account, target.definition_label
        known = self._steps.setdefault((account, definition), {})
        for execution in state.steps:
            if execution.step not in known:
                self._step_failures(account, definition, execution.step)

    def definition_named(self, account: str, definition: str, name: str) -> None:
        """Set the name, shown while a target of the definition is watched; it replaces an older one."""
        self._names.call(account, definition, name)

    def _aliased(self, target: Target) -> None:
        """`workflow_definition_info` joins by the label that the other series have."""
        if target.definition_alias is not None:
            self._names.alias(target.key.account, target.key.definition, target.definition_alias)

    # --- watched targets ---

    def target_added(self, target: Target, state: TargetState) -> None:
        account, definition = target.key.account, target.definition_label
        self._definition(account, definition)
        self._aliased(target)
        for type_, severity in target.severities.items():
            self._families.events.labels(account, definition, type_.value, severity.value)
        self._steps_of(target, state)
        self._census.place(target, state.status)
        self._named.place(target, state.status)

    def target_removed(self, key: TargetKey) -> None:
        self._census.remove(key)
        self._named.remove(key)

    def totals(self) -> Mapping[Status, int]:
        return self._census.totals()

    # --- records ---

    def request(self, record: RequestRecord) -> None:
        account, outcome = self._accounts.get(record.account), record.outcome
        if account is None:  # it was removed meanwhile: only its counters go on
            families, endpoint = self._families, record.endpoint.value
            families.requests.labels(record.account, endpoint, outcome.value).inc()
            families.looks.labels(record.account, record.purpose.value).inc()
            families.request_duration.labels(record.account, endpoint).observe(record.duration)
            return
        account.requests[record.endpoint][outcome].inc()
        account.looks[record.purpose].inc()
        account.durations[record.endpoint].observe(record.duration)
        if outcome is Outcome.OK:
            account.succeeded_at = record.ended_at.timestamp()
        if record.skew is not None:
            account.skew = record.skew

    def poll(self, record: PollRecord) -> None:
        name = record.target.key.account
        account = self._accounts.get(name)
        schedule_delay = self._families.schedule_delay.labels(name) if account is None else account.schedule_delay
        schedule_delay.observe(record.delay)
        if record.changed:
            self._steps_of(record.target, record.state)
        if record.before is not record.state.status:
            self._transition(record)
        self._detected(record)

    def listed_end(self, record: ListedEndRecord) -> None:
        if record.before is not record.state.status:
            self._transition(record)
        self._detected(record)

    def overdue(self, record: OverdueRecord) -> None:
        self._detected(record)

    def _detected(self, record: PollRecord | ListedEndRecord | OverdueRecord) -> None:
        for event in record.events:
            self._event(event)
            if event.occurred_at is not None and self._was_looked_at_before(event, event.occurred_at):
                delay = detection_delay(event.occurred_at, event.observed_at, record.skew)
                self._families.detection_delay.labels(event.account, event.type.fact.value).observe(delay)

    def _was_looked_at_before(self, event: Event, occurred_at: datetime) -> bool:
        """Whether its target was, or the lists that show it."""
        if event.last_seen_at is not None:
            return True
        followed_since = self._followed.get((event.account, event.definition_label))
        return followed_since is not None and followed_since <= occurred_at

    def begun(self, record: StartRecord) -> None:
        account, definition = record.target.key.account, record.target.definition_label
        self._families.started.labels(account, definition).inc()
        if record.queue_delay is not None:
            self._families.queue_delay.labels(account, definition).observe(record.queue_delay)

    def _transition(self, record: PollRecord | ListedEndRecord) -> None:
        key, definition, state = record.target.key, record.target.definition_label, record.state
        self._census.move(key, state.status)
        self._named.move(key, state.status)
        self._families.transitions.labels(key.account, definition, record.before.value, state.status.value).inc()
        if state.status.ended:
            self._ended(key.account, definition, state)

    def _ended(self, account: str, definition: str, state: TargetState) -> None:
        if state.started_at is not None and state.completed_at is not None:
            seconds = (state.completed_at - state.started_at).total_seconds()
            self._families.run_duration.labels(account, definition, state.status.value).observe(max(seconds, 0.0))

    def _event(self, event: Event) -> None:
        definition = "" if event.type.of_account else event.definition_label
        self._families.events.labels(event.account, definition, event.type.value, event.severity.value).inc()
        if event.type is EventType.STEP_FAILED and event.step is not None:
            self._step_failures(event.account, definition, event.step.step).inc()

    def _step_failures(self, account: str, definition: str, step: str) -> Counter:
        known = self._steps.setdefault((account, definition), {})
        if (counter := known.get(step)) is not None:
            return counter
        name = step if len(known) < _MOST_STEPS else _OTHER_STEPS
        return known.setdefault(name, self._families.step_failures.labels(account, definition, name))

    def events(self, events: Iterable[Event]) -> None:
        for event in events:
            self._event(event)

    def account(self, record: AccountRecord) -> None:
        self.events(record.events)

    def usage(self, record: UsageRecord) -> None:
        """A count that the API does not tell has no gauge, nor has one that was never asked for."""
        families, usage = self._families, record.usage
        if record.account not in self._accounts:
            return
        for gauge, count in (
            (families.workflows_allowed, usage.allowed),
            (families.workflows_executed, usage.executed),
        ):
            if count is not None:
                gauge.labels(record.account).set(count)

    def oldest_look(self, record: OldestLookRecord) -> None:
        if record.account not in self._accounts:
            return
        for kind, at in (("end", record.ends), ("step", record.steps)):
            if at is not None:
                self._families.oldest_look.labels(record.account, kind).set(at.timestamp())
            else:
                self._families.oldest_look.remove_by_labels({"account": record.account, "kind": kind})

    def bounds(self, record: BoundsRecord) -> None:
        self._bounds.replace(record.account, record.worst if record.account in self._accounts else {})

    def lane(self, record: LaneRecord) -> None:
        if (account := self._accounts.get(record.account)) is not None:
            account.lane_open.set(record.open)
            self._families.lane_rate.labels(record.account).set(record.requests_per_second)

    def delivery(self, record: DeliveryRecord) -> None:
        self._families.deliveries.labels(record.receiver, record.outcome.value).inc()
        if record.outcome is DeliveryOutcome.DELIVERED:
            self._families.delivery_delay.labels(record.receiver).observe(record.delay)

    def reload(self, record: ReloadRecord) -> None:
        self._families.reload_successful.set(record.successful)
        if record.successful:
            self._families.reload_success_at.set(record.at.timestamp())
        if record.halved:
            self._families.halved.inc()

    def store(self, record: StoreRecord) -> None:
        self._families.store_available.set(record.available)

    def heartbeat(self, record: HeartbeatRecord) -> None:
        if record.outcome is HeartbeatOutcome.PINGED:
            self._families.heartbeat_success_at.set(record.at.timestamp())

    def alerts_open(self, counts: Mapping[Severity, int]) -> None:
        for severity in Severity:
            self._families.alerts_open.labels(severity.value).set(counts.get(severity, 0))

    def leaving(self, number: int) -> None:
        self._families.leaving.set(number)

    def fault(self, loop: str) -> None:
        self._families.faults.labels(loop).inc()
