"""People, their roles and permissions, and the audit log.

A secret (of an invitation, session or token) has 256 random bits and is stored as its SHA-256. Passwords are stored as
argon2id hashes.
"""

import hashlib
from collections.abc import Mapping
from typing import Any

from sqlalchemy import ColumnElement, Connection, delete, func, insert, or_, select, update

from posttrain.annotate.db.store import DbRow
from posttrain.annotate.db.tables import ROLES, audit, invitations, people, sessions
from posttrain.annotate.people.names import checked_name, look_alike, tidy_name
from posttrain.annotate.people.passwords import checked_password, hash_password, is_password
from posttrain.annotate.problems import Forbidden, Invalid, Missing

PERMISSIONS: Mapping[str, frozenset[str]] = {
    "judge": frozenset({"owner", "admin", "adjudicator", "annotator"}),
    "adjudicate": frozenset({"owner", "admin", "adjudicator"}),
    "oversee": frozenset({"owner", "admin", "viewer"}),
    "manage": frozenset({"owner", "admin"}),
}
"""permission → the roles that have it. "manage" covers projects, imports, exports, guidelines and people."""

NAMES_LOCK = 7605103843
"""PostgreSQL's advisory lock for adding a person, held from the check of the name to the end of the transaction."""


def may(person: DbRow, permission: str) -> bool:
    """Whether the person's role has the permission."""
    return person.role in PERMISSIONS[permission]


def check_permission(person: DbRow, permission: str) -> None:
    """Raise Forbidden if the person's role lacks the permission."""
    if not may(person, permission):
        raise Forbidden(f"a person with the role {person.role} may not do this")


def log_action(connection: Connection, at: float, by: int | None, action: str, /, **detail: Any) -> None:
    """Write a line of the audit log; `by` is None for the command line."""
    connection.execute(insert(audit).values(at=at, person_id=by, action=action, detail=detail))


def add_person(
    connection: Connection,
    name: str,
    role: str,
    at: float,
    *,
    password: str | None = None,
    origin: str = "app",
    invitation: DbRow | None = None,
) -> DbRow:
    """Add a person. Without a password or an account at a sign-in service the person never signs in."""
    name = checked_name(name)
    kept = None if password is None else hash_password(checked_password(password, name))
    if connection.dialect.name == "postgresql":  # SQLite has one writer; here two people could take one name
        connection.exec_driver_sql(f"SELECT pg_advisory_xact_lock({NAMES_LOCK})")
    if is_taken(connection, name, origin=origin):
        raise Invalid(f"the name {name} is taken, or looks like one that is; choose another")
    values = {"name": name, "role": role, "password": kept, "origin": origin, "active": True, "created": at}
    person = connection.execute(insert(people).values(values).returning(people)).one()
    if invitation is not None:
        connection.execute(update(invitations).where(invitations.c.id == invitation.id).values(person_id=person.id))
    return person


def is_taken(connection: Connection, name: str, *, origin: str = "app") -> bool:
    """Whether a person has this name or, if the origin is the app, a name that looks the same.

    Names in files are often ids (``u1`` beside ``ul``), and nobody signs in with them, so they may look alike.
    """
    if connection.execute(select(people.c.id).where(_is_called(name))).first():
        return True
    return origin == "app" and any(
        look_alike(name, other) for other in connection.execute(select(people.c.name)).scalars()
    )


def sign_in(connection: Connection, name: str, password: str) -> DbRow | None:
    """The person with this name and password; the check takes equally long if there is no such person."""
    person = connection.execute(select(people).where(_is_called(tidy_name(name)))).first()
    kept = person.password if person is not None and person.password is not None and person.active else None
    return person if is_password(password, kept) else None


def _is_called(name: str) -> ColumnElement[bool]:
    """The condition that a person has this name, whatever its case; it depends on the database's `lower`."""
    return or_(people.c.name == name, func.lower(people.c.name) == name.lower())


def change_person(
    connection: Connection, by: DbRow | None, number: int, at: float, *, role: str | None, active: bool | None
) -> DbRow:
    """Change a person's role, or lock them out or readmit them; their sessions and open invitations end.

    Raises:
        Missing: there is no such person.
        Forbidden: the role is above the role of `by`, or the person is the last owner.
    """
    person = connection.execute(select(people).where(people.c.id == number).with_for_update()).one_or_none()
    if person is None:
        raise Missing("there is no such person")
    check_grants(by, person.role)
    check_grants(by, role or person.role)
    new = {"role": role or person.role, "active": person.active if active is None else active}
    owners = select(func.count()).where(people.c.role == "owner", people.c.active, people.c.id != number)
    stays = new["role"] == "owner" and new["active"]
    if person.role == "owner" and not stays and not connection.execute(owners).scalar_one():
        raise Forbidden("the last owner cannot be taken away; make another one first")
    connection.execute(delete(sessions).where(sessions.c.person_id == number))
    open_by_person = (invitations.c.inviter_id == number, invitations.c.used.is_(None), invitations.c.revoked.is_(None))
    connection.execute(update(invitations).where(*open_by_person).values(revoked=at))
    changed = update(people).where(people.c.id == number).values(new).returning(people)
    log_action(connection, at, None if by is None else by.id, "role changed", person=number, before=person.role, **new)
    return connection.execute(changed).one()


def check_grants(by: DbRow | None, role: str) -> None:
    """Raise Forbidden if the role is above the role of `by`; None is the command line, which may give every role."""
    if role not in ROLES:
        raise Invalid(f"there is no role {role}; one of {', '.join(ROLES)}")
    if by is not None and (not may(by, "manage") or ROLES.index(role) < ROLES.index(by.role)):
        raise Forbidden(f"a person with the role {by.role} may not give or take the role {role}")


def hash_secret(secret: str) -> str:
    """The hash of a secret, as the database stores it."""
    return hashlib.sha256(secret.encode("utf-8", "surrogatepass")).hexdigest()
