"""Invitations: links with which one person signs up.

An invitation depends on the person who made it: it ends when that person's role changes, or when the token with which
it was made is revoked.
"""

import secrets
from collections.abc import Collection

from sqlalchemy import ColumnElement, Connection, func, insert, select, update

from posttrain.annotate.db.store import DbRow
from posttrain.annotate.db.tables import invitations, people, tokens
from posttrain.annotate.people.accounts import add_person, check_grants, hash_secret, log_action
from posttrain.annotate.problems import Forbidden, Missing

INVITATION_SECONDS = 7 * 24 * 3600


def invite(connection: Connection, by: DbRow | None, role: str, at: float) -> str:
    """Make an invitation.

    Args:
        by: the person who invites; None for the command line, whose user owns the database anyway.

    Returns:
        the secret; the database stores only its hash.
    """
    check_grants(None if by is None else _as_of_now(connection, by), role)
    return _new(connection, by, role, at)


def invite_first_owner(connection: Connection, at: float) -> str | None:
    """Make an invitation for the first owner and revoke earlier ones; None if there is an owner."""
    if _has_owner(connection):
        return None
    earlier = (invitations.c.first, invitations.c.used.is_(None), invitations.c.revoked.is_(None))
    connection.execute(update(invitations).where(*earlier).values(revoked=at))
    return _new(connection, None, "owner", at, first=True)


def usable_invitation(connection: Connection, secret: str, at: float) -> DbRow:
    """The invitation of a link, which may still be used.

    Raises:
        Missing: it is unknown, used, revoked or expired; or it is for the first owner, and there is an owner.
    """
    row = connection.execute(
        select(invitations).where(invitations.c.secret == hash_secret(secret), *_open(at))
    ).one_or_none()
    if row is None or (row.first and _has_owner(connection)):
        raise Missing("this invitation is unknown, used, revoked or expired; ask for a new one")
    return row


def join(connection: Connection, secret: str, name: str, password: str, at: float) -> DbRow:
    """Sign up with a password; this uses up the invitation."""
    invitation = use_invitation(connection, secret, at)
    person = add_person(connection, name, invitation.role, at, password=password, invitation=invitation)
    log_action(connection, at, person.id, "joined", role=person.role)
    return person


def use_invitation(connection: Connection, secret: str, at: float) -> DbRow:
    """Use up the invitation of a link.

    Raises:
        Missing: as `usable_invitation`.
    """
    invitation = usable_invitation(connection, secret, at)
    used = update(invitations).where(invitations.c.id == invitation.id, *_open(at)).values(used=at)
    if connection.execute(used).rowcount != 1:
        raise Missing("this invitation is unknown, used, revoked or expired; ask for a new one")
    return invitation


def open_invitations(connection: Connection, at: float) -> list[DbRow]:
    """Invitations that can still be used; `by` is the name of the person who made them."""
    joined = select(invitations, people.c.name.label("by")).join(
        people, people.c.id == invitations.c.inviter_id, isouter=True
    )
    rows = connection.execute(joined.where(*_open(at)).order_by(invitations.c.id)).all()
    has_owner = _has_owner(connection)
    return [row for row in rows if not (row.first and has_owner)]


def revoke_invitation(connection: Connection, by: DbRow, number: int, at: float) -> None:
    """Revoke an open invitation.

    Raises:
        Missing: there is no such open invitation.
        Forbidden: it is for a role above the role of `by`.
    """
    condition = (invitations.c.id == number, *_open(at))
    row = connection.execute(select(invitations).where(*condition)).one_or_none()
    if row is None:
        raise Missing("there is no such open invitation")
    check_grants(by, row.role)
    connection.execute(update(invitations).where(*condition).values(revoked=at))
    log_action(connection, at, by.id, "invitation revoked", invitation=number, role=row.role)


def revoke_made_with(connection: Connection, ended: Collection[int], at: float) -> None:
    """Revoke the open invitations that were made with these tokens."""
    connection.execute(update(invitations).where(invitations.c.token_id.in_(ended), *_open(at)).values(revoked=at))


def _as_of_now(connection: Connection, by: DbRow) -> DbRow:
    """The inviting person, read again under a lock, since their rights may have ended during the request."""
    row = connection.execute(select(people).where(people.c.id == by.id).with_for_update()).one()
    token = getattr(by, "token_id", None)
    good = select(tokens.c.id).where(tokens.c.id == token, tokens.c.revoked.is_(None)).with_for_update()
    if not row.active or (token is not None and connection.execute(good).first() is None):
        raise Forbidden("you may not invite any more")
    return row


def _new(connection: Connection, by: DbRow | None, role: str, at: float, *, first: bool = False) -> str:
    secret = secrets.token_urlsafe(32)
    values = {
        "secret": hash_secret(secret),
        "role": role,
        "created": at,
        "expires": at + INVITATION_SECONDS,
        "first": first,
        "inviter_id": None if by is None else by.id,
        "token_id": getattr(by, "token_id", None),
    }
    connection.execute(insert(invitations).values(values))
    log_action(connection, at, None if by is None else by.id, "invited", role=role)
    return secret


def _open(at: float) -> tuple[ColumnElement[bool], ...]:
    return invitations.c.used.is_(None), invitations.c.revoked.is_(None), invitations.c.expires > at


def _has_owner(connection: Connection) -> bool:
    owners = select(func.count()).where(people.c.role == "owner", people.c.active)
    return connection.execute(owners).scalar_one() > 0
