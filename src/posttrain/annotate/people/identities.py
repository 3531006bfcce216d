"""Accounts at a sign-in service: (issuer, subject) identifies a person of the app."""

from sqlalchemy import Connection, insert, select

from posttrain.annotate.db.store import DbRow
from posttrain.annotate.db.tables import identities, people
from posttrain.annotate.people.accounts import add_person, is_taken, log_action
from posttrain.annotate.people.invitations import use_invitation
from posttrain.annotate.people.names import is_visible, tidy_name
from posttrain.annotate.problems import Invalid

SAME_NAME = 50
"""The number of people of one name who may join; each gets a number."""


def person_known_as(connection: Connection, issuer: str, subject: str) -> DbRow | None:
    """The person of an account; None if the account is unknown."""
    joined = select(people).join(identities, identities.c.person_id == people.c.id)
    return connection.execute(
        joined.where(identities.c.issuer == issuer, identities.c.subject == subject)
    ).one_or_none()


def join_as(connection: Connection, secret: str, issuer: str, subject: str, name: str, at: float) -> DbRow:
    """Sign up with an account in place of a password; this uses up the invitation.

    Args:
        name: the account's name; if it is taken, a number is added.
    """
    invitation = use_invitation(connection, secret, at)
    person = add_person(connection, _free_name(connection, name), invitation.role, at, invitation=invitation)
    values = {"person_id": person.id, "issuer": issuer, "subject": subject, "created": at}
    connection.execute(insert(identities).values(values))
    log_action(connection, at, person.id, "joined", role=person.role, issuer=issuer)
    return person


def _free_name(connection: Connection, name: str) -> str:
    tidy = tidy_name("".join(filter(is_visible, tidy_name(name)))[:70]) or "unnamed"
    for candidate in (tidy, *(f"{tidy} {n}" for n in range(2, SAME_NAME))):
        if not is_taken(connection, candidate):
            return candidate
    raise Invalid(f"the name {tidy} is taken too often")
