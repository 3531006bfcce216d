"""The API for managers of people: invitations, roles, tokens and the audit log."""

from typing import Any

from fastapi import APIRouter
from sqlalchemy import select

from posttrain.annotate.db.store import now, reading, writing
from posttrain.annotate.db.tables import audit, people
from posttrain.annotate.people.accounts import change_person, check_permission
from posttrain.annotate.people.credentials import new_token, revoke_token, tokens_of
from posttrain.annotate.people.invitations import invite, open_invitations, revoke_invitation
from posttrain.annotate.web.guard import Person, Store
from posttrain.annotate.web.models import Id, InvitationIn, Listed, PersonIn, TokenIn, as_listed

router = APIRouter(prefix="/api/v1", tags=["managing"])


@router.post("/invitations", status_code=201)
def make_invitation(new: InvitationIn, person: Person, store: Store) -> dict[str, str]:
    """Make an invitation: a path with which one person signs up within seven days. It is returned only once."""
    check_permission(person, "manage")
    with writing(store) as connection:
        return {"path": f"/join/{invite(connection, person, new.role, now())}", "role": new.role}


@router.get("/invitations", response_model=Listed)
def list_invitations(person: Person, store: Store) -> Any:
    """Invitations that can still be used, without their secrets."""
    check_permission(person, "manage")
    columns = ("id", "role", "created", "expires", "by")
    with reading(store) as connection:
        rows = open_invitations(connection, now())
    return as_listed([{name: getattr(row, name) for name in columns} for row in rows])


@router.delete("/invitations/{invitation_id}", status_code=204)
def end_invitation(invitation_id: Id, person: Person, store: Store) -> None:
    """Revoke an open invitation."""
    check_permission(person, "manage")
    with writing(store) as connection:
        revoke_invitation(connection, person, invitation_id, now())


@router.get("/people", response_model=Listed)
def list_people(person: Person, store: Store) -> Any:
    """All people, with their roles."""
    check_permission(person, "manage")
    columns = ("id", "name", "role", "origin", "active", "created")
    with reading(store) as connection:
        rows = connection.execute(select(*(people.c[name] for name in columns)).order_by(people.c.name))
        return as_listed([{name: getattr(row, name) for name in columns} for row in rows])


@router.patch("/people/{person_id}")
def change_role(person_id: Id, new: PersonIn, person: Person, store: Store) -> dict[str, Any]:
    """Change a person's role, or lock them out; nobody may give or take a role above their own."""
    check_permission(person, "manage")
    with writing(store) as connection:
        row = change_person(connection, person, person_id, now(), role=new.role, active=new.active)
        return {"id": row.id, "role": row.role, "active": row.active}


@router.post("/tokens", status_code=201)
def make_token(new: TokenIn, person: Person, store: Store) -> dict[str, Any]:
    """Make a Bearer token with your own rights. It is returned only once."""
    with writing(store) as connection:
        number, secret = new_token(connection, person, new.name, now())
        return {"id": number, "token": secret}


@router.get("/tokens", response_model=Listed)
def list_tokens(person: Person, store: Store) -> Any:
    """Your tokens that are not revoked, each with the id of the token with which it was made."""
    columns = ("id", "name", "created", "parent_id")
    with reading(store) as connection:
        return as_listed([{name: getattr(row, name) for name in columns} for row in tokens_of(connection, person)])


@router.delete("/tokens/{token_id}", status_code=204)
def end_token(token_id: Id, person: Person, store: Store) -> None:
    """Revoke a token of yours, and the tokens and open invitations that were made with it."""
    with writing(store) as connection:
        revoke_token(connection, person, token_id, now())


@router.get("/audit", response_model=Listed)
def list_audit(person: Person, store: Store) -> Any:
    """The audit log: sign-ins, exports, role changes and similar actions; the newest 500, the newest first."""
    check_permission(person, "manage")
    with reading(store) as connection:
        rows = connection.execute(
            select(audit, people.c.name.label("by"))
            .join(people, people.c.id == audit.c.person_id, isouter=True)
            .order_by(audit.c.id.desc())
            .limit(500)
        )
        return as_listed([{"at": r.at, "by": r.by, "action": r.action, "detail": r.detail} for r in rows])
