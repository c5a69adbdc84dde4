"""Alerts with their ends, incidents, deliveries about both; declared limits and durations of steps."""

import json
from datetime import UTC, datetime, timedelta
from typing import Any

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def upgrade() -> None:
    _deliveries()
    _alerts()
    op.create_table(
        "declarations",
        *_words("account", "definition", primary_key=True),
        sa.Column("version", sa.Integer, primary_key=True, autoincrement=False),
        *_words("declared"),
    )
    op.create_table(
        "durations",
        *_words("account", "definition", primary_key=True),
        sa.Column("version", sa.Integer, primary_key=True, autoincrement=False),
        *_words("step", primary_key=True),
        *_words("counts"),
    )


def _words(*names: str, **more: Any) -> list[sa.Column[str]]:
    return [sa.Column(name, sa.Text, nullable=False, **more) for name in names]


def _deliveries() -> None:
    op.drop_index("ix_deliveries_pending", "deliveries")
    op.rename_table("deliveries", "deliveries_before")
    op.create_table(
        "deliveries",
        sa.Column("seq", sa.BigInteger, primary_key=True, autoincrement=False),
        *_words("receiver", primary_key=True),
        *_words("about", "ref", "type", "severity", "subject"),
        sa.Column("observed_at", sa.BigInteger, nullable=False),
        sa.Column("members", sa.Integer, nullable=False),
        *_words("status"),
        sa.Column("attempts", sa.Integer, nullable=False),
        sa.Column("not_before", sa.BigInteger),
        sa.Column("last_error", sa.Text),
        sa.Column("done_at", sa.BigInteger),
        sqlite_with_rowid=False,
    )
    op.execute("""
        INSERT INTO deliveries
        SELECT d.seq, d.receiver, 'event', e.id, e.type, e.severity,
               e.account || '/' || CASE WHEN e.workflow IS NULL THEN e.account
                                        ELSE e.definition || '/' || e.workflow END,
               e.observed_at, 0, d.status, d.attempts, d.not_before, d.last_error, d.done_at
        FROM deliveries_before d JOIN events e ON e.seq = d.seq
    """)
    op.drop_table("deliveries_before")
    pending = sa.text("done_at IS NULL")
    columns = ["receiver", "seq"]
    op.create_index("ix_deliveries_pending", "deliveries", columns, sqlite_where=pending, postgresql_where=pending)
    op.create_index("ix_deliveries_ref", "deliveries", ["ref"])


def _alerts() -> None:
    before = op.get_bind().execute(sa.text("SELECT * FROM alerts WHERE closed_at IS NULL")).mappings().all()
    op.drop_index("ix_alerts_open", "alerts")
    op.drop_table("alerts")
    alerts = op.create_table(
        "alerts",
        *_words("id", primary_key=True),
        *_words("type", "kind", "severity", "account"),
        sa.Column("definition", sa.Text),
        sa.Column("workflow", sa.Text),
        *_words("event", "fault_group", "incident"),
        sa.Column("condition", sa.Text),
        *_words("fingerprint"),
        sa.Column("single", sa.Integer, nullable=False),
        *_words("receivers"),
        sa.Column("opened_at", sa.BigInteger, nullable=False),
        *_words("last_event"),
        sa.Column("ends_at", sa.BigInteger),
        sa.Column("closed_at", sa.BigInteger),
        sa.Column("end", sa.Text),
        sa.Column("closing", sa.BigInteger),
    )
    still = sa.text("closed_at IS NULL")
    for name, columns in (
        ("open", ["opened_at"]),
        ("condition", ["condition"]),
        ("last_event", ["last_event"]),
        ("target", ["account", "definition", "workflow"]),
        ("fingerprint", ["fingerprint"]),
    ):
        op.create_index(f"ix_alerts_{name}", "alerts", columns, sqlite_where=still, postgresql_where=still)
    op.create_index("ix_alerts_closed", "alerts", ["closed_at"])
    incidents = op.create_table(
        "incidents",
        *_words("id", primary_key=True),
        *_words("fault_group"),
        sa.Column("opened_at", sa.BigInteger, nullable=False),
        sa.Column("ended_at", sa.BigInteger),
        sa.Column("storm", sa.Integer, nullable=False),
        *_words("state"),
    )
    going_on = sa.text("ended_at IS NULL")
    op.create_index(
        "ix_incidents_group", "incidents", ["fault_group"], sqlite_where=going_on, postgresql_where=going_on
    )
    if before:
        rows = [dict(row) for row in sorted(before, key=lambda row: row["opened_at"])]
        groups: dict[str, list[dict[str, Any]]] = {}
        for row in rows:
            groups.setdefault(_group(row), []).append(row)
        op.bulk_insert(alerts, [_alert(row, groups[_group(row)][0]["id"]) for row in rows])
        op.bulk_insert(incidents, [_incident(members) for members in groups.values()])


def _event(row: dict[str, Any]) -> dict[str, Any]:
    """The part of the event that its alert had kept."""
    known = ("id", "type", "severity", "summary", "account", "definition", "workflow", "name")
    return {**{name: row[name] for name in known}, "observed_at": _text(row["opened_at"])}


def _text(moment: int) -> str:
    return (_EPOCH + timedelta(microseconds=moment)).isoformat()


def _group(row: dict[str, Any]) -> str:
    """The group of these alerts, from the stored facts: one page for all, not one for each."""
    return json.dumps([row[name] for name in ("account", "definition", "type", "severity")])


def _alert(row: dict[str, Any], incident: str) -> dict[str, Any]:
    kept = ("id", "type", "kind", "severity", "account", "definition", "workflow", "opened_at")
    id_ = row["id"]
    return {
        **{name: row[name] for name in kept},
        "event": json.dumps(_event(row)),
        "fault_group": _group(row),
        "incident": incident,
        "condition": _condition(row) if row["kind"] == "condition" else None,
        "fingerprint": id_,
        "single": 1,
        "receivers": "[]",
        "last_event": id_,
        "ends_at": None,
        "closed_at": None,
        "end": None,
        "closing": None,
    }


def _condition(row: dict[str, Any]) -> str:
    """The key as in `core/alerting/incidents.py`; none of these is about a step."""
    return json.dumps((row["type"], row["account"], row["definition"], row["workflow"], ""))


def _incident(members: list[dict[str, Any]]) -> dict[str, Any]:
    first, last = members[0], members[-1]
    state = {
        "id": first["id"],
        "fault_group": _group(first),
        "event": _event(first),
        "opened_at": _text(first["opened_at"]),
        "first_at": _text(first["opened_at"]),
        "last_at": _text(last["opened_at"]),
        "members": len(members),
        "open": len(members),
    }
    return {
        "id": first["id"],
        "fault_group": _group(first),
        "opened_at": first["opened_at"],
        "ended_at": None,
        "storm": 0,
        "state": json.dumps(state),
    }
