"""Discoveries: from which end on they publish."""

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "discoveries",
        sa.Column("account", sa.Text, primary_key=True, nullable=False),
        sa.Column("definition", sa.Text, primary_key=True, nullable=False),
        sa.Column("tell_from", sa.Text, nullable=False),
    )
