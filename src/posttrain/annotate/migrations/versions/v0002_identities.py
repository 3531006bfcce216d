"""Accounts of a sign-in service."""

from alembic import op

from posttrain.annotate.tables import identities

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    """Create the table."""
    identities.create(op.get_bind())
