"""The first schema: states, events, deliveries, alerts."""

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:
    _beliefs()
    _events()
    _alerts()
    counters = op.create_table(
        "counters",
        sa.Column("name", sa.Text, primary_key=True),
        sa.Column("value", sa.BigInteger, nullable=False),
    )
    op.bulk_insert(counters, [{"name": "events", "value": 0}])


def _key() -> list[sa.Column[str]]:
    return [sa.Column(name, sa.Text, primary_key=True) for name in ("account", "definition", "workflow")]


def _beliefs() -> None:
    op.create_table(
        "targets",
        *_key(),
        sa.Column("status", sa.Text, nullable=False),
        sa.Column("state", sa.Text, nullable=False),
        sa.Column("revision", sa.BigInteger, nullable=False),
        sa.Column("ended_at", sa.BigInteger),
    )
    ended = sa.text("ended_at IS NOT NULL")
    op.create_index("ix_targets_ended", "targets", ["ended_at"], sqlite_where=ended, postgresql_where=ended)
    op.create_table(
        "sightings",
        *_key(),
        sa.Column("last_seen_at", sa.BigInteger, nullable=False),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "accounts",
        sa.Column("account", sa.Text, primary_key=True),
        sa.Column("state", sa.Text, nullable=False),
        sa.Column("revision", sa.BigInteger, nullable=False),
    )


def _events() -> None:
    op.create_table(
        "events",
        sa.Column(
            "seq",
            sa.BigInteger().with_variant(sa.Integer, "sqlite"),
            primary_key=True,
            autoincrement=False,
        ),
        sa.Column("id", sa.Text, nullable=False, unique=True),
        sa.Column("type", sa.Text, nullable=False),
        sa.Column("severity", sa.Text, nullable=False),
        sa.Column("account", sa.Text, nullable=False),
        sa.Column("definition", sa.Text),
        sa.Column("workflow", sa.Text),
        sa.Column("reason", sa.Text),
        sa.Column("occurred_at", sa.BigInteger),
        sa.Column("observed_at", sa.BigInteger, nullable=False),
        sa.Column("body", sa.Text, nullable=False),
    )
    op.create_index("ix_events_type", "events", ["type", "seq"])
    op.create_index("ix_events_target", "events", ["account", "definition", "workflow", "seq"])
    op.create_index("ix_events_observed", "events", ["observed_at"])
    op.create_table(
        "deliveries",
        sa.Column("seq", sa.BigInteger, sa.ForeignKey("events.seq"), primary_key=True, autoincrement=False),
        sa.Column("receiver", sa.Text, primary_key=True),
        sa.Column("status", sa.Text, nullable=False),
        sa.Column("attempts", sa.Integer, nullable=False),
        sa.Column("not_before", sa.BigInteger),
        sa.Column("last_error", sa.Text),
        sa.Column("done_at", sa.BigInteger),
        sqlite_with_rowid=False,
    )
    pending = sa.text("done_at IS NULL")
    op.create_index(
        "ix_deliveries_pending",
        "deliveries",
        ["receiver", "seq"],
        sqlite_where=pending,
        postgresql_where=pending,
    )


def _alerts() -> None:
    op.create_table(
        "alerts",
        sa.Column("id", sa.Text, primary_key=True),
        sa.Column("type", sa.Text, nullable=False),
        sa.Column("kind", sa.Text, nullable=False),
        sa.Column("severity", sa.Text, nullable=False),
        sa.Column("account", sa.Text, nullable=False),
        sa.Column("definition", sa.Text),
        sa.Column("workflow", sa.Text),
        sa.Column("name", sa.Text),
        sa.Column("summary", sa.Text, nullable=False),
        sa.Column("opened_at", sa.BigInteger, nullable=False),
        sa.Column("closed_at", sa.BigInteger),
        sa.Column("closed_by", sa.Text),
    )
    still = sa.text("closed_at IS NULL")
    op.create_index("ix_alerts_open", "alerts", ["opened_at"], sqlite_where=still, postgresql_where=still)
