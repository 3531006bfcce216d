"""Columns for the inviter, the token and the revocation of an invitation, and for the parent of a token."""

import time

from alembic import op
from sqlalchemy import Boolean, Column, Float, ForeignKey, Integer, false, text

revision = "0003"
down_revision = "0002"

_INVITER = """
UPDATE invitations SET inviter_id = (
    SELECT MIN(audit.person_id) FROM audit WHERE audit.action = 'invited' AND audit.at = invitations.created
)
"""
_FIRST = "UPDATE invitations SET first = :yes WHERE role = 'owner' AND inviter_id IS NULL"
_REVOKED = """
UPDATE invitations SET revoked = :now WHERE used IS NULL AND inviter_id IN (
    SELECT id FROM people
    WHERE NOT active OR role NOT IN ('owner', 'admin') OR (invitations.role = 'owner' AND role <> 'owner')
)
"""


def upgrade() -> None:
    """Add the columns. Inviters come from the audit log; invitations whose inviter has lost the right are revoked."""
    with op.batch_alter_table("tokens") as tokens:
        tokens.add_column(Column("parent_id", Integer, ForeignKey("tokens.id", name="fk_tokens_parent_id")))
    with op.batch_alter_table("invitations") as invitations:
        invitations.add_column(Column("inviter_id", Integer, ForeignKey("people.id", name="fk_invitations_inviter_id")))
        invitations.add_column(Column("token_id", Integer, ForeignKey("tokens.id", name="fk_invitations_token_id")))
        invitations.add_column(Column("revoked", Float))
        invitations.add_column(Column("first", Boolean, nullable=False, server_default=false()))
    connection = op.get_bind()
    connection.execute(text(_INVITER))
    connection.execute(text(_FIRST), {"yes": True})
    connection.execute(text(_REVOKED), {"now": time.time()})
