"""Alembic's entry point: it migrates on the given connection, inside the caller's transaction."""

from alembic import context

from monitor.store.schema import metadata

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=metadata,
    transactional_ddl=True,  # possible on SQLite, since every transaction begins with an explicit BEGIN
)
with context.begin_transaction():
    context.run_migrations()
