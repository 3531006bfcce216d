"""The first schema. It stays unchanged: later changes of `tables.py` have their own migrations."""

from alembic import op
from sqlalchemy import (
    JSON,
    Boolean,
    CheckConstraint,
    Column,
    Float,
    ForeignKey,
    Index,
    Integer,
    MetaData,
    String,
    Table,
    Text,
    UniqueConstraint,
)

revision = "0001"
down_revision = None

_METADATA = MetaData(
    naming_convention={
        "ix": "ix_%(table_name)s_%(column_0_name)s",
        "uq": "uq_%(table_name)s_%(column_0_name)s",
        "ck": "ck_%(table_name)s_%(constraint_name)s",
        "fk": "fk_%(table_name)s_%(column_0_name)s",
        "pk": "pk_%(table_name)s",
    }
)

_ROLES = ("owner", "admin", "adjudicator", "annotator", "viewer")

_ORIGINS = ("app", "import", "simulated")

_KINDS = ("ranking", "adjudication")

_STATES = ("open", "disputed", "flagged", "done", "settled")


def _one_of(column: str, values: tuple[str, ...]) -> CheckConstraint:
    listed = ", ".join(f"'{value}'" for value in values)
    return CheckConstraint(f"{column} IN ({listed})", name=column)


def _key() -> Column[int]:
    return Column("id", Integer, primary_key=True, autoincrement=True)


def _of(table: str, *, nullable: bool = False, index: bool = False) -> Column[int]:
    name = {"people": "person"}.get(table, table.removesuffix("s"))
    return Column(f"{name}_id", Integer, ForeignKey(f"{table}.id"), nullable=nullable, index=index)


Table(
    "people",
    _METADATA,
    _key(),
    Column("name", String(80), nullable=False, unique=True),
    Column("role", String(12), nullable=False),
    Column("password", Text),
    Column("origin", String(10), nullable=False, default="app"),
    Column("active", Boolean, nullable=False, default=True),
    Column("created", Float, nullable=False),
    _one_of("role", _ROLES),
    _one_of("origin", _ORIGINS),
)

Table(
    "invitations",
    _METADATA,
    _key(),
    Column("secret", String(64), nullable=False, unique=True),
    Column("role", String(12), nullable=False),
    Column("created", Float, nullable=False),
    Column("expires", Float, nullable=False),
    Column("used", Float),
    _of("people", nullable=True),
    _one_of("role", _ROLES),
)

Table(
    "sessions",
    _METADATA,
    Column("secret", String(64), primary_key=True),
    _of("people", index=True),
    Column("csrf", String(64), nullable=False),
    Column("created", Float, nullable=False),
    Column("expires", Float, nullable=False),
)

Table(
    "tokens",
    _METADATA,
    _key(),
    Column("secret", String(64), nullable=False, unique=True),
    _of("people", index=True),
    Column("name", String(80), nullable=False),
    Column("created", Float, nullable=False),
    Column("revoked", Float),
)

Table(
    "projects",
    _METADATA,
    _key(),
    Column("name", String(80), nullable=False, unique=True),
    Column("settings", JSON, nullable=False),
    Column("created", Float, nullable=False),
    Column("judgments", Integer, nullable=False, default=0),
    Column("head", String(64), nullable=False, default=""),
)

Table(
    "guidelines",
    _METADATA,
    _key(),
    _of("projects"),
    Column("version", Integer, nullable=False),
    Column("text", Text, nullable=False),
    Column("created", Float, nullable=False),
    _of("people", nullable=True),
    UniqueConstraint("project_id", "version"),
)

Table(
    "items",
    _METADATA,
    _key(),
    _of("projects"),
    Column("name", String(200), nullable=False),
    Column("prompt", JSON, nullable=False),
    Column("candidates", JSON, nullable=False),
    Column("about", JSON, nullable=False),
    Column("slice", String(200)),
    Column("gold", JSON(none_as_null=True)),
    Column("turn", Integer, nullable=False, default=0),
    Column("wanted", Integer, nullable=False),
    Column("judged", Integer, nullable=False, default=0),
    Column("state", String(10), nullable=False, default="open"),
    UniqueConstraint("project_id", "name"),
    Index("ix_items_queue", "project_id", "state", "turn", "id"),
    CheckConstraint("judged <= wanted OR gold IS NOT NULL", name="overlap"),
    _one_of("state", _STATES),
)

Table(
    "assignments",
    _METADATA,
    _key(),
    _of("items", index=True),
    _of("people", index=True),
    Column("kind", String(12), nullable=False),
    Column("state", String(10), nullable=False),
    Column("shown", JSON, nullable=False),
    Column("guideline", Integer, nullable=False),
    Column("leased", Float, nullable=False),
    Column("expires", Float, nullable=False),
    Column("reason", Text),
    UniqueConstraint("item_id", "person_id", "kind"),
    _one_of("kind", _KINDS),
    CheckConstraint("state IN ('leased', 'judged', 'skipped', 'flagged')", name="state"),
)

Table(
    "judgments",
    _METADATA,
    _key(),
    _of("projects"),
    Column("number", Integer, nullable=False),
    _of("items", index=True),
    _of("people", index=True),
    Column("kind", String(12), nullable=False),
    Column("revision", Integer, nullable=False),
    Column("body", JSON, nullable=False),
    Column("created", Float, nullable=False),
    Column("key", String(80)),
    Column("before", String(64), nullable=False),
    Column("hash", String(64), nullable=False, unique=True),
    UniqueConstraint("project_id", "number"),
    UniqueConstraint("item_id", "person_id", "kind", "revision"),
    UniqueConstraint("person_id", "key"),
    _one_of("kind", _KINDS),
)

Table(
    "audit",
    _METADATA,
    _key(),
    Column("at", Float, nullable=False),
    _of("people", nullable=True),
    Column("action", String(40), nullable=False),
    Column("detail", JSON, nullable=False),
)

_APPEND_ONLY = ("judgments", "audit", "guidelines")

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
    """Create the tables, and the triggers that make some of them append-only."""
    connection = op.get_bind()
    # An existing table of one of these names belongs to another program: the migration then fails and changes nothing.
    _METADATA.create_all(connection, checkfirst=False)
    if connection.dialect.name == "postgresql":
        op.execute(_FUNCTION)
        for table in _APPEND_ONLY:
            op.execute(_POSTGRESQL.format(table=table))
    else:
        for table in _APPEND_ONLY:
            for what in ("UPDATE", "DELETE"):
                op.execute(_SQLITE.format(table=table, what=what))
