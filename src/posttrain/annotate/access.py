"""What browsers and programs hold once somebody has proved who he is: sessions and tokens."""

import secrets

from sqlalchemy import Connection, delete, insert, select

from posttrain.annotate.people import hashed, note
from posttrain.annotate.store import Row
from posttrain.annotate.tables import people, sessions, tokens

SESSION_SECONDS = 12 * 3600


def open_session(connection: Connection, person: Row, at: float) -> tuple[str, str]:
    """(secret, CSRF token) of a new session; what the browser held before plays no part."""
    secret, csrf = secrets.token_urlsafe(32), secrets.token_urlsafe(32)
    connection.execute(delete(sessions).where(sessions.c.expires <= at))
    values = {"secret": hashed(secret), "person_id": person.id, "csrf": csrf, "created": at}
    connection.execute(insert(sessions).values(**values, expires=at + SESSION_SECONDS))
    return secret, csrf


def session_of(connection: Connection, secret: str, at: float) -> Row | None:
    """The person signed in by this session, with its `csrf`."""
    joined = select(people, sessions.c.csrf).join(sessions, sessions.c.person_id == people.c.id)
    where = (sessions.c.secret == hashed(secret), sessions.c.expires > at, people.c.active)
    return connection.execute(joined.where(*where)).one_or_none()


def close_session(connection: Connection, secret: str) -> None:
    """Sign out."""
    connection.execute(delete(sessions).where(sessions.c.secret == hashed(secret)))


def new_token(connection: Connection, person: Row, name: str, at: float) -> tuple[int, str]:
    """(id, secret) of a token with the person's own rights, for programs."""
    secret = secrets.token_urlsafe(32)
    values = {"secret": hashed(secret), "person_id": person.id, "name": name, "created": at}
    number = connection.execute(insert(tokens).values(values).returning(tokens.c.id)).scalar_one()
    note(connection, at, person.id, "token made", token=number)
    return number, secret


def token_of(connection: Connection, secret: str) -> Row | None:
    """The person behind a token."""
    joined = select(people).join(tokens, tokens.c.person_id == people.c.id)
    where = (tokens.c.secret == hashed(secret), tokens.c.revoked.is_(None), people.c.active)
    return connection.execute(joined.where(*where)).one_or_none()
