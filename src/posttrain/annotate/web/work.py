"""The API of those who judge: the next item, its lease, the judgment. Nobody reaches what is another's."""

from typing import Annotated, Any, Literal

from fastapi import APIRouter, Header, Response
from sqlalchemy import Connection, func, select

from posttrain.annotate.characters import whole
from posttrain.annotate.db.store import Row, locked_project, now, reading, writing
from posttrain.annotate.db.tables import assignments, items, judgments, projects
from posttrain.annotate.people.accounts import check_may, may
from posttrain.annotate.problems import Missing
from posttrain.annotate.web.guard import Person, Store
from posttrain.annotate.web.markdown import rendered
from posttrain.annotate.web.models import Id, JudgmentIn, Listed, Reason, listed
from posttrain.annotate.work.judging import Said, current, judge
from posttrain.annotate.work.projects import guideline_of, settings_of
from posttrain.annotate.work.queue import DEEDS, assignment_of, next_assignment, renew, set_aside

router = APIRouter(prefix="/api/v1", tags=["judging"])

Key = Annotated[str | None, Header(alias="Idempotency-Key", min_length=8, max_length=80, pattern=r"^[!-~]+$")]
Kind = Literal["ranking", "adjudication"]


@router.get("/me")
def me(person: Person) -> dict[str, Any]:
    """Who you are."""
    return {"id": person.id, "name": person.name, "role": person.role}


@router.get("/projects", response_model=Listed)
def list_projects(person: Person, store: Store) -> Any:
    """All projects, with how much of each is done by you."""
    with reading(store) as connection:
        rows = connection.execute(select(projects).order_by(projects.c.name)).all()
        return listed(
            [{"id": r.id, "name": r.name, "yours": _progress(connection, r.id, person)["yours"]} for r in rows]
        )


@router.get("/projects/{project_id}/guidelines", response_model=Listed)
def list_guidelines(project_id: Id, person: Person, store: Store) -> Any:
    """The guideline's newest version."""
    with reading(store) as connection:
        row = guideline_of(connection, project_id)
        return listed([{"version": row.version, "text": row.text, "created": row.created}])


@router.post("/projects/{project_id}/assignments", responses={204: {"description": "nothing left"}})
def take(project_id: Id, person: Person, store: Store, kind: Kind = "ranking") -> Any:
    """The next item to judge, kept for you until its lease runs out; 204 when there is none."""
    with writing(store) as connection:
        project = found_project(connection, project_id, lock=True)
        taken = next_assignment(connection, project, person, now(), kind)
        if taken is None:
            return Response(status_code=204)
        told = shown(connection, project, assignment_of(connection, taken.id, person), person)
    return _with_markdown(told)


@router.get("/assignments/{assignment_id}")
def look(assignment_id: Id, person: Person, store: Store) -> dict[str, Any]:
    """An assignment of yours, with what you last said of it."""
    with reading(store) as connection:
        assignment = assignment_of(connection, assignment_id, person)
        project = found_project(connection, assignment.item_project_id)
        check_may(person, DEEDS[assignment.kind])
        told = shown(connection, project, assignment, person)
    return _with_markdown(told)


@router.post("/assignments/{assignment_id}/renewals")
def prolong(assignment_id: Id, person: Person, store: Store) -> dict[str, float]:
    """Keep the item for longer."""
    with writing(store) as connection:
        project, assignment = _mine(connection, assignment_id, person)
        return {"expires": renew(connection, project, assignment, now())}


@router.post("/assignments/{assignment_id}/judgments", status_code=201)
def submit(assignment_id: Id, said: JudgmentIn, person: Person, store: Store, key: Key = None) -> dict[str, Any]:
    """Say how you rank the candidates; sent again with the same Idempotency-Key it counts once.

    Said again with another key it is a change of mind: a further judgment, and the last one counts.
    """
    with writing(store) as connection:
        project, assignment = _mine(connection, assignment_id, person)
        told = Said(said.ranks, said.all_bad, said.criteria, said.rewrite, said.duration_ms)
        row = judge(connection, project, person, assignment, told, now(), key=key)
        return {"id": row.id, "revision": row.revision, "hash": row.hash, "created": row.created}


@router.post("/assignments/{assignment_id}/skips", status_code=201)
def skip(assignment_id: Id, why: Reason, person: Person, store: Store) -> dict[str, str]:
    """Leave the item to others."""
    return _aside(assignment_id, "skipped", why, person, store)


@router.post("/assignments/{assignment_id}/flags", status_code=201)
def flag(assignment_id: Id, why: Reason, person: Person, store: Store) -> dict[str, str]:
    """Say that something is wrong with the item."""
    return _aside(assignment_id, "flagged", why, person, store)


@router.get("/projects/{project_id}/judgments", response_model=Listed)
def list_judgments(project_id: Id, person: Person, store: Store) -> Any:
    """What you said, the last 100 items first to last; nobody sees another's."""
    with reading(store) as connection:
        found_project(connection, project_id)
        mine = (judgments.c.project_id == project_id, judgments.c.person_id == person.id)
        joined = current().where(*mine).order_by(None).order_by(judgments.c.number.desc()).limit(100)
        rows = connection.execute(joined).all()
        own = (assignments.c.person_id == person.id, assignments.c.kind == "ranking")
        places = {r.item_id: r.id for r in connection.execute(select(assignments).where(*own))}
        return listed(
            [
                {"id": r.id, "assignment": places.get(r.item_id), "revision": r.revision, "created": r.created}
                for r in rows
            ]
        )


def found_project(connection: Connection, number: int, *, lock: bool = False) -> Row:
    """A project by its id."""
    query = select(projects).where(projects.c.id == number)
    row = locked_project(connection, number) if lock else connection.execute(query).one_or_none()
    if row is None:
        raise Missing("there is no such project")
    return row


def shown(connection: Connection, project: Row, assignment: Row, person: Row) -> dict[str, Any]:
    """An assignment as its page needs it: no ids, no models, no names, only texts in their order."""
    settings = settings_of(project)
    texts = {candidate["id"]: candidate["text"] for candidate in assignment.item_candidates}
    prompt = assignment.item_prompt
    turns = [{"role": "user", "content": prompt}] if isinstance(prompt, str) else prompt
    last = connection.execute(
        current(assignment.item_id, assignment.kind).where(judgments.c.person_id == person.id)
    ).one_or_none()
    return {
        "id": assignment.id,
        "kind": assignment.kind,
        "prompt": [{"role": turn["role"], "text": str(turn.get("content") or "")} for turn in turns],
        "candidates": [{"text": texts[name]} for name in assignment.shown],
        "guideline_version": assignment.guideline,
        "expires": assignment.expires,
        "lease_seconds": settings.lease_minutes * 60,
        "criteria": settings.criteria,
        "rewrite": settings.rewrite,
        "said": None if last is None else _in_places(last.body, assignment.shown),
        "others": _others(connection, assignment) if assignment.kind == "adjudication" else [],
        "progress": _progress(connection, project.id, person),
    }


def _with_markdown(told: dict[str, Any]) -> dict[str, Any]:
    """With each candidate as HTML; made after the transaction, since it takes time and others wait for the database."""
    return {**told, "candidates": [{**one, "html": rendered(one["text"])} for one in told["candidates"]]}


def _in_places(body: dict[str, Any], shown: list[str]) -> dict[str, Any]:
    """What was said, candidates named by their places again."""
    return {
        "ranks": [body["ranks"][name] for name in shown],
        "all_bad": body["all_bad"],
        "criteria": {name: [shown.index(c) for c in some] for name, some in body["criteria"].items()},
        "rewrite": None if body["rewrite"] is None else whole(body["rewrite"]),
    }


def _others(connection: Connection, assignment: Row) -> list[dict[str, Any]]:
    """What others said, in an order that does not tell who."""
    rows = sorted(connection.execute(current(assignment.item_id)).all(), key=lambda row: row.hash)
    return [{"ranks": _in_places(row.body, assignment.shown)["ranks"]} for row in rows]


def _progress(connection: Connection, project: int, person: Row) -> dict[str, int]:
    """How many judgments are yours, and how many items are left for you."""
    joined = select(func.count()).select_from(assignments).join(items, items.c.id == assignments.c.item_id)
    mine = (assignments.c.person_id == person.id, items.c.project_id == project)
    free = (items.c.state == "open", items.c.gold.is_(None), items.c.judged < items.c.wanted)
    yours = connection.execute(joined.where(*mine, assignments.c.state == "judged")).scalar_one()
    if not may(person, "judge"):
        return {"yours": yours, "left": 0}
    every = connection.execute(select(func.count()).where(items.c.project_id == project, *free)).scalar_one()
    done = (assignments.c.kind == "ranking", assignments.c.state != "leased")
    return {"yours": yours, "left": every - connection.execute(joined.where(*mine, *free, *done)).scalar_one()}


def _mine(connection: Connection, number: int, person: Row) -> tuple[Row, Row]:
    """An assignment of one's own that the role still allows, read again under its project's lock."""
    assignment = assignment_of(connection, number, person)
    check_may(person, DEEDS[assignment.kind])
    project = locked_project(connection, assignment.item_project_id)
    return project, assignment_of(connection, number, person)


def _aside(number: int, state: str, why: Reason, person: Row, store: Any) -> dict[str, str]:
    with writing(store) as connection:
        project, assignment = _mine(connection, number, person)
        set_aside(connection, project, assignment, state, why.reason, now())
        return {"state": state}
