"""The API of those who run a project: projects, imports, figures, exports, people."""

import io
import tempfile
import zipfile
from pathlib import Path
from typing import Any

from anyio import CapacityLimiter, to_thread
from fastapi import APIRouter, Request, Response
from fastapi.concurrency import run_in_threadpool
from sqlalchemy import Engine, select

from posttrain.annotate.db.store import now, reading, writing
from posttrain.annotate.db.tables import audit, people
from posttrain.annotate.exchange.export import ExportOptions, export
from posttrain.annotate.exchange.imports import add_imports, read_imports
from posttrain.annotate.insight.dashboard import dashboard, disputed_items
from posttrain.annotate.insight.judgments import spoken
from posttrain.annotate.people.accounts import change_person, check_may, note
from posttrain.annotate.people.credentials import new_token, revoke_token, tokens_of
from posttrain.annotate.people.invitations import invite, open_invitations, revoke_invitation
from posttrain.annotate.problems import Invalid
from posttrain.annotate.web.guard import Person, Store
from posttrain.annotate.web.models import (
    FlagIn,
    GuidelineIn,
    Id,
    InvitationIn,
    Listed,
    PersonIn,
    ProjectIn,
    TokenIn,
    listed,
)
from posttrain.annotate.web.work import found_project
from posttrain.annotate.work.projects import change_settings, new_guideline, new_project, reopen_item
from posttrain.annotate.work.settings import Settings
from posttrain.errors import InputError

router = APIRouter(prefix="/api/v1", tags=["managing"])


@router.post("/projects", status_code=201)
def make_project(new: ProjectIn, person: Person, store: Store) -> dict[str, Any]:
    """A new project."""
    check_may(person, "manage")
    with writing(store) as connection:
        row = new_project(connection, new.name, new.settings, now(), by=person.id, guideline=new.guideline)
        return {"id": row.id, "name": row.name, "settings": row.settings}


@router.get("/projects/{project_id}")
def one_project(project_id: Id, person: Person, store: Store) -> dict[str, Any]:
    """A project's settings."""
    check_may(person, "oversee")
    with reading(store) as connection:
        row = found_project(connection, project_id)
        return {"id": row.id, "name": row.name, "settings": row.settings}


@router.put("/projects/{project_id}/settings")
def set_project(project_id: Id, new: Settings, person: Person, store: Store) -> dict[str, Any]:
    """Change what a project asks of its people."""
    check_may(person, "manage")
    with writing(store) as connection:
        change_settings(connection, found_project(connection, project_id, lock=True), new, now(), by=person.id)
        return new.model_dump(mode="json")


@router.post("/projects/{project_id}/guidelines", status_code=201)
def write_guideline(project_id: Id, new: GuidelineIn, person: Person, store: Store) -> dict[str, int]:
    """The guideline's next version; judgments from now on name it."""
    check_may(person, "manage")
    with writing(store) as connection:
        found_project(connection, project_id, lock=True)
        return {"version": new_guideline(connection, project_id, new.text, now(), by=person.id)}


@router.post(
    "/projects/{project_id}/imports",
    status_code=201,
    openapi_extra={"requestBody": {"content": {"text/plain": {"schema": {"type": "string"}}}}},
)
async def add_rows(project_id: Id, request: Request, person: Person, store: Store) -> dict[str, int]:
    """Add items: JSON lines in any convention that `posttrain annotate import` reads. All of them, or none."""
    check_may(person, "manage")
    await run_in_threadpool(_check_project, store, project_id)

    def work(folder: Path) -> dict[str, int]:
        found = list(read_imports("rows.jsonl", base=folder))
        with writing(store) as connection:
            found_project(connection, project_id, lock=True)
            return add_imports(connection, project_id, iter(found), now(), by=person.id)

    with tempfile.TemporaryDirectory() as name:
        with (Path(name) / "rows.jsonl").open("wb") as file:
            async for piece in request.stream():
                file.write(piece)
        try:
            return await to_thread.run_sync(work, Path(name), limiter=_ONE_IMPORT)
        except InputError as error:
            raise Invalid(str(error)) from error


_ONE_IMPORT = CapacityLimiter(1)
"""Imports are read one after the other: each may take several times its size in memory."""


def _check_project(store: Engine, number: int) -> None:
    with reading(store) as connection:
        found_project(connection, number)


@router.get("/projects/{project_id}/dashboard")
def figures(project_id: Id, person: Person, store: Store) -> dict[str, Any]:
    """Progress, agreement with intervals, gold accuracy, biases, people."""
    check_may(person, "oversee")
    with reading(store) as connection:
        project = found_project(connection, project_id)
        return dashboard(connection, project, spoken(connection, project), now())


@router.get("/projects/{project_id}/disagreements", response_model=Listed)
def list_disagreements(project_id: Id, person: Person, store: Store) -> Any:
    """Items by how far people disagree, the worst first."""
    check_may(person, "oversee")
    with reading(store) as connection:
        return listed(disputed_items(spoken(connection, found_project(connection, project_id))))


@router.patch("/projects/{project_id}/flagged/{item_id}")
def settle_flag(project_id: Id, item_id: Id, what: FlagIn, person: Person, store: Store) -> dict[str, bool]:
    """Put a flagged item back, or leave it out."""
    check_may(person, "manage")
    with writing(store) as connection:
        found_project(connection, project_id, lock=True)
        reopen_item(connection, project_id, item_id, now(), by=person.id, open_again=what.open_again)
        return {"open_again": what.open_again}


@router.post(
    "/projects/{project_id}/exports",
    response_class=Response,
    responses={200: {"content": {"application/zip": {}}, "description": "the export's folder"}},
)
def make_export(project_id: Id, options: ExportOptions, person: Person, store: Store) -> Response:
    """Training data with its manifest, zipped."""
    check_may(person, "manage")
    with tempfile.TemporaryDirectory() as folder, reading(store) as connection:
        project = found_project(connection, project_id)
        out = Path(folder) / "export"
        try:
            export(connection, project, options, out)
        except InputError as error:
            raise Invalid(str(error)) from error
        packed = io.BytesIO()
        with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as zipped:
            for path in sorted(out.iterdir()):
                zipped.write(path, path.name)
    with writing(store) as connection:
        note(connection, now(), person.id, "exported", project=project_id, options=options.model_dump(mode="json"))
    name = {"Content-Disposition": f'attachment; filename="project-{project_id}-{options.what}.zip"'}
    return Response(packed.getvalue(), media_type="application/zip", headers=name)


@router.post("/invitations", status_code=201)
def make_invitation(new: InvitationIn, person: Person, store: Store) -> dict[str, str]:
    """A path to sign up with, good for one person and seven days; it is told once."""
    check_may(person, "manage")
    with writing(store) as connection:
        return {"path": f"/join/{invite(connection, person, new.role, now())}", "role": new.role}


@router.get("/invitations", response_model=Listed)
def list_invitations(person: Person, store: Store) -> Any:
    """Invitations that somebody could still join by; their secrets are kept nowhere."""
    check_may(person, "manage")
    columns = ("id", "role", "created", "expires", "by")
    with reading(store) as connection:
        rows = open_invitations(connection, now())
    return listed([{name: getattr(row, name) for name in columns} for row in rows])


@router.delete("/invitations/{invitation_id}", status_code=204)
def take_back_invitation(invitation_id: Id, person: Person, store: Store) -> None:
    """Revoke an open invitation."""
    check_may(person, "manage")
    with writing(store) as connection:
        revoke_invitation(connection, person, invitation_id, now())


@router.get("/people", response_model=Listed)
def list_people(person: Person, store: Store) -> Any:
    """Everybody, with their roles."""
    check_may(person, "manage")
    columns = ("id", "name", "role", "origin", "active", "created")
    with reading(store) as connection:
        rows = connection.execute(select(*(people.c[name] for name in columns)).order_by(people.c.name))
        return listed([{name: getattr(row, name) for name in columns} for row in rows])


@router.patch("/people/{person_id}")
def change(person_id: Id, new: PersonIn, person: Person, store: Store) -> dict[str, Any]:
    """Give another role, or lock out; nobody gives or takes a role above his own."""
    check_may(person, "manage")
    with writing(store) as connection:
        row = change_person(connection, person, person_id, now(), role=new.role, active=new.active)
        return {"id": row.id, "role": row.role, "active": row.active}


@router.post("/tokens", status_code=201)
def make_token(new: TokenIn, person: Person, store: Store) -> dict[str, Any]:
    """A Bearer token with your own rights; it is told once."""
    with writing(store) as connection:
        number, secret = new_token(connection, person, new.name, now())
        return {"id": number, "token": secret}


@router.get("/tokens", response_model=Listed)
def list_tokens(person: Person, store: Store) -> Any:
    """Your tokens that are not revoked, each with the token that it was made with."""
    columns = ("id", "name", "created", "parent_id")
    with reading(store) as connection:
        return listed([{name: getattr(row, name) for name in columns} for row in tokens_of(connection, person)])


@router.delete("/tokens/{token_id}", status_code=204)
def end_token(token_id: Id, person: Person, store: Store) -> None:
    """Revoke a token of yours, and the tokens and open invitations that were made with it."""
    with writing(store) as connection:
        revoke_token(connection, person, token_id, now())


@router.get("/audit", response_model=Listed)
def list_audit(person: Person, store: Store) -> Any:
    """Sign-ins, exports, role changes and the like, the newest 500 first."""
    check_may(person, "manage")
    with reading(store) as connection:
        rows = connection.execute(
            select(audit, people.c.name.label("by"))
            .join(people, people.c.id == audit.c.person_id, isouter=True)
            .order_by(audit.c.id.desc())
            .limit(500)
        )
        return listed([{"at": r.at, "by": r.by, "action": r.action, "detail": r.detail} for r in rows])
