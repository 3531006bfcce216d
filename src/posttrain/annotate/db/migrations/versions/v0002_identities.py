"""Accounts at a sign-in service."""

from alembic import op
from sqlalchemy import Column, Float, ForeignKey, Integer, String, UniqueConstraint

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    """Create the table."""
    op.create_table(
        "identities",
        Column("id", Integer, primary_key=True, autoincrement=True),
        Column("person_id", Integer, ForeignKey("people.id"), nullable=False, index=True),
        Column("issuer", String(500), nullable=False),
        Column("subject", String(255), nullable=False),
        Column("created", Float, nullable=False),
        UniqueConstraint("issuer", "subject"),
    )
