"""Assignments as JSON for the ranking page, and a person's progress in a project."""

from typing import Any

from sqlalchemy import Connection, func, select

from posttrain.annotate.characters import replace_lone_surrogates
from posttrain.annotate.db.store import DbRow, locked_project
from posttrain.annotate.db.tables import assignments, items, judgments, projects
from posttrain.annotate.people.accounts import may
from posttrain.annotate.problems import Missing
from posttrain.annotate.web.markdown import render_markdown
from posttrain.annotate.work.judging import current_judgments
from posttrain.annotate.work.projects import settings_of


def project_by_id(connection: Connection, number: int, *, lock: bool = False) -> DbRow:
    """A project by its id, optionally locked against other writers.

    Raises:
        Missing: there is no such project.
    """
    query = select(projects).where(projects.c.id == number)
    row = locked_project(connection, number) if lock else connection.execute(query).one_or_none()
    if row is None:
        raise Missing("there is no such project")
    return row


def assignment_view(connection: Connection, project: DbRow, assignment: DbRow, person: DbRow) -> dict[str, Any]:
    """An assignment as its page displays it: texts in their order, without candidate ids, models or people's names."""
    settings = settings_of(project)
    texts = {candidate["id"]: candidate["text"] for candidate in assignment.item_candidates}
    prompt = assignment.item_prompt
    turns = [{"role": "user", "content": prompt}] if isinstance(prompt, str) else prompt
    last = connection.execute(
        current_judgments(assignment.item_id, assignment.kind).where(judgments.c.person_id == person.id)
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
        "progress": progress_of(connection, project.id, person),
    }


def add_markdown(view: dict[str, Any]) -> dict[str, Any]:
    """The view with each candidate's HTML.

    It is rendered after the transaction, because rendering takes time and other people wait for the database.
    """
    candidates = [{**candidate, "html": render_markdown(candidate["text"])} for candidate in view["candidates"]]
    return {**view, "candidates": candidates}


def _in_places(body: dict[str, Any], shown: list[str]) -> dict[str, Any]:
    """A stored judgment with candidates named by their displayed places."""
    return {
        "ranks": [body["ranks"][name] for name in shown],
        "all_bad": body["all_bad"],
        "criteria": {name: [shown.index(c) for c in candidates] for name, candidates in body["criteria"].items()},
        "rewrite": None if body["rewrite"] is None else replace_lone_surrogates(body["rewrite"]),
    }


def _others(connection: Connection, assignment: DbRow) -> list[dict[str, Any]]:
    """The rankings of other people, in the order of their hashes, which does not reveal the person."""
    rows = sorted(connection.execute(current_judgments(assignment.item_id)).all(), key=lambda row: row.hash)
    return [{"ranks": _in_places(row.body, assignment.shown)["ranks"]} for row in rows]


def progress_of(connection: Connection, project: int, person: DbRow) -> dict[str, int]:
    """The number of the person's judgments, and of the items that are left for them."""
    joined = select(func.count()).select_from(assignments).join(items, items.c.id == assignments.c.item_id)
    of_person = (assignments.c.person_id == person.id, items.c.project_id == project)
    free = (items.c.state == "open", items.c.gold.is_(None), items.c.judged < items.c.wanted)
    yours = connection.execute(joined.where(*of_person, assignments.c.state == "judged")).scalar_one()
    if not may(person, "judge"):
        return {"yours": yours, "left": 0}
    total = connection.execute(select(func.count()).where(items.c.project_id == project, *free)).scalar_one()
    done = (assignments.c.kind == "ranking", assignments.c.state != "leased")
    return {"yours": yours, "left": total - connection.execute(joined.where(*of_person, *free, *done)).scalar_one()}
