"""What alembic runs: the steps, on the connection and inside the transaction that it is given."""

from alembic import context

from monitor.store.schema import metadata

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=metadata,
    transactional_ddl=True,  # SQLite can, since every transaction here begins with an explicit BEGIN
)
with context.begin_transaction():
    context.run_migrations()
