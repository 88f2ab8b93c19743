"""What Alembic runs for each command: on the connection and in the transaction it was given."""

from alembic import context

from stocker_pipeline.domain.crash_points import crash_point
from stocker_pipeline.ledger.tables import metadata

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=metadata,
    transactional_ddl=True,
    on_version_apply=lambda **_: crash_point("ledger.migration.inside"),
)
with context.begin_transaction():
    context.run_migrations()
