"""Values to rows and back. Pure."""

from collections.abc import Mapping
from datetime import datetime
from sys import intern
from typing import Any, TypeVar

import msgspec
from msgspec.structs import force_setattr
from sqlalchemy import Row

from monitor.core.model import (
    AccountState,
    Condition,
    Delivery,
    Event,
    EventType,
    Kind,
    Outgoing,
    Severity,
    TargetKey,
    TargetState,
)
from monitor.core.records import DeliveryOutcome
from monitor.store.errors import StoreUnavailable
from monitor.store.values import Alert, DeliveryMark

Values = dict[str, Any]
S = TypeVar("S")

CONDITION = Kind.CONDITION.value
EVENT = Kind.EVENT.value

_json = msgspec.json.Encoder(order="deterministic")  # sets in one order: the same belief is the same text
_target = msgspec.json.Decoder(TargetState)
_account = msgspec.json.Decoder(AccountState)

_NEVER = Condition()
_NOTHING_TOLD: frozenset[str] = frozenset()
_STATUSES: Mapping[DeliveryOutcome, str] = {
    DeliveryOutcome.RETRIED: "pending",
    DeliveryOutcome.DELIVERED: "delivered",
    DeliveryOutcome.DEAD: "dead",
}


def target_values(state: TargetState) -> Values:
    """The row of a belief that is based on `state.revision`, one revision on."""
    return {
        **state.key._asdict(),
        "status": state.status.value,
        "state": _next_revision(state),
        "revision": state.revision + 1,
        "ended_at": _ended_at(state),
    }


def account_values(state: AccountState) -> Values:
    """The row of a belief about an account, one revision on."""
    return {"account": state.account, "state": _next_revision(state), "revision": state.revision + 1}


def _next_revision(state: TargetState | AccountState) -> str:
    return _json.encode(msgspec.structs.replace(state, revision=state.revision + 1)).decode()


def _ended_at(state: TargetState) -> datetime | None:
    return (state.since or state.completed_at or state.first_seen_at) if state.status.ended else None


def target_state(row: Row[Any]) -> TargetState:
    state = _decoded(_target, row.state, f"the belief about target {row.account}/{row.definition}/{row.workflow}")
    _share(state)
    return state


def _share(state: TargetState) -> None:
    """Let a hundred thousand beliefs share what they have in common; nobody else has seen this one yet."""
    account, definition, workflow = state.key
    force_setattr(state, "key", TargetKey(intern(account), intern(definition), workflow))
    if not state.told:
        force_setattr(state, "told", _NOTHING_TOLD)
    for field in ("suspended", "not_found"):
        if getattr(state, field) == _NEVER:
            force_setattr(state, field, _NEVER)
    for execution in state.steps:
        force_setattr(execution, "step", intern(execution.step))


def account_state(row: Row[Any]) -> AccountState:
    return _decoded(_account, row.state, f"the belief about account {row.account}")


def _decoded(decoder: msgspec.json.Decoder[S], text: str, what: str) -> S:
    try:
        return decoder.decode(text)
    except msgspec.DecodeError as error:
        raise StoreUnavailable(f"{what} cannot be read: {error}; put a copy of the database in its place") from error


def event_values(outgoing: Outgoing, seq: int) -> Values:
    event = outgoing.event
    return {
        "seq": seq,
        "id": event.id,
        "type": event.type.value,
        "severity": event.severity.value,
        "account": event.account,
        "definition": event.definition,
        "workflow": event.workflow,
        "reason": event.reason,
        "occurred_at": event.occurred_at,
        "observed_at": event.observed_at,
        "body": outgoing.body.decode(),
    }


def new_deliveries(outgoing: Outgoing, seq: int) -> list[Delivery]:
    event = outgoing.event
    return [
        Delivery(
            seq=seq,
            receiver=receiver,
            event_id=event.id,
            type=event.type,
            severity=event.severity,
            subject=f"{event.account}/{event.subject}",
            body=outgoing.body,
            observed_at=event.observed_at,
        )
        for receiver in dict.fromkeys(outgoing.receivers)
    ]


def delivery_values(delivery: Delivery) -> Values:
    return {"seq": delivery.seq, "receiver": delivery.receiver, "status": "pending", "attempts": 0}


def delivery(row: Row[Any]) -> Delivery:
    """From a row of deliveries joined with its event."""
    subject = f"{row.definition}/{row.workflow}" if row.workflow else row.account
    return Delivery(
        seq=row.seq,
        receiver=row.receiver,
        event_id=row.id,
        type=EventType(row.type),
        severity=Severity(row.severity),
        subject=f"{row.account}/{subject}",
        body=row.body.encode(),
        observed_at=row.observed_at,
        attempts=row.attempts,
        not_before=row.not_before,
    )


def mark_values(mark: DeliveryMark) -> Values:
    """Named apart from the columns, for an UPDATE."""
    retried = mark.outcome is DeliveryOutcome.RETRIED
    return {
        "of_seq": mark.seq,
        "of_receiver": mark.receiver,
        "new_status": _STATUSES[mark.outcome],
        "new_attempts": mark.attempts,
        "new_not_before": mark.not_before if retried else None,
        "new_last_error": mark.detail or None,
        "new_done_at": None if retried else mark.at,
    }


def alert_values(event: Event) -> Values:
    return {
        "id": event.id,
        "type": event.type.value,
        "kind": event.type.kind.value,
        "severity": event.severity.value,
        "account": event.account,
        "definition": event.definition,
        "workflow": event.workflow,
        "name": event.name,
        "summary": event.summary,
        "opened_at": event.observed_at,
    }


def closing_values(event: Event) -> list[Values]:
    """Named apart from the columns, for an UPDATE."""
    return [{"of_id": id_, "by": event.id, "at": event.observed_at} for id_ in event.closes]


def alert(row: Row[Any]) -> Alert:
    return Alert(
        id=row.id,
        type=EventType(row.type),
        severity=Severity(row.severity),
        account=row.account,
        definition=row.definition,
        workflow=row.workflow,
        name=row.name,
        summary=row.summary,
        opened_at=row.opened_at,
    )
