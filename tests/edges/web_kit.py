"""A daemon as plain data, for the pages to show, and how their tests ask them."""

import asyncio
import json
from collections.abc import Collection, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec
from aiohttp.test_utils import TestClient
from aiohttp.web import Application, Request
from prometheus_client import CollectorRegistry

from monitor.core.alerts import Alert, Incident, VersionImpact
from monitor.core.commits import DeliveryKind
from monitor.core.detection.overdue import AppliedLimit, Limit, LimitSource
from monitor.core.event_types import EventType, Severity
from monitor.core.liveness import LoopHealth
from monitor.core.model import Cause, Event, Outcome, Status, StepExecution, StepStatus, Target, TargetKey, TargetState
from monitor.core.records import AccountSummary, Activity, DefinitionSummary, NextPoll, PollTrace, ReceiverSummary
from monitor.core.scheduling.plan import BudgetPlan
from monitor.core.text import cloudevent
from monitor.polling.look_log import Look
from monitor.polling.watched import Watched
from monitor.store import (
    DeliveryStatus,
    EventFilter,
    Notification,
    OpenAlert,
    StoredDelivery,
    StoredEvent,
    StoreUnavailable,
)
from monitor.store.step_limits import DefinitionKey
from monitor.web.explanation import ExplainedEvent, Explanation

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
    entry.traces = (PollTrace(NOW, Outcome.TIMEOUT, "no answer within 10s", 10.0, ("workflow.terminated",)),)
    return entry


def told(receiver: str, status: DeliveryStatus, **facts: Any) -> Notification:
    facts = {"about": DeliveryKind.ALERT_OPENED, "attempts": 1, "at": NOW, **facts}
    return Notification(receiver=receiver, status=status, **facts)


def alert(*tellings: Notification, incident: str = "88bb", **facts: Any) -> OpenAlert:
    """An open alert; `facts` are the event's."""
    facts = {
        "id": "3f0c",
        "type": EventType.TERMINATED,
        "severity": Severity.CRITICAL,
        "account": "acme",
        "definition": "5870442f",
        "workflow": "60dbe307",
        "name": "onboarding-reply",
        "summary": "onboarding-reply terminated: step1: Invalid subaccount id.",
        "observed_at": NOW,
        **facts,
    }
    opened = Alert(
        id=facts["id"],
        event=Event(**facts),
        fault_group="77aa",
        incident=incident,
        single=True,
        opened_at=facts["observed_at"],
    )
    return OpenAlert(alert=opened, incident_members=3, tellings=tellings)


class Daemon:
    """What a daemon knows, as plain data."""

    def __init__(self) -> None:
        self.entries: dict[TargetKey, Watched] = {KEY: watched()}
        self.peeks = 0
        """How often a target was read."""
        self.plans: dict[str, BudgetPlan] = {}
        self.summaries: dict[DefinitionKey, DefinitionSummary | None] = {}
        self.stored: list[StoredEvent] = [event(1)]
        self.open: list[OpenAlert] = []
        self.told: dict[str, list[Notification]] = {}
        self.ended: list[Alert] = []
        """Alerts that are over."""
        self.incidents: dict[str, Incident] = {}
        self.earlier: dict[str, datetime] = {}
        """When the last incident of a fault group ended."""
        self.activities: dict[DefinitionKey, Activity] = {}
        self.lanes: list[AccountSummary] = []
        self.receiving: list[ReceiverSummary] = []
        self.outbox: list[StoredDelivery] = []
        self.health: dict[str, LoopHealth] = {"poll acme": LoopHealth(turns=True, idle=0.5)}
        self.reason: str | None = None
        self.starting: str | None = None
        self.errors: tuple[str, ...] = ()
        self.reloads: list[str] = []
        self.disk_fails = False
        self.disk_turns = asyncio.Event()
        """Not set: who reads the events waits."""
        self.disk_turns.set()
        self.reads = asyncio.Queue[None]()
        """One for each time that the events were about to be read."""
        self.token: str | None = TOKEN
        self.reading: str | None = None
        """The read token."""
        self.token_fails: Exception | None = None
        self.registry = CollectorRegistry()

    def now(self) -> datetime:
        return NOW

    def loops(self) -> Mapping[str, LoopHealth]:
        return self.health

    def loaded(self) -> bool:
        return self.starting is None

    def ready(self) -> str | None:
        return self.starting or self.reason

    def admin_token(self) -> str | None:
        if self.token_fails is not None:
            raise self.token_fails
        return self.token

    def read_token(self) -> str | None:
        return self.reading

    async def reload(self, trigger: str) -> tuple[str, ...]:
        self.reloads.append(trigger)
        return self.errors

    def totals(self) -> Mapping[Status, int]:
        statuses = [entry.state.status for entry in self.entries.values()]
        return {status: statuses.count(status) for status in Status}

    def watched_definitions(self) -> Sequence[tuple[str, str]]:
        return list({key[:2]: None for key in self.entries})

    def keys_of(self, account: str, definition: str) -> Sequence[TargetKey]:
        return [key for key in self.entries if key[:2] == (account, definition)]

    def target(self, key: TargetKey) -> Watched | None:
        self.peeks += 1
        return self.entries.get(key)

    def definitions(self) -> Collection[DefinitionKey]:
        return self.summaries.keys()

    def definition(self, about: DefinitionKey) -> DefinitionSummary | None:
        return self.summaries.get(about)

    def budgets(self) -> Mapping[str, BudgetPlan]:
        return self.plans

    def activity(self, about: DefinitionKey) -> Activity:
        return self.activities.get(about, Activity())

    def accounts(self) -> list[AccountSummary]:
        return self.lanes

    async def receivers(self) -> list[ReceiverSummary]:
        self._read()
        return self.receiving

    async def ended_groups(self, groups: Collection[str]) -> Mapping[str, datetime]:
        self._read()
        return {group: at for group, at in self.earlier.items() if group in groups}

    def next_poll(self, key: TargetKey) -> NextPoll:
        return NextPoll(key, NOW + timedelta(seconds=10), "interval 10s")

    async def explain(self, key: TargetKey) -> Explanation | None:
        entry = self.entries.get(key)
        if entry is None:
            return None
        return Explanation(
            watched=entry,
            next_poll=self.next_poll(key),
            looks=(Look(key, NOW, "status", Outcome.OK, 0.1, 0.0, "unchanged"),),
            limits=(
                AppliedLimit(None, NOW - timedelta(hours=2), Limit(3600.0, LimitSource.CONFIGURED)),
                AppliedLimit("step1", NOW, None),
            ),
            now=NOW,
            events=(
                ExplainedEvent(
                    id="id1",
                    type=EventType.STEP_FAILED,
                    severity=Severity.WARNING,
                    summary="event 1",
                    at="2026-01-05T10:00:00.000000Z",
                    open=True,
                    notifications=(told("am", DeliveryStatus.DELIVERED),),
                    refusals=(("pager", "it gets critical and above, and this is warning"),),
                ),
            ),
            notes=("a note",),
        )

    async def events(self, after: int, type: str | None, limit: int) -> tuple[list[StoredEvent], int]:
        self._read()
        self.reads.put_nowait(None)
        await self.disk_turns.wait()
        found = [
            stored for stored in self.stored if stored.seq > after and type in (None, json.loads(stored.body)["type"])
        ][:limit]
        return found, found[-1].seq if found else after

    async def chosen_events(
        self, wanted: EventFilter, *, before: int | None, after: int | None, limit: int
    ) -> list[StoredEvent]:
        self._read()
        found = [
            stored
            for stored in self.stored
            if (before is None or stored.seq < before)
            and (after is None or stored.seq > after)
            and _is_like(json.loads(stored.body), wanted)
        ]
        return found[-limit:] if after is None else found[:limit]

    async def target_events(self, key: TargetKey) -> list[StoredEvent]:
        self._read()
        subject = f"{key.definition}/{key.workflow}"
        return [stored for stored in self.stored if json.loads(stored.body)["subject"] == subject]

    async def alert(self, id: str) -> Alert | None:
        self._read()
        return next((one for one in self.ended if one.id == id), None)

    async def incident(self, id: str) -> Incident | None:
        self._read()
        return self.incidents.get(id)

    async def members_of(self, incident: str, limit: int) -> list[Alert]:
        self._read()
        known = [*self.ended, *[one.alert for one in self.open]]
        return [one for one in known if one.incident == incident][:limit]

    async def notifications(self, refs: Collection[str]) -> Mapping[str, list[Notification]]:
        self._read()
        return {ref: found for ref, found in self.told.items() if ref in refs}

    def impact(self, account: str, definition: str) -> Sequence[VersionImpact]:
        return [VersionImpact(3, 40, 7), VersionImpact(2, 12, 0)] if (account, definition) == KEY[:2] else []

    async def alerts(self) -> list[OpenAlert]:
        self._read()
        return self.open

    async def deliveries(
        self, status: DeliveryStatus | None, receiver: str | None, after: int, limit: int
    ) -> list[StoredDelivery]:
        self._read()
        return [
            one
            for one in sorted(self.outbox, key=lambda one: (one.seq, one.receiver))
            if one.seq > after and status in (None, one.status) and receiver in (None, one.receiver)
        ][:limit]

    async def close_alert(self, id: str) -> int:
        self._read()
        before = len(self.open)
        self.open = [one for one in self.open if id not in (one.alert.id, one.alert.incident)]
        return before - len(self.open)

    async def retry_deliveries(self, receiver: str | None) -> int:
        self._read()
        dead = [one for one in self.outbox if one.status is DeliveryStatus.DEAD and receiver in (None, one.receiver)]
        again = [msgspec.structs.replace(one, status=DeliveryStatus.PENDING, done_at=None) for one in dead]
        self.outbox = [one for one in self.outbox if one not in dead] + again
        return len(again)

    def _read(self) -> None:
        if self.disk_fails:
            raise StoreUnavailable("sqlite:////secret/place/monitor.db: the disk is full")


def _is_like(event: dict[str, Any], wanted: EventFilter) -> bool:
    data = event["data"]
    return (
        (wanted.types is None or event["type"] in wanted.types)
        and wanted.severity in (None, data["severity"])
        and wanted.account in (None, data["account"])
        and wanted.definition in (None, data.get("definition"))
    )


Client = TestClient[Request, Application]


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
