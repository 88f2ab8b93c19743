"""The book of paper and live: every table, index and trigger of the first revision."""

from alembic import op

from stocker_pipeline.ledger.migrations.frozen import statements

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Create everything."""
    for statement in statements("0001_book", op.get_bind().dialect.name):
        op.get_bind().exec_driver_sql(statement)


def downgrade() -> None:
    """Refused: nothing takes facts away."""
    raise NotImplementedError("a ledger is never taken back a revision; restore a backup instead")
