"""The names of definitions. All declared limits are read from the API again, once, since the names come with them."""

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "definition_names",
        sa.Column("account", sa.Text, primary_key=True, nullable=False),
        sa.Column("definition", sa.Text, primary_key=True, nullable=False),
        sa.Column("name", sa.Text, nullable=False),
    )
    op.execute("DELETE FROM declarations")
