"""Alembic runs this file; it applies the migrations on the given connection."""

from alembic import context

from posttrain.annotate.db.tables import metadata

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=metadata,
    render_as_batch=True,
    transaction_per_migration=False,
)
context.run_migrations()
