"""Beliefs and events to write."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

from monitor.core.commits import AlertRouting, Change, Committed, OutboxEntry
from monitor.core.event_types import EventType, Severity
from monitor.core.model import (
    AccountState,
    Condition,
    Episode,
    Event,
    Status,
    StepExecution,
    StepStatus,
    TargetKey,
    TargetState,
)

NOON = datetime(2026, 1, 5, 12, tzinfo=UTC)
STALE = Committed(stale=True)


def at(seconds: float) -> datetime:
    return NOON + timedelta(seconds=seconds)


def key(workflow: object = "w") -> TargetKey:
    return TargetKey("acme", "orders", str(workflow))


def belief(
    workflow: object = "w", revision: int = 0, status: Status = Status.RUNNABLE, since: datetime = NOON
) -> TargetState:
    """One with something in every field."""
    step = StepExecution("e1", "step1", StepStatus.FAILED, NOON, at(0.000001))
    return TargetState(
        key=key(workflow),
        status=status,
        since=since,
        first_seen_at=NOON,
        version=3,
        started_at=NOON,
        steps=(step,),
        told=frozenset({"e1", "e0"}),
        misses=1,
        suspended=Condition(open=True, last=Episode("e1", 2)),
        revision=revision,
    )


def account(revision: int = 0, closed_until: datetime | None = None) -> AccountState:
    return AccountState(account="acme", last_answer_at=NOON, closed_until=closed_until, revision=revision)


def event(
    id_: str,
    type_: EventType = EventType.STEP_FAILED,
    *,
    workflow: str | None = "w",
    observed_at: datetime = NOON,
    severity: Severity | None = None,
    reason: str | None = None,
    closes: Sequence[str] = (),
) -> Event:
    return Event(
        id=id_,
        type=type_,
        severity=severity or type_.severity,
        summary=f"summary of {id_}",
        account="acme",
        definition="orders" if workflow else None,
        workflow=workflow,
        name="order-reminder" if workflow else None,
        observed_at=observed_at,
        reason=reason,
        closes=tuple(closes),
    )


def paging(told: Event, *, singles: Sequence[str] = (), grouped: Sequence[str] = (), **more: Any) -> AlertRouting:
    """As the announcer would have it, in small: one group per type, labels per target."""
    limits: dict[str, Any] = {"window": 3600.0, "storm_threshold": 3, "fault_group": told.type.value, **more}
    return AlertRouting(
        fingerprint=f"{told.type.value}/{told.subject}", singles=tuple(singles), grouped=tuple(grouped), **limits
    )


def outgoing(told: Event | str, *receivers: str, settle: float = 0.0, **alerting: Any) -> OutboxEntry:
    """`alerting`: of `paging`."""
    told = event(told) if isinstance(told, str) else told
    body = f'{{"id":"{told.id}","text":"Grüße"}}'.encode()
    return OutboxEntry(told, body, receivers, paging(told, **alerting) if told.opens_alert else None, settle)


def telling(*told: Event | str) -> Change:
    """A change that only tells."""
    return Change(outgoing=tuple(outgoing(each, "oncall") for each in told))


def alerting(*told: Event | str, **more: Any) -> Change:
    """A change that tells one receiver of alerts, `am`, and one of incidents, `pager`."""
    return Change(outgoing=tuple(outgoing(each, singles=["am"], grouped=["pager"], **more) for each in told))
