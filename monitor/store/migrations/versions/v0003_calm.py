"""The time at which the size of a grown incident is sent."""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("incidents", sa.Column("calms_at", sa.BigInteger))
    untold = sa.text("calms_at IS NOT NULL")
    op.create_index("ix_incidents_calm", "incidents", ["calms_at"], sqlite_where=untold, postgresql_where=untold)
