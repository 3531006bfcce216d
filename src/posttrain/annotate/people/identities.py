"""People whom a sign-in service knows: an account there, said by its issuer and subject, stands for a person here."""

from sqlalchemy import Connection, insert, select

from posttrain.annotate.db.store import Row
from posttrain.annotate.db.tables import identities, people
from posttrain.annotate.people.accounts import add_person, is_taken, note
from posttrain.annotate.people.invitations import use_invitation
from posttrain.annotate.people.names import is_visible, tidy_name
from posttrain.annotate.problems import Invalid

SAME_NAME = 50
"""People of one name that may join; each gets a number."""


def person_known_as(connection: Connection, issuer: str, subject: str) -> Row | None:
    """The person behind an account."""
    joined = select(people).join(identities, identities.c.person_id == people.c.id)
    return connection.execute(
        joined.where(identities.c.issuer == issuer, identities.c.subject == subject)
    ).one_or_none()


def join_as(connection: Connection, secret: str, issuer: str, subject: str, name: str, at: float) -> Row:
    """Sign up by invitation, which is then used up, with an account in place of a password.

    Args:
        name: by the account; one that is taken gets a number.
    """
    invitation = use_invitation(connection, secret, at)
    person = add_person(connection, _free(connection, name), invitation.role, at, invitation=invitation)
    values = {"person_id": person.id, "issuer": issuer, "subject": subject, "created": at}
    connection.execute(insert(identities).values(values))
    note(connection, at, person.id, "joined", role=person.role, issuer=issuer)
    return person


def _free(connection: Connection, name: str) -> str:
    tidy = tidy_name("".join(filter(is_visible, tidy_name(name)))[:70]) or "unnamed"
    for wanted in (tidy, *(f"{tidy} {n}" for n in range(2, SAME_NAME))):
        if not is_taken(connection, wanted):
            return wanted
    raise Invalid(f"the name {tidy} is taken too often")
