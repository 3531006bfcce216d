"""The tables of an annotation database. Times are UTC seconds since 1970; JSON columns hold plain values."""

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
    false,
)

metadata = MetaData(
    naming_convention={
        "ix": "ix_%(table_name)s_%(column_0_name)s",
        "uq": "uq_%(table_name)s_%(column_0_name)s",
        "ck": "ck_%(table_name)s_%(constraint_name)s",
        "fk": "fk_%(table_name)s_%(column_0_name)s",
        "pk": "pk_%(table_name)s",
    }
)

ROLES = ("owner", "admin", "adjudicator", "annotator", "viewer")
"""Roles, the highest first; `people.accounts.PERMISSIONS` lists what each may do."""

ORIGINS = ("app", "import", "simulated")
"""Where a judgment comes from: a person in this app, a file, or a program (only in demos and tests)."""

KINDS = ("ranking", "adjudication")
"""Kinds of assignments and of their judgments."""

STATES = ("open", "disputed", "flagged", "done", "settled")
"""States of an item: to be judged, to be adjudicated, set aside until an admin decides, judged, adjudicated."""


def _one_of(column: str, values: tuple[str, ...]) -> CheckConstraint:
    listed = ", ".join(f"'{value}'" for value in values)
    return CheckConstraint(f"{column} IN ({listed})", name=column)


def _key() -> Column[int]:
    return Column("id", Integer, primary_key=True, autoincrement=True)


def _of(table: str, *, nullable: bool = False, index: bool = False) -> Column[int]:
    name = {"people": "person"}.get(table, table.removesuffix("s"))
    return Column(f"{name}_id", Integer, ForeignKey(f"{table}.id"), nullable=nullable, index=index)


people = Table(
    "people",
    metadata,
    _key(),
    Column("name", String(80), nullable=False, unique=True),
    Column("role", String(12), nullable=False),
    Column("password", Text),  # argon2id; null for people who sign in by OpenID Connect or never
    Column("origin", String(10), nullable=False, default="app"),
    Column("active", Boolean, nullable=False, default=True),
    Column("created", Float, nullable=False),
    _one_of("role", ROLES),
    _one_of("origin", ORIGINS),
)

invitations = Table(
    "invitations",
    metadata,
    _key(),
    Column("secret", String(64), nullable=False, unique=True),  # SHA-256 of the secret, as in every table
    Column("role", String(12), nullable=False),
    Column("created", Float, nullable=False),
    Column("expires", Float, nullable=False),
    Column("used", Float),
    Column("revoked", Float),
    Column(
        "first", Boolean, nullable=False, default=False, server_default=false()
    ),  # whether it is for the first owner
    _of("people", nullable=True),  # the person who joined with it
    Column("inviter_id", Integer, ForeignKey("people.id")),  # null: made on the command line
    _of("tokens", nullable=True),  # the token it was made with
    _one_of("role", ROLES),
)

identities = Table(
    "identities",
    metadata,
    _key(),
    _of("people", index=True),
    Column("issuer", String(500), nullable=False),
    Column("subject", String(255), nullable=False),
    Column("created", Float, nullable=False),
    UniqueConstraint("issuer", "subject"),
)

sessions = Table(
    "sessions",
    metadata,
    Column("secret", String(64), primary_key=True),
    _of("people", index=True),
    Column("csrf", String(64), nullable=False),
    Column("created", Float, nullable=False),
    Column("expires", Float, nullable=False),
)

tokens = Table(
    "tokens",
    metadata,
    _key(),
    Column("secret", String(64), nullable=False, unique=True),
    _of("people", index=True),
    Column("name", String(80), nullable=False),
    Column("created", Float, nullable=False),
    Column("revoked", Float),
    Column("parent_id", Integer, ForeignKey("tokens.id")),  # the token it was made with; revoking that revokes this
)

projects = Table(
    "projects",
    metadata,
    _key(),
    Column("name", String(80), nullable=False, unique=True),
    Column("settings", JSON, nullable=False),
    Column("created", Float, nullable=False),
    Column("judgments", Integer, nullable=False, default=0),  # length of the hash chain
    Column("head", String(64), nullable=False, default=""),  # hash of the chain's last judgment
)

guidelines = Table(
    "guidelines",
    metadata,
    _key(),
    _of("projects"),
    Column("version", Integer, nullable=False),
    Column("text", Text, nullable=False),
    Column("created", Float, nullable=False),
    _of("people", nullable=True),
    UniqueConstraint("project_id", "version"),
)

items = Table(
    "items",
    metadata,
    _key(),
    _of("projects"),
    Column("name", String(200), nullable=False),  # the id of the row in the file
    Column("prompt", JSON, nullable=False),
    Column("candidates", JSON, nullable=False),  # [{id, text, model, params_hash}], in the file's order
    Column("about", JSON, nullable=False),  # the row's other columns
    Column("slice", String(200)),
    Column("gold", JSON(none_as_null=True)),  # {candidate: rank}: the right ranking of a gold item
    Column(
        "turn", Integer, nullable=False, default=0
    ),  # the negated priority, so that one ascending index orders the queue
    Column("wanted", Integer, nullable=False),  # number of judgments; raised where people disagree
    Column("judged", Integer, nullable=False, default=0),
    Column("state", String(10), nullable=False, default="open"),
    UniqueConstraint("project_id", "name"),
    Index("ix_items_queue", "project_id", "state", "turn", "id"),
    CheckConstraint("judged <= wanted OR gold IS NOT NULL", name="overlap"),
    _one_of("state", STATES),
)

assignments = Table(
    "assignments",
    metadata,
    _key(),
    _of("items", index=True),
    _of("people", index=True),
    Column("kind", String(12), nullable=False),
    Column("state", String(10), nullable=False),
    Column("shown", JSON, nullable=False),  # candidate ids from left to right; only the server sets them
    Column("guideline", Integer, nullable=False),
    Column("leased", Float, nullable=False),
    Column("expires", Float, nullable=False),
    Column("reason", Text),
    UniqueConstraint("item_id", "person_id", "kind"),
    _one_of("kind", KINDS),
    CheckConstraint("state IN ('leased', 'judged', 'skipped', 'flagged')", name="state"),
)

judgments = Table(
    "judgments",
    metadata,
    _key(),
    _of("projects"),
    Column("number", Integer, nullable=False),  # position in the project's chain, from 1
    _of("items", index=True),
    _of("people", index=True),
    Column("kind", String(12), nullable=False),
    Column("revision", Integer, nullable=False),  # 1, then 2 for a change of mind; the last revision counts
    Column("body", JSON, nullable=False),  # see `judging.judgment_body`
    Column("created", Float, nullable=False),
    Column("key", String(80)),  # the Idempotency-Key of the request
    Column("before", String(64), nullable=False),
    Column("hash", String(64), nullable=False, unique=True),
    UniqueConstraint("project_id", "number"),
    UniqueConstraint("item_id", "person_id", "kind", "revision"),
    UniqueConstraint("person_id", "key"),
    _one_of("kind", KINDS),
)

audit = Table(
    "audit",
    metadata,
    _key(),
    Column("at", Float, nullable=False),
    _of("people", nullable=True),
    Column("action", String(40), nullable=False),
    Column("detail", JSON, nullable=False),
)

APPEND_ONLY = ("judgments", "audit", "guidelines")
"""Tables whose rows cannot be changed or deleted: triggers in the database refuse it."""
