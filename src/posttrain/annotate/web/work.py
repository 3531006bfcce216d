"""The API for annotators: the next item, its lease and its judgment. A person reaches only their own assignments."""

from typing import Annotated, Any, Literal

from fastapi import APIRouter, Header, Response
from sqlalchemy import Connection, select

from posttrain.annotate.db.store import DbRow, locked_project, now, reading, writing
from posttrain.annotate.db.tables import assignments, judgments, projects
from posttrain.annotate.people.accounts import check_permission
from posttrain.annotate.web.assignment_view import add_markdown, assignment_view, progress_of, project_by_id
from posttrain.annotate.web.guard import Person, Store
from posttrain.annotate.web.models import Id, JudgmentIn, Listed, Reason, as_listed
from posttrain.annotate.work.judging import Submission, current_judgments, record_judgment
from posttrain.annotate.work.projects import guideline_of
from posttrain.annotate.work.queue import KIND_PERMISSIONS, assignment_of, next_assignment, renew, set_aside

router = APIRouter(prefix="/api/v1", tags=["judging"])

Key = Annotated[str | None, Header(alias="Idempotency-Key", min_length=8, max_length=80, pattern=r"^[!-~]+$")]
Kind = Literal["ranking", "adjudication"]


@router.get("/me")
def me(person: Person) -> dict[str, Any]:
    """Your own account."""
    return {"id": person.id, "name": person.name, "role": person.role}


@router.get("/projects", response_model=Listed)
def list_projects(person: Person, store: Store) -> Any:
    """All projects, with the number of your judgments in each."""
    with reading(store) as connection:
        rows = connection.execute(select(projects).order_by(projects.c.name)).all()
        return as_listed(
            [{"id": r.id, "name": r.name, "yours": progress_of(connection, r.id, person)["yours"]} for r in rows]
        )


@router.get("/projects/{project_id}/guidelines", response_model=Listed)
def list_guidelines(project_id: Id, person: Person, store: Store) -> Any:
    """The newest version of the guideline."""
    with reading(store) as connection:
        row = guideline_of(connection, project_id)
        return as_listed([{"version": row.version, "text": row.text, "created": row.created}])


@router.post("/projects/{project_id}/assignments", responses={204: {"description": "nothing left"}})
def lease_next(project_id: Id, person: Person, store: Store, kind: Kind = "ranking") -> Any:
    """The next item to judge, reserved for you until its lease expires; 204 if there is none."""
    with writing(store) as connection:
        project = project_by_id(connection, project_id, lock=True)
        taken = next_assignment(connection, project, person, now(), kind)
        if taken is None:
            return Response(status_code=204)
        view = assignment_view(connection, project, assignment_of(connection, taken.id, person), person)
    return add_markdown(view)


@router.get("/assignments/{assignment_id}")
def read_assignment(assignment_id: Id, person: Person, store: Store) -> dict[str, Any]:
    """An assignment of yours, with your last judgment of it."""
    with reading(store) as connection:
        assignment = assignment_of(connection, assignment_id, person)
        project = project_by_id(connection, assignment.item_project_id)
        check_permission(person, KIND_PERMISSIONS[assignment.kind])
        view = assignment_view(connection, project, assignment, person)
    return add_markdown(view)


@router.post("/assignments/{assignment_id}/renewals")
def renew_lease(assignment_id: Id, person: Person, store: Store) -> dict[str, float]:
    """Extend the lease of an item."""
    with writing(store) as connection:
        project, assignment = _mine(connection, assignment_id, person)
        return {"expires": renew(connection, project, assignment, now())}


@router.post("/assignments/{assignment_id}/judgments", status_code=201)
def submit(assignment_id: Id, judgment: JudgmentIn, person: Person, store: Store, key: Key = None) -> dict[str, Any]:
    """Submit a judgment. A judgment that is sent again with the same Idempotency-Key counts once.

    A judgment with another key is a change of mind: it is added, and the last judgment counts.
    """
    with writing(store) as connection:
        project, assignment = _mine(connection, assignment_id, person)
        submission = Submission(**judgment.model_dump())
        row = record_judgment(connection, project, person, assignment, submission, now(), key=key)
        return {"id": row.id, "revision": row.revision, "hash": row.hash, "created": row.created}


@router.post("/assignments/{assignment_id}/skips", status_code=201)
def skip(assignment_id: Id, why: Reason, person: Person, store: Store) -> dict[str, str]:
    """Skip an item; other people may still judge it."""
    return _set_aside(assignment_id, "skipped", why, person, store)


@router.post("/assignments/{assignment_id}/flags", status_code=201)
def flag(assignment_id: Id, why: Reason, person: Person, store: Store) -> dict[str, str]:
    """Flag an item that has an error."""
    return _set_aside(assignment_id, "flagged", why, person, store)


@router.get("/projects/{project_id}/judgments", response_model=Listed)
def list_judgments(project_id: Id, person: Person, store: Store) -> Any:
    """Your judgments of the latest 100 items, the newest first; nobody sees those of another person."""
    with reading(store) as connection:
        project_by_id(connection, project_id)
        of_person = (judgments.c.project_id == project_id, judgments.c.person_id == person.id)
        joined = current_judgments().where(*of_person).order_by(None).order_by(judgments.c.number.desc()).limit(100)
        rows = connection.execute(joined).all()
        own = (assignments.c.person_id == person.id, assignments.c.kind == "ranking")
        places = {r.item_id: r.id for r in connection.execute(select(assignments).where(*own))}
        return as_listed(
            [
                {"id": r.id, "assignment": places.get(r.item_id), "revision": r.revision, "created": r.created}
                for r in rows
            ]
        )


def _mine(connection: Connection, number: int, person: DbRow) -> tuple[DbRow, DbRow]:
    """(project, assignment) of a person's own assignment that their role allows, read under the project's lock."""
    assignment = assignment_of(connection, number, person)
    check_permission(person, KIND_PERMISSIONS[assignment.kind])
    project = locked_project(connection, assignment.item_project_id)
    return project, assignment_of(connection, number, person)


def _set_aside(number: int, state: str, why: Reason, person: DbRow, store: Any) -> dict[str, str]:
    with writing(store) as connection:
        project, assignment = _mine(connection, number, person)
        set_aside(connection, project, assignment, state, why.reason, now())
        return {"state": state}
