"""The names of definitions. What versions declare is asked anew, once, since their names come with it."""

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
