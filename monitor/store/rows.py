"""Values to rows and back. Pure."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from sys import intern
from typing import Any, TypeVar

import msgspec
from msgspec.structs import force_setattr
from sqlalchemy import Row

from monitor.core.alerting.incidents import condition_of
from monitor.core.alerts import Alert, AlertEnd, Incident
from monitor.core.commits import AlertRouting, Delivery, DeliveryKind, OutboxEntry
from monitor.core.event_types import AlertKind, EventType, Severity
from monitor.core.model import AccountState, Condition, Event, TargetKey, TargetState, TruncationState
from monitor.core.records import DeliveryOutcome
from monitor.store.errors import StoreUnavailable
from monitor.store.values import DeliveryMark, EventText

Values = dict[str, Any]
S = TypeVar("S")

CONDITION = AlertKind.CONDITION.value
EVENT = AlertKind.EVENT.value

_json = msgspec.json.Encoder(order="deterministic")  # sets in one order, so that equal states have equal texts
_target = msgspec.json.Decoder(TargetState)
_account = msgspec.json.Decoder(AccountState)
_truncation = msgspec.json.Decoder(TruncationState)
_event = msgspec.json.Decoder(Event)
_incident = msgspec.json.Decoder(Incident)
_names = msgspec.json.Decoder(tuple[str, ...])


class _CloudEvent(msgspec.Struct, gc=False):
    data: EventText = EventText()


_body = msgspec.json.Decoder(_CloudEvent)

_NEVER = Condition()
_CONDITIONS = tuple(type_.facts.held_in for type_ in EventType if type_.facts.held_in)
_NOTHING_TOLD: frozenset[str] = frozenset()
_STATUSES: Mapping[DeliveryOutcome, str] = {
    DeliveryOutcome.RETRIED: "pending",
    DeliveryOutcome.DELIVERED: "delivered",
    DeliveryOutcome.DEAD: "dead",
}


def target_values(state: TargetState) -> Values:
    """The row of a state that is based on `state.revision`, with the next revision."""
    return {
        **state.key._asdict(),
        "status": state.status.value,
        "state": _next_revision(state),
        "revision": state.revision + 1,
        "ended_at": _ended_at(state),
    }


def account_values(state: AccountState) -> Values:
    """The row of an account's state, with the next revision."""
    return {"account": state.account, "state": _next_revision(state), "revision": state.revision + 1}


def truncation_values(state: TruncationState) -> Values:
    """The row of a discovery's state, with the next revision."""
    return {
        "account": state.account,
        "definition": state.definition,
        "state": _next_revision(state),
        "revision": state.revision + 1,
    }


def _next_revision(state: TargetState | AccountState | TruncationState) -> str:
    return _json.encode(msgspec.structs.replace(state, revision=state.revision + 1)).decode()


def _ended_at(state: TargetState) -> datetime | None:
    return (state.since or state.completed_at or state.first_seen_at) if state.status.ended else None


def target_state(row: Row[Any]) -> TargetState:
    state = _decoded(_target, row.state, f"the belief about target {row.account}/{row.definition}/{row.workflow}")
    _share(state)
    return state


def _share(state: TargetState) -> None:
    """Let a hundred thousand states share equal strings. It mutates the state, which no other code has seen yet."""
    account, definition, workflow = state.key
    force_setattr(state, "key", TargetKey(intern(account), intern(definition), workflow))
    if not state.told:
        force_setattr(state, "told", _NOTHING_TOLD)
    for field in _CONDITIONS:
        if getattr(state, field) == _NEVER:
            force_setattr(state, field, _NEVER)
    for execution in state.steps:
        force_setattr(execution, "step", intern(execution.step))


def account_state(row: Row[Any]) -> AccountState:
    return _decoded(_account, row.state, f"the belief about account {row.account}")


def truncation_state(row: Row[Any]) -> TruncationState:
    return _decoded(_truncation, row.state, f"the belief about the discovery {row.account}/{row.definition}")


def _decoded(decoder: msgspec.json.Decoder[S], text: str, what: str) -> S:
    try:
        return decoder.decode(text)
    except msgspec.DecodeError as error:
        raise StoreUnavailable(f"{what} cannot be read: {error}; put a copy of the database in its place") from error


def event_values(outgoing: OutboxEntry, seq: int) -> Values:
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


def event_delivery(outgoing: OutboxEntry, seq: int, receiver: str) -> Delivery:
    event = outgoing.event
    return Delivery(
        seq=seq,
        receiver=receiver,
        event_id=event.id,
        type=event.type,
        severity=event.severity,
        subject=f"{event.account}/{event.subject}",
        body=outgoing.body,
        observed_at=event.observed_at,
    )


def delivery_values(delivery: Delivery) -> Values:
    return {
        "seq": delivery.seq,
        "receiver": delivery.receiver,
        "about": delivery.about.value,
        "ref": delivery.event_id,
        "type": delivery.type.value,
        "severity": delivery.severity.value,
        "subject": delivery.subject,
        "observed_at": delivery.observed_at,
        "members": delivery.members,
        "status": "pending",
        "attempts": 0,
        "not_before": delivery.not_before,
    }


def delivery(row: Row[Any]) -> Delivery:
    """From a row of deliveries, joined with its event if it has one."""
    return Delivery(
        seq=row.seq,
        receiver=row.receiver,
        event_id=row.ref,
        type=EventType(row.type),
        severity=Severity(row.severity),
        subject=row.subject,
        body=row.body.encode() if row.body is not None else b"",
        observed_at=row.observed_at,
        about=DeliveryKind(row.about),
        members=row.members,
        attempts=row.attempts,
        not_before=row.not_before,
    )


def mark_values(mark: DeliveryMark) -> Values:
    """The parameters of an UPDATE; their names differ from those of the columns."""
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


def alert_values(alert: Alert, paging: AlertRouting) -> Values:
    event = alert.event
    held = event.type.kind is AlertKind.CONDITION
    return {
        "id": alert.id,
        "type": event.type.value,
        "kind": event.type.kind.value,
        "severity": event.severity.value,
        "account": event.account,
        "definition": event.definition,
        "workflow": event.workflow,
        "event": _json.encode(event).decode(),
        "fault_group": alert.fault_group,
        "incident": alert.incident,
        "condition": condition_of(event) if held else None,
        "fingerprint": paging.fingerprint,
        "single": int(alert.single),
        "receivers": names_text(alert.receivers),
        "opened_at": alert.opened_at,
        "last_event": event.repeats or alert.id,
    }


def names_text(receivers: Sequence[str]) -> str:
    return _json.encode(receivers).decode()


def names(text: str) -> tuple[str, ...]:
    return _names.decode(text)


def told(body: str) -> EventText:
    """The name and summary in an event's body."""
    return _body.decode(body).data


def alert(row: Row[Any]) -> Alert:
    return Alert(
        id=row.id,
        event=_decoded(_event, row.event, f"alert {row.id}"),
        fault_group=row.fault_group,
        incident=row.incident,
        single=bool(row.single),
        opened_at=row.opened_at,
        receivers=names(row.receivers),
        end=AlertEnd(row.end) if row.end is not None else None,
        ended_at=row.closed_at,
    )


def incident_values(incident: Incident) -> Values:
    return {
        "id": incident.id,
        "fault_group": incident.fault_group,
        "opened_at": incident.opened_at,
        "ended_at": incident.ended_at,
        "storm": int(incident.storm),
        "calms_at": incident.calms_at if incident.ended_at is None else None,
        "state": _json.encode(incident).decode(),
    }


def incident(row: Row[Any]) -> Incident:
    return _decoded(_incident, row.state, f"incident {row.id}")
