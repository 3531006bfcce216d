"""The first schema."""

from alembic import op

from posttrain.annotate.tables import APPEND_ONLY, metadata

revision = "0001"
down_revision = None

_TABLES = (
    *("people", "invitations", "sessions", "tokens", "projects", "guidelines", "items", "assignments"),
    *("judgments", "audit"),
)
_SQLITE = """
CREATE TRIGGER {table}_no_{what} BEFORE {what} ON {table}
BEGIN SELECT RAISE(ABORT, '{table} are append-only'); END
"""
_FUNCTION = """
CREATE FUNCTION posttrain_append_only() RETURNS trigger LANGUAGE plpgsql
AS $$ BEGIN RAISE EXCEPTION '% are append-only', TG_TABLE_NAME; END $$
"""
_POSTGRESQL = """
CREATE TRIGGER {table}_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON {table}
FOR EACH STATEMENT EXECUTE FUNCTION posttrain_append_only()
"""


def upgrade() -> None:
    """Create the tables, and forbid changes where rows are for good."""
    connection = op.get_bind()
    # A table of that name that is there already is another program's: then nothing is touched.
    metadata.create_all(connection, tables=[metadata.tables[name] for name in _TABLES], checkfirst=False)
    if connection.dialect.name == "postgresql":
        op.execute(_FUNCTION)
        for table in APPEND_ONLY:
            op.execute(_POSTGRESQL.format(table=table))
    else:
        for table in APPEND_ONLY:
            for what in ("UPDATE", "DELETE"):
                op.execute(_SQLITE.format(table=table, what=what))
