"""The tables: what an annotation database holds. Times are UTC seconds since 1970, JSON columns hold plain values."""

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
"""What a person may do; see `people.MAY`."""

ORIGINS = ("app", "import", "simulated")
"""Where a judgment came from: a person in this app, a person elsewhere, or a program (demos and tests alone)."""

KINDS = ("ranking", "adjudication")
"""What an assignment asks for, and what its judgment is."""

STATES = ("open", "disputed", "flagged", "done", "settled")
"""Of an item: still to be judged, to be adjudicated, set aside until an admin looks, judged, adjudicated."""


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
    Column("password", Text),  # argon2; null for those with an account elsewhere, or who never sign in
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
    Column("secret", String(64), nullable=False, unique=True),  # its SHA-256, as with every secret here
    Column("role", String(12), nullable=False),
    Column("created", Float, nullable=False),
    Column("expires", Float, nullable=False),
    Column("used", Float),
    Column("revoked", Float),
    Column("first", Boolean, nullable=False, default=False, server_default=false()),  # for the first owner alone
    _of("people", nullable=True),  # who joined by it
    Column("inviter_id", Integer, ForeignKey("people.id")),  # null for the command line
    _of("tokens", nullable=True),  # that it was made with
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
    Column("parent_id", Integer, ForeignKey("tokens.id")),  # the token that made it, and takes it along
)

projects = Table(
    "projects",
    metadata,
    _key(),
    Column("name", String(80), nullable=False, unique=True),
    Column("settings", JSON, nullable=False),
    Column("created", Float, nullable=False),
    Column("judgments", Integer, nullable=False, default=0),  # length of the chain, so that a cut end shows
    Column("head", String(64), nullable=False, default=""),  # hash of its last link
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
    Column("name", String(200), nullable=False),  # the row's own id
    Column("prompt", JSON, nullable=False),
    Column("candidates", JSON, nullable=False),  # [{id, text, model, params_hash}], in the file's order
    Column("about", JSON, nullable=False),  # the row's other columns
    Column("slice", String(200)),
    Column("gold", JSON(none_as_null=True)),  # {candidate: rank}, what a hidden gold item's answer should be
    Column("turn", Integer, nullable=False, default=0),  # the priority, negated: an index serves both in order
    Column("wanted", Integer, nullable=False),  # judgments; raised where people disagree
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
    Column("shown", JSON, nullable=False),  # candidate ids from left to right: said by the server alone
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
    Column("number", Integer, nullable=False),  # its place in the project's chain, from 1
    _of("items", index=True),
    _of("people", index=True),
    Column("kind", String(12), nullable=False),
    Column("revision", Integer, nullable=False),  # 1, then 2 for a change of mind; the last one counts
    Column("body", JSON, nullable=False),  # all that was said; see `judging.body_of`
    Column("created", Float, nullable=False),
    Column("key", String(80)),  # the Idempotency-Key it was sent with
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
"""Tables whose rows the database itself refuses to change or delete."""
