"""Sessions of browsers and tokens of programs."""

import secrets

from sqlalchemy import Connection, delete, insert, select, update

from posttrain.annotate.db.store import DbRow
from posttrain.annotate.db.tables import people, sessions, tokens
from posttrain.annotate.people.accounts import hash_secret, log_action
from posttrain.annotate.people.invitations import revoke_made_with
from posttrain.annotate.problems import Forbidden, Missing

SESSION_SECONDS = 12 * 3600


def open_session(connection: Connection, person: DbRow, at: float) -> tuple[str, str]:
    """Open a session; returns (secret, CSRF token). Both are new, whatever the browser held before."""
    secret, csrf = secrets.token_urlsafe(32), secrets.token_urlsafe(32)
    connection.execute(delete(sessions).where(sessions.c.expires <= at))
    values = {"secret": hash_secret(secret), "person_id": person.id, "csrf": csrf, "created": at}
    connection.execute(insert(sessions).values(**values, expires=at + SESSION_SECONDS))
    return secret, csrf


def session_of(connection: Connection, secret: str, at: float) -> DbRow | None:
    """The person of this session, with its `csrf` token; None if the session is unknown or expired."""
    joined = select(people, sessions.c.csrf).join(sessions, sessions.c.person_id == people.c.id)
    where = (sessions.c.secret == hash_secret(secret), sessions.c.expires > at, people.c.active)
    return connection.execute(joined.where(*where)).one_or_none()


def close_session(connection: Connection, secret: str) -> None:
    """Sign out."""
    connection.execute(delete(sessions).where(sessions.c.secret == hash_secret(secret)))


def new_token(connection: Connection, person: DbRow, name: str, at: float) -> tuple[int, str]:
    """Make a token for programs with the person's own rights; returns (id, secret).

    A token that is made with another token ends when that token is revoked.

    Raises:
        Forbidden: the token of this request was revoked in the meantime.
    """
    secret = secrets.token_urlsafe(32)
    parent: int | None = getattr(person, "token_id", None)
    if parent is not None:
        held = select(tokens.c.revoked).where(tokens.c.id == parent).with_for_update()
        if connection.execute(held).scalar_one() is not None:
            raise Forbidden("this token is unknown or revoked")
    values = {"secret": hash_secret(secret), "person_id": person.id, "name": name, "created": at, "parent_id": parent}
    number = connection.execute(insert(tokens).values(values).returning(tokens.c.id)).scalar_one()
    log_action(connection, at, person.id, "token made", token=number)
    return number, secret


def token_of(connection: Connection, secret: str) -> DbRow | None:
    """The person of a token, with its `token_id`; None if the token is unknown or revoked."""
    joined = select(people, tokens.c.id.label("token_id")).join(tokens, tokens.c.person_id == people.c.id)
    where = (tokens.c.secret == hash_secret(secret), tokens.c.revoked.is_(None), people.c.active)
    return connection.execute(joined.where(*where)).one_or_none()


def tokens_of(connection: Connection, person: DbRow) -> list[DbRow]:
    """A person's tokens that are not revoked."""
    own = (tokens.c.person_id == person.id, tokens.c.revoked.is_(None))
    return list(connection.execute(select(tokens).where(*own).order_by(tokens.c.id)))


def revoke_token(connection: Connection, person: DbRow, number: int, at: float) -> None:
    """Revoke a person's token, and the tokens and open invitations that were made with it.

    Raises:
        Missing: the person has no such token.
    """
    ended = {number}
    own = (tokens.c.person_id == person.id, tokens.c.revoked.is_(None))
    held = connection.execute(select(tokens.c.id).where(tokens.c.id == number, *own).with_for_update())
    if held.first() is None:
        raise Missing("there is no such token of yours")
    while True:
        revoked = update(tokens).where(tokens.c.id.in_(ended)).values(revoked=at)
        connection.execute(revoked.where(tokens.c.revoked.is_(None)))
        made = set(connection.execute(select(tokens.c.id).where(tokens.c.parent_id.in_(ended))).scalars())
        if made <= ended:
            break
        ended |= made
    revoke_made_with(connection, ended, at)
    log_action(connection, at, person.id, "token revoked", token=number, also=len(ended) - 1)
