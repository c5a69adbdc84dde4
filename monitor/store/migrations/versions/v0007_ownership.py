"""Several daemons on one database: which of them live, and which account is whose."""

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "replica",
        sa.Column("id", sa.Text, primary_key=True, nullable=False),
        sa.Column("name", sa.Text, nullable=False),
        sa.Column("beat", sa.BigInteger, nullable=False),
        sa.Column("eligible", sa.Integer, nullable=False),
    )
    op.create_table(
        "unit",
        sa.Column("key", sa.Text, primary_key=True, nullable=False),
        sa.Column("owner", sa.Text),
        sa.Column("closed_until", sa.BigInteger),
        sa.Column("rate", sa.Double),
    )
    op.create_index("ix_unit_owner", "unit", ["owner"])
