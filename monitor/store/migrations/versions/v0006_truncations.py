"""Discoveries that found more instances than they may watch."""

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "truncations",
        sa.Column("account", sa.Text, primary_key=True, nullable=False),
        sa.Column("definition", sa.Text, primary_key=True, nullable=False),
        sa.Column("state", sa.Text, nullable=False),
        sa.Column("revision", sa.BigInteger, nullable=False),
    )
