"""Who may do what, and how people prove who they are.

Every secret (invitation, session, token) is 256 random bits, kept only as its SHA-256. Passwords are kept as argon2id.
"""

import hashlib
from collections.abc import Mapping
from typing import Any

from sqlalchemy import ColumnElement, Connection, delete, func, insert, or_, select, update

from posttrain.annotate.db.store import Row
from posttrain.annotate.db.tables import ROLES, audit, invitations, people, sessions
from posttrain.annotate.people.names import checked_name, look_alike, tidy_name
from posttrain.annotate.people.passwords import checked_password, is_password, kept_password
from posttrain.annotate.problems import Forbidden, Invalid, Missing

MAY: Mapping[str, frozenset[str]] = {
    "judge": frozenset({"owner", "admin", "adjudicator", "annotator"}),
    "adjudicate": frozenset({"owner", "admin", "adjudicator"}),
    "oversee": frozenset({"owner", "admin", "viewer"}),
    "manage": frozenset({"owner", "admin"}),
}
"""What each deed needs. Managing is projects, imports, exports, guidelines and people."""

NAMES_LOCK = 7605103843
"""Who adds a person to a PostgreSQL database holds this lock, from the look at the names until the transaction ends."""


def may(person: Row, deed: str) -> bool:
    """Whether the person's role allows it."""
    return person.role in MAY[deed]


def check_may(person: Row, deed: str) -> None:
    """Refuse what the role does not allow."""
    if not may(person, deed):
        raise Forbidden(f"a person with the role {person.role} may not do this")


def note(connection: Connection, at: float, by: int | None, action: str, /, **detail: Any) -> None:
    """A line of the audit log; `by` is None for the command line."""
    connection.execute(insert(audit).values(at=at, person_id=by, action=action, detail=detail))


def add_person(
    connection: Connection,
    name: str,
    role: str,
    at: float,
    *,
    password: str | None = None,
    origin: str = "app",
    invitation: Row | None = None,
) -> Row:
    """A new person; without a password or an account elsewhere one who never signs in."""
    name = checked_name(name)
    kept = None if password is None else kept_password(checked_password(password, name))
    if connection.dialect.name == "postgresql":  # SQLite has one writer; here two twins of a name could join at once
        connection.exec_driver_sql(f"SELECT pg_advisory_xact_lock({NAMES_LOCK})")
    if is_taken(connection, name, origin=origin):
        raise Invalid(f"the name {name} is taken, or looks like one that is; choose another")
    values = {"name": name, "role": role, "password": kept, "origin": origin, "active": True, "created": at}
    person = connection.execute(insert(people).values(values).returning(people)).one()
    if invitation is not None:
        connection.execute(update(invitations).where(invitations.c.id == invitation.id).values(person_id=person.id))
    return person


def is_taken(connection: Connection, name: str, *, origin: str = "app") -> bool:
    """Whether a person has this name, or, of those who sign in here, one that cannot be told from it by eye.

    Names in files are ids as often as not (``u1`` beside ``ul``), and nobody signs in under them.
    """
    if connection.execute(select(people.c.id).where(_is_called(name))).first():
        return True
    return origin == "app" and any(
        look_alike(name, other) for other in connection.execute(select(people.c.name)).scalars()
    )


def sign_in(connection: Connection, name: str, password: str) -> Row | None:
    """The person with this name and password; takes equally long whether or not there is one."""
    found = connection.execute(select(people).where(_is_called(tidy_name(name)))).first()
    kept = found.password if found is not None and found.password is not None and found.active else None
    return found if is_password(password, kept) else None


def _is_called(name: str) -> ColumnElement[bool]:
    """Whether a person has this name, in capitals or not: as far as the database's `lower` knows its letters."""
    return or_(people.c.name == name, func.lower(people.c.name) == name.lower())


def change_person(
    connection: Connection, by: Row | None, number: int, at: float, *, role: str | None, active: bool | None
) -> Row:
    """Give another role, or lock out or readmit; sessions and open invitations of whom it concerns end.

    Raises:
        Forbidden: nobody gives or takes a role above his own, and the last owner stays.
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
    given = (invitations.c.inviter_id == number, invitations.c.used.is_(None), invitations.c.revoked.is_(None))
    connection.execute(update(invitations).where(*given).values(revoked=at))
    changed = update(people).where(people.c.id == number).values(new).returning(people)
    note(connection, at, None if by is None else by.id, "role changed", person=number, before=person.role, **new)
    return connection.execute(changed).one()


def check_grants(by: Row | None, role: str) -> None:
    """Refuse to give or take a role above one's own; the command line, None, may give all."""
    if role not in ROLES:
        raise Invalid(f"there is no role {role}; one of {', '.join(ROLES)}")
    if by is not None and (not may(by, "manage") or ROLES.index(role) < ROLES.index(by.role)):
        raise Forbidden(f"a person with the role {by.role} may not give or take the role {role}")


def hashed(secret: str) -> str:
    """A secret as it is kept."""
    return hashlib.sha256(secret.encode("utf-8", "surrogatepass")).hexdigest()
